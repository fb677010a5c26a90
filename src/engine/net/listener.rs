//! Listening sockets: made on the caller's thread, so that errors are known at once, then handed to a shard.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::platform::{self, Descriptor, UnixListener};

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
    Unix(UnixListener),
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
            platform::reuse_address(&socket)?;
            if address.is_ipv6() {
                socket.set_only_v6(*ipv6_only)?;
            }
            if *reuse_port {
                platform::reuse_port(&socket)?;
            }
            socket.bind(&SocketAddr::new(*address, *port).into())?;
            socket.listen(backlog)?;
            socket.set_nonblocking(true)?;
            Ok(Bound::Tcp(socket.into()))
        }
        Endpoint::Unix { path } => platform::bind_unix(path, backlog).map(Bound::Unix),
    }
}

impl Bound {
    /// The address a TCP listener got.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Bound::Tcp(listener) => listener.local_addr().ok(),
            Bound::Unix(_) => None,
        }
    }

    /// Sets TCP_NODELAY for the connections to come, where they inherit it from their listener: one system call less for each.
    /// Returns whether they do.
    pub fn set_no_delay(&self, on: bool) -> bool {
        match self {
            Bound::Tcp(listener) if platform::NO_DELAY_IS_INHERITED => {
                SockRef::from(listener).set_tcp_nodelay(on).is_ok()
            }
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
            Bound::Unix(listener) => Bound::Unix(listener.try_clone()?),
        })
    }

    /// A descriptor of it, the caller's to close.
    ///
    /// # Errors
    /// When the process has no descriptors left.
    pub fn descriptor(&self) -> io::Result<Descriptor> {
        Ok(match self.try_clone()? {
            Bound::Tcp(listener) => listener.into(),
            Bound::Unix(listener) => listener.into(),
        })
    }
}
