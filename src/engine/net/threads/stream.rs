//! A socket of the tokio driver.

use std::io::{self, ErrorKind, IoSlice, Read};
use std::sync::Arc;
use std::task::{ready, Context, Poll};

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::engine::net::handover::Duplicate;
use crate::engine::net::platform::runtime::UnixStream;
use crate::engine::net::platform::{socket_of, HAS_INLINE};
use crate::engine::net::std_stream::StdStream;
use crate::engine::net::transport::{send, Transport};

/// A connection's socket. Counted, for a [`Duplicate`] of it.
#[derive(Clone)]
pub enum Stream {
    /// TCP over IPv4 or IPv6.
    Tcp(Arc<TcpStream>),
    /// A Unix stream socket.
    Unix(Arc<UnixStream>),
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(Arc::new(stream))
    }
}

impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self::Unix(Arc::new(stream))
    }
}

impl TryFrom<StdStream> for Stream {
    type Error = io::Error;

    /// # Errors
    /// When the runtime has no descriptors for it.
    fn try_from(stream: StdStream) -> io::Result<Self> {
        match stream {
            StdStream::Tcp(stream) => TcpStream::from_std(stream).map(Self::from),
            StdStream::Unix(stream) => UnixStream::from_std(stream).map(Self::from),
        }
    }
}

/// Stands for "there is no more" in a call that has succeeded: the runtime then forgets that the socket was ready, and the next call
/// costs no system call.
fn drained() -> io::Error {
    ErrorKind::WouldBlock.into()
}

impl Stream {
    /// When the kernel takes bytes, or has an error to tell.
    ///
    /// # Errors
    /// When the runtime is going.
    pub async fn writable(&self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.writable().await,
            Stream::Unix(stream) => stream.writable().await,
        }
    }

    fn try_io<R>(&self, interest: Interest, act: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        match self {
            Stream::Tcp(stream) => stream.try_io(interest, act),
            Stream::Unix(stream) => stream.try_io(interest, act),
        }
    }

    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Stream::Tcp(stream) => stream.poll_read_ready(cx),
            Stream::Unix(stream) => stream.poll_read_ready(cx),
        }
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Stream::Tcp(stream) => stream.poll_write_ready(cx),
            Stream::Unix(stream) => stream.poll_write_ready(cx),
        }
    }

    /// Acts when the runtime believes that the socket is ready, again and again until that is true.
    fn poll_io(
        &mut self,
        cx: &mut Context<'_>,
        ready: impl Fn(&Self, &mut Context<'_>) -> Poll<io::Result<()>>,
        mut act: impl FnMut(&mut Self) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(ready(self, cx))?;
            match act(self) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    /// The socket, for options.
    pub fn sock_ref(&self) -> SockRef<'_> {
        match self {
            Stream::Tcp(stream) => SockRef::from(&**stream),
            Stream::Unix(stream) => socket_of(stream),
        }
    }

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        let tried = self.try_io(Interest::READABLE, || {
            read = (&*self.sock_ref()).read(buffer)?;
            // epoll(7): a short read of a stream has drained it. After a FIN (0 bytes) nobody reads again, so there is nothing to remember.
            if read > 0 && read < buffer.len() {
                Err(drained())
            } else {
                Ok(())
            }
        });
        match tried {
            Err(error) if read == 0 => Err(error),
            _ => Ok(read),
        }
    }
}

impl Transport for Stream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_io(cx, Self::poll_read_ready, |stream| stream.try_read(buffer))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.poll_io(cx, Self::poll_write_ready, |stream| stream.try_write(slices))
    }

    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_io(Interest::WRITABLE, || {
            if self.is_tcp() {
                send(&self.sock_ref(), slices)
            } else {
                self.sock_ref().send_vectored(slices)
            }
        })
    }

    fn duplicate(&self) -> Option<Box<dyn Duplicate>> {
        // For nobody, where there is no other driver.
        HAS_INLINE.then(|| Box::new(self.clone()) as Box<dyn Duplicate>)
    }

    fn socket(&self) -> Option<SockRef<'_>> {
        Some(self.sock_ref())
    }

    fn is_tcp(&self) -> bool {
        matches!(self, Stream::Tcp(_))
    }
}

impl Duplicate for Stream {
    fn duplicate(&self) -> io::Result<StdStream> {
        StdStream::of(self.sock_ref().try_clone()?)
    }
}
