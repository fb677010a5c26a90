//! The HTTP-version of a start line (RFC 9112 §2.3), a byte at a time: a protocol's name, a slash, and two digits with a dot between.

use super::config::Limits;
use crate::engine::error::ParseError;

/// The protocol named in front of the version; Node's parser takes those of HTTP's relatives as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http,
    Rtsp,
    Ice,
}

const PROTOCOLS: [(&[u8], Protocol); 3] =
    [(b"HTTP", Protocol::Http), (b"RTSP", Protocol::Rtsp), (b"ICE", Protocol::Ice)];

/// Where in the version the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VersionAt {
    Start,
    /// So many bytes of the protocol at this place of [`PROTOCOLS`] are in.
    Protocol(u8, u8),
    Slash,
    Major,
    Dot,
    Minor,
}

/// What a byte has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VersionStep {
    In(VersionAt),
    /// The name is over; the slash follows.
    Named(Protocol),
    Over,
}

impl VersionAt {
    /// Takes `byte`, which stands at `*pos`. On error `*pos` is what Node calls `bytesParsed`.
    pub(super) fn step(
        self,
        byte: u8,
        pos: &mut usize,
        version: &mut (u8, u8),
        limits: &Limits,
    ) -> Result<VersionStep, ParseError> {
        let step = match self {
            VersionAt::Start => {
                let starts = |(name, _): &(&[u8], Protocol)| name.first() == Some(&byte);
                let which = PROTOCOLS.iter().position(starts).ok_or(ParseError::InvalidProtocol)?;
                VersionStep::In(VersionAt::Protocol(which as u8, 1))
            }
            VersionAt::Protocol(which, length) => {
                let (name, protocol) = *PROTOCOLS.get(usize::from(which)).ok_or(ParseError::InvalidProtocol)?;
                if name.get(usize::from(length)) != Some(&byte) {
                    return Err(ParseError::InvalidProtocol);
                }
                if usize::from(length) + 1 < name.len() {
                    VersionStep::In(VersionAt::Protocol(which, length + 1))
                } else {
                    VersionStep::Named(protocol)
                }
            }
            VersionAt::Slash if byte == b'/' => VersionStep::In(VersionAt::Major),
            VersionAt::Slash => return Err(ParseError::InvalidProtocol),
            VersionAt::Major => {
                version.0 = digit(byte).ok_or(ParseError::InvalidMajorVersion)?;
                VersionStep::In(VersionAt::Dot)
            }
            VersionAt::Dot if byte == b'.' => VersionStep::In(VersionAt::Minor),
            VersionAt::Dot => return Err(ParseError::NoDotInVersion),
            VersionAt::Minor => {
                version.1 = digit(byte).ok_or(ParseError::InvalidMinorVersion)?;
                if !limits.validation.is_lenient() && !matches!(version, (0, 9) | (1, 0 | 1) | (2, 0)) {
                    *pos += 1;
                    return Err(ParseError::UnknownVersion);
                }
                VersionStep::Over
            }
        };
        *pos += 1;
        Ok(step)
    }
}

pub(super) fn digit(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}
