//! A response's status line (RFC 9112 §4), over any number of reads, with the offending byte known.

use super::config::Limits;
use super::fields::{FieldSection, KEEP_CAPACITY};
use super::version::{digit, VersionAt, VersionStep};
use crate::engine::error::ParseError;

/// Where in the line the next byte stands.
///
/// ```text
/// Version ► VersionOver ─ SP ► Status ► StatusOver ─ SP ► Reason ─ CR ► LineCr ► Over
///                                            └────────── CR ───────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Version(VersionAt),
    VersionOver,
    /// So many digits of the status are in.
    Status(u8),
    StatusOver,
    Reason,
    LineCr,
    Over,
}

/// Parses one status line at a time.
#[derive(Debug)]
pub(super) struct StatusLine {
    at: At,
    version: (u8, u8),
    status: u16,
    reason: Vec<u8>,
}

impl StatusLine {
    pub(super) fn new() -> StatusLine {
        StatusLine { at: At::Version(VersionAt::Start), version: (1, 1), status: 0, reason: Vec::new() }
    }

    /// Starts on the line of another message.
    pub(super) fn begin(&mut self) {
        if self.reason.capacity() > KEEP_CAPACITY {
            self.reason = Vec::new();
        }
        self.reason.clear();
        self.at = At::Version(VersionAt::Start);
        self.status = 0;
    }

    pub(super) fn version(&self) -> (u8, u8) {
        self.version
    }

    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase as it came, without the space ahead of it.
    pub(super) fn reason(&self) -> &[u8] {
        &self.reason
    }

    /// Takes the bytes from `*pos` on. `Ok(true)`: the line is over and `*pos` is behind it. The reason's bytes count towards the
    /// head's size, as in Node. On error `*pos` is what Node calls `bytesParsed`.
    pub(super) fn scan(
        &mut self,
        bytes: &[u8],
        pos: &mut usize,
        fields: &mut FieldSection,
        limits: &Limits,
    ) -> Result<bool, ParseError> {
        while let Some(&byte) = bytes.get(*pos) {
            match self.at {
                At::Reason => self.reason_bytes(bytes, pos, fields, limits)?,
                At::Version(at) => {
                    self.at = match at.step(byte, pos, &mut self.version, limits)? {
                        VersionStep::In(next) => At::Version(next),
                        VersionStep::Named(_) => At::Version(VersionAt::Slash),
                        VersionStep::Over => At::VersionOver,
                    };
                }
                At::VersionOver if byte == b' ' => {
                    *pos += 1;
                    self.at = At::Status(0);
                }
                At::VersionOver => return Err(ParseError::NoSpaceAfterVersion),
                At::Status(digits) => {
                    let digit = digit(byte).ok_or(ParseError::InvalidStatusCode)?;
                    *pos += 1;
                    self.status = self.status * 10 + u16::from(digit);
                    self.at = if digits == 2 { At::StatusOver } else { At::Status(digits + 1) };
                }
                At::StatusOver => self.behind_status(byte, pos, limits)?,
                At::LineCr | At::Over => {
                    limits.line_feed(byte, pos, ParseError::NoLfAfterEmptyValue)?;
                    self.at = At::Over;
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// RFC 9112 §4: "A client SHOULD ignore the reason-phrase content"; it and even the space ahead of it may be missing.
    fn behind_status(&mut self, byte: u8, pos: &mut usize, limits: &Limits) -> Result<(), ParseError> {
        self.at = match byte {
            b' ' => At::Reason,
            b'\r' => At::LineCr,
            b'\n' if limits.validation.is_lenient() => At::LineCr,
            _ => {
                *pos += usize::from(byte == b'\n');
                return Err(ParseError::InvalidStatusLine);
            }
        };
        // A lenient LF is left for LineCr.
        *pos += usize::from(byte != b'\n');
        Ok(())
    }

    fn reason_bytes(
        &mut self,
        bytes: &[u8],
        pos: &mut usize,
        fields: &mut FieldSection,
        limits: &Limits,
    ) -> Result<(), ParseError> {
        let rest = bytes.get(*pos..).unwrap_or_default();
        let stop = rest.iter().position(|&byte| matches!(byte, b'\r' | b'\n'));
        let part = rest.get(..stop.unwrap_or(rest.len())).unwrap_or_default();
        *pos += part.len();
        let end = stop.and_then(|at| rest.get(at)).copied();
        if end.is_some() {
            *pos += 1;
        }
        if !part.is_empty() {
            fields.spend(part.len(), limits)?;
            self.reason.extend_from_slice(part);
        }
        match end {
            Some(b'\r') => self.at = At::LineCr,
            Some(_) if limits.validation.is_lenient() => {
                *pos -= 1;
                self.at = At::LineCr;
            }
            Some(_) => return Err(ParseError::NoCrAfterStatusLine),
            None => {}
        }
        Ok(())
    }
}
