//! What a connection speaks, in whichever role: HTTP/1, after an upgrade something else, and on a connection of ours perhaps something before it. The
//! changes happen here, inside a read if need be.
//!
//! ```text
//! Server ──────── decide(accept), message over ───┐
//!                                                 ├─► Raw
//! Client ──────── 101, or any answer to CONNECT ──┘
//!  ▲  └─ used without a request ─► Plain
//!  └──────────── a request ──────────┘
//! ```

use std::sync::Arc;

use crate::engine::h1::{self, ClientConn, Config, Conn, Expected};
use crate::engine::layout::{expect_flags, Validation};
use crate::engine::phase::Phase;
use crate::engine::raw;

/// Who hears whatever is spoken.
pub trait Sink: h1::Sink + raw::Sink {}

impl<T: h1::Sink + raw::Sink> Sink for T {}

/// See the module. It takes as much memory as its largest role, which is no waste: both are of about that size.
pub enum Protocol {
    /// The peer asks.
    Server(Conn),
    /// The peer answers.
    Client(ClientConn),
    /// What follows an upgrade, in either role.
    Raw(raw::Stream),
    /// A connection of our own making that is used without a request, until there is one; then this is the configuration.
    Plain(raw::Stream, Arc<Config>),
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

    /// A stream that is upgraded already.
    pub fn raw() -> Self {
        Self::Raw(raw::Stream)
    }

    /// What one read returned. It is the protocol's to change: unmasking, for one, is done where the bytes lie.
    pub fn receive(&mut self, bytes: &mut [u8], sink: &mut impl Sink) {
        match self {
            Self::Server(conn) => {
                let taken = conn.receive(bytes, sink);
                if conn.has_switched() {
                    self.switch().receive(bytes.get_mut(taken..).unwrap_or_default(), sink);
                }
            }
            Self::Client(conn) => {
                conn.receive(bytes, sink);
                if conn.has_switched() {
                    self.switch();
                }
            }
            Self::Raw(stream) | Self::Plain(stream, _) => stream.receive(bytes, sink),
        }
    }

    /// The change itself: what parsing needed is freed.
    fn switch(&mut self) -> &mut Self {
        *self = Self::raw();
        self
    }

    /// The peer has sent its FIN.
    pub fn finish(&mut self, sink: &mut impl Sink) {
        match self {
            Self::Server(conn) => conn.finish(sink),
            Self::Client(conn) => conn.finish(sink),
            Self::Raw(_) | Self::Plain(..) => {}
        }
    }

    /// Whether the FIN has to wait, because bytes that came before it are not dealt with yet.
    pub fn keeps_end_back(&self) -> bool {
        match self {
            Self::Server(conn) => conn.keeps_end_back(),
            Self::Client(_) | Self::Raw(_) | Self::Plain(..) => false,
        }
    }

    /// Decides about an upgrade candidate; a client has nothing to decide.
    pub fn decide(&mut self, accept: bool, sink: &mut impl Sink) {
        let Self::Server(conn) = self else { return };
        conn.decide(accept, sink);
        if conn.has_switched() {
            if let Self::Server(conn) = std::mem::replace(self, Self::raw()) {
                self.receive(&mut conn.into_rest(), sink);
            }
        }
    }

    /// What `flags` say of the request that is being sent (`expect_flags`); `max_header_size` is decimal text, empty for the default. A server's
    /// connection ignores it.
    pub fn expect(&mut self, seq: u32, flags: u32, max_header_size: &[u8]) {
        if flags & expect_flags::NOTHING != 0 {
            self.expect_nothing();
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
        self.expect_response(request, size, validation);
    }

    /// A request is being sent, see [`ClientConn::expect`].
    pub fn expect_response(&mut self, request: Expected, max_header_size: Option<usize>, validation: Validation) {
        if let Self::Plain(_, config) = self {
            *self = Self::client(config.clone());
        }
        if let Self::Client(conn) = self {
            conn.expect(request, max_header_size, validation);
        }
    }

    /// No request is being sent on a connection that has had none: until there is one, it is a plain stream.
    pub fn expect_nothing(&mut self) {
        if let Self::Client(conn) = self {
            if let Some(config) = conn.unclaimed() {
                *self = Self::Plain(raw::Stream, config.clone());
            }
        }
    }

    /// A message of ours has left whole.
    pub fn message_sent(&mut self, sink: &mut impl Sink) {
        if let Self::Server(conn) = self {
            conn.response_done(sink);
        }
    }

    /// A burst of requests has been dealt with. Only servers have them.
    pub fn go_on(&mut self, sink: &mut impl Sink) {
        if let Self::Server(conn) = self {
            conn.go_on(sink);
        }
    }

    /// What has been received and not been told, for a process that is to go on with the connection. `None` when that is not known. A
    /// client's part of a response stays with the request that asked.
    pub fn untold(&self) -> Option<Vec<u8>> {
        match self {
            Self::Server(conn) => conn.untold(),
            Self::Client(_) | Self::Raw(_) | Self::Plain(..) => Some(Vec::new()),
        }
    }

    /// Whether the driver may read.
    pub fn can_read(&self) -> bool {
        match self {
            Self::Server(conn) => conn.can_read(),
            Self::Client(conn) => conn.can_read(),
            Self::Raw(_) | Self::Plain(..) => true,
        }
    }

    /// What the connection is in the midst of.
    pub fn phase(&self) -> Phase {
        match self {
            Self::Server(conn) => conn.phase(),
            Self::Client(conn) => conn.phase(),
            Self::Raw(_) => Phase::Upgraded,
            Self::Plain(..) => Phase::Idle,
        }
    }

    /// Whether what we send answers what we read: then a peer that does not read our answers is not read from either. Not so a client: if it did not
    /// read while its request waits to leave, and the server did not read on before its response has left, both would wait for ever.
    pub fn answers(&self) -> bool {
        match self {
            Self::Server(conn) => !conn.is_upgraded(),
            Self::Client(_) | Self::Raw(_) | Self::Plain(..) => false,
        }
    }

    /// The number of the message being read, else of the last one. 0 unless it is a server's: deadlines of messages are counted from it, and only servers have these.
    pub fn message(&self) -> u32 {
        match self {
            Self::Server(conn) => conn.message(),
            Self::Client(_) | Self::Raw(_) | Self::Plain(..) => 0,
        }
    }

    /// Requests whose responses have not been queued to the end.
    pub fn unfinished(&self) -> u32 {
        match self {
            Self::Server(conn) => conn.unfinished(),
            Self::Client(_) | Self::Raw(_) | Self::Plain(..) => 0,
        }
    }
}
