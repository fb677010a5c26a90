//! A stream socket on its way to a driver.

use super::platform::UnixStream;

/// Non-blocking; it is connected, or a connection under way ([`super::connector`]). Each driver makes its own kind of stream of it.
pub enum StdStream {
    /// TCP.
    Tcp(std::net::TcpStream),
    /// Unix.
    Unix(UnixStream),
}
