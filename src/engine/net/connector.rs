//! Outgoing connections: begun on the caller's thread, so that what the system refuses at once is known at once, then handed to the
//! driver that waits for them.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

use super::std_stream::StdStream;

/// Where to connect, and from where.
#[derive(Clone, Debug)]
pub enum Remote {
    /// A TCP address.
    Tcp {
        /// The peer.
        address: SocketAddr,
        /// Our end; port 0 lets the system choose.
        local: Option<SocketAddr>,
    },
    /// A Unix socket; a path that begins with NUL is an abstract name (Linux).
    Unix {
        /// Its name.
        path: String,
    },
}

/// Begins to connect. The outcome is there when the socket is writable: see [`outcome`].
///
/// # Errors
/// Whatever the system says at once: EADDRNOTAVAIL, EADDRINUSE, EINVAL, ENETUNREACH, EMFILE; for a Unix socket ENOENT, ECONNREFUSED,
/// EACCES, EAGAIN.
pub fn connect(remote: &Remote) -> io::Result<StdStream> {
    match remote {
        Remote::Tcp { address, local } => {
            let socket = Socket::new(Domain::for_address(*address), Type::STREAM, Some(Protocol::TCP))?;
            socket.set_nonblocking(true)?;
            if let Some(local) = local {
                // As libuv: a port just used may be bound again.
                #[cfg(unix)]
                socket.set_reuse_address(true)?;
                socket.bind(&(*local).into())?;
            }
            begin(&socket, &(*address).into())?;
            Ok(StdStream::Tcp(socket.into()))
        }
        #[cfg(unix)]
        Remote::Unix { path } => {
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            socket.set_nonblocking(true)?;
            begin(&socket, &socket2::SockAddr::unix(path)?)?;
            Ok(StdStream::Unix(socket.into()))
        }
        #[cfg(not(unix))]
        Remote::Unix { .. } => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Marks what a TCP stream sends: the type of service of IPv4, the traffic class of IPv6. Routers need not heed it, and a system
/// that has none of it changes nothing.
pub fn mark(stream: &StdStream, type_of_service: u32) {
    let socket = match stream {
        StdStream::Tcp(stream) => socket2::SockRef::from(stream),
        #[cfg(unix)]
        StdStream::Unix(_) => return,
    };
    let _ = socket.set_tos_v4(type_of_service);
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "freebsd"))]
    let _ = socket.set_tclass_v6(type_of_service);
}

fn begin(socket: &Socket, address: &socket2::SockAddr) -> io::Result<()> {
    match socket.connect(address) {
        Err(error) if !is_under_way(&error) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn is_under_way(error: &io::Error) -> bool {
    // EINPROGRESS; not EAGAIN, which is a Unix listener whose backlog is full.
    error.kind() != io::ErrorKind::WouldBlock && error.raw_os_error() == Some(in_progress())
}

#[cfg(not(unix))]
fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// EINPROGRESS, which std has no kind for.
#[cfg(unix)]
fn in_progress() -> i32 {
    if cfg!(any(target_os = "linux", target_os = "android")) {
        115
    } else {
        36
    }
}

/// What has come of a socket that has become writable, 0 or an errno; `None` when it is still under way.
pub fn outcome(socket: &socket2::SockRef<'_>) -> Option<i32> {
    match socket.take_error() {
        Ok(None) => match socket.peer_addr() {
            Ok(_) => Some(0),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => None,
            Err(error) => Some(error.raw_os_error().unwrap_or(0)),
        },
        Ok(Some(error)) | Err(error) => Some(error.raw_os_error().unwrap_or(0)),
    }
}
