//! Message bodies (RFC 9112 §6 and §7): takes the framing off what came, over any number of reads.

use super::config::Limits;
use super::fields::{is_token_char, FieldSection};
use super::framing::{BodyLength, Framing};
use super::sink::Sink;
use crate::engine::error::ParseError;

/// Bytes of chunk extensions a chunk may have, names and values; beyond is an overflow, as in Node.
const MAX_CHUNK_EXTENSIONS: usize = 16_384;

/// Where in a body the next byte stands.
///
/// ```text
/// SizeStart ► Size ─ ";" ► ExtensionStart ► ExtensionName ─ "=" ► ExtensionValue ─ DQUOTE ► Quoted ◄► QuotedPair
///              │               ▲    ▲ ";" ───────┴─────────────────────┘                      │ DQUOTE
///              CR              └──────────────────────── ";" ───────────────────────── QuotedOver
///              ▼
///           SizeCr ─ LF ► Data ► DataOver ► DataCr ► SizeStart        (size 0: Trailer)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Sized,
    UntilEof,
    SizeStart,
    Size,
    /// White space has ended the size, which only lenient parsing gets past.
    SizeOver,
    ExtensionStart,
    ExtensionName,
    ExtensionValue,
    Quoted,
    QuotedPair,
    QuotedOver,
    SizeCr,
    Data,
    DataOver,
    DataCr,
    Trailer,
}

/// Decodes one body at a time.
#[derive(Debug)]
pub(super) struct BodyDecoder {
    at: At,
    /// Bytes left of the body, or of the chunk.
    left: u64,
    extensions: usize,
}

impl BodyDecoder {
    pub(super) fn new() -> BodyDecoder {
        BodyDecoder { at: At::Sized, left: 0, extensions: 0 }
    }

    /// Starts on a body of the given length.
    pub(super) fn begin(&mut self, length: BodyLength) {
        (self.at, self.left) = match length {
            BodyLength::None => (At::Sized, 0),
            BodyLength::Sized(size) => (At::Sized, size),
            BodyLength::Chunked => (At::SizeStart, 0),
            BodyLength::UntilEof => (At::UntilEof, 0),
        };
        self.extensions = 0;
    }

    /// Whether the peer's FIN is the body's end.
    pub(super) fn ends_at_eof(&self) -> bool {
        self.at == At::UntilEof
    }

    /// Takes the bytes from `*pos` on. `Ok(true)`: the body is over, `*pos` is behind it, and `fields` has the trailers
    /// of a chunked one. On error `*pos` is what Node calls `bytesParsed`.
    pub(super) fn decode(
        &mut self,
        seq: u32,
        bytes: &[u8],
        pos: &mut usize,
        (fields, framing, limits): (&mut FieldSection, &mut Framing, &Limits),
        sink: &mut impl Sink,
    ) -> Result<bool, ParseError> {
        while let Some(&byte) = bytes.get(*pos) {
            match self.at {
                At::Sized | At::Data | At::UntilEof => {
                    self.data(seq, bytes, pos, sink);
                    if self.at == At::Sized && self.left == 0 {
                        return Ok(true);
                    }
                }
                At::ExtensionName | At::ExtensionValue | At::Quoted => self.extension(bytes, pos, limits)?,
                At::ExtensionStart | At::QuotedPair | At::QuotedOver => self.extension_edge(byte, pos, limits)?,
                At::Trailer => return fields.scan(bytes, pos, framing, limits),
                _ => {
                    self.chunk_line(byte, pos, limits)?;
                    if self.at == At::Trailer {
                        fields.begin_trailer();
                    }
                }
            }
        }
        Ok(false)
    }

    fn data(&mut self, seq: u32, bytes: &[u8], pos: &mut usize, sink: &mut impl Sink) {
        let rest = bytes.get(*pos..).unwrap_or_default();
        let take = match self.at {
            At::UntilEof => rest.len(),
            _ => usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len()),
        };
        if take > 0 {
            sink.body(seq, rest.get(..take).unwrap_or_default());
        }
        *pos += take;
        self.left = self.left.saturating_sub(take as u64);
        if self.at == At::Data && self.left == 0 {
            self.at = At::DataOver;
        }
    }

    /// Chunk sizes and line ends.
    fn chunk_line(&mut self, byte: u8, pos: &mut usize, limits: &Limits) -> Result<(), ParseError> {
        let hex = char::from(byte).to_digit(16).map(u64::from);
        match (self.at, byte) {
            (At::SizeStart | At::Size, _) if hex.is_some() => {
                *pos += 1;
                let shifted = self.left.checked_mul(16);
                self.left = shifted.and_then(|size| size.checked_add(hex?)).ok_or(ParseError::ChunkSizeOverflow)?;
                self.at = At::Size;
            }
            (At::SizeStart, _) => return Err(ParseError::InvalidChunkSize),
            (At::Size | At::SizeOver, b' ' | b'\t') => {
                *pos += 1;
                limits.let_pass(ParseError::InvalidChunkSize)?;
                self.at = At::SizeOver;
            }
            (At::Size | At::SizeOver, b';') => {
                *pos += 1;
                self.at = At::ExtensionStart;
            }
            (At::Size | At::SizeOver, b'\r') => {
                *pos += 1;
                self.at = At::SizeCr;
            }
            (At::Size | At::SizeOver, b'\n') => {
                *pos += 1;
                limits.let_pass(ParseError::NoCrAfterChunkSize)?;
                self.at = At::SizeCr;
            }
            (At::Size | At::SizeOver, _) => return Err(ParseError::InvalidChunkSize),
            (At::SizeCr, _) => {
                limits.line_feed(byte, pos, ParseError::NoLfAfterChunkSize)?;
                self.extensions = 0;
                self.at = if self.left == 0 { At::Trailer } else { At::Data };
            }
            (At::DataOver, b'\r') => {
                *pos += 1;
                self.at = At::DataCr;
            }
            (At::DataOver, b'\n') => {
                *pos += 1;
                limits.let_pass(ParseError::NoCrAfterChunkData)?;
                self.at = At::SizeStart;
            }
            // RFC 9112 §7.1: chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
            _ => {
                if self.at == At::DataCr {
                    limits.line_feed(byte, pos, ParseError::NoLfAfterChunkData)?;
                } else {
                    limits.let_pass(ParseError::NoLfAfterChunkData)?;
                }
                self.at = At::SizeStart;
            }
        }
        Ok(())
    }

    fn spend_extension(&mut self, size: usize) -> Result<(), ParseError> {
        self.extensions = self.extensions.saturating_add(size);
        if self.extensions > MAX_CHUNK_EXTENSIONS {
            return Err(ParseError::ChunkExtensionsOverflow);
        }
        Ok(())
    }

    /// The stretches of an extension: a name, a value, a quoted value's inside.
    fn extension(&mut self, bytes: &[u8], pos: &mut usize, limits: &Limits) -> Result<(), ParseError> {
        let belongs: fn(u8) -> bool = if self.at == At::Quoted { is_quoted_char } else { is_token_char };
        let rest = bytes.get(*pos..).unwrap_or_default();
        let length = rest.iter().position(|&byte| !belongs(byte)).unwrap_or(rest.len());
        *pos += length;
        let Some(&stop) = rest.get(length) else {
            return self.spend_extension(length);
        };
        let name = self.at == At::ExtensionName;
        match (self.at, stop) {
            // An opening quote is part of the value's span and may also stand behind its first letters.
            (At::ExtensionValue, b'"') | (At::Quoted, b'"' | b'\\') => {
                *pos += 1;
                self.spend_extension(length + 1)?;
                self.at = match (self.at, stop) {
                    (At::ExtensionValue, _) => At::Quoted,
                    (_, b'"') => At::QuotedOver,
                    _ => At::QuotedPair,
                };
                return Ok(());
            }
            (At::ExtensionName | At::ExtensionValue, b'\n') => {
                self.spend_extension(length)?;
                limits.let_pass(if name {
                    ParseError::NoCrAfterChunkExtensionName
                } else {
                    ParseError::NoCrAfterChunkExtensionValue
                })?;
                self.at = At::SizeCr;
                return Ok(());
            }
            _ => {}
        }
        *pos += 1;
        self.spend_extension(length)?;
        self.at = match (self.at, stop) {
            (At::ExtensionName, b'=') => At::ExtensionValue,
            (At::ExtensionName | At::ExtensionValue, b';') => At::ExtensionStart,
            (At::ExtensionName | At::ExtensionValue, b'\r') => At::SizeCr,
            (At::ExtensionName, _) => return Err(ParseError::ChunkExtensionName),
            (At::ExtensionValue, _) => return Err(ParseError::ChunkExtensionValue),
            _ => return Err(ParseError::ChunkExtensionQuotedValue),
        };
        Ok(())
    }

    /// The single bytes between those stretches.
    fn extension_edge(&mut self, byte: u8, pos: &mut usize, limits: &Limits) -> Result<(), ParseError> {
        match (self.at, byte) {
            (At::ExtensionStart, b' ' | b'\r') => {
                *pos += 1;
                return Err(ParseError::ChunkExtensionStart);
            }
            (At::ExtensionStart, _) => self.at = At::ExtensionName,
            (At::QuotedPair, _) => {
                *pos += 1;
                if !matches!(byte, b'\t' | 0x20..=0x7e | 0x80..=0xff) {
                    return Err(ParseError::ChunkExtensionQuotedPair);
                }
                self.spend_extension(1)?;
                self.at = At::Quoted;
            }
            (_, b';') => {
                *pos += 1;
                self.at = At::ExtensionStart;
            }
            (_, b'\r') => {
                *pos += 1;
                self.at = At::SizeCr;
            }
            (_, b'\n') if limits.validation.is_lenient() => self.at = At::SizeCr,
            (_, b'\n') => return Err(ParseError::NoCrAfterChunkExtensionValue),
            _ => return Err(ParseError::ChunkExtensionAfterQuote),
        }
        Ok(())
    }
}

/// RFC 9110 §5.6.4: qdtext.
fn is_quoted_char(byte: u8) -> bool {
    matches!(byte, b'\t' | b' ' | 0x21 | 0x23..=0x5b | 0x5d..=0x7e | 0x80..=0xff)
}
