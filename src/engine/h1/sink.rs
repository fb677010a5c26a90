//! What there is to say of HTTP/1 messages, and who hears it.

use super::method::Method;
use crate::engine::error::ParseError;

/// A request's start line and fields, valid during [`Sink::request`].
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: Method,
    /// Major and minor version.
    pub version: (u8, u8),
    /// The request target as it came.
    pub target: &'a [u8],
    /// `name NUL value NUL name NUL value`, as they came except for the white space around values.
    pub fields: &'a [u8],
    /// Bits of [`flags`](super::flags).
    pub flags: u32,
}

/// A response's status line and fields, valid during [`Sink::response`].
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// Major and minor version.
    pub version: (u8, u8),
    /// The status code, 0 to 999.
    pub status: u16,
    /// The reason phrase as it came.
    pub reason: &'a [u8],
    /// `name NUL value NUL name NUL value`, as they came except for the white space around values.
    pub fields: &'a [u8],
    /// How many fields there are.
    pub field_count: u32,
    /// `KEEP_ALIVE`, `UPGRADE` and `HAS_BODY` of [`flags`](super::flags).
    pub flags: u32,
}

/// Who is told what the bytes meant, in order, from within the calls of [`Conn`](super::Conn) or [`ClientConn`](super::ClientConn).
pub trait Sink {
    /// A request's head is complete.
    fn request(&mut self, seq: u32, head: &RequestHead<'_>);
    /// A response's head is complete, an interim one's (1xx) too. With `UPGRADE` [`Sink::upgrade`] follows, and nothing after it.
    fn response(&mut self, seq: u32, head: &ResponseHead<'_>);
    /// Bytes of a message's body, without framing.
    fn body(&mut self, seq: u32, bytes: &[u8]);
    /// The body is complete. Only for messages flagged [`HAS_BODY`](super::flags::HAS_BODY). `trailers` is as
    /// [`RequestHead::fields`].
    fn end(&mut self, seq: u32, trailers: &[u8]);
    /// The read that brought an upgrade candidate's head is exhausted: `head` is what followed the message in it,
    /// empty when the message body is not `complete`. [`Conn::decide`](super::Conn::decide) must follow; for a response nothing is left to decide.
    fn upgrade(&mut self, seq: u32, complete: bool, head: &[u8]);
    /// Bytes that answer no request: what an idle server says, or what follows a 101 that names no protocol.
    fn unasked(&mut self, bytes: &[u8]);
    /// The peer broke `error`'s rule `bytes_parsed` bytes into `packet`. Nothing follows.
    fn parse_error(&mut self, error: ParseError, bytes_parsed: usize, packet: &[u8]);
}
