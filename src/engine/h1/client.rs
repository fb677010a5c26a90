//! One connection in the client role: which request the next response answers, where it begins and ends, and when the connection
//! has become another protocol's.

use std::sync::Arc;

use super::config::{Config, Limits};
use super::decode::BodyDecoder;
use super::fields::FieldSection;
use super::framing::{BodyLength, Framing};
use super::sink::{ResponseHead, Sink};
use super::status_line::StatusLine;
use crate::engine::error::ParseError;
use crate::engine::layout::Validation;
use crate::engine::phase::Phase;

/// The request which the next response answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its number.
    pub seq: u32,
    /// RFC 9112 §6.3: "Any response to a HEAD request [...] is always terminated by the first empty line".
    pub head: bool,
    /// RFC 9112 §6.3: a response to CONNECT makes the connection a tunnel. As in Node whatever its status.
    pub connect: bool,
}

/// Before, in or after a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody has said what the connection is for: nothing is read.
    Unclaimed,
    /// The next message may begin; blank lines may precede it.
    Start,
    StatusLine,
    Fields,
    Body,
    /// The last message has ended the connection's use; only blank lines may follow.
    Closed,
    /// A 101 that names no protocol: nobody knows what follows, and it answers nothing.
    Unknown,
    /// What follows is another protocol's.
    Switched,
    Failed,
}

/// One HTTP/1 connection, client role. One request at a time: the next is announced when the response to the last is over.
#[derive(Debug)]
pub struct ClientConn {
    config: Arc<Config>,
    limits: Limits,
    state: State,
    request: Expected,
    line: StatusLine,
    fields: FieldSection,
    framing: Framing,
    body: BodyDecoder,
    /// The present body is chunked: the field section has its trailers.
    chunked: bool,
    /// The final response to the request is complete: later reads answer nothing.
    response_over: bool,
}

impl ClientConn {
    /// A fresh connection, from which nothing is read before [`Self::expect`].
    pub fn new(config: Arc<Config>) -> ClientConn {
        ClientConn {
            limits: Limits::new(&config),
            config,
            state: State::Unclaimed,
            request: Expected { seq: 0, head: false, connect: false },
            line: StatusLine::new(),
            fields: FieldSection::new(),
            framing: Framing::of_response(false),
            body: BodyDecoder::new(),
            chunked: false,
            response_over: false,
        }
    }

    /// A request is being sent: what comes from here on answers it. `max_header_size` and `validation` count for this response;
    /// without a size the connection's own counts.
    pub fn expect(&mut self, request: Expected, max_header_size: Option<usize>, validation: Validation) {
        self.request = request;
        self.response_over = false;
        self.limits = Limits {
            size: max_header_size.unwrap_or(self.config.max_header_size),
            validation: validation.or(self.config.validation),
            ..Limits::new(&self.config)
        };
        // Whatever an idle server has begun to say answers nothing: Node, too, starts on a fresh parser.
        if !matches!(self.state, State::Switched | State::Failed) {
            self.state = State::Start;
        }
    }

    /// Its configuration, unless a request has been sent: until then the connection may be used for something else.
    pub fn unclaimed(&self) -> Option<&Arc<Config>> {
        (self.state == State::Unclaimed).then_some(&self.config)
    }

    /// Takes what one read returned. What an idle server says is unasked for, so that no part of it passes for the answer to the next
    /// request; what stands behind a response in the same read is parsed, as in Node.
    pub fn receive(&mut self, bytes: &[u8], sink: &mut impl Sink) {
        if self.response_over && !matches!(self.state, State::Switched | State::Failed) {
            sink.unasked(bytes);
            return;
        }
        let mut pos = 0;
        while pos < bytes.len() {
            if let Err(error) = self.advance(bytes, &mut pos, sink) {
                self.state = State::Failed;
                sink.parse_error(error, pos, bytes);
                return;
            }
        }
    }

    /// The peer has sent its FIN: the end of a body that nothing else delimits. In the midst of any other message it says nothing: the
    /// driver tells of the FIN, and the message stays incomplete.
    pub fn finish(&mut self, sink: &mut impl Sink) {
        if self.state == State::Body && self.body.ends_at_eof() {
            self.state = State::Closed;
            self.response_over = true;
            sink.end(self.request.seq, b"");
        }
    }

    /// Whether a response has made the connection another protocol's: nothing is asked of this one any more.
    pub fn has_switched(&self) -> bool {
        self.state == State::Switched
    }

    /// What the connection is in the midst of.
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Unclaimed | State::Start | State::Closed | State::Unknown => Phase::Idle,
            State::StatusLine | State::Fields => Phase::Head,
            State::Body => Phase::Body,
            State::Switched => Phase::Upgraded,
            State::Failed => Phase::Failed,
        }
    }

    /// Whether the driver may read.
    pub fn can_read(&self) -> bool {
        !matches!(self.state, State::Unclaimed | State::Failed)
    }

    fn advance(&mut self, bytes: &[u8], pos: &mut usize, sink: &mut impl Sink) -> Result<(), ParseError> {
        match self.state {
            State::Start | State::Closed => match bytes.get(*pos) {
                Some(b'\r' | b'\n') => *pos += 1,
                Some(_) if self.state == State::Closed => {
                    *pos += 1;
                    return Err(ParseError::DataAfterClose);
                }
                _ => {
                    self.framing = Framing::of_response(self.limits.validation.is_lenient());
                    self.fields.begin_head();
                    self.line.begin();
                    self.state = State::StatusLine;
                }
            },
            State::StatusLine => {
                if self.line.scan(bytes, pos, &mut self.fields, &self.limits)? {
                    self.state = State::Fields;
                }
            }
            State::Fields => {
                if self.fields.scan(bytes, pos, &mut self.framing, &self.limits)? {
                    self.head_over(bytes, pos, sink);
                }
            }
            State::Body => {
                let context = (&mut self.fields, &mut self.framing, &self.limits);
                if self.body.decode(self.request.seq, bytes, pos, context, sink)? {
                    let trailers = if self.chunked { self.fields.bytes() } else { b"" };
                    sink.end(self.request.seq, trailers);
                    self.message_over();
                    // Trailers have named a transfer coding: Node then waits for the FIN.
                    if self.chunked && !self.framing.is_chunked() && !self.limits.validation.is_lenient() {
                        self.state = State::Closed;
                    }
                }
            }
            State::Unclaimed | State::Unknown => {
                sink.unasked(bytes.get(*pos..).unwrap_or_default());
                *pos = bytes.len();
            }
            State::Switched | State::Failed => *pos = bytes.len(),
        }
        Ok(())
    }

    fn head_over(&mut self, bytes: &[u8], pos: &mut usize, sink: &mut impl Sink) {
        let Expected { seq, head, connect } = self.request;
        let (version, status) = (self.line.version(), self.line.status());
        let length = if head { BodyLength::None } else { self.framing.response_length(status) };
        let upgrade = connect || self.framing.switches_protocols(status);
        let flags =
            self.framing.response_flags(status, version, if upgrade { BodyLength::None } else { length }, upgrade);
        sink.response(
            seq,
            &ResponseHead {
                version,
                status,
                reason: self.line.reason(),
                fields: self.fields.bytes(),
                field_count: self.fields.count(),
                flags,
            },
        );
        if upgrade {
            self.state = State::Switched;
            sink.upgrade(seq, true, bytes.get(*pos..).unwrap_or_default());
            *pos = bytes.len();
        } else if status == 101 {
            self.response_over = true;
            self.state = State::Unknown;
        } else if length == BodyLength::None {
            self.message_over();
        } else {
            self.chunked = length == BodyLength::Chunked;
            self.body.begin(length);
            self.state = State::Body;
        }
    }

    fn message_over(&mut self) {
        self.response_over |= self.line.status() >= 200 || self.line.status() < 100;
        let again = self.limits.validation.is_lenient() || self.framing.keep_alive(self.line.version());
        self.state = if again { State::Start } else { State::Closed };
    }
}
