//! Outgoing connections: begun on the caller's thread, so that what the system refuses at once is known at once, then handed to the
//! driver that waits for them.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

use super::platform;
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
                platform::reuse_address(&socket)?;
                socket.bind(&(*local).into())?;
            }
            match socket.connect(&(*address).into()) {
                Err(error) if !platform::is_under_way(&error) => Err(error),
                _ => Ok(StdStream::Tcp(socket.into())),
            }
        }
        Remote::Unix { path } => platform::connect_unix(path).map(StdStream::Unix),
    }
}

/// Marks what a TCP stream sends: the type of service of IPv4, the traffic class of IPv6. Routers may ignore it, and where
/// the system cannot set it, nothing is set.
pub fn mark(stream: &StdStream, type_of_service: u32) {
    let StdStream::Tcp(stream) = stream else { return };
    let socket = socket2::SockRef::from(stream);
    let _ = socket.set_tos_v4(type_of_service);
    platform::set_traffic_class(&socket, type_of_service);
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
