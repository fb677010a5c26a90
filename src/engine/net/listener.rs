//! Listening sockets: made on the caller's thread, so that errors are known at once, then handed to a shard.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

#[cfg(unix)]
use super::std_stream::StdStream;

/// Where and how to listen.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// A TCP address.
    Tcp {
        /// Address to bind.
        address: IpAddr,
        /// Port; 0 lets the system choose.
        port: u16,
        /// No IPv4 through an IPv6 socket.
        ipv6_only: bool,
        /// SO_REUSEPORT.
        reuse_port: bool,
    },
    /// A Unix socket; a path that begins with NUL is an abstract name (Linux).
    Unix {
        /// Its name.
        path: String,
    },
}

/// A bound, listening, non-blocking socket.
pub enum Bound {
    /// TCP.
    Tcp(std::net::TcpListener),
    /// Unix.
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
}

/// Binds and listens; `backlog` connections may wait to be accepted.
///
/// # Errors
/// Whatever the system says: EADDRINUSE, EACCES, EADDRNOTAVAIL, EINVAL.
pub fn bind(endpoint: &Endpoint, backlog: i32) -> io::Result<Bound> {
    match endpoint {
        Endpoint::Tcp { address, port, ipv6_only, reuse_port } => {
            let socket =
                Socket::new(Domain::for_address(SocketAddr::new(*address, *port)), Type::STREAM, Some(Protocol::TCP))?;
            // As libuv: a restarted server gets its port back from connections in TIME_WAIT.
            #[cfg(unix)]
            socket.set_reuse_address(true)?;
            if address.is_ipv6() {
                socket.set_only_v6(*ipv6_only)?;
            }
            #[cfg(all(unix, not(target_os = "solaris"), not(target_os = "illumos")))]
            if *reuse_port {
                socket.set_reuse_port(true)?;
            }
            socket.bind(&SocketAddr::new(*address, *port).into())?;
            socket.listen(backlog)?;
            socket.set_nonblocking(true)?;
            Ok(Bound::Tcp(socket.into()))
        }
        #[cfg(unix)]
        Endpoint::Unix { path } => {
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            socket.bind(&socket2::SockAddr::unix(path)?)?;
            socket.listen(backlog)?;
            socket.set_nonblocking(true)?;
            Ok(Bound::Unix(socket.into()))
        }
        #[cfg(not(unix))]
        Endpoint::Unix { .. } => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// The stream of a connection that somebody else has accepted.
///
/// # Errors
/// EINVAL when it is no stream socket of a family we serve.
#[cfg(unix)]
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

impl Bound {
    /// The address a TCP listener got.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Bound::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(unix)]
            Bound::Unix(_) => None,
        }
    }

    /// Sets TCP_NODELAY for the connections to come, where they inherit it from their listener: one system call less for each.
    /// Returns whether they do.
    pub fn set_no_delay(&self, on: bool) -> bool {
        match self {
            Bound::Tcp(listener) if cfg!(target_os = "linux") => SockRef::from(listener).set_tcp_nodelay(on).is_ok(),
            _ => false,
        }
    }

    /// Another handle to the same socket, for another shard.
    ///
    /// # Errors
    /// When the process has no descriptors left.
    pub fn try_clone(&self) -> io::Result<Bound> {
        Ok(match self {
            Bound::Tcp(listener) => Bound::Tcp(listener.try_clone()?),
            #[cfg(unix)]
            Bound::Unix(listener) => Bound::Unix(listener.try_clone()?),
        })
    }
}
