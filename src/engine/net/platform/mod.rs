//! What a platform must supply. This is the list; whoever brings turnout to another one fills it, and nothing else asks what the platform is.
//!
//! | | what it is | where it cannot be had |
//! |---|---|---|
//! | [`UnixStream`], [`UnixListener`], [`runtime`] | Unix sockets, as std and as tokio have them, and [`socket_of`] | types without values |
//! | [`bind_unix`], [`connect_unix`] | begin with one | fail |
//! | [`unix_stream`] | makes a stream of a Unix socket that is connected | fails |
//! | [`Descriptor`] | what libuv knows a listening socket by | the number of none |
//! | [`reuse_address`], [`reuse_port`] | SO_REUSEADDR as libuv uses it, SO_REUSEPORT | do nothing |
//! | [`set_traffic_class`] | IPV6_TCLASS | does nothing |
//! | [`is_under_way`] | whether an error says that a connection has begun | – |
//! | [`MORE`] | the flag of a write after which another follows at once | nothing |
//! | [`NO_DELAY_IS_INHERITED`] | connections have their listener's TCP_NODELAY | false |
//! | [`HAS_INLINE`], [`Inline`](super::inline::Inline) | connections on the JavaScript thread's own loop | false, and a type without values, whose `new` fails |
//!
//! For the last of these the binding needs a loop to be called by (`binding::event_loop`) and, to share connections with libuv and other processes,
//! descriptors (`binding::descriptors`).

#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub use self::other::*;
#[cfg(unix)]
pub use self::unix::*;
