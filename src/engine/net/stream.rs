//! One TCP or Unix stream, polled.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::event::Peer;

/// An accepted connection's socket.
pub enum Stream {
    /// TCP over IPv4 or IPv6.
    Tcp(TcpStream),
    /// A Unix stream socket.
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Stream {
    /// One read. A short read leaves the stream unready, so the next call costs no system call.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }

    /// One gathering write; registers for writability when the kernel takes no more.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match self {
            Stream::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    /// One gathering write, now or not at all.
    pub fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.try_write_vectored(slices),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.try_write_vectored(slices),
        }
    }

    /// Sends FIN.
    pub fn shutdown_write(&self) {
        // A socket that is not connected any more has nothing to shut down.
        let _ = match self {
            Stream::Tcp(stream) => SockRef::from(stream).shutdown(std::net::Shutdown::Write),
            #[cfg(unix)]
            Stream::Unix(stream) => SockRef::from(stream).shutdown(std::net::Shutdown::Write),
        };
    }

    /// Makes the coming close a reset.
    pub fn reset_on_close(&self) {
        if let Stream::Tcp(stream) = self {
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }

    /// TCP_NODELAY; nothing to do for a Unix socket.
    pub fn set_no_delay(&self, on: bool) {
        if let Stream::Tcp(stream) = self {
            let _ = stream.set_nodelay(on);
        }
    }

    /// SO_KEEPALIVE, and the idle time before the first probe when it is not zero.
    pub fn set_keep_alive(&self, on: bool, delay: Duration) {
        if let Stream::Tcp(stream) = self {
            let socket = SockRef::from(stream);
            let _ = socket.set_keepalive(on);
            if on && delay >= Duration::from_secs(1) {
                let _ = socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(delay));
            }
        }
    }

    /// Both ends. `local` spares a system call where the listener is bound to one address.
    pub fn peer(&self, remote: Option<SocketAddr>, local: Option<SocketAddr>) -> Peer {
        let Stream::Tcp(stream) = self else { return Peer::default() };
        let (Some(remote), Some(local)) =
            (remote.or_else(|| stream.peer_addr().ok()), local.or_else(|| stream.local_addr().ok()))
        else {
            return Peer { family: 4, ..Peer::default() };
        };
        Peer {
            family: if remote.is_ipv6() { 6 } else { 4 },
            remote: text(remote.ip()),
            remote_port: remote.port(),
            local: text(local.ip()),
            local_port: local.port(),
        }
    }
}

/// An address as Node shows it: IPv4 peers of a dual-stack socket as `::ffff:a.b.c.d`.
fn text(address: IpAddr) -> String {
    address.to_string()
}

impl Stream {
    /// Whether bytes that have come are known to wait unread.
    pub fn has_unread(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        let peeked = match self {
            Stream::Tcp(stream) => SockRef::from(stream).peek(&mut byte),
            #[cfg(unix)]
            Stream::Unix(stream) => SockRef::from(stream).peek(&mut byte),
        };
        matches!(peeked, Ok(n) if n > 0)
    }
}
