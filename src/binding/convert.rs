//! Plain JavaScript values and what the engine makes of them.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::{JsValue, Object, Unknown};
use napi::{Env, Result};
use napi_derive::napi;

use super::memory::Place;
use crate::engine::deadline::Timeouts;
use crate::engine::error::ParseError;
use crate::engine::h1;
use crate::engine::layout::{self, Validation};
use crate::engine::net::connector::Remote;
use crate::engine::net::listener::Endpoint;
use crate::engine::net::server::ServerConfig;

/// Where to listen: `path`, or `address` and `port`.
#[napi(object)]
pub struct ListenOptions {
    /// IP address.
    pub address: Option<String>,
    /// 0: the system chooses.
    pub port: Option<u32>,
    /// Unix socket; a leading NUL makes it an abstract name.
    pub path: Option<String>,
    /// Connections that may wait to be accepted.
    pub backlog: i32,
    /// No IPv4 through an IPv6 socket.
    pub ipv6_only: bool,
    /// SO_REUSEPORT.
    pub reuse_port: bool,
}

/// Where to connect: `path`, or `address` and `port`.
#[napi(object)]
pub struct ConnectOptions {
    /// IP address.
    pub address: Option<String>,
    /// Of the peer.
    pub port: Option<u32>,
    /// Our own IP address.
    pub local_address: Option<String>,
    /// Our own port; 0: the system chooses.
    pub local_port: Option<u32>,
    /// 0 to 255; see `connector::mark`.
    pub type_of_service: Option<u32>,
    /// Unix socket; a leading NUL makes it an abstract name.
    pub path: Option<String>,
}

/// Settings of a server. Milliseconds and bytes; 0 switches a timeout off.
#[napi(object)]
pub struct Config {
    /// TCP_NODELAY.
    pub no_delay: bool,
    /// SO_KEEPALIVE.
    pub keep_alive: bool,
    /// Idle time before the first probe.
    pub keep_alive_initial_delay: f64,
    /// Connections are not read before JavaScript has seen them and said how.
    pub hold: bool,
    /// From the last response to another request.
    pub keep_alive_timeout: f64,
    /// To the end of a head.
    pub headers_timeout: f64,
    /// To the end of a message.
    pub request_timeout: f64,
    /// How often the two above are looked at.
    pub check_interval: f64,
    /// Bytes of a head.
    pub max_header_size: f64,
    /// Fields of a head; 0: any number.
    pub max_headers_count: f64,
    /// `engine::layout::Validation`.
    pub validation: u32,
}

/// What came of listening.
#[napi(object)]
pub struct Listening {
    /// The listener, for `configure` and `closeListener`.
    pub id: u32,
    /// Its address; empty for a path.
    pub address: String,
    /// Its port.
    pub port: u32,
    /// `engine::layout::Family`; that of a path is a Unix socket's.
    pub family: u32,
    /// A descriptor of the socket, the caller's to close; -1 where there are none.
    pub fd: i32,
}

impl ListenOptions {
    /// # Errors
    /// EINVAL when the address is none or the port out of range.
    pub fn endpoint(&self) -> io::Result<Endpoint> {
        if let Some(path) = &self.path {
            return Ok(Endpoint::Unix { path: path.clone() });
        }
        let invalid = || io::Error::from_raw_os_error(libc::EINVAL);
        let address: IpAddr = self.address.as_deref().and_then(|text| text.parse().ok()).ok_or_else(invalid)?;
        let port = u16::try_from(self.port.unwrap_or(0)).map_err(|_| invalid())?;
        Ok(Endpoint::Tcp { address, port, ipv6_only: self.ipv6_only, reuse_port: self.reuse_port })
    }
}

impl ConnectOptions {
    /// # Errors
    /// EINVAL when an address is none or a port out of range.
    pub fn remote(&self) -> io::Result<Remote> {
        if let Some(path) = &self.path {
            return Ok(Remote::Unix { path: path.clone() });
        }
        let address = place(self.address.as_deref().unwrap_or_default(), self.port)?;
        let anywhere = if address.is_ipv6() { "::" } else { "0.0.0.0" };
        let local = match (&self.local_address, self.local_port) {
            (None, None) => None,
            (local, port) => Some(place(local.as_deref().unwrap_or(anywhere), port)?),
        };
        Ok(Remote::Tcp { address, local })
    }
}

/// An IPv6 address may name its interface by number, as `fe80::1%2`.
fn place(address: &str, port: Option<u32>) -> io::Result<SocketAddr> {
    let invalid = || io::Error::from_raw_os_error(libc::EINVAL);
    let port = u16::try_from(port.unwrap_or(0)).map_err(|_| invalid())?;
    if let Some((address, scope)) = address.split_once('%') {
        let address = address.parse().map_err(|_| invalid())?;
        let scope = scope.parse().map_err(|_| invalid())?;
        return Ok(SocketAddr::V6(SocketAddrV6::new(address, port, 0, scope)));
    }
    Ok(SocketAddr::new(address.parse().map_err(|_| invalid())?, port))
}

impl Config {
    /// What the engine makes of it.
    pub fn server_config(&self) -> ServerConfig {
        ServerConfig {
            no_delay: self.no_delay,
            keep_alive: self.keep_alive.then(|| milliseconds(self.keep_alive_initial_delay)),
            hold: self.hold,
            timeouts: Timeouts {
                keep_alive: milliseconds(self.keep_alive_timeout),
                head: milliseconds(self.headers_timeout),
                request: milliseconds(self.request_timeout),
                check_interval: milliseconds(self.check_interval),
            },
            http: Arc::new(h1::Config {
                max_header_size: self.max_header_size as usize,
                max_fields: self.max_headers_count as u32,
                validation: Validation::of(self.validation).unwrap_or_default(),
            }),
        }
    }
}

/// What JavaScript gets for an error of the system.
pub fn negative(error: &io::Error) -> i32 {
    -error.raw_os_error().unwrap_or(libc::EINVAL)
}

/// A float cast saturates: NaN and negative numbers are 0; ten years are as good as for ever.
fn milliseconds(value: f64) -> Duration {
    const FOREVER: u64 = 10 * 365 * 24 * 3600 * 1000;
    Duration::from_millis((value as u64).min(FOREVER))
}

/// Method names by the index in REQUEST records.
#[napi(catch_unwind)]
pub fn methods() -> Vec<String> {
    h1::METHODS.iter().map(|name| name.to_string()).collect()
}

/// `[code, reason]` by the index in PARSE_ERROR records.
#[napi(catch_unwind)]
pub fn parse_errors() -> Vec<Vec<String>> {
    let mut table: Vec<_> = ParseError::ALL.to_vec();
    table.sort_by_key(|error| error.index());
    table.iter().map(|error| vec![error.code().to_string(), error.reason().to_string()]).collect()
}

/// Every number that crosses, by name; in groups.
#[napi(catch_unwind, ts_return_type = "Record<string, Record<string, number>>")]
pub fn layout(env: &Env) -> Result<Object<'_>> {
    let mut all = Object::new(env)?;
    for group in layout::groups() {
        let mut numbers = Object::new(env)?;
        for (name, number, _) in &group.entries {
            numbers.set(name, *number)?;
        }
        all.set(&group.name, numbers)?;
    }
    Ok(all)
}

/// XORs `length` bytes of `data`, a Uint8Array, from `offset` on with `key`, its first byte the lowest; nothing when they are not all there,
/// as when its memory has been transferred.
#[napi(catch_unwind)]
#[allow(unsafe_code)]
pub fn websocket_mask(env: Env, data: Unknown<'_>, key: u32, offset: u32, length: u32) {
    if let Some(part) = Place::of(env, data.raw()).and_then(|place| place.part(offset as usize, length as usize)) {
        // SAFETY: looked up just now; while JavaScript runs, which has called this, nothing of native's has bytes of JavaScript's in use.
        unsafe { part.mask(key.to_le_bytes()) };
    }
}
