//! Linux, macOS and their like.

use std::io;

use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use crate::engine::net::std_stream::StdStream;

pub use std::os::unix::net::{UnixListener, UnixStream};

/// Unix sockets as the threads driver has them.
pub mod runtime {
    pub use tokio::net::{UnixListener, UnixStream};
}

/// MSG_MORE.
#[cfg(target_os = "linux")]
pub const MORE: Option<i32> = Some(libc::MSG_MORE);
/// There is no such flag.
#[cfg(not(target_os = "linux"))]
pub const MORE: Option<i32> = None;

/// A loop that watches descriptors can drive connections.
pub const HAS_INLINE: bool = true;

/// Linux hands it on.
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

/// The stream of a connection that somebody else has accepted.
///
/// # Errors
/// EINVAL when it is no stream socket of a family we serve.
pub fn stream_of(socket: Socket) -> io::Result<StdStream> {
    let domain = Domain::from(i32::from(socket.local_addr()?.family()));
    if socket.r#type()? != Type::STREAM || ![Domain::IPV4, Domain::IPV6, Domain::UNIX].contains(&domain) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    socket.set_nonblocking(true)?;
    Ok(if domain == Domain::UNIX {
        StdStream::Unix(std::os::fd::OwnedFd::from(socket).into())
    } else {
        StdStream::Tcp(socket.into())
    })
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
