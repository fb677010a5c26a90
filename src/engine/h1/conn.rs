//! One connection in the server role: where messages begin and end, what is kept back, and when to stop reading.

use std::sync::Arc;

use super::config::{Config, Limits};
use super::decode::BodyDecoder;
use super::fields::FieldSection;
use super::framing::{BodyLength, Framing};
use super::head::HeadParser;
use super::method::Method;
use super::parts::Parts;
use super::sink::{RequestHead, Sink};
use super::upgrade::Upgrade;
use crate::engine::error::ParseError;
use crate::engine::layout::message_flags;
use crate::engine::phase::Phase;

/// Requests that may wait for the end of their responses before the connection stops reading: what comes after them stays with the peer.
const MAX_PIPELINED: u32 = 1000;

/// Requests of a pipeline that are told in one go. The last of them is flagged [`REST`](message_flags::REST), and what comes after
/// it is not parsed before [`Conn::go_on`]: a packet of a thousand requests does not make a thousand answers before the first has been sent.
const BURST: u32 = 16;

/// Before, in or after a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The next message may begin; blank lines may precede it.
    Start,
    Head,
    Body,
    /// The last message has ended the connection's use; only blank lines may follow.
    Closed,
    /// What follows is another protocol's.
    Switched,
    Failed,
}

/// One HTTP/1 connection, server role.
#[derive(Debug)]
pub struct Conn {
    limits: Limits,
    state: State,
    upgrade: Upgrade,
    head: HeadParser,
    fields: FieldSection,
    framing: Framing,
    body: BodyDecoder,
    /// The present body is chunked: the field section has its trailers.
    chunked: bool,
    /// Length of the `head` that the pending candidate was announced with; `kept_back` begins with these bytes.
    announced: usize,
    method: Method,
    version: (u8, u8),
    /// Number of the latest request; 0 before the first.
    seq: u32,
    /// Requests whose responses have not been queued to the end.
    unfinished: u32,
    /// Requests told since there was none unfinished, or since the last burst.
    burst: u32,
    /// Bytes received which must wait: at most what one read brought, as the driver stops reading.
    kept_back: Vec<u8>,
    /// A head that is not over yet.
    parts: Parts,
    /// The peer's FIN came while bytes were kept back.
    eof: bool,
}

impl Conn {
    /// A fresh connection; requests are numbered from 1.
    pub fn new(config: Arc<Config>) -> Conn {
        Conn {
            limits: Limits::new(&config),
            state: State::Start,
            upgrade: Upgrade::None,
            head: HeadParser::new(),
            fields: FieldSection::new(),
            framing: Framing::new(config.validation.is_lenient()),
            body: BodyDecoder::new(),
            chunked: false,
            announced: 0,
            method: Method::GET,
            version: (1, 1),
            seq: 0,
            unfinished: 0,
            burst: 0,
            kept_back: Vec::new(),
            parts: Parts::default(),
            eof: false,
        }
    }

    /// Takes what one read returned. Returns how many of the bytes were HTTP's: all of them, unless the connection has [switched
    /// protocols](Self::has_switched) in their midst.
    pub fn receive(&mut self, bytes: &[u8], sink: &mut impl Sink) -> usize {
        if self.must_keep_back() || !self.kept_back.is_empty() {
            self.kept_back.extend_from_slice(bytes);
            return bytes.len();
        }
        self.run(bytes, sink)
    }

    /// Whether an upgrade has been accepted and its message is over: what comes is another protocol's, and nothing is asked of this one any
    /// more but [`Self::into_rest`].
    pub fn has_switched(&self) -> bool {
        self.state == State::Switched
    }

    /// The bytes kept back that are the other protocol's.
    pub fn into_rest(self) -> Vec<u8> {
        self.kept_back
    }

    /// The peer has sent its FIN: an error in mid-message, nothing otherwise. While bytes are kept back it takes effect
    /// after them.
    pub fn finish(&mut self, sink: &mut impl Sink) {
        if self.must_keep_back() || !self.kept_back.is_empty() {
            self.eof = true;
            return;
        }
        match self.state {
            State::Body if self.body.ends_at_eof() => {
                sink.end(self.seq, b"");
                self.message_over();
            }
            State::Head | State::Body => self.fail(ParseError::InvalidEof, 0, &[], sink),
            State::Start | State::Closed | State::Switched | State::Failed => {}
        }
    }

    /// Whether the peer's FIN waits for bytes kept back.
    pub fn keeps_end_back(&self) -> bool {
        self.eof
    }

    /// Decides about the pending upgrade candidate. Accepted: the bytes given as `head` are the sink's, later ones are the other protocol's,
    /// after the rest of the body if that was not complete. Declined: the bytes kept back are parsed as HTTP.
    /// Without a pending candidate this does nothing.
    pub fn decide(&mut self, accept: bool, sink: &mut impl Sink) {
        let Upgrade::Announced { complete } = self.upgrade else {
            return;
        };
        self.upgrade = if accept && !complete { Upgrade::Accepted } else { Upgrade::None };
        if complete && accept {
            self.state = State::Switched;
            self.kept_back.drain(..self.announced.min(self.kept_back.len()));
        } else if complete {
            self.message_over();
        }
        self.resume(sink);
    }

    /// One response is complete: frees a pipeline slot and goes on with the bytes kept back.
    pub fn response_done(&mut self, sink: &mut impl Sink) {
        self.unfinished = self.unfinished.saturating_sub(1);
        if !self.kept_back.is_empty() || self.eof {
            self.resume(sink);
        }
    }

    /// The burst that ended with a request flagged [`REST`](message_flags::REST) has been dealt with: goes on with the bytes kept back.
    pub fn go_on(&mut self, sink: &mut impl Sink) {
        self.burst = 0;
        if !self.kept_back.is_empty() || self.eof {
            self.resume(sink);
        }
    }

    /// Whether the driver may read: no decision is pending, the pipeline has room, nothing has failed.
    pub fn can_read(&self) -> bool {
        self.state != State::Failed && self.kept_back.is_empty() && !self.must_keep_back()
    }

    /// What the connection is in the midst of. An accepted upgrade is in `Body` until its message is complete.
    pub fn phase(&self) -> Phase {
        match (self.upgrade, self.state) {
            (Upgrade::Announced { .. }, _) => Phase::AwaitingDecision,
            (_, State::Start | State::Closed) => Phase::Idle,
            (_, State::Head) => Phase::Head,
            (_, State::Body) => Phase::Body,
            (_, State::Switched) => Phase::Upgraded,
            (_, State::Failed) => Phase::Failed,
        }
    }

    /// Whether an upgrade has been accepted: the bytes after its message belong to another protocol.
    pub fn is_upgraded(&self) -> bool {
        self.state == State::Switched || self.upgrade == Upgrade::Accepted
    }

    /// The number of the message being read, else of the last one.
    pub fn message(&self) -> u32 {
        if self.state == State::Head {
            self.seq.wrapping_add(1)
        } else {
            self.seq
        }
    }

    /// Requests whose responses have not been queued to the end.
    pub fn unfinished(&self) -> u32 {
        self.unfinished
    }

    /// What has been received and not been told: a head that is not over, or bytes kept back. `None` when not all of it is kept.
    pub fn untold(&self) -> Option<Vec<u8>> {
        let head = if self.state == State::Head { self.parts.bytes()? } else { &[] };
        let told = if matches!(self.upgrade, Upgrade::Announced { .. }) { self.announced } else { 0 };
        Some([head, self.kept_back.get(told..).unwrap_or_default()].concat())
    }

    fn must_keep_back(&self) -> bool {
        let rests = self.unfinished >= MAX_PIPELINED || self.burst >= BURST;
        matches!(self.upgrade, Upgrade::Announced { .. }) || (self.state == State::Start && rests)
    }

    /// Goes on with the bytes kept back, and then with the peer's FIN if that has come.
    fn resume(&mut self, sink: &mut impl Sink) {
        if self.must_keep_back() {
            return;
        }
        let mut bytes = std::mem::take(&mut self.kept_back);
        let taken = self.run(&bytes, sink);
        if self.has_switched() {
            bytes.drain(..taken.min(bytes.len()));
            self.kept_back = bytes;
        }
        if std::mem::take(&mut self.eof) {
            self.finish(sink);
        }
    }

    /// Returns how many of the bytes are dealt with, or kept back.
    fn run(&mut self, bytes: &[u8], sink: &mut impl Sink) -> usize {
        let mut pos = 0;
        self.parts.read();
        while pos < bytes.len() && self.state != State::Switched {
            if self.must_keep_back() {
                self.kept_back.extend_from_slice(bytes.get(pos..).unwrap_or_default());
                return bytes.len();
            }
            if let Err(error) = self.advance(bytes, &mut pos, sink) {
                self.fail(error, pos, bytes, sink);
                return bytes.len();
            }
        }
        if self.state == State::Head {
            self.parts.keep(bytes, self.limits.size.saturating_mul(2));
        }
        // The read is exhausted: a candidate whose body has not ended in it is put to the sink now.
        if let (Upgrade::Candidate { seq }, State::Body) = (self.upgrade, self.state) {
            self.announce(seq, false, &[], sink);
        }
        pos
    }

    /// One step of the connection's state machine, from `*pos` on.
    fn advance(&mut self, bytes: &[u8], pos: &mut usize, sink: &mut impl Sink) -> Result<(), ParseError> {
        match self.state {
            State::Start | State::Closed => self.between_messages(bytes, pos, sink),
            State::Head => {
                let over = self.head.scan(bytes, pos, &mut self.fields, &mut self.framing, &self.limits)?;
                if !over {
                    return Ok(());
                }
                self.parts.forget();
                (self.method, self.version) = (self.head.method(), self.head.version());
                self.head_over(None, bytes, *pos, sink)
            }
            State::Body => {
                let context = (&mut self.fields, &mut self.framing, &self.limits);
                if self.body.decode(self.seq, bytes, pos, context, sink)? {
                    let trailers = if self.chunked { self.fields.bytes() } else { b"" };
                    sink.end(self.seq, trailers);
                    self.body_over(bytes, *pos, sink);
                }
                Ok(())
            }
            State::Switched | State::Failed => {
                *pos = bytes.len();
                Ok(())
            }
        }
    }

    fn between_messages(&mut self, bytes: &[u8], pos: &mut usize, sink: &mut impl Sink) -> Result<(), ParseError> {
        // RFC 9112 §2.2: "a server that is expecting to receive and parse a request-line SHOULD ignore at least one empty
        // line (CRLF) received prior to the request-line"
        if matches!(bytes.get(*pos), Some(b'\r' | b'\n')) {
            *pos += 1;
            return Ok(());
        }
        if self.state == State::Closed {
            *pos += 1;
            return Err(ParseError::DataAfterClose);
        }
        let rest = bytes.get(*pos..).unwrap_or_default();
        self.framing = Framing::new(self.limits.validation.is_lenient());
        self.fields.begin_trailer();
        let whole = HeadParser::parse_whole(rest, &mut self.fields, &mut self.framing, &self.limits);
        let Some(whole) = whole else {
            self.framing = Framing::new(self.limits.validation.is_lenient());
            self.head.begin(&mut self.fields);
            self.parts.begin(*pos);
            self.state = State::Head;
            return Ok(());
        };
        *pos += whole.length;
        (self.method, self.version) = (whole.method, whole.version);
        self.head_over(Some(whole.target), bytes, *pos, sink)
    }

    /// The head is complete; `target` is the scanner's when not given.
    fn head_over(
        &mut self,
        target: Option<&[u8]>,
        bytes: &[u8],
        pos: usize,
        sink: &mut impl Sink,
    ) -> Result<(), ParseError> {
        self.seq = self.seq.wrapping_add(1);
        self.burst = if self.unfinished == 0 { 1 } else { self.burst + 1 };
        self.unfinished += 1;
        let rest = if self.burst == BURST { message_flags::REST } else { 0 };
        let flags = self.framing.request_flags(self.method, self.version) | rest;
        let head = RequestHead {
            method: self.method,
            version: self.version,
            target: target.unwrap_or_else(|| self.head.target()),
            fields: self.fields.bytes(),
            flags,
        };
        sink.request(self.seq, &head);
        let length = self.framing.body_length(self.method)?;
        if flags & message_flags::UPGRADE != 0 {
            self.upgrade = Upgrade::Candidate { seq: self.seq };
        }
        self.chunked = length == BodyLength::Chunked;
        if length == BodyLength::None {
            self.body_over(bytes, pos, sink);
        } else {
            self.body.begin(length);
            self.state = State::Body;
        }
        Ok(())
    }

    /// The message is complete at `pos`: the next one, a decision or another protocol follows.
    fn body_over(&mut self, bytes: &[u8], pos: usize, sink: &mut impl Sink) {
        match self.upgrade {
            Upgrade::Candidate { seq } => {
                self.announce(seq, true, bytes.get(pos..).unwrap_or_default(), sink);
            }
            Upgrade::Accepted => {
                self.upgrade = Upgrade::None;
                self.state = State::Switched;
            }
            Upgrade::None | Upgrade::Announced { .. } => self.message_over(),
        }
    }

    fn announce(&mut self, seq: u32, complete: bool, head: &[u8], sink: &mut impl Sink) {
        self.upgrade = Upgrade::Announced { complete };
        self.announced = head.len();
        sink.upgrade(seq, complete, head);
    }

    fn message_over(&mut self) {
        let again = self.limits.validation.is_lenient() || self.framing.keep_alive(self.version);
        self.state = if again { State::Start } else { State::Closed };
    }

    fn fail(&mut self, error: ParseError, pos: usize, packet: &[u8], sink: &mut impl Sink) {
        self.state = State::Failed;
        self.upgrade = Upgrade::None;
        self.kept_back = Vec::new();
        self.eof = false;
        self.parts.forget();
        sink.parse_error(error, pos, packet);
    }
}
