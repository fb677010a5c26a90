//! The inline driver: one mio poll for all sockets, whose own descriptor is watched by the loop of the thread that runs JavaScript. A
//! turn reads and parses what is ready and leaves the records in the outbox; what JavaScript then commands is written at once, by the
//! same thread.
//!
//! Work per turn is bounded: [`EVENTS`] sockets, [`ACCEPTS`] connections, [`OUTBOX`] bytes of records, full [`Blocks`]. What is left waits for the next
//! turn, for which [`Inline::has_more`] asks, so that timers and other I/O of the loop are served in between.

mod stream;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, UnixListener};
use mio::{Events, Interest, Poll, Registry, Token};

use self::stream::Stream;
use super::blocks::Blocks;
use super::census::Census;
use super::command::{Target, Write};
use super::connection::Copied;
use super::connections::{Connections, ACCEPT_REST};
use super::connector;
use super::event::{Batch, Peer};
use super::listener::Bound;
use super::port::Port;
use super::server::{Server, ServerConfig};
use super::std_stream::StdStream;
use super::transport::Transport;
use crate::engine::output::Payload;

/// Sockets of one turn.
const EVENTS: usize = 1024;
/// Connections accepted in one turn.
const ACCEPTS: usize = 16;
/// Bytes of records after which a turn reads no further.
const OUTBOX: usize = 256 * 1024;
/// Tokens from here on are listeners.
const LISTENERS: usize = 1 << 32;
/// Tokens from here on are connections under way.
const CONNECTING: usize = 1 << 33;

enum Listener {
    Tcp(TcpListener, Option<SocketAddr>),
    Unix(UnixListener),
}

struct Accepting {
    listener: Listener,
    server: Rc<Server>,
    /// Somebody may wait to be accepted: the kernel says that once, and an accept() that finds nobody ends it.
    ready: bool,
}

/// See the module.
pub struct Inline {
    poll: Poll,
    events: Events,
    /// Its connections.
    pub connections: Connections<Stream>,
    /// By token minus [`LISTENERS`]; tokens are not used again.
    listeners: Vec<Option<Accepting>>,
    /// Connections under way, by the caller's token.
    connecting: HashMap<u32, Stream>,
    /// The process has no descriptors left; when accepting is tried again.
    resting_until: Option<Instant>,
    /// The slots being polled.
    polling: Vec<u32>,
    /// Connections under way that the kernel has news of.
    tried: Vec<u32>,
    /// For sockets that others have as well; made for the first of them.
    registry: Option<Rc<Registry>>,
}

impl Inline {
    /// Nothing is watched yet; the connections' indices are 0 modulo [`super::connections::STRIDE`].
    ///
    /// # Errors
    /// When the process has no descriptors left.
    pub fn new(port: Arc<Port>) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            connections: Connections::new(0, port),
            listeners: Vec::new(),
            connecting: HashMap::new(),
            resting_until: None,
            polling: Vec::new(),
            tried: Vec::new(),
            registry: None,
        })
    }

    /// Readable whenever a socket has news.
    pub fn descriptor(&self) -> RawFd {
        self.poll.as_raw_fd()
    }

    /// Accepts connections of server `id`.
    ///
    /// # Errors
    /// When the kernel cannot watch the listener.
    pub fn listen(&mut self, id: u32, bound: Bound, config: ServerConfig) -> io::Result<()> {
        let token = Token(LISTENERS + self.listeners.len());
        let server = self.connections.add_server(id, config, Some(&bound));
        match self.watch(bound, token) {
            Ok(listener) => self.listeners.push(Some(Accepting { listener, server, ready: false })),
            Err(error) => {
                self.connections.remove_server(id);
                return Err(error);
            }
        }
        Ok(())
    }

    fn watch(&self, bound: Bound, token: Token) -> io::Result<Listener> {
        let local = bound.local_addr().filter(|address| !address.ip().is_unspecified());
        Ok(match bound {
            Bound::Tcp(listener) => {
                let mut listener = TcpListener::from_std(listener);
                self.poll.registry().register(&mut listener, token, Interest::READABLE)?;
                Listener::Tcp(listener, local)
            }
            Bound::Unix(listener) => {
                let mut listener = UnixListener::from_std(listener);
                self.poll.registry().register(&mut listener, token, Interest::READABLE)?;
                Listener::Unix(listener)
            }
        })
    }

    /// Takes in a connection of server `id` that somebody else has accepted.
    ///
    /// # Errors
    /// When the kernel cannot watch the socket, or there is no such server.
    pub fn adopt(&mut self, id: u32, accepted: StdStream) -> io::Result<()> {
        let Some(server) = self.connections.server(id) else { return Err(io::ErrorKind::NotFound.into()) };
        let mut stream = Stream::from(accepted);
        let peer = stream.peer(None, None);
        stream.register(self.poll.registry(), Token(self.connections.next_slot() as usize))?;
        self.connections.tick();
        self.connections.admit(stream, &peer, &server);
        Ok(())
    }

    /// Takes in an upgraded stream of a thread's. Returns what it is known by.
    ///
    /// # Errors
    /// When the kernel cannot watch the socket.
    pub fn take_over(&mut self, stream: StdStream, seq: u32, handed: u64) -> io::Result<Target> {
        let mut stream = Stream::from(stream);
        stream.register(self.poll.registry(), Token(self.connections.next_slot_told() as usize))?;
        self.connections.tick();
        Ok(self.connections.admit_taken(stream, seq, handed))
    }

    /// A copy of a connection's socket, see [`Connections::copy`].
    ///
    /// # Errors
    /// As there.
    pub fn copy(&mut self, target: Target, stays: bool) -> io::Result<Copied> {
        let registry = match &self.registry {
            Some(registry) => registry.clone(),
            None => self.registry.insert(Rc::new(self.poll.registry().try_clone()?)).clone(),
        };
        if let Some(stream) = self.connections.stream(target.slot()) {
            stream.share(&registry);
        }
        self.connections.tick();
        self.connections.copy(target, stays)
    }

    /// Stops accepting; connections live on.
    pub fn close_listener(&mut self, id: u32) {
        self.connections.remove_server(id);
        for slot in &mut self.listeners {
            if slot.as_ref().is_some_and(|accepting| accepting.server.id == id) {
                // Others may have descriptors of it: the kernel does not forget by itself that this one was watched.
                let _ = match slot.take().map(|accepting| accepting.listener) {
                    Some(Listener::Tcp(mut listener, _)) => self.poll.registry().deregister(&mut listener),
                    Some(Listener::Unix(mut listener)) => self.poll.registry().deregister(&mut listener),
                    None => Ok(()),
                };
            }
        }
    }

    /// Waits for a connection under way; what comes of it is told with `token`.
    ///
    /// # Errors
    /// When the kernel cannot watch the socket.
    pub fn connect(&mut self, connecting: StdStream, token: u32) -> io::Result<()> {
        let mut stream = Stream::from(connecting);
        stream.register(self.poll.registry(), Token(CONNECTING + token as usize))?;
        self.connecting.insert(token, stream);
        Ok(())
    }

    /// Gives up on a connection under way.
    pub fn abandon(&mut self, token: u32) {
        self.connecting.remove(&token);
    }

    /// The kernel has news of a connection under way.
    fn conclude(&mut self, token: u32) {
        let Some(stream) = self.connecting.get(&token) else { return };
        let Some(mut errno) = connector::outcome(&stream.sock_ref()) else { return };
        let Some(mut stream) = self.connecting.remove(&token) else { return };
        if errno == 0 {
            let slot = self.connections.next_slot();
            match stream.reregister(self.poll.registry(), Token(slot as usize)) {
                Ok(()) => {
                    let peer = stream.peer(None, None);
                    self.connections.admit_outgoing(stream, &peer, token);
                    return;
                }
                Err(error) => errno = error.raw_os_error().unwrap_or(0),
            }
        }
        self.connections.outbox.connected(token, Err(errno));
    }

    /// A server that does not listen: its connections are adopted.
    pub fn add_server(&mut self, id: u32, config: ServerConfig) {
        self.connections.add_server(id, config, None);
    }

    /// A server's settings change.
    pub fn configure(&mut self, id: u32, config: ServerConfig) {
        self.connections.configure(id, config);
    }

    /// Commands are about to come outside a turn.
    pub fn tick(&mut self) {
        self.connections.tick();
    }

    /// Packed commands; [`Self::flush`] sends what they have written.
    pub fn commands(&mut self, records: &[u8]) {
        self.connections.apply_records(records);
    }

    /// One write with a large payload.
    pub fn write_large(&mut self, write: &Write, data: Vec<u8>) {
        self.connections.write_large(write, data);
    }

    /// The same for a payload that stays the caller's: what the kernel takes at once is never copied.
    pub fn write_borrowed(&mut self, write: &Write, data: &[u8], keep: impl FnOnce() -> Option<Box<dyn Payload>>) {
        self.connections.write_borrowed(write, data, keep);
    }

    /// Sends what connections were told to. Returns whether there is something for a turn to do.
    pub fn flush(&mut self) -> bool {
        self.connections.flush_dirty();
        self.has_more() || !self.connections.outbox.is_empty()
    }

    /// What the connections have said, see [`Connections::give_outbox`].
    pub fn give_outbox(&mut self, into: &mut Batch) {
        self.connections.give_outbox(into);
    }

    /// The environment is going: one attempt to send what is queued, then everything closes.
    pub fn stop(&mut self) {
        self.connections.flush_dirty();
        self.connections.stop();
    }

    /// What the kernel has to say is taken note of, and every socket with news is served.
    pub fn turn(&mut self, blocks: &mut impl Blocks) {
        let now = self.connections.tick();
        // Interrupted: whatever there is comes with the next turn.
        if self.poll.poll(&mut self.events, Some(Duration::ZERO)).is_ok() {
            for event in &self.events {
                let Token(token) = event.token();
                if token >= CONNECTING {
                    self.tried.push((token - CONNECTING) as u32);
                } else if token >= LISTENERS {
                    if let Some(Some(accepting)) = self.listeners.get_mut(token - LISTENERS) {
                        accepting.ready = true;
                    }
                } else if self.connections.stream(token as u32).is_some_and(|stream| stream.note(event)) {
                    self.connections.wake(token as u32);
                }
            }
        }
        while let Some(token) = self.tried.pop() {
            self.conclude(token);
        }
        if self.connections.next_deadline().is_some_and(|at| at <= now) {
            self.connections.look(now);
        }
        self.serve(blocks);
        self.accept(now);
    }

    /// Polls the connections that want to be, as long as there is room for what they say.
    pub fn serve(&mut self, blocks: &mut impl Blocks) {
        std::mem::swap(&mut self.polling, &mut self.connections.woken);
        let mut cx = Context::from_waker(Waker::noop());
        let mut served = 0;
        for &at in &self.polling {
            if self.connections.outbox.records.len() >= OUTBOX || blocks.is_full() {
                break;
            }
            served += 1;
            // Over or not, what is left to do stands in `woken`.
            let _ = self.connections.poll(at, &mut cx, blocks);
        }
        // Whoever was not served goes first the next time.
        self.polling.drain(..served);
        self.polling.append(&mut self.connections.woken);
        std::mem::swap(&mut self.polling, &mut self.connections.woken);
    }

    /// Whether there is something to do that no descriptor will announce.
    pub fn has_more(&self) -> bool {
        !self.connections.woken.is_empty()
            || self.resting_until.is_none() && self.listeners.iter().flatten().any(|accepting| accepting.ready)
    }

    /// What there is.
    pub fn census(&self) -> Census {
        Census { connecting: self.connecting.len() as u32, ..self.connections.census() }
    }

    /// When a turn is needed although nothing happens.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.connections.next_deadline().into_iter().chain(self.resting_until).min()
    }

    fn accept(&mut self, now: Instant) {
        if self.resting_until.is_some_and(|until| now < until) {
            return;
        }
        self.resting_until = None;
        let mut left = ACCEPTS;
        for at in 0..self.listeners.len() {
            while left > 0 && self.listeners[at].as_ref().is_some_and(|accepting| accepting.ready) {
                left -= 1;
                if let Err(error) = self.accept_one(at) {
                    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, WouldBlock};
                    match error.kind() {
                        WouldBlock => self.listeners[at].iter_mut().for_each(|accepting| accepting.ready = false),
                        // It concerns the connection that was to be accepted, and nobody else.
                        ConnectionAborted | ConnectionReset | Interrupted => {}
                        _ => {
                            // No descriptor is left to accept with.
                            self.resting_until = Some(now + ACCEPT_REST);
                            return;
                        }
                    }
                }
            }
        }
    }

    fn accept_one(&mut self, at: usize) -> io::Result<()> {
        let Some(accepting) = &self.listeners[at] else { return Ok(()) };
        let (mut stream, peer) = match &accepting.listener {
            Listener::Tcp(listener, local) => {
                let (stream, remote) = listener.accept()?;
                let stream = Stream::from(stream);
                let peer = stream.peer(Some(remote), *local);
                (stream, peer)
            }
            Listener::Unix(listener) => (Stream::from(listener.accept()?.0), Peer::default()),
        };
        // A connection that cannot be watched is let go before anybody hears of it.
        let slot = self.connections.next_slot();
        stream.register(self.poll.registry(), Token(slot as usize))?;
        let server = accepting.server.clone();
        self.connections.admit(stream, &peer, &server);
        Ok(())
    }
}
