//! The connections of one driver thread: their numbers, their deadlines, what they say and what they are told. A driver adds who
//! wakes whom.

use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::blocks::Blocks;
use super::census::Census;
pub use super::command::STRIDE;
use super::command::{self, Target, Write};
use super::connection::{Connection, Copied, LINGER};
use super::event::Batch;
use super::listener::Bound;
use super::port::Port;
use super::server::{Server, ServerConfig};
use super::transport::Transport;
use crate::engine::deadline::{Timers, Waiting};
use crate::engine::output::Payload;

/// How long accepting rests when the process has no descriptors left.
pub const ACCEPT_REST: Duration = Duration::from_millis(50);
/// Deadlines of one turn. Hundreds of connections expire together, because they are looked at in intervals; others are served in between.
const LOOKS: usize = 8;

struct Slot<T> {
    generation: u32,
    /// It stands in `woken`.
    queued: bool,
    /// Number of the outbox with the last record of its last owner.
    left_in: u64,
    connection: Option<Box<Connection<T>>>,
}

/// The connection of that name, unless it is gone or closed.
fn open_one<T: Transport>(slots: &mut [Slot<T>], target: Target) -> Option<&mut Connection<T>> {
    let slot = slots.get_mut(target.slot() as usize).filter(|slot| slot.generation == target.generation)?;
    slot.connection.as_deref_mut().filter(|connection| !connection.is_closed())
}

/// See the module.
pub struct Connections<T> {
    number: u32,
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    /// Servers that accept.
    servers: HashMap<u32, Rc<Server>>,
    /// What outgoing connections have in a server's place.
    nobody: Rc<Server>,
    /// What the connections have said.
    pub outbox: Batch,
    /// How many outboxes have been given to JavaScript, and how many of them it has been told all of.
    given: u64,
    told: u64,
    timers: Timers,
    /// Slots of connections that were told something and have not sent since.
    dirty: Vec<u32>,
    /// Buffers to gather output in, lent from the first command of a turn to its flush.
    pool: Vec<Vec<u8>>,
    /// Slots of connections that want to be polled.
    pub woken: Vec<u32>,
    /// When this turn began.
    now: Instant,
    port: Arc<Port>,
}

impl<T: Transport> Connections<T> {
    /// No connections yet; `number` is below [`STRIDE`].
    pub fn new(number: u32, port: Arc<Port>) -> Self {
        Self {
            number,
            slots: Vec::new(),
            free: Vec::new(),
            servers: HashMap::new(),
            nobody: Rc::new(Server::nobody()),
            outbox: Batch::default(),
            given: 0,
            told: 0,
            timers: Timers::default(),
            dirty: Vec::new(),
            pool: Vec::new(),
            woken: Vec::new(),
            now: Instant::now(),
            port,
        }
    }

    /// A turn begins.
    pub fn tick(&mut self) -> Instant {
        self.now = Instant::now();
        self.now
    }

    /// A server that will accept, or whose connections are adopted.
    pub fn add_server(&mut self, id: u32, config: ServerConfig, listener: Option<&Bound>) -> Rc<Server> {
        let server = Rc::new(Server::new(id, config, listener));
        self.servers.insert(id, server.clone());
        server
    }

    /// A server's settings change.
    pub fn configure(&mut self, id: u32, config: ServerConfig) {
        if let Some(server) = self.servers.get(&id) {
            *server.config.borrow_mut() = config;
        }
    }

    /// The server accepts no more; its connections live on.
    pub fn remove_server(&mut self, id: u32) {
        self.servers.remove(&id);
    }

    /// A server that has been added and not been removed.
    pub fn server(&self, id: u32) -> Option<Rc<Server>> {
        self.servers.get(&id).cloned()
    }

    /// The slot that the next connection will get.
    pub fn next_slot(&self) -> u32 {
        self.free.last().copied().unwrap_or(self.slots.len() as u32)
    }

    /// The same, after a choice among those whose last owner JavaScript has heard all of. It is for a connection that JavaScript knows by
    /// its index before any record has told of it: the records on their way are not to be taken for its own.
    pub fn next_slot_told(&mut self) -> u32 {
        let is_told = |&at: &u32| self.slots.get(at as usize).is_some_and(|slot| slot.left_in < self.told);
        match self.free.iter().position(is_told) {
            Some(place) => {
                let last = self.free.len() - 1;
                self.free.swap(place, last);
            }
            None => {
                self.next_slot_new();
            }
        }
        self.next_slot()
    }

    /// The same, one that nobody has had.
    pub fn next_slot_new(&mut self) -> u32 {
        let at = self.add_slot();
        self.free.push(at);
        at
    }

    /// JavaScript has been told all that it was given before: it is given what there is now, in exchange for an empty batch.
    pub fn give_outbox(&mut self, into: &mut Batch) {
        std::mem::swap(&mut self.outbox, into);
        self.told = self.given;
        self.given += 1;
    }

    /// Takes an accepted connection in. Returns its slot.
    pub fn admit(&mut self, stream: T, peer: &super::event::Peer, server: &Rc<Server>) -> u32 {
        {
            let config = server.config.borrow();
            if config.no_delay != server.inherited_no_delay {
                stream.set_no_delay(config.no_delay);
            }
            if let Some(delay) = config.keep_alive {
                stream.set_keep_alive(true, delay);
            }
        }
        let (at, target) = self.take_slot();
        self.outbox.connection(target, server.id, peer, server.config.borrow().hold);
        self.fill_slot(at, Connection::new(stream, server.clone(), target, self.now));
        at
    }

    /// Takes in a connection that `token` stood for. Returns its slot.
    pub fn admit_outgoing(&mut self, stream: T, peer: &super::event::Peer, token: u32) -> u32 {
        let (at, target) = self.take_slot();
        self.outbox.connected(token, Ok((target, peer)));
        self.fill_slot(at, Connection::outgoing(stream, self.nobody.clone(), target, self.now));
        at
    }

    /// Takes in an upgraded stream of another driver's, see [`Connection::taken_over`]; [`Self::next_slot_told`] has been asked before.
    /// Returns what it is known by.
    pub fn admit_taken(&mut self, stream: T, seq: u32, handed: u64) -> Target {
        let (at, target) = self.take_slot();
        let nobody = self.nobody.clone();
        self.fill_slot(at, Connection::taken_over(stream, nobody, target, (seq, handed), self.now));
        target
    }

    /// Takes in a stream that JavaScript owns, as a connection to `server` or, without one, as one of our own making; no record tells of
    /// it. Returns what it is known by.
    pub fn admit_given(&mut self, stream: T, server: Option<&Rc<Server>>) -> Target {
        let (at, target) = self.take_slot();
        let connection = match server {
            Some(server) => Connection::given(stream, server.clone(), target, self.now),
            None => Connection::outgoing(stream, self.nobody.clone(), target, self.now),
        };
        self.fill_slot(at, connection);
        target
    }

    fn take_slot(&mut self) -> (u32, Target) {
        let at = self.free.pop().unwrap_or_else(|| self.add_slot());
        let slot = &mut self.slots[at as usize];
        slot.generation = (slot.generation + 1) & 0x7fff_ffff;
        slot.queued = false;
        (at, Target { index: at * STRIDE + self.number, generation: slot.generation })
    }

    fn add_slot(&mut self) -> u32 {
        self.slots.push(Slot { generation: 0, queued: false, left_in: 0, connection: None });
        self.slots.len() as u32 - 1
    }

    fn fill_slot(&mut self, at: u32, connection: Connection<T>) {
        self.slots[at as usize].connection = Some(Box::new(connection));
        self.port.opened();
        self.watch(at);
    }

    /// The socket in a slot.
    pub fn stream(&mut self, at: u32) -> Option<&mut T> {
        self.slots.get_mut(at as usize)?.connection.as_mut()?.stream()
    }

    /// Polls the connection in a slot. `Ready` when it is over: the slot is free again, its CLOSED record stands in the outbox.
    pub fn poll(&mut self, at: u32, cx: &mut Context<'_>, blocks: &mut impl Blocks) -> Poll<()> {
        let Some(slot) = self.slots.get_mut(at as usize) else { return Poll::Ready(()) };
        slot.queued = false;
        let Some(connection) = &mut slot.connection else { return Poll::Ready(()) };
        if connection.poll(cx, blocks, &mut self.outbox, self.now).is_ready() {
            if let Some(armed) = connection.armed {
                self.timers.disarm(armed, at as usize);
            }
            if connection.has_handover() {
                self.port.close_handover(connection.target);
            }
            slot.connection = None;
            slot.left_in = self.given;
            self.free.push(at);
            self.port.gone();
            return Poll::Ready(());
        }
        self.settle(at);
        Poll::Pending
    }

    /// Looks to what the connection in a slot wants done after it was told something.
    fn settle(&mut self, at: u32) {
        let Some(slot) = self.slots.get_mut(at as usize) else { return };
        let Some(connection) = &mut slot.connection else { return };
        if connection.take_woken() && !slot.queued {
            slot.queued = true;
            self.woken.push(at);
        }
        self.watch(at);
    }

    /// A slot wants to be polled.
    pub fn wake(&mut self, at: u32) {
        let Some(slot) = self.slots.get_mut(at as usize) else { return };
        if !slot.queued && slot.connection.is_some() {
            slot.queued = true;
            self.woken.push(at);
        }
    }

    /// Applies packed commands; [`Self::flush_dirty`] sends what they have written.
    pub fn apply_records(&mut self, mut records: &[u8]) {
        let now = self.now;
        while let Some((command, _)) = command::next(&mut records) {
            self.tell(command.target, |connection, batch| connection.apply(&command, batch, now));
        }
    }

    /// One write with a large payload.
    pub fn write_large(&mut self, write: &Write, data: Vec<u8>) {
        let mut handover = None;
        let now = self.now;
        self.tell(write.target, |connection, batch| {
            connection.write_large(write, data, batch, now);
            handover = connection.offer_handover();
        });
        if let Some(handover) = handover {
            self.port.offer_handover(write.target, handover);
        }
    }

    /// The same for a payload that stays the caller's: what the kernel takes at once is never copied.
    pub fn write_borrowed(&mut self, write: &Write, data: &[u8], keep: impl FnOnce() -> Option<Box<dyn Payload>>) {
        let now = self.now;
        self.tell(write.target, |connection, batch| connection.write_borrowed(write, data, keep, batch, now));
    }

    /// A copy of a connection's socket, see [`Connection::copy`].
    ///
    /// # Errors
    /// As there; `WouldBlock`, too, while the outbox has bytes of the stream.
    pub fn copy(&mut self, target: Target, stays: bool) -> io::Result<Copied> {
        let at = target.slot();
        let nothing = || Err(io::ErrorKind::WouldBlock.into());
        if !stays && self.outbox.has_stream_of(target.index) {
            return nothing();
        }
        let Some(slot) = self.slots.get_mut(at as usize).filter(|slot| slot.generation == target.generation) else {
            return nothing();
        };
        let Some(connection) = &mut slot.connection else { return nothing() };
        let copied = connection.copy(stays, &mut self.outbox);
        self.settle(at);
        copied
    }

    /// Lets a connection `act` whose stream JavaScript has news of.
    pub fn hear(&mut self, target: Target, act: impl FnOnce(&mut Connection<T>, &mut Batch, Instant)) {
        let Some(connection) = open_one(&mut self.slots, target) else { return };
        act(connection, &mut self.outbox, self.now);
        self.settle(target.slot());
    }

    /// The connection in a slot.
    pub fn at(&mut self, at: u32) -> Option<(&mut Connection<T>, &mut Batch)> {
        let connection = self.slots.get_mut(at as usize)?.connection.as_mut()?;
        Some((connection, &mut self.outbox))
    }

    fn tell(&mut self, target: Target, act: impl FnOnce(&mut Connection<T>, &mut Batch)) {
        let Some(connection) = open_one(&mut self.slots, target) else { return };
        if !connection.dirty {
            connection.dirty = true;
            connection.lend(&mut self.pool);
            self.dirty.push(target.slot());
        }
        act(connection, &mut self.outbox);
    }

    /// Every connection that was told anything sends once: the writes of a turn leave in one system call each.
    pub fn flush_dirty(&mut self) {
        for i in 0..self.dirty.len() {
            let at = self.dirty[i];
            let Some(Slot { connection: Some(connection), .. }) = self.slots.get_mut(at as usize) else { continue };
            connection.dirty = false;
            if !connection.is_closed() {
                connection.flush(None, &mut self.outbox);
            }
            connection.reclaim(&mut self.pool);
            self.settle(at);
        }
        self.dirty.clear();
    }

    /// The next moment a deadline is to be looked at.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Sees to it that the connection is looked at when its deadline may have passed.
    fn watch(&mut self, at: u32) {
        let Some(Slot { connection: Some(connection), .. }) = self.slots.get_mut(at as usize) else { return };
        if connection.is_closed() {
            return;
        }
        let look = if connection.is_lingering() {
            connection.armed.unwrap_or_else(|| Instant::now() + LINGER)
        } else {
            let timeouts = connection.server.config.borrow().timeouts;
            match timeouts.deadline(connection.waiting, connection.server.started) {
                Some((look, _)) => look,
                None => return,
            }
        };
        if connection.armed.is_some_and(|armed| armed <= look) {
            return;
        }
        if let Some(armed) = connection.armed.replace(look) {
            self.timers.disarm(armed, at as usize);
        }
        self.timers.arm(look, at as usize);
    }

    /// Looks at the connections whose deadline may have passed by `now`, at [`LOOKS`] at most: the next deadline has then passed too.
    pub fn look(&mut self, now: Instant) {
        for _ in 0..LOOKS {
            let Some(at) = self.timers.pop(now) else { return };
            let Some(connection) = self.slots.get_mut(at).and_then(|slot| slot.connection.as_mut()) else { continue };
            if connection.armed.is_none_or(|armed| armed > now) {
                continue;
            }
            connection.armed = None;
            if connection.is_closed() {
                continue;
            }
            if connection.is_lingering() {
                connection.close(0, false, &mut self.outbox);
                self.settle(at as u32);
                continue;
            }
            let timeouts = connection.server.config.borrow().timeouts;
            match timeouts.deadline(connection.waiting, connection.server.started) {
                Some((due, expired)) if due <= now => {
                    connection.waiting = Waiting::Nothing;
                    self.outbox.timeout(connection.target.index, expired);
                }
                Some(_) => {
                    connection.shrink();
                    self.watch(at as u32);
                }
                None => connection.shrink(),
            }
        }
    }

    /// Whether there is no connection.
    pub fn is_empty(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    /// What there is.
    pub fn census(&self) -> Census {
        Census {
            connections: self.slots.iter().filter(|slot| slot.connection.is_some()).count() as u32,
            slots: self.slots.len() as u32,
            free: self.free.len() as u32,
            deadlines: self.timers.len() as u32,
            queued: (self.woken.len() + self.dirty.len()) as u32,
            servers: self.servers.len() as u32,
            buffers: self.pool.len() as u32,
            undelivered: self.outbox.records.len() as u32,
            ..Census::default()
        }
    }

    /// The environment is going: one attempt to send what is queued, then everything closes.
    pub fn stop(&mut self) {
        for slot in &mut self.slots {
            if let Some(mut connection) = slot.connection.take() {
                let batch = &mut Batch::default();
                connection.flush_and_close(batch);
                self.port.gone();
            }
        }
        self.servers.clear();
    }
}
