//! A listening server as the drivers know it.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::listener::Bound;
use crate::engine::deadline::Timeouts;
use crate::engine::h1;

/// What a server wants of its connections.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// TCP_NODELAY.
    pub no_delay: bool,
    /// SO_KEEPALIVE with its idle time; zero leaves the system's.
    pub keep_alive: Option<Duration>,
    /// A connection is not read before JavaScript has seen it and said how (TAP).
    pub hold: bool,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// Limits of the protocol core, for connections yet to come.
    pub http: Arc<h1::Config>,
}

/// A server whose connections one driver thread looks after.
pub struct Server {
    /// Its number, the same on every thread.
    pub id: u32,
    /// When the checks of its timeouts began.
    pub started: Instant,
    /// What its connections' TCP_NODELAY is before anybody sets it.
    pub inherited_no_delay: bool,
    /// Its settings as they are now.
    pub config: RefCell<ServerConfig>,
}

impl Server {
    /// A server that begins now; without a listener its connections are adopted.
    pub fn new(id: u32, config: ServerConfig, listener: Option<&Bound>) -> Self {
        let inherited_no_delay =
            config.no_delay && listener.is_some_and(|listener| listener.set_no_delay(config.no_delay));
        Self { id, started: Instant::now(), inherited_no_delay, config: RefCell::new(config) }
    }

    /// What outgoing connections have in a server's place: no deadlines, Node's limits.
    pub fn nobody() -> Self {
        let never = Timeouts {
            keep_alive: Duration::ZERO,
            head: Duration::ZERO,
            request: Duration::ZERO,
            check_interval: Duration::ZERO,
        };
        // Node's client cuts the list of fields, it does not refuse the head.
        let http = Arc::new(h1::Config { max_fields: 0, ..h1::Config::default() });
        let config =
            RefCell::new(ServerConfig { no_delay: false, keep_alive: None, hold: false, timeouts: never, http });
        Self { id: 0, started: Instant::now(), inherited_no_delay: false, config }
    }

    /// The protocol core's limits as they are now.
    pub fn http_config(&self) -> Arc<h1::Config> {
        self.config.borrow().http.clone()
    }
}
