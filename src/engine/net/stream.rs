//! A connected socket of either kind, with the few operations a connection needs.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// Seconds between keep-alive probes, and how many go unanswered before the connection is given up: libuv's choice.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
#[cfg(unix)]
const PROBES: u32 = 10;

/// A connected TCP or Unix socket, registered with this thread's runtime.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// An accepted socket on its way to the thread that will serve it.
#[derive(Debug)]
pub(super) enum Accepted {
    Tcp(std::net::TcpStream),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
}

impl Accepted {
    /// Registers the socket with the runtime of the calling thread.
    pub(super) fn register(self) -> io::Result<Stream> {
        match self {
            Accepted::Tcp(socket) => TcpStream::from_std(socket).map(Stream::Tcp),
            #[cfg(unix)]
            Accepted::Unix(socket) => UnixStream::from_std(socket).map(Stream::Unix),
        }
    }
}

impl Stream {
    /// Unregisters the socket, so that another thread may have it.
    pub(super) fn release(self) -> io::Result<Accepted> {
        match self {
            Stream::Tcp(stream) => stream.into_std().map(Accepted::Tcp),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.into_std().map(Accepted::Unix),
        }
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        // AsyncRead, not try_read: it takes a read that leaves room in the buffer for the sign that the socket is drained, and
        // saves the call that would only return EAGAIN.
        let mut buffer = ReadBuf::new(buffer);
        let poll = match self {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
        };
        poll.map_ok(|()| buffer.filled().len())
    }

    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.try_read(buffer),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.try_read(buffer),
        }
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Stream::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    pub(super) fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self, slices) {
            (Stream::Tcp(stream), [slice]) => stream.try_write(slice),
            (Stream::Tcp(stream), _) => stream.try_write_vectored(slices),
            #[cfg(unix)]
            (Stream::Unix(stream), _) => stream.try_write_vectored(slices),
        }
    }

    fn socket(&self) -> SockRef<'_> {
        match self {
            Stream::Tcp(stream) => SockRef::from(stream),
            #[cfg(unix)]
            Stream::Unix(stream) => SockRef::from(stream),
        }
    }

    /// Sends FIN. A peer that is gone already is no error here: the next read or write tells.
    pub(super) fn shut_down_write(&self) {
        let _ = self.socket().shutdown(std::net::Shutdown::Write);
    }

    /// Makes the coming close send RST; without effect on Unix sockets, as in Node.
    pub(super) fn reset_on_close(&self) {
        if let Stream::Tcp(_) = self {
            let _ = self.socket().set_linger(Some(Duration::ZERO));
        }
    }

    /// Node ignores errors of setNoDelay() and setKeepAlive(); so does this.
    pub(super) fn set_no_delay(&self, on: bool) {
        if let Stream::Tcp(stream) = self {
            let _ = stream.set_nodelay(on);
        }
    }

    /// `delay`: until the first probe; zero leaves the system's.
    pub(super) fn set_keep_alive(&self, on: bool, delay: Duration) {
        let Stream::Tcp(_) = self else {
            return;
        };
        let socket = self.socket();
        if !on || delay.is_zero() {
            let _ = socket.set_keepalive(on);
            return;
        }
        let probes = TcpKeepalive::new()
            .with_time(delay)
            .with_interval(PROBE_INTERVAL);
        #[cfg(unix)]
        let probes = probes.with_retries(PROBES);
        let _ = socket.set_tcp_keepalive(&probes);
    }
}
