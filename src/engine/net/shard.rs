//! A shard: one thread, one runtime, the connections it serves. Commands come in through its [`Inbox`]; events leave through
//! the environment's [`Port`], once per turn of the runtime.

use std::cell::{Cell, RefCell, RefMut};
use std::io;
use std::rc::Rc;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::{spawn_local, LocalSet};

use super::command::{op, LargeWrite, Record, Records};
use super::connection::{serve, Connection};
use super::event::{Ends, Outbox};
use super::listener::Listener;
use super::port::Port;
use super::server::{Bound, Server};
use super::stream::{Accepted, Stream};
use crate::engine::deadline::Alarms;
use crate::engine::h1::encode::Payload;

/// Bytes of one read.
const READ_BUFFER: usize = 64 * 1024;
/// Bytes of records after which they are delivered without waiting for the turn's end.
const DELIVERY: usize = 64 * 1024;
/// Bytes of blobs, likewise in effect: so many large payloads.
const DELIVERY_BLOBS: usize = 16;

/// What can be asked of a shard beside commands for connections.
pub(super) enum Control {
    Listen(Arc<Server>, Bound, SyncSender<io::Result<()>>),
    CloseListener(u32, SyncSender<()>),
    Adopt(Arc<Server>, Accepted, Ends),
    /// A server's timeouts have changed.
    Rearm,
    Stop,
}

enum Item {
    Records(Vec<u8>),
    Large(LargeWrite),
    Control(Control),
}

#[derive(Default)]
struct Waiting {
    items: Vec<Item>,
    spare: Option<Vec<u8>>,
}

/// Work for a shard, in the order it was given, from any thread.
pub(super) struct Inbox {
    waiting: Mutex<Waiting>,
    notify: Notify,
}

impl Inbox {
    pub(super) fn new() -> Inbox {
        Inbox {
            waiting: Mutex::default(),
            notify: Notify::new(),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds work; the shard is woken only when it had none.
    fn add(&self, add: impl FnOnce(&mut Waiting)) {
        let idle = {
            let mut waiting = self.waiting();
            let idle = waiting.items.is_empty();
            add(&mut waiting);
            idle
        };
        if idle {
            self.notify.notify_one();
        }
    }

    pub(super) fn records(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.add(|waiting| {
            if let Some(Item::Records(records)) = waiting.items.last_mut() {
                return records.extend_from_slice(bytes);
            }
            let mut records = waiting.spare.take().unwrap_or_default();
            records.extend_from_slice(bytes);
            waiting.items.push(Item::Records(records));
        });
    }

    pub(super) fn large(&self, write: LargeWrite) {
        self.add(|waiting| waiting.items.push(Item::Large(write)));
    }

    pub(super) fn control(&self, control: Control) {
        self.add(|waiting| waiting.items.push(Item::Control(control)));
    }

    fn take(&self, items: &mut Vec<Item>) {
        std::mem::swap(&mut self.waiting().items, items);
    }

    fn give_back(&self, mut records: Vec<u8>) {
        if records.capacity() <= 1024 * 1024 {
            records.clear();
            self.waiting().spare = Some(records);
        }
    }
}

#[derive(Default)]
struct Slot {
    generation: u32,
    connection: Option<Rc<Connection>>,
}

#[derive(Default)]
struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

/// The state of one shard; it never leaves its thread. Connection `index` of the environment is slot `index / count` of shard
/// `index % count`, so that indices stay dense without the shards having to agree on them.
pub(super) struct Shard {
    id: u32,
    /// Inboxes of all shards of the environment, this one's included.
    inboxes: Arc<[Inbox]>,
    port: Arc<Port>,
    /// The moment from which times are counted.
    base: Instant,
    outbox: RefCell<Outbox>,
    buffer: RefCell<Box<[u8]>>,
    slots: RefCell<Slots>,
    listeners: RefCell<Vec<Rc<Listener>>>,
    alarms: RefCell<Alarms>,
    /// When the alarm task wakes next.
    next_alarm: Cell<u64>,
    earlier_alarm: Notify,
}

thread_local! {
    /// The shard this thread runs: the runtime's park hook has to find it.
    static SHARD: RefCell<Option<Rc<Shard>>> = const { RefCell::new(None) };
}

/// Runs shard `id` on the calling thread until [`Control::Stop`].
///
/// # Errors
/// When the system grants no runtime (epoll, eventfd); reported before `ready` is answered.
pub(super) fn run(
    id: u32,
    inboxes: Arc<[Inbox]>,
    port: Arc<Port>,
    base: Instant,
    ready: SyncSender<io::Result<()>>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(|| {
            SHARD.with_borrow(|shard| {
                if let Some(shard) = shard {
                    shard.deliver();
                }
            });
        })
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let shard = Rc::new(Shard {
        id,
        inboxes,
        port,
        base,
        outbox: RefCell::default(),
        buffer: RefCell::new(vec![0; READ_BUFFER].into_boxed_slice()),
        slots: RefCell::default(),
        listeners: RefCell::default(),
        alarms: RefCell::default(),
        next_alarm: Cell::new(u64::MAX),
        earlier_alarm: Notify::new(),
    });
    SHARD.set(Some(shard.clone()));
    let _ = ready.send(Ok(()));
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let alarms = spawn_local(ring(shard.clone()));
        hub(&shard).await;
        alarms.abort();
        shard.abandon_all();
    });
    drop(local);
    shard.deliver();
    SHARD.set(None);
}

/// Carries out what the inbox brings.
async fn hub(shard: &Rc<Shard>) {
    let mut items = Vec::new();
    let mut dirty = Vec::new();
    let mut stopping = false;
    let Some(inbox) = shard.inboxes.get(shard.id as usize) else {
        return;
    };
    while !stopping {
        inbox.notify.notified().await;
        inbox.take(&mut items);
        for item in items.drain(..) {
            match item {
                Item::Records(records) => {
                    for record in Records::new(&records) {
                        shard.command(&record, &mut dirty);
                    }
                    inbox.give_back(records);
                }
                Item::Large(write) => shard.large_write(write, &mut dirty),
                Item::Control(Control::Stop) => stopping = true,
                Item::Control(control) => shard.control(control),
            }
        }
        for connection in dirty.drain(..) {
            connection.settle(shard);
        }
        shard.deliver_if_large();
    }
}

/// Rings the alarms.
async fn ring(shard: Rc<Shard>) {
    loop {
        let first = shard.alarms.borrow().first();
        shard.next_alarm.set(first.unwrap_or(u64::MAX));
        let earlier = shard.earlier_alarm.notified();
        match first {
            None => earlier.await,
            Some(at) => {
                let at = shard.base + Duration::from_millis(at);
                tokio::select! {
                    () = tokio::time::sleep_until(at.into()) => {}
                    () = earlier => {}
                }
            }
        }
        let now = shard.now();
        loop {
            let due = shard.alarms.borrow_mut().take_due(now);
            let Some(index) = due else { break };
            if let Some(connection) = shard.connection(index) {
                connection.alarm(&shard, now);
            }
        }
    }
}

impl Shard {
    /// Milliseconds since the environment's base.
    pub(super) fn now(&self) -> u64 {
        self.base.elapsed().as_millis() as u64
    }

    pub(super) fn outbox(&self) -> RefMut<'_, Outbox> {
        self.outbox.borrow_mut()
    }

    /// One buffer serves all connections: what is read is packed before the next read.
    pub(super) fn read_buffer(&self) -> RefMut<'_, Box<[u8]>> {
        self.buffer.borrow_mut()
    }

    fn deliver(&self) {
        self.port.deliver(&mut self.outbox());
    }

    pub(super) fn deliver_if_large(&self) {
        let mut outbox = self.outbox();
        if outbox.bytes.len() >= DELIVERY || outbox.blobs.len() >= DELIVERY_BLOBS {
            self.port.deliver(&mut outbox);
        }
    }

    fn count(&self) -> u32 {
        self.inboxes.len() as u32
    }

    fn connection(&self, index: u32) -> Option<Rc<Connection>> {
        let slots = self.slots.borrow();
        let slot = slots.slots.get((index / self.count()) as usize)?;
        slot.connection.clone()
    }

    /// The connection meant, unless it is gone.
    fn addressed(
        &self,
        index: u32,
        generation: u32,
        dirty: &mut Vec<Rc<Connection>>,
    ) -> Option<Rc<Connection>> {
        let connection = self.connection(index)?;
        if connection.generation != generation || index % self.count() != self.id {
            return None;
        }
        if connection.mark_dirty() {
            dirty.push(connection.clone());
        }
        Some(connection)
    }

    fn command(&self, record: &Record<'_>, dirty: &mut Vec<Rc<Connection>>) {
        if let Some(connection) = self.addressed(record.connection, record.generation, dirty) {
            connection.apply(self, record);
        }
    }

    fn large_write(&self, write: LargeWrite, dirty: &mut Vec<Rc<Connection>>) {
        if let Some(connection) = self.addressed(write.connection, write.generation, dirty) {
            let now = write.op == op::WRITE_NOW;
            let payload = Payload::Owned(write.data);
            connection.write(
                self,
                now,
                write.seq,
                write.flags,
                write.head_length,
                payload,
            );
        }
    }

    fn control(self: &Rc<Self>, control: Control) {
        match control {
            Control::Listen(server, bound, answer) => {
                let _ = answer.send(self.listen(server, bound));
            }
            Control::CloseListener(id, answer) => {
                self.listeners.borrow_mut().retain(|listener| {
                    if listener.server.id == id {
                        listener.close();
                    }
                    listener.server.id != id
                });
                let _ = answer.send(());
            }
            Control::Adopt(server, accepted, ends) => {
                // A socket that cannot be registered is closed by dropping it: nobody has heard of it yet.
                if let Ok(stream) = accepted.register() {
                    self.adopt(server, stream, ends);
                }
            }
            Control::Rearm => {
                for connection in self.all() {
                    connection.rearm(self);
                }
            }
            Control::Stop => {}
        }
    }

    fn listen(self: &Rc<Self>, server: Arc<Server>, bound: Bound) -> io::Result<()> {
        let listener = Rc::new(Listener::new(server, bound)?);
        self.listeners.borrow_mut().push(listener.clone());
        spawn_local(listener.run(self.clone()));
        Ok(())
    }

    /// Gives an accepted connection to the shard whose `turn` it is.
    pub(super) fn place(
        self: &Rc<Self>,
        turn: u32,
        server: Arc<Server>,
        stream: Stream,
        ends: Ends,
    ) {
        let shard = turn % self.count();
        if shard == self.id {
            return self.adopt(server, stream, ends);
        }
        if let (Some(inbox), Ok(accepted)) = (self.inboxes.get(shard as usize), stream.release()) {
            inbox.control(Control::Adopt(server, accepted, ends));
        }
    }

    fn adopt(self: &Rc<Self>, server: Arc<Server>, stream: Stream, ends: Ends) {
        let connection = {
            let mut slots = self.slots.borrow_mut();
            let slot = slots.free.pop().unwrap_or_else(|| {
                slots.slots.push(Slot::default());
                slots.slots.len() as u32 - 1
            });
            let Some(entry) = slots.slots.get_mut(slot as usize) else {
                return;
            };
            // JavaScript reads it as a signed word.
            entry.generation = entry.generation.wrapping_add(1) & 0x7fff_ffff;
            let index = slot * self.count() + self.id;
            self.outbox()
                .connection(index, entry.generation, server.id, &ends);
            let connection = Connection::new(index, entry.generation, server, stream, self.now());
            let connection = Rc::new(connection);
            entry.connection = Some(connection.clone());
            connection
        };
        self.port.opened();
        spawn_local(serve(connection, self.clone()));
    }

    /// The connection has been closed and said so: its index may be used again, and its alarm is off.
    pub(super) fn release(&self, index: u32, armed: Option<u64>) {
        self.alarms.borrow_mut().disarm(index, armed);
        let slot = index / self.count();
        let mut slots = self.slots.borrow_mut();
        if let Some(entry) = slots.slots.get_mut(slot as usize) {
            entry.connection = None;
            slots.free.push(slot);
            self.port.closed();
        }
    }

    /// Moves a connection's alarm to `at`, which is earlier than where it was `armed`; returns where it is now.
    pub(super) fn arm(&self, index: u32, armed: Option<u64>, at: u64) -> u64 {
        let armed = self.alarms.borrow_mut().arm(index, armed, at);
        if armed < self.next_alarm.get() {
            self.next_alarm.set(armed);
            self.earlier_alarm.notify_one();
        }
        armed
    }

    fn all(&self) -> Vec<Rc<Connection>> {
        let slots = self.slots.borrow();
        let connections = slots.slots.iter();
        connections
            .filter_map(|slot| slot.connection.clone())
            .collect()
    }

    fn abandon_all(&self) {
        for listener in self.listeners.borrow_mut().drain(..) {
            listener.close();
        }
        for connection in self.all() {
            connection.abandon(self);
        }
    }
}
