//! The request target (RFC 9112 §3.2), byte by byte: origin-form, asterisk-form and absolute-form; for CONNECT the
//! authority-form. It is checked, not taken apart.

use crate::engine::error::ParseError;

/// Where in a target the next byte stands.
///
/// ```text
/// Start ── "/" "*" ──► Path ── "?" ──► Query ── "#" ──► Fragment
///   └── letter ──► Scheme ── ":" ──► Slash ── "/" ──► SecondSlash ── "/" ──► Authority ──► Path | Query
///                                     (CONNECT starts at Authority)               └ "@" ► AuthorityAt
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Start,
    Scheme,
    Slash,
    SecondSlash,
    Authority,
    AuthorityAt,
    Path,
    Query,
    Fragment,
}

/// What a byte does to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TargetStep {
    /// It belongs to the target.
    In(Target),
    /// It (a space, CR or LF) ends the target.
    Over,
    /// It breaks a rule; `true`: it counts as parsed.
    Refused(ParseError, bool),
}

impl Target {
    /// What `byte` does.
    pub(super) fn step(self, byte: u8) -> TargetStep {
        use TargetStep::{In, Over, Refused};
        if matches!(byte, b'\t' | b'\x0c') && self != Target::SecondSlash {
            return Refused(ParseError::TargetWhitespace, true);
        }
        let blank = matches!(byte, b' ' | b'\r' | b'\n');
        match self {
            Target::Start | Target::Scheme | Target::Slash if blank => Refused(ParseError::TargetWhitespace, true),
            Target::Start => match byte {
                b'/' | b'*' => In(Target::Path),
                _ if byte.is_ascii_alphabetic() => In(Target::Scheme),
                _ => Refused(ParseError::TargetStart, false),
            },
            Target::Scheme => match byte {
                b':' => In(Target::Slash),
                _ if byte.is_ascii_alphabetic() => In(Target::Scheme),
                _ => Refused(ParseError::TargetScheme, false),
            },
            Target::Slash if byte == b'/' => In(Target::SecondSlash),
            Target::SecondSlash if byte == b'/' => In(Target::Authority),
            Target::Slash | Target::SecondSlash => Refused(ParseError::TargetScheme, false),
            _ if blank => Over,
            Target::Authority | Target::AuthorityAt => match byte {
                b'/' => In(Target::Path),
                b'?' => In(Target::Query),
                b'@' if self == Target::AuthorityAt => Refused(ParseError::TargetDoubleAt, true),
                b'@' => In(Target::AuthorityAt),
                _ if is_authority_char(byte) => In(Target::Authority),
                _ => Refused(ParseError::TargetAuthority, false),
            },
            Target::Path => match byte {
                b'?' => In(Target::Query),
                b'#' => In(Target::Fragment),
                0x21..=0x7e => In(Target::Path),
                _ => Refused(ParseError::TargetPath, false),
            },
            Target::Query => match byte {
                b'#' => In(Target::Fragment),
                0x21..=0x7e => In(Target::Query),
                _ => Refused(ParseError::TargetQuery, false),
            },
            Target::Fragment => match byte {
                0x21..=0x7e => In(Target::Fragment),
                _ => Refused(ParseError::TargetFragment, false),
            },
        }
    }

    /// Whether `target` as a whole is one; `self` is where it starts.
    pub(super) fn accepts(self, target: &[u8]) -> bool {
        if self == Target::Start && matches!(target.first(), Some(b'/' | b'*')) {
            return target.iter().all(|byte| matches!(byte, 0x21..=0x7e));
        }
        let mut at = self;
        for &byte in target {
            match at.step(byte) {
                TargetStep::In(next) => at = next,
                _ => return false,
            }
        }
        at.step(b' ') == TargetStep::Over
    }
}

fn is_authority_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*'()%;:&=+$,[]".contains(&byte)
}
