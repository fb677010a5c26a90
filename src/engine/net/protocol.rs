//! The protocol core of a connection, in whichever role it plays.

use std::sync::Arc;

use super::event::RecordSink;
use crate::engine::h1::{ClientConn, Config, Conn, Expected, Phase, Validation};
use crate::engine::layout::expect_flags;

/// See the module. Both are of about the same size, and a connection stands in a box of its own.
pub enum Protocol {
    /// The peer asks.
    Server(Conn),
    /// The peer answers.
    Client(ClientConn),
}

impl Protocol {
    /// For an accepted connection.
    pub fn server(config: Arc<Config>) -> Self {
        Self::Server(Conn::new(config))
    }

    /// For a connection of our own making.
    pub fn client(config: Arc<Config>) -> Self {
        Self::Client(ClientConn::new(config))
    }

    /// What one read returned.
    pub fn receive(&mut self, bytes: &[u8], sink: &mut RecordSink<'_>) {
        match self {
            Self::Server(conn) => conn.receive(bytes, sink),
            Self::Client(conn) => conn.receive(bytes, sink),
        }
    }

    /// The peer has sent its FIN.
    pub fn finish(&mut self, sink: &mut RecordSink<'_>) {
        match self {
            Self::Server(conn) => conn.finish(sink),
            Self::Client(conn) => conn.finish(sink),
        }
    }

    /// Whether the FIN waits behind bytes that have come before it and are not dealt with.
    pub fn holds_end(&self) -> bool {
        match self {
            Self::Server(conn) => conn.holds_end(),
            Self::Client(_) => false,
        }
    }

    /// Answers an upgrade candidate; a client has nothing to decide.
    pub fn decide(&mut self, accept: bool, sink: &mut RecordSink<'_>) {
        if let Self::Server(conn) = self {
            conn.decide(accept, sink);
        }
    }

    /// The connection is a plain stream.
    pub fn expect_nothing(&mut self) {
        if let Self::Client(conn) = self {
            conn.expect_nothing();
        }
    }

    /// A request is being sent; `max_header_size` is decimal text, empty for the default. A server's connection knows no such thing.
    pub fn expect(&mut self, seq: u32, flags: u32, max_header_size: &[u8]) {
        if let Self::Client(conn) = self {
            if flags & expect_flags::NOTHING != 0 {
                conn.expect_nothing();
                return;
            }
            let size = std::str::from_utf8(max_header_size).ok().and_then(|text| text.parse().ok());
            let request =
                Expected { seq, head: flags & expect_flags::HEAD != 0, connect: flags & expect_flags::CONNECT != 0 };
            let validation = match flags & (expect_flags::INSECURE | expect_flags::RELAXED) {
                0 => Validation::Strict,
                expect_flags::RELAXED => Validation::Relaxed,
                _ => Validation::Insecure,
            };
            conn.expect(request, size, validation);
        }
    }

    /// A message of ours has left whole.
    pub fn message_sent(&mut self, sink: &mut RecordSink<'_>) {
        if let Self::Server(conn) = self {
            conn.response_done(sink);
        }
    }

    /// A burst of requests has been dealt with. Only servers have them.
    pub fn go_on(&mut self, sink: &mut RecordSink<'_>) {
        if let Self::Server(conn) = self {
            conn.go_on(sink);
        }
    }

    /// What has been received and not been told, for a process that is to go on with the connection. `None` when that is not known. A
    /// client's part of a response stays with the request that asked.
    pub fn untold(&self) -> Option<Vec<u8>> {
        match self {
            Self::Server(conn) => conn.untold(),
            Self::Client(_) => Some(Vec::new()),
        }
    }

    /// Whether the driver may read.
    pub fn can_read(&self) -> bool {
        match self {
            Self::Server(conn) => conn.can_read(),
            Self::Client(conn) => conn.can_read(),
        }
    }

    /// What the connection is in the midst of.
    pub fn phase(&self) -> Phase {
        match self {
            Self::Server(conn) => conn.phase(),
            Self::Client(conn) => conn.phase(),
        }
    }

    /// Whether what comes in makes us send: then a peer that does not read must not be read from. A client that would not read while
    /// its request waits to leave could wait for a server that does the same.
    pub fn answers(&self) -> bool {
        match self {
            Self::Server(conn) => !conn.is_upgraded(),
            Self::Client(_) => false,
        }
    }

    /// The number of the message being read, else of the last one. A client's has no deadline to count from it.
    pub fn message(&self) -> u32 {
        match self {
            Self::Server(conn) => conn.message(),
            Self::Client(_) => 0,
        }
    }

    /// Requests whose responses are not complete.
    pub fn open_requests(&self) -> u32 {
        match self {
            Self::Server(conn) => conn.open_requests(),
            Self::Client(_) => 0,
        }
    }
}
