//! How large a connection's heads may be, and how much of what comes is checked.

use crate::engine::error::ParseError;
use crate::engine::layout::limits;

/// Limits and leniency of a server's connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Bytes of request target, field names and field values a head may have; default 16,384.
    pub max_header_size: usize,
    /// Fields a head may have; 0 means no limit; default 1,000, what Node's `maxHeadersCount` amounts to.
    pub max_fields: u32,
    /// Accept what Node accepts with `insecureHTTPParser`; default false.
    pub lenient: bool,
    /// Accept control characters in field values, NUL, CR and LF excepted, as Node does with `httpValidation: 'relaxed'`; default
    /// false.
    pub relaxed_values: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            max_header_size: limits::MAX_HEADER_SIZE as usize,
            max_fields: 1_000,
            lenient: false,
            relaxed_values: false,
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
    /// Accept what Node's `insecureHTTPParser` accepts.
    pub(super) lenient: bool,
    /// Accept control characters in values.
    pub(super) relaxed_values: bool,
}

impl Limits {
    pub(super) fn new(config: &Config) -> Limits {
        Limits {
            size: config.max_header_size,
            fields: config.max_fields,
            lenient: config.lenient,
            relaxed_values: config.relaxed_values,
        }
    }

    /// What only lenient parsing lets pass is an error otherwise.
    pub(super) fn let_pass(&self, error: ParseError) -> Result<(), ParseError> {
        if self.lenient {
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
