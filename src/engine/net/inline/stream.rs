//! A socket of the inline driver. It is registered edge-triggered: the kernel says once that there is something, and the socket
//! remembers it until a call has shown that there is no more.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::rc::Rc;
use std::task::{Context, Poll};

use mio::event::{Event, Source};
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use socket2::SockRef;

use crate::engine::net::std_stream::StdStream;
use crate::engine::net::transport::{send, Transport};

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A connection's socket.
pub struct Stream {
    socket: Socket,
    readable: bool,
    writable: bool,
    /// FIN or an error has come: a short read does not mean that there is nothing more to learn.
    read_closed: bool,
    /// Somebody else has a descriptor of the socket, too: the kernel does not forget by itself that this one was watched.
    shared: Option<Rc<Registry>>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        let Some(registry) = &self.shared else { return };
        // It fails for a socket that was never watched, which does no harm.
        let _ = match &mut self.socket {
            Socket::Tcp(stream) => registry.deregister(stream),
            Socket::Unix(stream) => registry.deregister(stream),
        };
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::new(Socket::Tcp(stream))
    }
}

impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self::new(Socket::Unix(stream))
    }
}

impl From<StdStream> for Stream {
    fn from(stream: StdStream) -> Self {
        match stream {
            StdStream::Tcp(stream) => TcpStream::from_std(stream).into(),
            StdStream::Unix(stream) => UnixStream::from_std(stream).into(),
        }
    }
}

impl Stream {
    /// A fresh connection takes writes, and the registration will say when there is something to read.
    fn new(socket: Socket) -> Self {
        Self { socket, readable: false, writable: true, read_closed: false, shared: None }
    }

    /// The socket, for options.
    pub fn sock_ref(&self) -> SockRef<'_> {
        match &self.socket {
            Socket::Tcp(stream) => SockRef::from(stream),
            Socket::Unix(stream) => SockRef::from(stream),
        }
    }

    /// Asks to be told under `token`.
    ///
    /// # Errors
    /// When the kernel has no memory for it.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        match &mut self.socket {
            Socket::Tcp(stream) => stream.register(registry, token, interest),
            Socket::Unix(stream) => stream.register(registry, token, interest),
        }
    }

    /// Asks to be told under another `token`; what is ready now is told again.
    ///
    /// # Errors
    /// When the kernel does not know the socket.
    pub fn reregister(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        match &mut self.socket {
            Socket::Tcp(stream) => stream.reregister(registry, token, interest),
            Socket::Unix(stream) => stream.reregister(registry, token, interest),
        }
    }

    /// Somebody else is to have a descriptor of the socket, too.
    pub fn share(&mut self, registry: &Rc<Registry>) {
        self.shared = Some(registry.clone());
    }

    /// Takes note of what the kernel says. Returns whether anybody needs to look.
    pub fn note(&mut self, event: &Event) -> bool {
        let was_writable = self.writable;
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.readable = true;
        }
        self.read_closed |= event.is_read_closed() || event.is_error();
        self.writable |= event.is_writable();
        self.readable || !was_writable
    }
}

/// An unready socket's call, or one that the kernel has nothing for.
fn pending<T>(ready: &mut bool, result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            *ready = false;
            Poll::Pending
        }
        result => Poll::Ready(result),
    }
}

impl Transport for Stream {
    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if !self.readable {
            return Poll::Pending;
        }
        let read = match &mut self.socket {
            Socket::Tcp(stream) => stream.read(buffer),
            Socket::Unix(stream) => stream.read(buffer),
        };
        // epoll(7): a short read of a stream has drained it; what comes later is another edge.
        if matches!(read, Ok(n) if n > 0 && n < buffer.len()) && !self.read_closed {
            self.readable = false;
        }
        pending(&mut self.readable, read)
    }

    fn poll_write(&mut self, _: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if !self.writable {
            return Poll::Pending;
        }
        let written = match &mut self.socket {
            Socket::Tcp(stream) => send(&SockRef::from(&*stream), slices),
            Socket::Unix(stream) => stream.write_vectored(slices),
        };
        // The same the other way: the kernel took less than there was, so it is full.
        if matches!(written, Ok(n) if n < slices.iter().map(|slice| slice.len()).sum()) {
            self.writable = false;
        }
        pending(&mut self.writable, written)
    }

    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.poll_write(&mut Context::from_waker(std::task::Waker::noop()), slices) {
            Poll::Ready(written) => written,
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn socket(&self) -> Option<SockRef<'_>> {
        Some(self.sock_ref())
    }

    fn is_tcp(&self) -> bool {
        matches!(self.socket, Socket::Tcp(_))
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;

    #[test]
    fn keep_alive_probes_come_as_node_documents_them() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let connected = TcpStream::connect(listener.local_addr().expect("an address")).expect("a socket");
        let stream = Stream::from(connected);
        stream.set_keep_alive(true, Duration::from_secs(7));
        let socket = stream.sock_ref();
        assert!(socket.keepalive().expect("SO_KEEPALIVE"));
        assert_eq!(socket.tcp_keepalive_time().expect("the time"), Duration::from_secs(7));
        assert_eq!(socket.tcp_keepalive_interval().expect("the interval"), Duration::from_secs(1));
        assert_eq!(socket.tcp_keepalive_retries().expect("the retries"), 10);
        stream.set_keep_alive(false, Duration::ZERO);
        assert!(!socket.keepalive().expect("SO_KEEPALIVE"));
    }
}
