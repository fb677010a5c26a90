//! How large a connection's heads may be, and how much of what comes is checked.

use crate::engine::error::ParseError;
use crate::engine::layout::{limits, Validation};

/// Limits and leniency of a server's connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Bytes of request target, field names and field values a head may have; default 16,384.
    pub max_header_size: usize,
    /// Fields a head may have; 0 means no limit; default 1,000.
    pub max_fields: u32,
    /// How much of what comes is checked.
    pub validation: Validation,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            max_header_size: limits::MAX_HEADER_SIZE as usize,
            max_fields: limits::MAX_FIELDS,
            validation: Validation::default(),
        }
    }
}

/// How large a head or a trailer section may be, and how strictly it is checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of target, names and values; reaching it is an overflow.
    pub(super) size: usize,
    /// Fields; 0 is no limit.
    pub(super) fields: u32,
    /// What is let pass.
    pub(super) validation: Validation,
}

impl Limits {
    pub(super) fn new(config: &Config) -> Limits {
        Limits { size: config.max_header_size, fields: config.max_fields, validation: config.validation }
    }

    /// What only lenient parsing lets pass is an error otherwise.
    pub(super) fn let_pass(&self, error: ParseError) -> Result<(), ParseError> {
        if self.validation.is_lenient() {
            Ok(())
        } else {
            Err(error)
        }
    }

    /// After a CR: the LF, which may be `missing` in lenient parsing; then `byte` is left for what follows.
    pub(super) fn line_feed(&self, byte: u8, pos: &mut usize, missing: ParseError) -> Result<(), ParseError> {
        if byte == b'\n' {
            *pos += 1;
            return Ok(());
        }
        self.let_pass(missing)
    }
}
