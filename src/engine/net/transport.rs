//! What a connection needs of its socket, whichever driver moves the bytes.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

use super::event::Peer;

/// A non-blocking stream socket that remembers what the kernel last said about it: a call that would learn nothing is not made.
pub trait Transport {
    /// One read; 0 is the peer's FIN. Pending: the connection is polled again when there is something to read.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// One gathering write. Pending: the connection is polled again when the kernel takes more.
    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;

    /// One gathering write, now or not at all (`WouldBlock`).
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// For options.
    fn socket(&self) -> SockRef<'_>;

    /// TCP, or a Unix socket.
    fn is_tcp(&self) -> bool;

    /// Sends FIN.
    fn shutdown_write(&self) {
        // A socket that is not connected any more has nothing to shut down.
        let _ = self.socket().shutdown(std::net::Shutdown::Write);
    }

    /// Makes the coming close a reset.
    fn reset_on_close(&self) {
        if self.is_tcp() {
            let _ = self.socket().set_linger(Some(Duration::ZERO));
        }
    }

    /// TCP_NODELAY; nothing to do for a Unix socket.
    fn set_no_delay(&self, on: bool) {
        if self.is_tcp() {
            let _ = self.socket().set_tcp_nodelay(on);
        }
    }

    /// SO_KEEPALIVE, and the idle time before the first probe when it is not zero.
    fn set_keep_alive(&self, on: bool, delay: Duration) {
        if self.is_tcp() {
            let socket = self.socket();
            let _ = socket.set_keepalive(on);
            if on && delay >= Duration::from_secs(1) {
                let _ = socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(delay));
            }
        }
    }

    /// Whether bytes that have come are known to wait unread.
    fn has_unread(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        matches!(self.socket().peek(&mut byte), Ok(n) if n > 0)
    }

    /// Both ends. `local` spares a system call where the listener is bound to one address.
    fn peer(&self, remote: Option<SocketAddr>, local: Option<SocketAddr>) -> Peer {
        if !self.is_tcp() {
            return Peer::default();
        }
        let socket = self.socket();
        let remote = remote.or_else(|| socket.peer_addr().ok().and_then(|address| address.as_socket()));
        let local = local.or_else(|| socket.local_addr().ok().and_then(|address| address.as_socket()));
        let (Some(remote), Some(local)) = (remote, local) else {
            return Peer { family: 4, ..Peer::default() };
        };
        // Node shows IPv4 peers of a dual-stack socket as `::ffff:a.b.c.d`, and so does Display.
        Peer {
            family: if remote.is_ipv6() { 6 } else { 4 },
            remote: remote.ip().to_string(),
            remote_port: remote.port(),
            local: local.ip().to_string(),
            local_port: local.port(),
        }
    }
}
