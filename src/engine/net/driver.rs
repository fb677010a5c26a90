//! The threads driver of one Node environment: its shards, its servers, and the way from one to the other.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{sync_channel, Receiver};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use super::command::{LargeWrite, Records};
use super::port::Port;
use super::server::{bind, Bind, ListenOptions, Server, ServerConfig};
use super::shard::{run, Control, Inbox};

/// Shards an environment has at most, unless it asks for a number.
const MAX_SHARDS: usize = 4;

/// A server that listens.
#[derive(Clone, Debug)]
pub struct Listening {
    /// Its number, which CONNECTION records name.
    pub id: u32,
    /// The address it is bound to; `None` for a Unix socket.
    pub address: Option<SocketAddr>,
}

/// Shards and servers of one environment. Threads start with the first [`Driver::listen`] and end with [`Driver::stop`].
pub struct Driver {
    port: Arc<Port>,
    wanted: usize,
    inboxes: Arc<[Inbox]>,
    threads: Vec<JoinHandle<()>>,
    servers: HashMap<u32, Arc<Server>>,
    next_server: u32,
    base: Instant,
    stopped: bool,
}

/// As many shards as there are processors beside the JavaScript thread's, at least 1 and at most 4.
pub fn default_shards() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    processors.saturating_sub(1).clamp(1, MAX_SHARDS)
}

impl Driver {
    /// A driver whose events go to `port`; `shards` is at least 1.
    pub fn new(port: Arc<Port>, shards: usize) -> Driver {
        Driver {
            port,
            wanted: shards.max(1),
            inboxes: Arc::new([]),
            threads: Vec::new(),
            servers: HashMap::new(),
            next_server: 1,
            base: Instant::now(),
            stopped: false,
        }
    }

    fn start(&mut self) -> io::Result<()> {
        if !self.threads.is_empty() {
            return Ok(());
        }
        if self.stopped {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.inboxes = (0..self.wanted).map(|_| Inbox::new()).collect();
        for id in 0..self.wanted {
            let started = self.spawn(id).and_then(|ready| answer(&ready)?);
            if let Err(error) = started {
                self.join();
                return Err(error);
            }
        }
        Ok(())
    }

    fn spawn(&mut self, id: usize) -> io::Result<Receiver<io::Result<()>>> {
        let (ready, is_ready) = sync_channel(1);
        let (inboxes, port, base) = (self.inboxes.clone(), self.port.clone(), self.base);
        let thread = std::thread::Builder::new()
            .name(format!("turnout-{id}"))
            .spawn(move || run(id as u32, inboxes, port, base, ready))?;
        self.threads.push(thread);
        Ok(is_ready)
    }

    /// Binds and listens; connections are accepted from then on.
    ///
    /// # Errors
    /// What the system says; its number is in `raw_os_error`.
    pub fn listen(
        &mut self,
        options: &ListenOptions,
        config: &ServerConfig,
    ) -> io::Result<Listening> {
        let bound = bind(options)?;
        self.start()?;
        let address = match &bound.kind {
            Bind::Ip(address) => Some(*address),
            Bind::Path(_) => None,
        };
        let id = self.next_server;
        let origin = self.base.elapsed().as_millis() as u64;
        let server = Arc::new(Server::new(id, origin, config));
        let (sender, listens) = sync_channel(1);
        self.first_shard(Control::Listen(server.clone(), bound, sender));
        answer(&listens)??;
        self.next_server += 1;
        self.servers.insert(id, server);
        Ok(Listening { id, address })
    }

    fn first_shard(&self, control: Control) {
        if let Some(inbox) = self.inboxes.first() {
            inbox.control(control);
        }
    }

    /// Changes a server's configuration: timeouts at once, the rest for connections accepted from now on.
    pub fn configure(&self, id: u32, config: &ServerConfig) {
        if let Some(server) = self.servers.get(&id) {
            server.configure(config);
            for inbox in self.inboxes.iter() {
                inbox.control(Control::Rearm);
            }
        }
    }

    /// Ends listening; on return the address is free. Its connections live on.
    pub fn close_listener(&mut self, id: u32) {
        if self.servers.remove(&id).is_some() {
            let (sender, closed) = sync_channel(1);
            self.first_shard(Control::CloseListener(id, sender));
            // Fails only when the shard is gone, and its listeners with it.
            let _ = closed.recv();
        }
    }

    /// Hands packed commands to the shards of their connections; from the first that is malformed on they are dropped.
    pub fn dispatch(&self, bytes: &[u8]) {
        match &*self.inboxes {
            [] => {}
            [only] => {
                // What is not whole must not stand before the next batch.
                let whole = Records::new(bytes).map(|record| record.packed.len()).sum();
                only.records(bytes.get(..whole).unwrap_or_default());
            }
            inboxes => {
                for record in Records::new(bytes) {
                    let shard = record.connection as usize % inboxes.len();
                    if let Some(inbox) = inboxes.get(shard) {
                        inbox.records(record.packed);
                    }
                }
            }
        }
    }

    /// Hands over a write whose payload does not go through packed commands; it follows what was dispatched before.
    pub fn send(&self, write: LargeWrite) {
        let shards = self.inboxes.len().max(1);
        if let Some(inbox) = self.inboxes.get(write.connection as usize % shards) {
            inbox.large(write);
        }
    }

    /// Carries out what has been handed over, tries once to send what waits, closes everything and ends the threads. Afterwards
    /// nothing can be done with the driver, and its port is not woken any more.
    pub fn stop(&mut self) {
        self.stopped = true;
        self.join();
        self.servers.clear();
    }

    fn join(&mut self) {
        for inbox in self.inboxes.iter() {
            inbox.control(Control::Stop);
        }
        for thread in self.threads.drain(..) {
            // A shard that panicked has printed its message; its connections are closed.
            let _ = thread.join();
        }
        self.inboxes = Arc::new([]);
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.stop();
    }
}

fn answer<T>(receiver: &Receiver<T>) -> io::Result<T> {
    receiver
        .recv()
        .map_err(|_| io::ErrorKind::BrokenPipe.into())
}
