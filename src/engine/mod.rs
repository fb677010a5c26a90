//! The protocol core: bytes in, events out. It does no I/O of its own; `net` moves the bytes.
#![forbid(unsafe_code)]

pub mod deadline;
pub mod error;
pub mod h1;
pub mod layout;
pub mod net;
pub mod output;
pub mod phase;
pub mod raw;
pub mod websocket;
