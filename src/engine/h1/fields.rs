//! A section of field lines (RFC 9112 §5): the head's and the trailer's, over any number of reads.

use super::config::Limits;
use super::framing::{trim_ows, FieldKind, Framing, ValueState};
use crate::engine::error::ParseError;

/// Where in the section the next byte stands.
#[derive(Clone, Copy, Debug)]
enum At {
    /// The line behind the request line, where a leading space has an error of its own.
    FirstLine,
    LineStart,
    Name,
    /// Lenient only: white space ahead of the colon.
    NameSpace,
    /// White space ahead of the value.
    ValueStart,
    /// CR where a value could have begun.
    ValueStartCr,
    /// A line end where a value could have begun.
    EmptyValue,
    Value(ValueState),
    /// Lenient only: a byte not allowed in values has been passed.
    LenientValue,
    ValueCr(ValueState),
    /// Behind a field line's end: the field is complete unless white space follows.
    ValueOver(ValueState),
    /// CR at a line's start: the section ends.
    EndCr,
}

/// Collects field lines as `name NUL value NUL name NUL value`.
#[derive(Debug)]
pub(super) struct FieldSection {
    at: At,
    kind: FieldKind,
    buffer: Vec<u8>,
    /// Where in `buffer` the present name or value begins.
    item: usize,
    /// The same for the present line of a folded value.
    line: usize,
    count: u32,
    used: usize,
}

/// A scratch buffer above this is given back between messages, so that one large head does not keep memory on an idle
/// connection. Bytes.
pub(super) const KEEP_CAPACITY: usize = 4096;

impl FieldSection {
    pub(super) fn new() -> FieldSection {
        FieldSection {
            at: At::LineStart,
            kind: FieldKind::Other,
            buffer: Vec::new(),
            item: 0,
            line: 0,
            count: 0,
            used: 0,
        }
    }

    /// Starts a head's fields; the target's bytes count towards its size.
    pub(super) fn begin_head(&mut self) {
        self.begin_trailer();
        self.at = At::FirstLine;
    }

    /// Starts a trailer section.
    pub(super) fn begin_trailer(&mut self) {
        if self.buffer.capacity() > KEEP_CAPACITY {
            self.buffer = Vec::new();
        }
        self.buffer.clear();
        self.at = At::LineStart;
        self.count = 0;
        self.used = 0;
        self.item = 0;
    }

    /// The fields so far, without the separator behind the last.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.strip_suffix(b"\0").unwrap_or(&self.buffer)
    }

    /// How many fields there are.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Counts `size` bytes of target, name or value.
    pub(super) fn spend(&mut self, size: usize, limits: &Limits) -> Result<(), ParseError> {
        self.used = self.used.saturating_add(size);
        if self.used >= limits.size {
            return Err(ParseError::HeaderOverflow);
        }
        Ok(())
    }

    /// A whole field, checked already.
    pub(super) fn push(&mut self, name: &[u8], value: &[u8]) {
        self.buffer.extend_from_slice(name);
        self.buffer.push(0);
        self.buffer.extend_from_slice(value);
        self.buffer.push(0);
        self.count += 1;
    }

    /// Takes the bytes from `*pos` on. `Ok(true)`: the section is over and `*pos` is behind its empty line.
    /// On error `*pos` is what Node calls `bytesParsed`.
    pub(super) fn scan(
        &mut self,
        bytes: &[u8],
        pos: &mut usize,
        framing: &mut Framing,
        limits: &Limits,
    ) -> Result<bool, ParseError> {
        while let Some(&byte) = bytes.get(*pos) {
            match self.at {
                At::Name => self.name(bytes, pos, framing, limits)?,
                At::Value(state) => self.value(bytes, pos, state, framing, limits)?,
                At::LenientValue => {
                    let rest = bytes.get(*pos..).unwrap_or_default();
                    self.lenient_value(rest, 0, pos, framing, limits)?;
                }
                At::FirstLine | At::LineStart => {
                    if self.line_start(byte, pos, limits)? {
                        return Ok(true);
                    }
                }
                At::EndCr => {
                    limits.line_feed(byte, pos, ParseError::NoLfAfterHead)?;
                    return Ok(true);
                }
                _ => self.around_value(byte, pos, framing, limits)?,
            }
        }
        Ok(false)
    }

    /// `Ok(true)`: a lenient bare LF ended the section.
    fn line_start(&mut self, byte: u8, pos: &mut usize, limits: &Limits) -> Result<bool, ParseError> {
        match byte {
            b' ' if matches!(self.at, At::FirstLine) => {
                *pos += 1;
                limits.let_pass(ParseError::SpaceAfterStartLine)?;
                self.at = At::LineStart;
            }
            b'\r' => {
                *pos += 1;
                self.at = At::EndCr;
            }
            b'\n' => {
                *pos += 1;
                return if limits.validation.is_lenient() { Ok(true) } else { Err(ParseError::FieldChar) };
            }
            b':' => return Err(ParseError::FieldName),
            _ => {
                self.item = self.buffer.len();
                self.at = At::Name;
            }
        }
        Ok(false)
    }

    /// Moves what a read has brought of a name or value into the buffer.
    fn keep(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), ParseError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.spend(bytes.len(), limits)?;
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// As [`FieldSection::keep`], for a name: its first bytes count the field.
    fn keep_name(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), ParseError> {
        let starts = self.buffer.len() == self.item && !bytes.is_empty();
        self.keep(bytes, limits)?;
        if starts {
            self.count = self.count.saturating_add(1);
            if limits.fields != 0 && self.count > limits.fields {
                return Err(ParseError::HeaderOverflow);
            }
        }
        Ok(())
    }

    fn name(
        &mut self,
        bytes: &[u8],
        pos: &mut usize,
        framing: &mut Framing,
        limits: &Limits,
    ) -> Result<(), ParseError> {
        let rest = bytes.get(*pos..).unwrap_or_default();
        let length = rest.iter().position(|&byte| !is_token_char(byte)).unwrap_or(rest.len());
        let part = rest.get(..length).unwrap_or_default();
        *pos += length;
        let Some(&stop) = rest.get(length) else {
            return self.keep_name(part, limits);
        };
        if stop != b':' && stop != b' ' {
            return Err(ParseError::FieldName);
        }
        if stop == b' ' {
            let before = self.buffer.get(self.item..).unwrap_or_default();
            let special = FieldKind::of(&[before, part].concat()).is_framing();
            if !special {
                return Err(ParseError::FieldName);
            }
            if !limits.validation.is_lenient() {
                *pos += 1;
                self.keep_name(part, limits)?;
                return Err(ParseError::FieldChar);
            }
            self.keep_name(part, limits)?;
            self.at = At::NameSpace;
            return Ok(());
        }
        *pos += 1;
        self.keep_name(part, limits)?;
        self.name_over(framing)
    }

    fn name_over(&mut self, framing: &mut Framing) -> Result<(), ParseError> {
        let name = self.buffer.get(self.item..).unwrap_or_default();
        self.kind = FieldKind::of(trim_ows(name));
        framing.name(self.kind)?;
        self.buffer.push(0);
        self.item = self.buffer.len();
        self.line = self.item;
        self.at = At::ValueStart;
        Ok(())
    }

    /// The states between names and values, which take one byte at a time.
    fn around_value(
        &mut self,
        byte: u8,
        pos: &mut usize,
        framing: &mut Framing,
        limits: &Limits,
    ) -> Result<(), ParseError> {
        let blank = matches!(byte, b' ' | b'\t');
        match self.at {
            At::NameSpace if byte == b' ' => {
                *pos += 1;
                self.keep(b" ", limits)?;
            }
            At::NameSpace if byte == b':' => {
                *pos += 1;
                self.name_over(framing)?;
            }
            // Node takes what follows for more of the name.
            At::NameSpace => self.at = At::Name,
            At::ValueStart if blank => *pos += 1,
            At::ValueStart if byte == b'\r' => {
                *pos += 1;
                self.at = At::ValueStartCr;
            }
            At::ValueStart if byte == b'\n' => {
                *pos += 1;
                limits.let_pass(ParseError::FieldValue)?;
                self.at = At::EmptyValue;
            }
            At::ValueStart => self.value_start(pos, framing)?,
            At::ValueStartCr => {
                limits.line_feed(byte, pos, ParseError::NoLfAfterEmptyValue)?;
                self.at = At::EmptyValue;
            }
            _ => return self.behind_line(byte, pos, framing, limits),
        }
        Ok(())
    }

    /// The states behind a field line's CR or LF, where white space would fold the next line into the value.
    fn behind_line(
        &mut self,
        byte: u8,
        pos: &mut usize,
        framing: &mut Framing,
        limits: &Limits,
    ) -> Result<(), ParseError> {
        let blank = matches!(byte, b' ' | b'\t');
        match self.at {
            At::EmptyValue if blank => {
                *pos += 1;
                limits.let_pass(ParseError::FieldValue)?;
                self.at = At::ValueStart;
            }
            At::EmptyValue => {
                framing.empty_value(self.kind)?;
                self.field_over();
            }
            At::ValueCr(state) => {
                if byte != b'\n' {
                    return Err(ParseError::NoLfAfterFieldValue);
                }
                *pos += 1;
                self.at = At::ValueOver(state);
            }
            At::ValueOver(_) if blank => {
                // RFC 9112 §5.2: "A server that receives an obs-fold in a request message [...] MUST either reject the
                // message [...] or replace each received obs-fold with one or more SP octets"
                limits.let_pass(ParseError::WhitespaceAfterFieldValue)?;
                framing.value_folded(self.kind, self.buffer.get(self.line..).unwrap_or_default());
                self.line = self.buffer.len();
                self.value_start(pos, framing)?;
            }
            At::ValueOver(state) => {
                let from = if self.kind == FieldKind::Connection { self.line } else { self.item };
                let value = self.buffer.get(from..).unwrap_or_default();
                framing.value_end(self.kind, &state, value);
                self.field_over();
            }
            _ => {}
        }
        Ok(())
    }

    fn value_start(&mut self, pos: &mut usize, framing: &mut Framing) -> Result<(), ParseError> {
        match framing.value_start(self.kind) {
            Ok(state) => {
                self.at = At::Value(state);
                Ok(())
            }
            Err(refused) => {
                *pos += usize::from(refused.consumed);
                Err(refused.error)
            }
        }
    }

    fn field_over(&mut self) {
        let value = self.buffer.get(self.item..).unwrap_or_default();
        let trimmed = trim_ows(value).len();
        // White space ahead of a value is never kept, so that trimming shortens the end.
        self.buffer.truncate(self.item + trimmed);
        self.buffer.push(0);
        self.at = At::LineStart;
    }

    fn value(
        &mut self,
        bytes: &[u8],
        pos: &mut usize,
        mut state: ValueState,
        framing: &mut Framing,
        limits: &Limits,
    ) -> Result<(), ParseError> {
        let from = *pos;
        let rest = bytes.get(from..).unwrap_or_default();
        let mut length = 0;
        if let ValueState::Plain = state {
            length = rest.iter().position(|&byte| !is_value_char(byte)).unwrap_or(rest.len());
        } else {
            for &byte in rest {
                // A byte not allowed in any value is Content-Length's own error in its value.
                let checked = is_value_char(byte)
                    || (matches!(state, ValueState::ContentLength { .. }) && !matches!(byte, b'\r' | b'\n'));
                if !checked {
                    break;
                }
                if let Err(refused) = framing.value_byte(&mut state, byte) {
                    *pos = from + length + usize::from(refused.consumed);
                    self.keep(rest.get(..length).unwrap_or_default(), limits)?;
                    return Err(refused.error);
                }
                length += 1;
            }
        }
        *pos = from + length;
        self.at = At::Value(state);
        self.value_stop(rest, length, pos, state, framing, limits)
    }

    /// As [`FieldSection::value`] once a byte not allowed in values has come in it; `known` bytes from `*pos` on are in.
    fn lenient_value(
        &mut self,
        rest: &[u8],
        known: usize,
        pos: &mut usize,
        framing: &mut Framing,
        limits: &Limits,
    ) -> Result<(), ParseError> {
        // NUL separates fields at the seam: a value that contained one could pass for other fields.
        let stop = |&byte: &u8| matches!(byte, b'\r' | b'\n' | 0);
        let more = rest.get(known..).unwrap_or_default();
        let length = known + more.iter().position(stop).unwrap_or(more.len());
        *pos += length - known;
        if rest.get(length) == Some(&0) {
            return Err(ParseError::FieldValue);
        }
        self.at = At::LenientValue;
        self.value_stop(rest, length, pos, ValueState::Plain, framing, limits)
    }

    /// `rest[..length]` belongs to the value, `rest[length]` does not.
    fn value_stop(
        &mut self,
        rest: &[u8],
        length: usize,
        pos: &mut usize,
        state: ValueState,
        framing: &mut Framing,
        limits: &Limits,
    ) -> Result<(), ParseError> {
        let part = rest.get(..length).unwrap_or_default();
        match rest.get(length) {
            None => self.keep(part, limits),
            Some(b'\r') => {
                *pos += 1;
                self.keep(part, limits)?;
                framing.value_line_end(&state);
                self.at = At::ValueCr(state);
                Ok(())
            }
            Some(b'\n') => {
                self.keep(part, limits)?;
                limits.let_pass(ParseError::NoCrAfterFieldValue)?;
                framing.value_line_end(&state);
                self.at = At::ValueCr(state);
                Ok(())
            }
            Some(_) if limits.validation.passes_controls() => self.lenient_value(rest, length, pos, framing, limits),
            Some(_) => {
                self.keep(part, limits)?;
                Err(ParseError::FieldValue)
            }
        }
    }
}

/// RFC 9110 §5.6.2: tchar.
pub(super) fn is_token_char(byte: u8) -> bool {
    TOKEN_CHARS.get(usize::from(byte)).copied().unwrap_or(false)
}

/// RFC 9110 §5.5: field-vchar, SP and HTAB.
fn is_value_char(byte: u8) -> bool {
    matches!(byte, b'\t' | 0x20..=0x7e | 0x80..=0xff)
}

static TOKEN_CHARS: [bool; 256] = token_chars();

// Evaluated while compiling, which fails at an index out of range.
#[allow(clippy::indexing_slicing)]
const fn token_chars() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
}
