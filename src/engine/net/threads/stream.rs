//! A socket of the tokio driver.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use crate::engine::net::std_stream::StdStream;
use crate::engine::net::transport::{send, Transport};

/// A connection's socket.
pub enum Stream {
    /// TCP over IPv4 or IPv6.
    Tcp(TcpStream),
    /// A Unix stream socket.
    #[cfg(unix)]
    Unix(UnixStream),
}

impl TryFrom<StdStream> for Stream {
    type Error = io::Error;

    /// # Errors
    /// When the runtime has no descriptors for it.
    fn try_from(stream: StdStream) -> io::Result<Self> {
        match stream {
            StdStream::Tcp(stream) => TcpStream::from_std(stream).map(Self::Tcp),
            #[cfg(unix)]
            StdStream::Unix(stream) => UnixStream::from_std(stream).map(Self::Unix),
        }
    }
}

impl Stream {
    /// When the kernel takes bytes, or has an error to tell.
    ///
    /// # Errors
    /// When the runtime is going.
    pub async fn writable(&self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.writable().await,
            #[cfg(unix)]
            Stream::Unix(stream) => stream.writable().await,
        }
    }
}

fn try_send(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    stream.try_io(Interest::WRITABLE, || send(&SockRef::from(stream), slices))
}

impl Transport for Stream {
    // A short read leaves the stream unready, so the next call costs no system call.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut read = ReadBuf::new(buffer);
        let polled = match self {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, &mut read),
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, &mut read),
        };
        polled.map_ok(|()| read.filled().len())
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match self {
            Stream::Tcp(stream) => loop {
                ready!(stream.poll_write_ready(cx))?;
                match try_send(stream, slices) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    written => return Poll::Ready(written),
                }
            },
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => try_send(stream, slices),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.try_write_vectored(slices),
        }
    }

    fn socket(&self) -> SockRef<'_> {
        match self {
            Stream::Tcp(stream) => SockRef::from(stream),
            #[cfg(unix)]
            Stream::Unix(stream) => SockRef::from(stream),
        }
    }

    fn is_tcp(&self) -> bool {
        matches!(self, Stream::Tcp(_))
    }
}
