//! Drivers: who moves the bytes between sockets and the protocol core.
//!
//! `threads` is the only one so far: each shard is a thread with a tokio current-thread runtime that owns its connections.
//! Events leave as packed records through a [`port::Port`], commands come in as packed records; the layouts are in
//! docs/architecture.md.

pub mod command;
pub mod connection;
pub mod event;
pub mod listener;
pub mod port;
pub mod shard;
pub mod stream;
