//! The crossing into Node: the only code that knows N-API. It converts and hands over; what anything means is the engine's.

mod crossing;
mod options;
mod port;

use napi_derive::napi;

use crate::engine::error::ParseError;
use crate::engine::h1::METHODS;

/// Names of the request methods, by the index that REQUEST records carry.
#[napi(catch_unwind)]
pub fn methods() -> Vec<String> {
    METHODS.iter().map(|&name| name.to_owned()).collect()
}

/// Code and reason of each parse error, by the index that PARSE_ERROR records carry.
#[napi(catch_unwind)]
pub fn parse_errors() -> Vec<Vec<String>> {
    ParseError::ALL
        .iter()
        .map(|error| vec![error.code().to_owned(), error.reason().to_owned()])
        .collect()
}
