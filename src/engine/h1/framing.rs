//! What the fields of a message say about its framing and its connection (RFC 9112 §6 and §9): field by field, so that
//! the first byte that breaks a rule is known.

use super::method::Method;
use crate::engine::error::ParseError;
use crate::engine::layout::message_flags as flags;

/// Seen in the fields so far.
mod seen {
    pub const CONNECTION_KEEP_ALIVE: u16 = 1;
    pub const CONNECTION_CLOSE: u16 = 1 << 1;
    pub const CONNECTION_UPGRADE: u16 = 1 << 2;
    pub const CHUNKED: u16 = 1 << 3;
    pub const UPGRADE: u16 = 1 << 4;
    pub const CONTENT_LENGTH: u16 = 1 << 5;
    pub const TRANSFER_ENCODING: u16 = 1 << 6;
    pub const HOST: u16 = 1 << 7;
    pub const EXPECT_CONTINUE: u16 = 1 << 8;
    pub const EXPECT_OTHER: u16 = 1 << 9;
}

/// The fields that matter to the engine, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldKind {
    Other,
    /// `Connection`, and `Proxy-Connection`, which Node treats alike.
    Connection,
    ContentLength,
    TransferEncoding,
    Upgrade,
    Host,
    Expect,
}

impl FieldKind {
    /// The kind of the field called `name`, in any case.
    pub(super) fn of(name: &[u8]) -> FieldKind {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => FieldKind::Host,
            6 if name.eq_ignore_ascii_case(b"expect") => FieldKind::Expect,
            7 if name.eq_ignore_ascii_case(b"upgrade") => FieldKind::Upgrade,
            10 if name.eq_ignore_ascii_case(b"connection") => FieldKind::Connection,
            14 if name.eq_ignore_ascii_case(b"content-length") => FieldKind::ContentLength,
            16 if name.eq_ignore_ascii_case(b"proxy-connection") => FieldKind::Connection,
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => FieldKind::TransferEncoding,
            _ => FieldKind::Other,
        }
    }

    /// Whether the field bears on where the message ends or whether the connection persists.
    pub(super) fn is_framing(self) -> bool {
        !matches!(self, FieldKind::Other | FieldKind::Host | FieldKind::Expect)
    }
}

/// How a message body is delimited (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyLength {
    None,
    Sized(u64),
    Chunked,
    /// A response without a length, or whose last transfer coding is not `chunked`, runs to the peer's FIN; so does such a request
    /// where that is tolerated.
    UntilEof,
}

/// How far into a `Transfer-Encoding` value its last coding has been recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    /// At the start of a list member; white space may precede it.
    Start,
    /// The same where white space makes the member another coding: at the start of a folded line.
    StartTight,
    /// So many letters of `chunked` have matched.
    Matching(u8),
    /// `chunked`, so far.
    Chunked,
    Other,
}

/// Where a field value's interpretation stands, for the two kinds in which every byte can be an error.
#[derive(Clone, Copy, Debug)]
pub(super) enum ValueState {
    /// Nothing to watch but the characters allowed.
    Plain,
    /// `digits_over`: white space has followed the digits.
    ContentLength {
        digits_over: bool,
    },
    TransferEncoding {
        at: CodingState,
    },
}

/// Opaque progress in a `Transfer-Encoding` value.
#[derive(Clone, Copy, Debug)]
pub(super) struct CodingState(Coding);

/// What a byte of a field value broke, and whether the byte counts as parsed in `bytes_parsed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ValueError {
    pub(super) error: ParseError,
    pub(super) consumed: bool,
}

impl ValueError {
    fn at(error: ParseError) -> ValueError {
        ValueError { error, consumed: false }
    }

    fn after(error: ParseError) -> ValueError {
        ValueError { error, consumed: true }
    }
}

/// The framing of one message, built up from its fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Framing {
    seen: u16,
    content_length: u64,
    /// A line of the present `Connection` has ended in an option: Node takes none from the lines folded to it.
    options_over: bool,
    lenient: bool,
    response: bool,
}

impl Framing {
    pub(super) fn new(lenient: bool) -> Framing {
        Framing { seen: 0, content_length: 0, options_over: false, lenient, response: false }
    }

    /// The same for a response, whose last transfer coding need not be `chunked`: the connection's end then delimits it.
    pub(super) fn of_response(lenient: bool) -> Framing {
        Framing { response: true, ..Framing::new(lenient) }
    }

    fn has(&self, bits: u16) -> bool {
        self.seen & bits == bits
    }

    /// A field name has ended.
    pub(super) fn name(&mut self, kind: FieldKind) -> Result<(), ParseError> {
        // RFC 9112 §6.1: "A server MAY reject a request that contains both Content-Length and Transfer-Encoding"
        match kind {
            FieldKind::TransferEncoding if self.has(seen::CONTENT_LENGTH) && !self.lenient => {
                Err(ParseError::TransferEncodingWithContentLength)
            }
            FieldKind::ContentLength if self.has(seen::TRANSFER_ENCODING) && !self.lenient => {
                Err(ParseError::ContentLengthWithTransferEncoding)
            }
            FieldKind::Host => {
                self.seen |= seen::HOST;
                Ok(())
            }
            FieldKind::Connection => {
                self.options_over = false;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The field has no value.
    pub(super) fn empty_value(&mut self, kind: FieldKind) -> Result<(), ParseError> {
        match kind {
            FieldKind::ContentLength => Err(ParseError::EmptyContentLength),
            FieldKind::TransferEncoding => Err(ParseError::EmptyTransferEncoding),
            FieldKind::Expect => {
                self.seen |= seen::EXPECT_OTHER;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The first byte of a value is next.
    pub(super) fn value_start(&mut self, kind: FieldKind) -> Result<ValueState, ValueError> {
        match kind {
            FieldKind::ContentLength if self.has(seen::CONTENT_LENGTH) => {
                Err(ValueError::at(ParseError::DuplicateContentLength))
            }
            FieldKind::ContentLength => Ok(ValueState::ContentLength { digits_over: false }),
            FieldKind::TransferEncoding => {
                // RFC 9112 §6.1: "A sender MUST NOT apply the chunked transfer coding more than once to a message body"
                if self.has(seen::CHUNKED) && !self.lenient && !self.response {
                    return Err(ValueError::after(ParseError::InvalidTransferEncoding));
                }
                self.seen |= seen::TRANSFER_ENCODING;
                self.seen &= !seen::CHUNKED;
                Ok(ValueState::TransferEncoding { at: CodingState(Coding::StartTight) })
            }
            FieldKind::Upgrade => {
                self.seen |= seen::UPGRADE;
                Ok(ValueState::Plain)
            }
            _ => Ok(ValueState::Plain),
        }
    }

    /// A byte of the value that is allowed in field values at all.
    pub(super) fn value_byte(&mut self, state: &mut ValueState, byte: u8) -> Result<(), ValueError> {
        match state {
            ValueState::Plain => Ok(()),
            ValueState::ContentLength { digits_over } => match byte {
                b'0'..=b'9' if !*digits_over => {
                    let length = self.content_length.checked_mul(10);
                    self.content_length = length
                        .and_then(|length| length.checked_add(u64::from(byte - b'0')))
                        .ok_or(ValueError::after(ParseError::ContentLengthOverflow))?;
                    Ok(())
                }
                b' ' | b'\t' => {
                    *digits_over = true;
                    Ok(())
                }
                _ => Err(ValueError::at(ParseError::InvalidContentLength)),
            },
            ValueState::TransferEncoding { at } => {
                at.0 = self.coding_byte(at.0, byte)?;
                Ok(())
            }
        }
    }

    fn coding_byte(&self, coding: Coding, byte: u8) -> Result<Coding, ValueError> {
        const CHUNKED: &[u8; 7] = b"chunked";
        Ok(match (coding, byte) {
            (Coding::Start, b' ' | b'\t') => Coding::Start,
            (Coding::Chunked, b',') if self.response || self.lenient => Coding::Start,
            // RFC 9112 §6.1: chunked is the final transfer coding of a request.
            (Coding::Chunked, b',') => return Err(ValueError::after(ParseError::InvalidTransferEncoding)),
            (Coding::Chunked, b' ') => Coding::Chunked,
            (_, b',') => Coding::Start,
            (Coding::Start | Coding::StartTight, b'c' | b'C') => Coding::Matching(1),
            (Coding::Matching(n), _) if CHUNKED.get(usize::from(n)) == Some(&byte.to_ascii_lowercase()) => {
                if usize::from(n) + 1 == CHUNKED.len() {
                    Coding::Chunked
                } else {
                    Coding::Matching(n + 1)
                }
            }
            _ => Coding::Other,
        })
    }

    /// The value's line end has come: a lenient continuation line starts over.
    pub(super) fn value_line_end(&mut self, state: &ValueState) {
        if let ValueState::ContentLength { .. } = state {
            self.seen |= seen::CONTENT_LENGTH;
        }
    }

    /// The value's line is followed by one that is folded to it.
    pub(super) fn value_folded(&mut self, kind: FieldKind, line: &[u8]) {
        if kind == FieldKind::Connection {
            self.connection_options(line);
        }
    }

    /// The field is complete; `value` is untrimmed, and of `Connection` its last line.
    pub(super) fn value_end(&mut self, kind: FieldKind, state: &ValueState, value: &[u8]) {
        match kind {
            FieldKind::Connection => self.connection_options(value),
            FieldKind::Expect if contains_100_continue(value) => self.seen |= seen::EXPECT_CONTINUE,
            FieldKind::Expect => self.seen |= seen::EXPECT_OTHER,
            FieldKind::TransferEncoding => {
                if let ValueState::TransferEncoding { at: CodingState(Coding::Chunked) } = state {
                    self.seen |= seen::CHUNKED;
                }
            }
            _ => {}
        }
    }

    /// A whole field at once, for heads known to be well-formed otherwise. `raw` may end with white space, and does not begin with any.
    pub(super) fn field(&mut self, kind: FieldKind, raw: &[u8]) -> Result<(), ParseError> {
        self.name(kind)?;
        if raw.is_empty() {
            return self.empty_value(kind);
        }
        let mut state = self.value_start(kind).map_err(|refused| refused.error)?;
        if !matches!(state, ValueState::Plain) {
            for &byte in raw {
                self.value_byte(&mut state, byte).map_err(|refused| refused.error)?;
            }
        }
        self.value_line_end(&state);
        self.value_end(kind, &state, raw);
        Ok(())
    }

    fn connection_options(&mut self, line: &[u8]) {
        if self.options_over {
            return;
        }
        // Node reads no options from the first byte on that only leniency lets pass, nor the one it stands in.
        let stop = line.iter().position(|byte| matches!(byte, 0..=8 | 10..=31 | 127));
        let line = match stop {
            None => line,
            Some(at) => {
                let sound = line.get(..at).unwrap_or_default();
                let comma = sound.iter().rposition(|&byte| byte == b',').map_or(0, |comma| comma + 1);
                sound.get(..comma).unwrap_or_default()
            }
        };
        for option in line.split(|&byte| byte == b',') {
            let option = trim_ows(option);
            let bit = match option.len() {
                5 if option.eq_ignore_ascii_case(b"close") => seen::CONNECTION_CLOSE,
                7 if option.eq_ignore_ascii_case(b"upgrade") => seen::CONNECTION_UPGRADE,
                10 if option.eq_ignore_ascii_case(b"keep-alive") => seen::CONNECTION_KEEP_ALIVE,
                _ => 0,
            };
            self.seen |= bit;
            self.options_over = bit != 0;
        }
    }

    /// Whether the connection persists after this message.
    pub(super) fn keep_alive(&self, version: (u8, u8)) -> bool {
        // RFC 9112 §9.3: "If the received protocol is HTTP/1.1 (or later), the connection will persist". As in Node's
        // parser every x.0 is HTTP/1.0 in this.
        if version.0 > 0 && version.1 > 0 {
            !self.has(seen::CONNECTION_CLOSE)
        } else {
            self.has(seen::CONNECTION_KEEP_ALIVE)
        }
    }

    /// Whether `chunked` is the last transfer coding named so far.
    pub(super) fn is_chunked(&self) -> bool {
        self.has(seen::CHUNKED)
    }

    /// Whether the message asks for another protocol (RFC 9110 §7.8 and §9.3.6).
    pub(super) fn is_upgrade(&self, method: Method) -> bool {
        method == Method::CONNECT || self.has(seen::UPGRADE | seen::CONNECTION_UPGRADE)
    }

    /// How the body is delimited. The error is one Node raises after its 'request' event.
    pub(super) fn body_length(&self, method: Method) -> Result<BodyLength, ParseError> {
        // RFC 9110 §9.3.6: "A CONNECT request message does not have content."
        if method == Method::CONNECT {
            return Ok(BodyLength::None);
        }
        if self.has(seen::CHUNKED) {
            return Ok(BodyLength::Chunked);
        }
        // Node hands over an upgrade whose body has no length as one without a body.
        let bodiless_upgrade = self.content_length == 0 && self.is_upgrade(method);
        if self.has(seen::TRANSFER_ENCODING) && !bodiless_upgrade {
            // RFC 9112 §6.3: "If a Transfer-Encoding header field is present in a request and the chunked transfer coding
            // is not the final encoding, the message body length cannot be determined reliably"
            return if self.lenient { Ok(BodyLength::UntilEof) } else { Err(ParseError::UnframedTransferEncoding) };
        }
        Ok(if self.content_length > 0 { BodyLength::Sized(self.content_length) } else { BodyLength::None })
    }

    /// How the body of a response with that status is delimited (RFC 9112 §6.3), whatever the request was.
    pub(super) fn response_length(&self, status: u16) -> BodyLength {
        if is_bodiless(status) {
            BodyLength::None
        } else if self.has(seen::CHUNKED) {
            BodyLength::Chunked
        } else if self.has(seen::CONTENT_LENGTH) && !self.has(seen::TRANSFER_ENCODING) {
            match self.content_length {
                0 => BodyLength::None,
                length => BodyLength::Sized(length),
            }
        } else {
            BodyLength::UntilEof
        }
    }

    /// RFC 9110 §15.2.2: 101 with the protocol named; one that names none is an ordinary response to Node.
    pub(super) fn switches_protocols(&self, status: u16) -> bool {
        status == 101 && self.has(seen::UPGRADE | seen::CONNECTION_UPGRADE)
    }

    /// The bits of [`flags`] for a response head with these fields, whose body is delimited by `length`.
    pub(super) fn response_flags(&self, status: u16, version: (u8, u8), length: BodyLength, upgrade: bool) -> u32 {
        // Node judges before it knows of a HEAD: a body that would have run to the end costs the connection all the same.
        let delimited = self.response_length(status) != BodyLength::UntilEof;
        let mut bits = 0;
        let mut set = |condition: bool, flag: u32| bits |= if condition { flag } else { 0 };
        set(self.keep_alive(version) && delimited, flags::KEEP_ALIVE);
        set(upgrade, flags::UPGRADE);
        set(length != BodyLength::None, flags::HAS_BODY);
        bits
    }

    /// The bits of [`flags`] for a head with these fields.
    pub(super) fn request_flags(&self, method: Method, version: (u8, u8)) -> u32 {
        let mut bits = 0;
        let upgrade = self.is_upgrade(method);
        let mut set = |condition: bool, flag: u32| bits |= if condition { flag } else { 0 };
        set(self.keep_alive(version), flags::KEEP_ALIVE);
        set(upgrade, flags::UPGRADE);
        // A body that cannot be delimited is still announced, so that the request does not count as complete.
        set(self.body_length(method) != Ok(BodyLength::None), flags::HAS_BODY);
        set(self.has(seen::HOST), flags::HAS_HOST);
        // RFC 9110 §10.1.1: "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore that
        // expectation."
        if version == (1, 1) && !upgrade {
            let expects_continue = self.has(seen::EXPECT_CONTINUE);
            set(expects_continue, flags::EXPECT_CONTINUE);
            set(self.has(seen::EXPECT_OTHER) && !expects_continue, flags::EXPECT_OTHER);
        }
        bits
    }
}

/// RFC 9110 §6.4.1: no content, whatever the fields say.
fn is_bodiless(status: u16) -> bool {
    matches!(status, 100..=199 | 204 | 304)
}

/// `value` without the white space around it (RFC 9110 §5.6.3).
pub(super) fn trim_ows(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Whether `value` has `100-continue` as a word of its own, in any case.
fn contains_100_continue(value: &[u8]) -> bool {
    const WORD: &[u8] = b"100-continue";
    let in_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    value.windows(WORD.len()).enumerate().any(|(at, window)| {
        window.eq_ignore_ascii_case(WORD)
            && !in_word(at.checked_sub(1).and_then(|before| value.get(before)))
            && !in_word(value.get(at + WORD.len()))
    })
}
