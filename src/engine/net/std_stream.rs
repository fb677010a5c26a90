//! A stream socket on its way to a driver.

use std::io;

use socket2::{Domain, Socket, Type};

use super::platform::{self, UnixStream};

/// Non-blocking; it is connected, or a connection under way ([`super::connector`]). Each driver makes its own kind of stream of it.
pub enum StdStream {
    /// TCP.
    Tcp(std::net::TcpStream),
    /// Unix.
    Unix(UnixStream),
}

impl StdStream {
    /// The stream of a socket that is connected already: somebody else has accepted it, or another driver has had it.
    ///
    /// # Errors
    /// EINVAL when it is no stream socket of a family we serve.
    pub fn of(socket: Socket) -> io::Result<Self> {
        let domain = Domain::from(i32::from(socket.local_addr()?.family()));
        if socket.r#type()? != Type::STREAM || ![Domain::IPV4, Domain::IPV6, Domain::UNIX].contains(&domain) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        socket.set_nonblocking(true)?;
        Ok(if domain == Domain::UNIX { Self::Unix(platform::unix_stream(socket)?) } else { Self::Tcp(socket.into()) })
    }
}
