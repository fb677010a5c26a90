//! Linux, macOS and their like.

use std::io;
use std::net::TcpListener;
use std::os::fd::{IntoRawFd, OwnedFd};

use socket2::{Domain, SockAddr, SockRef, Socket, Type};

pub use std::os::unix::net::{UnixListener, UnixStream};

/// Unix sockets as the threads driver has them.
pub mod runtime {
    pub use tokio::net::{UnixListener, UnixStream};
}

/// MSG_MORE.
#[cfg(target_os = "linux")]
pub const MORE: Option<i32> = Some(libc::MSG_MORE);
/// The system has no such flag.
#[cfg(not(target_os = "linux"))]
pub const MORE: Option<i32> = None;

/// libuv's loop watches any descriptor, so connections can be driven on it.
pub const HAS_INLINE: bool = true;

/// On Linux an accepted connection begins with its listener's TCP_NODELAY.
pub const NO_DELAY_IS_INHERITED: bool = cfg!(target_os = "linux");

/// The socket, for options.
pub fn socket_of(stream: &runtime::UnixStream) -> SockRef<'_> {
    SockRef::from(stream)
}

/// Binds a Unix socket and listens.
///
/// # Errors
/// Whatever the system says: EADDRINUSE, EACCES, EINVAL.
pub fn bind_unix(path: &str, backlog: i32) -> io::Result<UnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Begins to connect to a Unix socket.
///
/// # Errors
/// ENOENT, ECONNREFUSED, EACCES, EAGAIN.
pub fn connect_unix(path: &str) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Err(error) if !is_under_way(&error) => Err(error),
        _ => Ok(socket.into()),
    }
}

/// The stream of a Unix socket that is connected.
///
/// # Errors
/// None.
pub fn unix_stream(socket: Socket) -> io::Result<UnixStream> {
    Ok(socket.into())
}

/// A descriptor of a listening socket for somebody else, who closes it.
pub struct Descriptor(OwnedFd);

impl Descriptor {
    /// It is not closed here any more.
    pub fn into_number(self) -> i32 {
        self.0.into_raw_fd()
    }
}

impl From<TcpListener> for Descriptor {
    fn from(listener: TcpListener) -> Self {
        Self(listener.into())
    }
}

impl From<UnixListener> for Descriptor {
    fn from(listener: UnixListener) -> Self {
        Self(listener.into())
    }
}

/// A port just used may be bound again, as with libuv.
///
/// # Errors
/// What the system says.
pub fn reuse_address(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

/// The traffic class of IPv6, where the system lets it be set.
pub fn set_traffic_class(socket: &Socket, class: u32) {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "freebsd"))]
    let _ = socket.set_tclass_v6(class);
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "freebsd")))]
    let _ = (socket, class);
}

/// Others may bind the port as well.
///
/// # Errors
/// What the system says.
#[cfg(not(any(target_os = "solaris", target_os = "illumos")))]
pub fn reuse_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

/// There is no such option.
///
/// # Errors
/// None.
#[cfg(any(target_os = "solaris", target_os = "illumos"))]
pub fn reuse_port(_: &Socket) -> io::Result<()> {
    Ok(())
}

/// EINPROGRESS; not EAGAIN, which is a Unix listener whose backlog is full.
pub fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS)
}
