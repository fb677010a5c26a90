//! HTTP/1 (RFC 9112) without I/O: what a socket read goes into [`Conn::receive`] (server role) or [`ClientConn::receive`] (client
//! role), and a [`Sink`] is told what it meant.
// What a peer sends must not end the process, and an index out of range would: positions are looked up with get().
#![deny(clippy::indexing_slicing)]

mod client;
mod config;
mod conn;
mod decode;
mod fields;
mod framing;
mod head;
mod method;
mod parts;
mod sink;
mod status_line;
mod target;
mod upgrade;
mod version;

pub use client::{ClientConn, Expected};
pub use config::Config;
pub use conn::Conn;
pub use method::{Method, METHODS};
pub use sink::{RequestHead, ResponseHead, Sink};

pub use crate::engine::layout::Validation;

/// Bits of [`RequestHead::flags`] and [`ResponseHead::flags`].
pub use crate::engine::layout::message_flags as flags;
