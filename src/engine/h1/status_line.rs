//! A response's status line (RFC 9112 §4), over any number of reads, with the offending byte known.

use super::fields::{FieldSection, Limits, KEEP_CAPACITY};
use crate::engine::error::ParseError;

/// What may stand in front of the version; Node's parser takes the protocols of its relatives as well.
const PROTOCOLS: [&[u8]; 3] = [b"HTTP", b"RTSP", b"ICE"];

/// Where in the line the next byte stands.
///
/// ```text
/// Start ► Protocol ► Slash ► Major ► Dot ► Minor ► VersionOver ─ SP ► Status ► StatusOver ─ SP ► Reason ─ CR ► LineCr ► Over
///                                                                                └────────── CR ───────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Start,
    /// So many bytes of the protocol at this place of [`PROTOCOLS`] are in.
    Protocol(u8, u8),
    Slash,
    Major,
    Dot,
    Minor,
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
        StatusLine { at: At::Start, version: (1, 1), status: 0, reason: Vec::new() }
    }

    /// Starts on the line of another message.
    pub(super) fn begin(&mut self) {
        if self.reason.capacity() > KEEP_CAPACITY {
            self.reason = Vec::new();
        }
        self.reason.clear();
        self.at = At::Start;
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
                At::Start | At::Protocol(..) | At::Slash => self.protocol(byte, pos)?,
                At::Major | At::Dot | At::Minor | At::VersionOver => self.version_byte(byte, pos, limits)?,
                At::Status(digits) => {
                    let digit = digit(byte).ok_or(ParseError::InvalidStatusCode)?;
                    *pos += 1;
                    self.status = self.status * 10 + u16::from(digit);
                    self.at = if digits == 2 { At::StatusOver } else { At::Status(digits + 1) };
                }
                At::StatusOver => self.behind_status(byte, pos, limits)?,
                At::LineCr | At::Over => {
                    if byte == b'\n' {
                        *pos += 1;
                    } else if !limits.lenient {
                        return Err(ParseError::NoLfAfterEmptyValue);
                    }
                    self.at = At::Over;
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn protocol(&mut self, byte: u8, pos: &mut usize) -> Result<(), ParseError> {
        self.at = match self.at {
            At::Protocol(which, length) => {
                let name = PROTOCOLS.get(usize::from(which)).copied().unwrap_or_default();
                if name.get(usize::from(length)) != Some(&byte) {
                    return Err(ParseError::InvalidProtocol);
                }
                if usize::from(length) + 1 < name.len() {
                    At::Protocol(which, length + 1)
                } else {
                    At::Slash
                }
            }
            At::Slash if byte == b'/' => At::Major,
            At::Slash => return Err(ParseError::InvalidProtocol),
            _ => {
                let starts = |name: &&[u8]| name.first() == Some(&byte);
                let which = PROTOCOLS.iter().position(starts).ok_or(ParseError::InvalidProtocol)?;
                At::Protocol(which as u8, 1)
            }
        };
        *pos += 1;
        Ok(())
    }

    fn version_byte(&mut self, byte: u8, pos: &mut usize, limits: &Limits) -> Result<(), ParseError> {
        self.at = match self.at {
            At::Major => {
                self.version.0 = digit(byte).ok_or(ParseError::InvalidMajorVersion)?;
                At::Dot
            }
            At::Dot if byte == b'.' => At::Minor,
            At::Dot => return Err(ParseError::NoDotInVersion),
            At::Minor => {
                self.version.1 = digit(byte).ok_or(ParseError::InvalidMinorVersion)?;
                if !limits.lenient && !matches!(self.version, (0, 9) | (1, 0 | 1) | (2, 0)) {
                    *pos += 1;
                    return Err(ParseError::UnknownVersion);
                }
                At::VersionOver
            }
            _ if byte == b' ' => At::Status(0),
            _ => return Err(ParseError::NoSpaceAfterVersion),
        };
        *pos += 1;
        Ok(())
    }

    /// RFC 9112 §4: "A client SHOULD ignore the reason-phrase content"; it and even the space ahead of it may be missing.
    fn behind_status(&mut self, byte: u8, pos: &mut usize, limits: &Limits) -> Result<(), ParseError> {
        self.at = match byte {
            b' ' => At::Reason,
            b'\r' => At::LineCr,
            b'\n' if limits.lenient => At::LineCr,
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
            Some(_) if limits.lenient => {
                *pos -= 1;
                self.at = At::LineCr;
            }
            Some(_) => return Err(ParseError::NoCrAfterStatusLine),
            None => {}
        }
        Ok(())
    }
}

fn digit(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}
