//! Options as JavaScript passes them. `lib/` has checked and defaulted them; numbers out of range are only clamped here.

use napi_derive::napi;

use crate::engine::h1;
use crate::engine::net::{ListenOptions, Listening, Place, ServerConfig};

/// Where to listen: `path`, or `address` and `port`.
#[napi(object, object_to_js = false, js_name = "ListenOptions")]
pub struct JsListenOptions {
    /// IP address as text.
    pub address: Option<String>,
    /// 0: any free port.
    pub port: Option<u32>,
    /// Path of a Unix socket; with NUL first, a name in Linux's abstract namespace.
    pub path: Option<String>,
    /// Connections that may wait to be accepted.
    pub backlog: i32,
    /// Do not take IPv4 on an IPv6 wildcard.
    pub ipv6_only: bool,
    /// SO_REUSEPORT.
    pub reuse_port: bool,
    /// Permission bits to add to the socket's file; 0: none.
    pub mode: u32,
}

/// How a server's connections are treated; times in milliseconds, 0 for none.
#[napi(object, object_to_js = false, js_name = "ServerConfig")]
pub struct JsServerConfig {
    /// TCP_NODELAY.
    pub no_delay: bool,
    /// SO_KEEPALIVE.
    pub keep_alive: bool,
    /// Until the first probe.
    pub keep_alive_initial_delay: f64,
    /// From the last response to the next request, buffer included.
    pub keep_alive_timeout: f64,
    /// Until a head must be complete.
    pub headers_timeout: f64,
    /// Until a message must be complete.
    pub request_timeout: f64,
    /// How often the latter two are looked at.
    pub check_interval: f64,
    /// Bytes of a head.
    pub max_header_size: f64,
    /// Fields of a head; 0: no limit.
    pub max_headers_count: f64,
    /// Accept what `insecureHTTPParser` accepts.
    pub lenient: bool,
}

/// A server that listens. Without address, port and family on a Unix socket.
#[napi(object, object_from_js = false, js_name = "Listening")]
pub struct JsListening {
    /// What CONNECTION records name it by.
    pub id: u32,
    /// IP address as text.
    pub address: Option<String>,
    /// The port, chosen by the system if 0 was asked.
    pub port: Option<u32>,
    /// 'IPv4' or 'IPv6'.
    pub family: Option<&'static str>,
}

impl JsListenOptions {
    /// `None` when neither a path nor an address with a port is given.
    pub(super) fn into_engine(self) -> Option<ListenOptions> {
        let place = match (self.path, self.address, self.port) {
            (Some(path), _, _) => Place::Path(path),
            (None, Some(address), Some(port)) => Place::Ip(address, u16::try_from(port).ok()?),
            _ => return None,
        };
        Some(ListenOptions {
            place,
            backlog: self.backlog,
            ipv6_only: self.ipv6_only,
            reuse_port: self.reuse_port,
            mode: self.mode & 0o777,
        })
    }
}

impl JsServerConfig {
    pub(super) fn into_engine(self) -> ServerConfig {
        // `as` saturates, and makes 0 of NaN.
        ServerConfig {
            no_delay: self.no_delay,
            keep_alive: self.keep_alive,
            keep_alive_initial_delay: self.keep_alive_initial_delay as u64,
            keep_alive_timeout: self.keep_alive_timeout as u64,
            headers_timeout: self.headers_timeout as u64,
            request_timeout: self.request_timeout as u64,
            check_interval: self.check_interval as u64,
            messages: h1::Config {
                max_header_size: self.max_header_size as usize,
                max_fields: self.max_headers_count as u32,
                lenient: self.lenient,
            },
        }
    }
}

impl From<Listening> for JsListening {
    fn from(listening: Listening) -> JsListening {
        let address = listening.address;
        JsListening {
            id: listening.id,
            address: address.map(|address| address.ip().to_string()),
            port: address.map(|address| address.port().into()),
            family: address.map(|address| if address.is_ipv4() { "IPv4" } else { "IPv6" }),
        }
    }
}
