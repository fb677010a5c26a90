//! What is fuzzed, as plain functions of bytes: `fuzz_targets/` hands them to libFuzzer, `tests/fuzz_smoke.rs` to a seeded generator and
//! the corpora. They panic at what must not be.
#![allow(dead_code)] // each libFuzzer target uses a part

mod connection;
mod framing;
mod records;
mod streams;
#[path = "../../tests/support/mod.rs"]
pub mod support;

pub use connection::connection;
pub use framing::{chunked_body, request_head, response};
pub use records::{commands, websocket_mask};
pub use streams::streams;

/// Takes any bytes; panics at what must not be.
pub type Target = fn(&[u8]);

/// The targets by name, as the corpora and libFuzzer know them.
pub const TARGETS: [(&str, Target); 7] = [
    ("request_head", request_head),
    ("chunked_body", chunked_body),
    ("response", response),
    ("connection", connection),
    ("streams", streams),
    ("commands", commands),
    ("websocket_mask", websocket_mask),
];
