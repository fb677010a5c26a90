//! The threads driver: tokio runtimes on threads of their own move the bytes between sockets and [`h1`](super::h1).
//!
//! ```text
//! JavaScript thread ── packed commands ► Driver ► Inbox ─┐          ┌─ a Shard per thread: hub, listeners,
//!                   ◄─ packed events ─── Port ◄──────────┴──────────┘  a task per Connection
//! ```

pub mod command;
mod connection;
mod driver;
pub mod event;
mod listener;
mod port;
mod server;
mod shard;
mod stream;

pub use connection::WINDOW;
pub use driver::{default_shards, Driver, Listening};
pub use port::Port;
pub use server::{ListenOptions, Place, ServerConfig};
