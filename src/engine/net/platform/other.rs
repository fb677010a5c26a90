//! Platforms that are no Unix: TCP, on threads.

use std::io;
use std::net::TcpListener;

use socket2::{SockRef, Socket};

/// There are no Unix sockets.
#[derive(Debug)]
pub enum UnixStream {}

/// There are no Unix sockets.
#[derive(Debug)]
pub enum UnixListener {}

impl UnixListener {
    /// Never called.
    ///
    /// # Errors
    /// None.
    pub fn try_clone(&self) -> io::Result<Self> {
        match *self {}
    }
}

/// Unix sockets as the threads driver would have them.
#[allow(missing_docs, clippy::missing_errors_doc)]
pub mod runtime {
    use std::io;
    use std::task::{Context, Poll};

    use tokio::io::Interest;

    #[derive(Debug)]
    pub enum UnixStream {}

    impl UnixStream {
        pub fn from_std(stream: super::UnixStream) -> io::Result<Self> {
            match stream {}
        }

        pub async fn writable(&self) -> io::Result<()> {
            match *self {}
        }

        pub fn try_io<R>(&self, _: Interest, _: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
            match *self {}
        }

        pub fn poll_read_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            match *self {}
        }

        pub fn poll_write_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            match *self {}
        }
    }

    #[derive(Debug)]
    pub enum UnixListener {}

    impl UnixListener {
        pub fn from_std(listener: super::UnixListener) -> io::Result<Self> {
            match listener {}
        }

        pub async fn accept(&self) -> io::Result<(UnixStream, ())> {
            match *self {}
        }
    }
}

/// There is no such flag.
pub const MORE: Option<i32> = None;

/// Without the inline driver every server and client has threads.
pub const HAS_INLINE: bool = false;

/// TCP_NODELAY is set for each accepted connection.
pub const NO_DELAY_IS_INHERITED: bool = false;

/// The socket, for options.
pub fn socket_of(stream: &runtime::UnixStream) -> SockRef<'_> {
    match *stream {}
}

/// There are no Unix sockets.
///
/// # Errors
/// Always.
pub fn bind_unix(_: &str, _: i32) -> io::Result<UnixListener> {
    Err(io::ErrorKind::Unsupported.into())
}

/// There are no Unix sockets.
///
/// # Errors
/// Always.
pub fn connect_unix(_: &str) -> io::Result<UnixStream> {
    Err(io::ErrorKind::Unsupported.into())
}

/// There are no Unix sockets.
///
/// # Errors
/// Always.
pub fn unix_stream(_: Socket) -> io::Result<UnixStream> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Sockets have no descriptors.
pub struct Descriptor;

impl Descriptor {
    /// The number of none.
    pub fn into_number(self) -> i32 {
        -1
    }
}

impl From<TcpListener> for Descriptor {
    fn from(_: TcpListener) -> Self {
        Self
    }
}

impl From<UnixListener> for Descriptor {
    fn from(listener: UnixListener) -> Self {
        match listener {}
    }
}

/// Here it would let others take the port of a server that runs.
///
/// # Errors
/// None.
pub fn reuse_address(_: &Socket) -> io::Result<()> {
    Ok(())
}

/// There is no such option.
pub fn set_traffic_class(_: &Socket, _: u32) {}

/// There is no such option.
///
/// # Errors
/// None.
pub fn reuse_port(_: &Socket) -> io::Result<()> {
    Ok(())
}

/// Winsock says that it would have to wait.
pub fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
