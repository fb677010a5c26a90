//! What a connection needs of its socket, or of what stands between it and the socket, whichever driver moves the bytes.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

use super::event::Peer;
use super::handover::Duplicate;
use super::platform::MORE;
use crate::engine::layout::Family;

/// Bytes; a piece from here on is sent by a call of its own, see [`send`].
const LARGE: usize = 32 * 1024;

/// Between keep-alive probes, and how many without a reaction end the connection: Node documents both.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
const PROBES: u32 = 10;

/// One gathering write to a TCP socket. On Linux what comes before a large piece is sent with MSG_MORE and the piece by itself: the kernel
/// then makes full segments of the piece's memory, and 1 MB behind a head of 128 bytes costs half of what writev(2) takes for it
/// (measured on loopback with bbr, the default of the machine).
///
/// # Errors
/// The first call's; one that comes later is found by the next write.
pub fn send(socket: &SockRef<'_>, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    // The kernel need not read a list of one.
    if let [only] = slices {
        return socket.send(only);
    }
    let Some(more) = MORE.filter(|_| slices.iter().any(|slice| slice.len() >= LARGE)) else {
        return socket.send_vectored(slices);
    };
    let mut sent = 0;
    let mut rest = slices;
    while let Some(first) = rest.first() {
        let count = if first.len() >= LARGE {
            1
        } else {
            rest.iter().position(|slice| slice.len() >= LARGE).unwrap_or(rest.len())
        };
        let (now, later) = rest.split_at(count);
        let flags = if later.is_empty() { 0 } else { more };
        match socket.send_vectored_with_flags(now, flags) {
            Ok(n) => {
                sent += n;
                if n < now.iter().map(|slice| slice.len()).sum() {
                    break;
                }
            }
            Err(error) if sent == 0 => return Err(error),
            Err(_) => break,
        }
        rest = later;
    }
    Ok(sent)
}

/// A non-blocking stream socket that remembers what the kernel last said about it: a call that would learn nothing is not made.
pub trait Transport {
    /// One read; 0 is the peer's FIN. Pending: the connection is polled again when there is something to read.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// One gathering write. Pending: the connection is polled again when the kernel takes more.
    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;

    /// One gathering write, now or not at all (`WouldBlock`).
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// For another driver, if there is one to change to.
    fn duplicate(&self) -> Option<Box<dyn Duplicate>> {
        None
    }

    /// For options; `None`: there is no socket of ours.
    fn socket(&self) -> Option<SockRef<'_>>;

    /// TCP, or a Unix socket.
    fn is_tcp(&self) -> bool;

    /// The socket, if it is one of TCP.
    fn tcp(&self) -> Option<SockRef<'_>> {
        if self.is_tcp() {
            self.socket()
        } else {
            None
        }
    }

    /// Sends what the transport has taken and keeps: what is encrypted leaves as records of its own. A socket keeps nothing. Pending: the
    /// connection is polled again when it can go on.
    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ends our side of the stream, all of which has been flushed: what the transport has to say last, then FIN. `closes`: the socket
    /// closes right after this, which sends the FIN by itself. Pending as above; asked again, it goes on. Writes after it fail.
    fn poll_shutdown(&mut self, _: &mut Context<'_>, closes: bool) -> Poll<io::Result<()>> {
        Poll::Ready(match self.socket() {
            Some(socket) if !closes => socket.shutdown(std::net::Shutdown::Write),
            _ => Ok(()),
        })
    }

    /// Makes the coming close a reset.
    fn reset_on_close(&self) {
        if let Some(socket) = self.tcp() {
            let _ = socket.set_linger(Some(Duration::ZERO));
        }
    }

    /// TCP_NODELAY; nothing to do for a Unix socket.
    fn set_no_delay(&self, on: bool) {
        if let Some(socket) = self.tcp() {
            let _ = socket.set_tcp_nodelay(on);
        }
    }

    /// SO_KEEPALIVE and, unless the idle time before the first probe is zero, how probes are sent.
    fn set_keep_alive(&self, on: bool, delay: Duration) {
        if let Some(socket) = self.tcp() {
            let _ = if on && delay >= Duration::from_secs(1) {
                let probes = TcpKeepalive::new().with_time(delay).with_interval(PROBE_INTERVAL).with_retries(PROBES);
                socket.set_tcp_keepalive(&probes)
            } else {
                socket.set_keepalive(on)
            };
        }
    }

    /// Whether bytes that have come are known to wait unread.
    fn has_unread(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        self.socket().is_some_and(|socket| matches!(socket.peek(&mut byte), Ok(n) if n > 0))
    }

    /// Both ends. `local` spares a system call where the listener is bound to one address.
    fn peer(&self, remote: Option<SocketAddr>, local: Option<SocketAddr>) -> Peer {
        let Some(socket) = self.tcp() else { return Peer::default() };
        let remote = remote.or_else(|| socket.peer_addr().ok().and_then(|address| address.as_socket()));
        let local = local.or_else(|| socket.local_addr().ok().and_then(|address| address.as_socket()));
        let (Some(remote), Some(local)) = (remote, local) else {
            return Peer { family: Family::Ipv4, ..Peer::default() };
        };
        // Node shows IPv4 peers of a dual-stack socket as `::ffff:a.b.c.d`, and so does Display.
        Peer {
            family: Family::of_address(remote),
            remote: remote.ip().to_string(),
            remote_port: remote.port(),
            local: local.ip().to_string(),
            local_port: local.port(),
        }
    }
}
