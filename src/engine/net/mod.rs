//! Drivers: who moves the bytes between sockets and the protocol core.
//!
//! [`threads`]: each shard is a thread with a tokio current-thread runtime that owns its connections. [`inline`]: the JavaScript
//! thread's own loop says when sockets are ready, and the same thread reads, parses and writes. [`streams`] has no sockets: JavaScript moves
//! the bytes. All keep their connections in a
//! [`connections::Connections`]. Events leave as packed records, commands come in as packed records; the layouts are in docs/architecture.md.

pub mod blocks;
pub mod census;
pub mod command;
pub mod connection;
pub mod connections;
pub mod connector;
pub mod delivery;
pub mod event;
pub mod handover;
#[cfg_attr(not(unix), path = "inline/absent.rs")]
pub mod inline;
pub mod listener;
mod lock;
pub mod platform;
pub mod port;
pub mod protocol;
pub mod server;
pub mod std_stream;
pub mod streams;
pub mod threads;
pub mod transport;
