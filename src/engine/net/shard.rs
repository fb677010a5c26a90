//! A shard: one thread with a tokio current-thread runtime that accepts, reads, parses and writes its connections. Commands
//! come through a queue, one wake a batch; what the connections say is left at the port once a turn of the runtime.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::LocalSet;

use super::command;
use super::connection::{Connection, LINGER};
use super::event::Batch;
use super::listener::Bound;
use super::port::Port;
use super::stream::Stream;
use crate::engine::deadline::{Timeouts, Timers, Waiting};
use crate::engine::h1;

/// Bytes of one read.
const READ_BUFFER: usize = 64 * 1024;
/// Bytes of records after which a turn's events leave before the turn is over.
const OUTBOX: usize = 64 * 1024;
/// How long accepting rests when the process has no descriptors left.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// What a server wants of its connections.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// TCP_NODELAY.
    pub no_delay: bool,
    /// SO_KEEPALIVE with its idle time; zero leaves the system's.
    pub keep_alive: Option<Duration>,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// Limits of the protocol core, for connections yet to come.
    pub http: Arc<h1::Config>,
}

/// A listening server as its shards know it.
pub struct Server {
    id: u32,
    started: Instant,
    config: RefCell<ServerConfig>,
}

impl Server {
    /// The protocol core's limits as they are now.
    pub fn http_config(&self) -> Arc<h1::Config> {
        self.config.borrow().http.clone()
    }
}

/// What is asked of a shard.
enum Message {
    /// Packed commands.
    Records(Vec<u8>),
    /// A write with a large payload.
    Large {
        index: u32,
        generation: u32,
        seq: u32,
        flags: u32,
        head_length: usize,
        data: Vec<u8>,
        now: bool,
    },
    Listen {
        id: u32,
        bound: Bound,
        config: ServerConfig,
    },
    Configure {
        id: u32,
        config: ServerConfig,
    },
    CloseListener {
        id: u32,
    },
    Stop,
}

struct Inbox {
    messages: Mutex<Vec<Message>>,
    notify: Notify,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The way to a shard, and its thread.
pub struct ShardHandle {
    inbox: Arc<Inbox>,
    thread: Option<JoinHandle<()>>,
}

impl ShardHandle {
    /// Starts shard `number` of `of`. Its connections' indices are `number` modulo `of`.
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    pub fn start(port: Arc<Port>, number: u32, of: u32) -> io::Result<ShardHandle> {
        let inbox = Arc::new(Inbox { messages: Mutex::default(), notify: Notify::new() });
        let for_thread = inbox.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .on_thread_park(|| CURRENT.with_borrow(|shard| shard.iter().for_each(|shard| shard.turn_over())))
            .build()?;
        let thread = std::thread::Builder::new().name(format!("turnout-{number}")).spawn(move || {
            let shard = Rc::new(Shard::new(port, for_thread, number, of));
            CURRENT.with_borrow_mut(|current| *current = Some(shard.clone()));
            LocalSet::new().block_on(&runtime, shard.clone().run());
            shard.stop();
            CURRENT.with_borrow_mut(|current| *current = None);
        })?;
        Ok(ShardHandle { inbox, thread: Some(thread) })
    }

    fn send(&self, message: Message) {
        lock(&self.inbox.messages).push(message);
        self.inbox.notify.notify_one();
    }

    /// Packed commands, all for this shard's connections.
    pub fn commands(&self, records: &[u8]) {
        let mut messages = lock(&self.inbox.messages);
        match messages.last_mut() {
            Some(Message::Records(last)) => last.extend_from_slice(records),
            _ => messages.push(Message::Records(records.to_vec())),
        }
        drop(messages);
        self.inbox.notify.notify_one();
    }

    /// One write with a large payload; `now` puts it ahead of every response that has not begun.
    #[allow(clippy::too_many_arguments)]
    pub fn large(
        &self,
        index: u32,
        generation: u32,
        seq: u32,
        flags: u32,
        head_length: usize,
        data: Vec<u8>,
        now: bool,
    ) {
        self.send(Message::Large { index, generation, seq, flags, head_length, data, now });
    }

    /// Accepts connections of server `id`.
    pub fn listen(&self, id: u32, bound: Bound, config: ServerConfig) {
        self.send(Message::Listen { id, bound, config });
    }

    /// Changes a server's configuration.
    pub fn configure(&self, id: u32, config: ServerConfig) {
        self.send(Message::Configure { id, config });
    }

    /// Stops accepting; connections live on.
    pub fn close_listener(&self, id: u32) {
        self.send(Message::CloseListener { id });
    }

    /// Applies what has been asked, tries once to send what is queued, closes everything and ends the thread.
    pub fn stop(&mut self) {
        self.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            // A shard that panicked has nothing left to close.
            let _ = thread.join();
        }
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Shard>>> = const { RefCell::new(None) };
}

type Slot = Option<Rc<RefCell<Connection>>>;

struct Listening {
    server: Rc<Server>,
    stop: Rc<Notify>,
}

struct Shard {
    port: Arc<Port>,
    inbox: Arc<Inbox>,
    number: u32,
    of: u32,
    /// By index divided by `of`.
    connections: RefCell<Vec<Slot>>,
    generations: RefCell<Vec<u32>>,
    free: RefCell<Vec<u32>>,
    /// Closed in this turn: their numbers are free once the CLOSED records have left.
    released: RefCell<Vec<u32>>,
    servers: RefCell<HashMap<u32, Listening>>,
    outbox: RefCell<Batch>,
    buffer: RefCell<Vec<u8>>,
    timers: RefCell<Timers>,
    sooner: Notify,
    dirty: RefCell<Vec<Rc<RefCell<Connection>>>>,
    stopping: Cell<bool>,
}

impl Shard {
    fn new(port: Arc<Port>, inbox: Arc<Inbox>, number: u32, of: u32) -> Self {
        Self {
            port,
            inbox,
            number,
            of,
            connections: RefCell::default(),
            generations: RefCell::default(),
            free: RefCell::default(),
            released: RefCell::default(),
            servers: RefCell::default(),
            outbox: RefCell::default(),
            buffer: RefCell::new(vec![0; READ_BUFFER]),
            timers: RefCell::default(),
            sooner: Notify::new(),
            dirty: RefCell::default(),
            stopping: Cell::new(false),
        }
    }

    /// Before the thread sleeps: what the turn has brought leaves.
    fn turn_over(&self) {
        self.port.put(&mut self.outbox.borrow_mut());
        self.free.borrow_mut().append(&mut self.released.borrow_mut());
    }

    async fn run(self: Rc<Self>) {
        tokio::task::spawn_local(self.clone().keep_time());
        while !self.stopping.get() {
            self.inbox.notify.notified().await;
            self.serve_inbox();
        }
    }

    fn serve_inbox(self: &Rc<Self>) {
        let messages = std::mem::take(&mut *lock(&self.inbox.messages));
        for message in messages {
            match message {
                Message::Records(records) => self.apply_records(&records),
                Message::Large { index, generation, seq, flags, head_length, data, now } => {
                    self.with_connection(index, generation, |connection, batch| {
                        if now {
                            connection.write_now(flags, &data);
                        } else {
                            connection.write_large(seq, flags, head_length, data, batch);
                        }
                    });
                }
                Message::Listen { id, bound, config } => self.listen(id, bound, config),
                Message::Configure { id, config } => {
                    if let Some(listening) = self.servers.borrow().get(&id) {
                        *listening.server.config.borrow_mut() = config;
                    }
                }
                Message::CloseListener { id } => {
                    if let Some(listening) = self.servers.borrow_mut().remove(&id) {
                        listening.stop.notify_one();
                    }
                }
                Message::Stop => self.stopping.set(true),
            }
        }
        self.flush_dirty();
    }

    fn apply_records(self: &Rc<Self>, mut records: &[u8]) {
        while let Some((command, _)) = command::next(&mut records) {
            self.with_connection(command.index, command.generation, |connection, batch| {
                connection.apply(&command, batch);
            });
        }
    }

    fn with_connection(self: &Rc<Self>, index: u32, generation: u32, act: impl FnOnce(&mut Connection, &mut Batch)) {
        let slot = self.connections.borrow().get((index / self.of) as usize).cloned().flatten();
        let Some(shared) = slot else { return };
        {
            let connection = &mut *shared.borrow_mut();
            if connection.generation != generation || connection.is_closed() {
                return;
            }
            act(connection, &mut self.outbox.borrow_mut());
        }
        self.dirty.borrow_mut().push(shared);
    }

    /// Every connection that was asked anything sends once: the writes of a turn leave in one system call each.
    fn flush_dirty(self: &Rc<Self>) {
        let dirty = std::mem::take(&mut *self.dirty.borrow_mut());
        for shared in &dirty {
            let connection = &mut *shared.borrow_mut();
            if connection.is_closed() {
                continue;
            }
            connection.flush(None, &mut self.outbox.borrow_mut());
            self.watch(connection);
        }
        let mut dirty = dirty;
        dirty.clear();
        *self.dirty.borrow_mut() = dirty;
        self.leave_early();
    }

    fn leave_early(&self) {
        if self.outbox.borrow().records.len() >= OUTBOX {
            self.turn_over();
        }
    }

    fn listen(self: &Rc<Self>, id: u32, bound: Bound, config: ServerConfig) {
        let server = Rc::new(Server { id, started: Instant::now(), config: RefCell::new(config) });
        let stop = Rc::new(Notify::new());
        self.servers.borrow_mut().insert(id, Listening { server: server.clone(), stop: stop.clone() });
        let shard = self.clone();
        tokio::task::spawn_local(async move {
            tokio::select! {
                biased;
                () = stop.notified() => {}
                () = shard.accept(bound, server) => {}
            }
        });
    }

    async fn accept(self: Rc<Self>, bound: Bound, server: Rc<Server>) {
        let local = bound.local_addr().filter(|address| !address.ip().is_unspecified());
        // A listener the runtime does not take is one it has no descriptors for: the process is past serving.
        match bound {
            Bound::Tcp(listener) => {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                loop {
                    match listener.accept().await {
                        Ok((stream, remote)) => {
                            let stream = Stream::Tcp(stream);
                            let peer = stream.peer(Some(remote), local);
                            self.admit(stream, &peer, &server);
                        }
                        Err(error) => rest(&error).await,
                    }
                }
            }
            #[cfg(unix)]
            Bound::Unix(listener) => {
                let Ok(listener) = tokio::net::UnixListener::from_std(listener) else { return };
                loop {
                    match listener.accept().await {
                        Ok((stream, _)) => self.admit(Stream::Unix(stream), &super::event::Peer::default(), &server),
                        Err(error) => rest(&error).await,
                    }
                }
            }
        }
    }

    fn admit(self: &Rc<Self>, stream: Stream, peer: &super::event::Peer, server: &Rc<Server>) {
        {
            let config = server.config.borrow();
            if config.no_delay {
                stream.set_no_delay(true);
            }
            if let Some(delay) = config.keep_alive {
                stream.set_keep_alive(true, delay);
            }
        }
        let (index, generation) = self.number();
        self.outbox.borrow_mut().connection(index, generation, server.id, peer);
        let connection = Connection::new(stream, server.clone(), index, generation, Instant::now());
        let shared = Rc::new(RefCell::new(connection));
        self.watch(&mut shared.borrow_mut());
        self.connections.borrow_mut()[(index / self.of) as usize] = Some(shared.clone());
        self.port.opened();
        tokio::task::spawn_local(self.clone().serve(shared));
    }

    /// The task of a connection.
    async fn serve(self: Rc<Self>, shared: Rc<RefCell<Connection>>) {
        std::future::poll_fn(|cx| {
            let connection = &mut *shared.borrow_mut();
            let done = connection.poll(cx, &mut self.buffer.borrow_mut(), &mut self.outbox.borrow_mut());
            if done == Poll::Pending {
                self.watch(connection);
            }
            self.leave_early();
            done
        })
        .await;
        let index = shared.borrow().index;
        self.connections.borrow_mut()[(index / self.of) as usize] = None;
        self.port.gone();
        self.released.borrow_mut().push(index / self.of);
    }

    fn number(&self) -> (u32, u32) {
        let slot = self.free.borrow_mut().pop().unwrap_or_else(|| {
            let mut generations = self.generations.borrow_mut();
            generations.push(0);
            self.connections.borrow_mut().push(None);
            generations.len() as u32 - 1
        });
        let generation = &mut self.generations.borrow_mut()[slot as usize];
        *generation = (*generation + 1) & 0x7fff_ffff;
        (slot * self.of + self.number, *generation)
    }

    /// Sees to it that the connection is looked at when its deadline may have passed.
    fn watch(&self, connection: &mut Connection) {
        let Some(at) = self.next_look(connection) else { return };
        if connection.armed.is_some_and(|armed| armed <= at) {
            return;
        }
        let mut timers = self.timers.borrow_mut();
        let key = connection.index as usize;
        if let Some(armed) = connection.armed.replace(at) {
            timers.disarm(armed, key);
        }
        let first = timers.next().is_none_or(|next| at < next);
        timers.arm(at, key);
        if first {
            self.sooner.notify_one();
        }
    }

    fn next_look(&self, connection: &Connection) -> Option<Instant> {
        if connection.is_closed() {
            return None;
        }
        if connection.is_lingering() {
            return Some(connection.armed.unwrap_or_else(|| Instant::now() + LINGER));
        }
        let timeouts = connection.server.config.borrow().timeouts;
        timeouts.deadline(connection.waiting, connection.server.started).map(|(at, _)| at)
    }

    async fn keep_time(self: Rc<Self>) {
        loop {
            let next = self.timers.borrow().next();
            let Some(next) = next else {
                self.sooner.notified().await;
                continue;
            };
            tokio::select! {
                () = tokio::time::sleep_until(next.into()) => self.look(Instant::now()),
                () = self.sooner.notified() => {}
            }
        }
    }

    fn look(self: &Rc<Self>, now: Instant) {
        loop {
            let popped = self.timers.borrow_mut().pop(now);
            let Some(key) = popped else { break };
            let slot = self.connections.borrow().get(key / self.of as usize).cloned().flatten();
            let Some(shared) = slot else { continue };
            let connection = &mut *shared.borrow_mut();
            if connection.armed.is_none_or(|armed| armed > now) {
                continue;
            }
            connection.armed = None;
            if connection.is_lingering() {
                connection.close(0, false, &mut self.outbox.borrow_mut());
                continue;
            }
            let timeouts = connection.server.config.borrow().timeouts;
            match timeouts.deadline(connection.waiting, connection.server.started) {
                Some((at, expired)) if at <= now => {
                    connection.waiting = Waiting::Nothing;
                    self.outbox.borrow_mut().timeout(connection.index, expired as u32);
                }
                Some(_) => {
                    connection.shrink();
                    self.watch(connection);
                }
                None => connection.shrink(),
            }
        }
    }

    /// The environment is going: one attempt to send what is queued, then everything closes as the thread's data is dropped.
    fn stop(self: &Rc<Self>) {
        self.serve_inbox();
        let connections = std::mem::take(&mut *self.connections.borrow_mut());
        for shared in connections.into_iter().flatten() {
            let batch = &mut Batch::default();
            let connection = &mut *shared.borrow_mut();
            connection.flush(None, batch);
            connection.close(0, false, batch);
        }
        self.servers.borrow_mut().clear();
    }
}

/// Accepting rests when there is nothing to accept with; an error of one connection is that connection's.
async fn rest(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        tokio::time::sleep(ACCEPT_REST).await;
    }
}
