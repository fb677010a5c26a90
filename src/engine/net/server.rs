//! A listening server: where it listens, how its connections are to be treated, and the socket itself.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::engine::deadline::Timeouts;
use crate::engine::h1;

/// Where to listen.
#[derive(Clone, Debug)]
pub struct ListenOptions {
    /// The address.
    pub place: Place,
    /// Connections that may wait to be accepted.
    pub backlog: i32,
    /// Do not take IPv4 connections on an IPv6 wildcard.
    pub ipv6_only: bool,
    /// SO_REUSEPORT: several sockets on one port share its connections.
    pub reuse_port: bool,
    /// Permission bits to add to a Unix socket's file; 0: leave them.
    pub mode: u32,
}

/// An address to listen on.
#[derive(Clone, Debug)]
pub enum Place {
    /// IP address as text (IPv6 perhaps with a numeric scope) and port; port 0: any.
    Ip(String, u16),
    /// Path of a Unix socket; one that begins with NUL is in Linux's abstract namespace.
    Path(String),
}

/// How a server's connections are treated. Times in milliseconds, 0: none.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// TCP_NODELAY on accepted connections.
    pub no_delay: bool,
    /// SO_KEEPALIVE on accepted connections.
    pub keep_alive: bool,
    /// Until the first probe; 0: the system's.
    pub keep_alive_initial_delay: u64,
    /// From the last response to the next request.
    pub keep_alive_timeout: u64,
    /// Until a head must be complete.
    pub headers_timeout: u64,
    /// Until a message must be complete.
    pub request_timeout: u64,
    /// At which intervals the latter two are looked at.
    pub check_interval: u64,
    /// Limits of messages; of connections accepted from now on.
    pub messages: h1::Config,
}

/// A server as its shards share it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) id: u32,
    origin: u64,
    config: Mutex<Arc<Settled>>,
    keep_alive_timeout: AtomicU64,
    headers_timeout: AtomicU64,
    request_timeout: AtomicU64,
    check_interval: AtomicU64,
}

/// What accepted connections are set up with.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) no_delay: bool,
    pub(super) keep_alive: Option<Duration>,
    pub(super) messages: Arc<h1::Config>,
}

impl Server {
    pub(super) fn new(id: u32, origin: u64, config: &ServerConfig) -> Server {
        Server {
            id,
            origin,
            config: Mutex::new(Arc::new(Settled::new(config))),
            keep_alive_timeout: AtomicU64::new(config.keep_alive_timeout),
            headers_timeout: AtomicU64::new(config.headers_timeout),
            request_timeout: AtomicU64::new(config.request_timeout),
            check_interval: AtomicU64::new(config.check_interval),
        }
    }

    pub(super) fn configure(&self, config: &ServerConfig) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(Settled::new(config));
        self.keep_alive_timeout
            .store(config.keep_alive_timeout, Ordering::Relaxed);
        self.headers_timeout
            .store(config.headers_timeout, Ordering::Relaxed);
        self.request_timeout
            .store(config.request_timeout, Ordering::Relaxed);
        self.check_interval
            .store(config.check_interval, Ordering::Relaxed);
    }

    pub(super) fn settled(&self) -> Arc<Settled> {
        self.config
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        Timeouts {
            keep_alive: self.keep_alive_timeout.load(Ordering::Relaxed),
            headers: self.headers_timeout.load(Ordering::Relaxed),
            request: self.request_timeout.load(Ordering::Relaxed),
            check_interval: self.check_interval.load(Ordering::Relaxed),
            origin: self.origin,
        }
    }
}

impl Settled {
    fn new(config: &ServerConfig) -> Settled {
        Settled {
            no_delay: config.no_delay,
            keep_alive: config
                .keep_alive
                .then(|| Duration::from_millis(config.keep_alive_initial_delay)),
            messages: Arc::new(config.messages.clone()),
        }
    }
}

/// A bound, listening, non-blocking socket.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) socket: Socket,
    pub(super) kind: Bind,
}

/// What a listening socket is bound to.
#[derive(Clone, Debug)]
pub(super) enum Bind {
    Ip(SocketAddr),
    /// The file to remove when listening ends, if there is one.
    #[cfg_attr(not(unix), allow(dead_code))]
    Path(Option<String>),
}

/// Binds and listens as libuv does, so that the errors are those that Node shows.
///
/// # Errors
/// What the system says, with its number in `raw_os_error` (EINVAL for an address that is none, EACCES for a path whose folder
/// does not exist, as in libuv).
pub(super) fn bind(options: &ListenOptions) -> io::Result<Bound> {
    let bound = match &options.place {
        Place::Ip(address, port) => bind_ip(address, *port, options)?,
        Place::Path(path) => bind_path(path, options.mode)?,
    };
    bound.socket.listen(options.backlog)?;
    bound.socket.set_nonblocking(true)?;
    match bound.kind {
        Bind::Path(_) => Ok(bound),
        Bind::Ip(_) => {
            let local = bound.socket.local_addr()?.as_socket();
            let local = local.ok_or_else(|| errno(EINVAL))?;
            Ok(Bound {
                kind: Bind::Ip(local),
                ..bound
            })
        }
    }
}

fn bind_ip(address: &str, port: u16, options: &ListenOptions) -> io::Result<Bound> {
    let address = parse_address(address, port).ok_or_else(|| errno(EINVAL))?;
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // On Windows SO_REUSEADDR would let others take the port over.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    if options.reuse_port {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        socket.set_only_v6(options.ipv6_only)?;
    }
    socket.bind(&address.into())?;
    Ok(Bound {
        socket,
        kind: Bind::Ip(address),
    })
}

fn parse_address(text: &str, port: u16) -> Option<SocketAddr> {
    let Some((address, scope)) = text.split_once('%') else {
        return Some(SocketAddr::new(text.parse().ok()?, port));
    };
    let address: Ipv6Addr = address.parse().ok()?;
    let scope = scope.parse().ok().or_else(|| interface_index(scope))?;
    Some(SocketAddrV6::new(address, port, 0, scope).into())
}

/// Number of a named network interface, where the system shows it as a file.
fn interface_index(name: &str) -> Option<u32> {
    if name.is_empty() || name.contains(['/', '.']) {
        return None;
    }
    let index = std::fs::read_to_string(format!("/sys/class/net/{name}/ifindex")).ok()?;
    index.trim().parse().ok()
}

#[cfg(unix)]
fn bind_path(path: &str, mode: u32) -> io::Result<Bound> {
    use std::os::unix::fs::PermissionsExt;

    // SockAddr refuses a path that is too long without a number of the system's.
    let address = SockAddr::unix(path).map_err(|_| errno(ENAMETOOLONG))?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket
        .bind(&address)
        .map_err(|error| match error.raw_os_error() {
            Some(ENOENT) => errno(EACCES),
            _ => error,
        })?;
    let file = (!path.starts_with('\0')).then(|| path.to_owned());
    if let (Some(file), true) = (&file, mode != 0) {
        let mut permissions = std::fs::metadata(file)?.permissions();
        permissions.set_mode(permissions.mode() | mode);
        std::fs::set_permissions(file, permissions)?;
    }
    Ok(Bound {
        socket,
        kind: Bind::Path(file),
    })
}

#[cfg(not(unix))]
fn bind_path(_path: &str, _mode: u32) -> io::Result<Bound> {
    let _ = SockAddr::unix;
    Err(io::Error::from_raw_os_error(10047))
}

#[cfg(unix)]
const ENOENT: i32 = 2;
#[cfg(unix)]
const EACCES: i32 = 13;
#[cfg(any(target_os = "linux", target_os = "android"))]
const ENAMETOOLONG: i32 = 36;
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
const ENAMETOOLONG: i32 = 63;

const EINVAL: i32 = if cfg!(windows) { 10022 } else { 22 };

fn errno(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}
