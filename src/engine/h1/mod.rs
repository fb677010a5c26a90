//! HTTP/1 (RFC 9112) without I/O: what a socket read goes into [`Conn::receive`] (server role) or [`ClientConn::receive`] (client
//! role), and a [`Sink`] is told what it meant.

mod client;
mod config;
mod conn;
mod decode;
pub mod encode;
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

pub use client::{ClientConn, Expected, Validation};
pub use config::Config;
pub use conn::Conn;
pub use method::{Method, METHODS};
pub use sink::{Phase, RequestHead, ResponseHead, Sink};

/// Bits of [`RequestHead::flags`].
pub mod flags {
    /// The connection persists after this message (RFC 9112 §9.3).
    pub const KEEP_ALIVE: u32 = 1;
    /// An upgrade candidate: the connection waits for [`Conn::decide`](super::Conn::decide).
    pub const UPGRADE: u32 = 2;
    /// The method is CONNECT; set together with [`UPGRADE`].
    pub const CONNECT: u32 = 4;
    /// `body` (any number of times) and `end` follow.
    pub const HAS_BODY: u32 = 8;
    /// There is at least one Host field.
    pub const HAS_HOST: u32 = 16;
    /// `Expect` contains `100-continue`, and the version is not below 1.1.
    pub const EXPECT_CONTINUE: u32 = 32;
    /// An `Expect` with any other value.
    pub const EXPECT_OTHER: u32 = 64;
    /// The body comes chunked (RFC 9112 §7.1).
    pub const CHUNKED: u32 = 128;
    /// Nothing behind this message is parsed before [`Conn::go_on`](super::Conn::go_on).
    pub const REST: u32 = 256;
}
