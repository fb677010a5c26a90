//! Descriptors that libuv or another process shares with us, where a platform has any (see `engine::net::platform`).

#[cfg(not(unix))]
mod absent;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub use self::absent::of_listener;
#[cfg(unix)]
pub use self::unix::of_listener;
