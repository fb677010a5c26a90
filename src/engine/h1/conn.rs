//! One connection in the server role: where messages begin and end, what is held back, and when to stop reading.

use std::sync::Arc;

use super::method::Method;
use crate::engine::error::ParseError;

/// Limits and leniency of a server's connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Bytes of request target, field names and field values a head may have; default 16,384.
    pub max_header_size: usize,
    /// Fields a head may have; 0 means no limit; default 2,000.
    pub max_fields: u32,
    /// Accept what Node accepts with `insecureHTTPParser`; default false.
    pub lenient: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config { max_header_size: 16_384, max_fields: 2_000, lenient: false }
    }
}

/// A request's start line and fields, valid during [`Sink::request`].
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: Method,
    /// Major and minor version.
    pub version: (u8, u8),
    /// The request target as it came.
    pub target: &'a [u8],
    /// `name NUL value NUL name NUL value`, as they came but for the white space around values.
    pub fields: &'a [u8],
    /// How many fields there are.
    pub field_count: u32,
    /// Bits of [`flags`](super::flags).
    pub flags: u32,
}

/// Who is told what the bytes meant, in order, from within the calls of [`Conn`].
pub trait Sink {
    /// A head is complete.
    fn request(&mut self, seq: u32, head: &RequestHead<'_>);
    /// Bytes of a request's body, without framing.
    fn body(&mut self, seq: u32, bytes: &[u8]);
    /// The body is complete. Only for requests flagged [`HAS_BODY`](super::flags::HAS_BODY). `trailers` is as
    /// [`RequestHead::fields`].
    fn end(&mut self, seq: u32, trailers: &[u8]);
    /// The read that brought an upgrade candidate's head is exhausted: `head` is what followed the message in it,
    /// empty when the message body is not `complete`. [`Conn::decide`] must answer.
    fn upgrade(&mut self, seq: u32, complete: bool, head: &[u8]);
    /// Bytes of the protocol switched to.
    fn raw(&mut self, bytes: &[u8]);
    /// The peer broke `error`'s rule `bytes_parsed` bytes into `packet`. Nothing follows.
    fn parse_error(&mut self, error: ParseError, bytes_parsed: usize, packet: &[u8]);
}

/// What a connection is in the midst of; deadlines hang on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Between messages.
    Idle,
    /// Part of a head is in.
    Head,
    /// Part of a body is in.
    Body,
    /// An upgrade candidate waits for [`Conn::decide`].
    AwaitingDecision,
    /// The connection speaks another protocol.
    Upgraded,
    /// A parse error has been reported.
    Failed,
}

/// One HTTP/1 connection, server role.
#[derive(Debug)]
pub struct Conn {
    config: Arc<Config>,
}

impl Conn {
    /// A fresh connection; requests are numbered from 1.
    pub fn new(config: Arc<Config>) -> Conn {
        Conn { config }
    }

    /// Takes what one read returned.
    pub fn receive(&mut self, _bytes: &[u8], _sink: &mut impl Sink) {}

    /// The peer has sent its FIN: an error in mid-message.
    pub fn finish(&mut self, _sink: &mut impl Sink) {}

    /// Answers the pending upgrade candidate and goes on with the bytes held.
    pub fn decide(&mut self, _accept: bool, _sink: &mut impl Sink) {}

    /// One response is complete: frees a pipeline slot and goes on with the bytes held.
    pub fn response_done(&mut self, _sink: &mut impl Sink) {}

    /// Whether the driver may read: no decision is pending, the pipeline has room, nothing has failed.
    pub fn can_read(&self) -> bool {
        self.config.max_fields == 0
    }

    /// What the connection is in the midst of.
    pub fn phase(&self) -> Phase {
        Phase::Idle
    }

    /// Whether later bytes belong to another protocol.
    pub fn is_upgraded(&self) -> bool {
        false
    }

    /// Requests whose responses are not complete.
    pub fn open_requests(&self) -> u32 {
        0
    }
}
