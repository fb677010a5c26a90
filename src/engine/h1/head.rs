//! A request's head (RFC 9112 §2 to §5): by httparse when one read brings the whole of it and nothing is odd, else by a
//! scanner which resumes across reads and knows the offending byte.

use std::mem::MaybeUninit;

use super::config::Limits;
use super::fields::{FieldSection, KEEP_CAPACITY};
use super::framing::{FieldKind, Framing};
use super::method::{Method, METHODS};
use super::target::{Target, TargetStep};
use super::version::{Protocol, VersionAt, VersionStep};
use crate::engine::error::ParseError;

/// Fields the fast path has room for; more are for the scanner.
const FAST_FIELDS: usize = 64;

const HTTP2_PREFACE: &[u8] = b"\r\n\r\nSM\r\n\r\n";

/// Where in the head the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// So many letters of the method are in.
    Method(u8),
    MethodOver,
    BeforeTarget,
    Target(Target),
    /// CR has ended the target: a request without version, HTTP/0.9.
    TargetCr,
    /// Behind the space which ended the target.
    TargetSpace,
    /// Behind the line end which ended the target.
    TargetLf,
    /// Spaces ahead of the protocol.
    BeforeProtocol,
    Version(VersionAt),
    VersionOver,
    VersionCr,
    /// So many bytes of the HTTP/2 preface's rest are in.
    Preface(u8),
    Fields,
}

/// A head parsed at one go.
#[derive(Clone, Copy, Debug)]
pub(super) struct WholeHead<'a> {
    pub(super) method: Method,
    pub(super) version: (u8, u8),
    pub(super) target: &'a [u8],
    /// Bytes the head takes.
    pub(super) length: usize,
}

/// Parses one head at a time.
#[derive(Debug)]
pub(super) struct HeadParser {
    at: At,
    /// Longest method name is `UNSUBSCRIBE`'s or `SET_PARAMETER`'s 13 letters.
    method_name: [u8; 16],
    method: Method,
    version: (u8, u8),
    target: Vec<u8>,
}

impl HeadParser {
    pub(super) fn new() -> HeadParser {
        HeadParser { at: At::Method(0), method_name: [0; 16], method: Method::GET, version: (1, 1), target: Vec::new() }
    }

    pub(super) fn method(&self) -> Method {
        self.method
    }

    pub(super) fn version(&self) -> (u8, u8) {
        self.version
    }

    pub(super) fn target(&self) -> &[u8] {
        &self.target
    }

    /// Tries the whole of a head that begins `bytes`. `None`: it is not all there, or the scanner must judge it; then
    /// `fields` and `framing` must begin anew.
    pub(super) fn parse_whole<'a>(
        bytes: &'a [u8],
        fields: &mut FieldSection,
        framing: &mut Framing,
        limits: &Limits,
    ) -> Option<WholeHead<'a>> {
        let mut slots = [const { MaybeUninit::uninit() }; FAST_FIELDS];
        let mut request = httparse::Request::new(&mut []);
        let Ok(httparse::Status::Complete(length)) = request.parse_with_uninit_headers(bytes, &mut slots) else {
            return None;
        };
        // A head that is below the limit with all its line ends is below it without them.
        let too_many = limits.fields != 0 && request.headers.len() as u64 > u64::from(limits.fields);
        if length >= limits.size || too_many {
            return None;
        }
        let method = Method::of(request.method?.as_bytes()).filter(|method| method.is_http())?;
        let target = request.path?.as_bytes();
        let start = if method == Method::CONNECT { Target::Authority } else { Target::Start };
        if !start.accepts(target) {
            return None;
        }
        let version = (1, request.version?);
        let crlf_ends_at = |end: usize| end.checked_sub(2).and_then(|at| bytes.get(at..end)) == Some(b"\r\n");
        // The empty line, and with it the end of the last line, which httparse would let be bare LFs.
        if !crlf_ends_at(length) || !crlf_ends_at(length - 2) {
            return None;
        }
        let offset = |part: &[u8]| (part.as_ptr() as usize).wrapping_sub(bytes.as_ptr() as usize);
        for (index, field) in request.headers.iter().enumerate() {
            let name = field.name.as_bytes();
            if !crlf_ends_at(offset(name)) {
                return None;
            }
            fields.push(name, field.value);
            let kind = FieldKind::of(name);
            if kind == FieldKind::Other {
                continue;
            }
            // White space behind the value, which httparse has cut, makes a difference to Transfer-Encoding.
            let line_end = match request.headers.get(index + 1) {
                Some(next) => offset(next.name.as_bytes()),
                None => length - 2,
            };
            let raw = match field.value {
                [] => field.value,
                value => bytes.get(offset(value)..line_end.checked_sub(2)?)?,
            };
            framing.field(kind, raw).ok()?;
        }
        Some(WholeHead { method, version, target, length })
    }

    /// Starts the scanner on a message.
    pub(super) fn begin(&mut self, fields: &mut FieldSection) {
        self.at = At::Method(0);
        if self.target.capacity() > KEEP_CAPACITY {
            self.target = Vec::new();
        }
        self.target.clear();
        fields.begin_head();
    }

    /// Takes the bytes from `*pos` on. `Ok(true)`: the head is over and `*pos` is behind it.
    /// On error `*pos` is what Node calls `bytesParsed`.
    pub(super) fn scan(
        &mut self,
        bytes: &[u8],
        pos: &mut usize,
        fields: &mut FieldSection,
        framing: &mut Framing,
        limits: &Limits,
    ) -> Result<bool, ParseError> {
        while let Some(&byte) = bytes.get(*pos) {
            match self.at {
                At::Fields => return fields.scan(bytes, pos, framing, limits),
                At::Method(length) => self.method_byte(byte, length, pos)?,
                At::Target(target) => self.target_bytes(bytes, target, pos, fields, limits)?,
                At::MethodOver | At::BeforeTarget | At::TargetSpace | At::TargetCr | At::TargetLf => {
                    self.around_target(byte, pos)?
                }
                _ => self.protocol(byte, pos, limits)?,
            }
        }
        Ok(false)
    }

    fn method_byte(&mut self, byte: u8, length: u8, pos: &mut usize) -> Result<(), ParseError> {
        let end = usize::from(length);
        if let Some(slot) = self.method_name.get_mut(end) {
            *slot = byte;
            let so_far = self.method_name.get(..=end).unwrap_or_default();
            if METHODS.iter().any(|name| name.as_bytes().starts_with(so_far)) {
                *pos += 1;
                self.at = At::Method(length + 1);
                return Ok(());
            }
        }
        let name = self.method_name.get(..end).unwrap_or_default();
        self.method = Method::of(name).ok_or(ParseError::InvalidMethod)?;
        self.at = At::MethodOver;
        Ok(())
    }

    fn around_target(&mut self, byte: u8, pos: &mut usize) -> Result<(), ParseError> {
        match (self.at, byte) {
            (At::MethodOver, b' ') => {
                *pos += 1;
                self.at = At::BeforeTarget;
            }
            (At::MethodOver, _) => return Err(ParseError::NoSpaceAfterMethod),
            (At::BeforeTarget, b' ') => *pos += 1,
            (At::BeforeTarget, _) => {
                let connect = self.method == Method::CONNECT;
                self.at = At::Target(if connect { Target::Authority } else { Target::Start });
            }
            // To Node a tab or form feed right after the target is an error of the target's.
            (At::TargetSpace | At::TargetLf, b'\t' | b'\x0c') => {
                *pos += 1;
                return Err(ParseError::TargetWhitespace);
            }
            (At::TargetSpace, _) => self.at = At::BeforeProtocol,
            (At::TargetLf, _) => self.at = At::Fields,
            (_, b'\n') => {
                *pos += 1;
                self.at = At::TargetLf;
            }
            _ => return Err(ParseError::TargetLineEnd),
        }
        Ok(())
    }

    fn target_bytes(
        &mut self,
        bytes: &[u8],
        mut target: Target,
        pos: &mut usize,
        fields: &mut FieldSection,
        limits: &Limits,
    ) -> Result<(), ParseError> {
        let from = *pos;
        let mut over = false;
        for &byte in bytes.get(from..).unwrap_or_default() {
            match target.step(byte) {
                TargetStep::In(next) => target = next,
                TargetStep::Over => {
                    over = true;
                    break;
                }
                TargetStep::Refused(error, consumed) => {
                    *pos += usize::from(consumed);
                    return Err(error);
                }
            }
            *pos += 1;
        }
        self.at = At::Target(target);
        let part = bytes.get(from..*pos).unwrap_or_default();
        if !part.is_empty() {
            fields.spend(part.len(), limits)?;
            self.target.extend_from_slice(part);
        }
        if !over {
            return Ok(());
        }
        let end = bytes.get(*pos).copied();
        *pos += 1;
        self.at = match end {
            Some(b' ') => At::TargetSpace,
            Some(b'\r') => At::TargetCr,
            _ => At::TargetLf,
        };
        if self.at != At::TargetSpace {
            self.version = (0, 9);
        }
        Ok(())
    }

    /// From the spaces ahead of the protocol to the end of the request line.
    fn protocol(&mut self, byte: u8, pos: &mut usize, limits: &Limits) -> Result<(), ParseError> {
        self.at = match self.at {
            At::BeforeProtocol if byte == b' ' => At::BeforeProtocol,
            At::BeforeProtocol => return self.version_byte(VersionAt::Start, byte, pos, limits),
            At::Version(at) => return self.version_byte(at, byte, pos, limits),
            At::Preface(length) => {
                if HTTP2_PREFACE.get(usize::from(length)) != Some(&byte) {
                    return Err(ParseError::NoHttp2Preface);
                }
                if usize::from(length) + 1 == HTTP2_PREFACE.len() {
                    *pos += 1;
                    return Err(ParseError::Http2Preface);
                }
                At::Preface(length + 1)
            }
            At::VersionOver if byte == b'\r' || (byte == b'\n' && limits.validation.is_lenient()) => At::VersionCr,
            At::VersionOver => {
                *pos += usize::from(byte == b'\n');
                return Err(ParseError::NoCrlfAfterVersion);
            }
            _ if byte == b'\n' => At::Fields,
            _ if limits.validation.is_lenient() => {
                self.at = At::Fields;
                return Ok(());
            }
            _ => return Err(ParseError::NoLfAfterVersion),
        };
        *pos += 1;
        Ok(())
    }

    fn version_byte(&mut self, at: VersionAt, byte: u8, pos: &mut usize, limits: &Limits) -> Result<(), ParseError> {
        self.at = match at.step(byte, pos, &mut self.version, limits)? {
            VersionStep::In(next) => At::Version(next),
            VersionStep::Named(protocol) => {
                self.fits(protocol)?;
                At::Version(VersionAt::Slash)
            }
            VersionStep::Over if self.method == Method::PRI => At::Preface(0),
            VersionStep::Over => At::VersionOver,
        };
        Ok(())
    }

    /// Whether the method is one of the protocol's.
    fn fits(&self, protocol: Protocol) -> Result<(), ParseError> {
        let (fits, error) = match protocol {
            Protocol::Http => (self.method.is_http() || self.method == Method::PRI, ParseError::MethodNotForHttp),
            Protocol::Rtsp => (self.method.is_rtsp(), ParseError::MethodNotForRtsp),
            Protocol::Ice => (self.method == Method::SOURCE, ParseError::MethodNotForIce),
        };
        if fits {
            Ok(())
        } else {
            Err(error)
        }
    }
}
