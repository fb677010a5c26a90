//! A turn: the JavaScript thread is woken, records are copied into its buffer, one function is called, and what that wrote is
//! taken. Its life, from the `Port` that is made of it to the last wake-up, is here, too: see [`Crossing`].

use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
#[cfg(unix)]
use std::time::Instant;

use napi::bindgen_prelude::{Buffer, BufferSlice, FromNapiValue, Function, JsValue, Object};
use napi::{sys, Env, Result};

use super::convert::Census;
use super::exception::{broken, caught, contained, report};
use super::life::{Home, HomeBytes, HomeFunction};
use super::port::Engine;
#[cfg(unix)]
use super::scope::{with_handles, AsyncScope};
#[cfg(unix)]
use super::slabs::Slabs;
#[cfg(unix)]
use super::uv::{Loop, OnReady, Why};
use super::wake::{OnWake, Wake};
use crate::engine::net::census::Census as EngineCensus;
use crate::engine::net::event::{first_record, take_records, Batch};
#[cfg(unix)]
use crate::engine::net::inline::Inline;
use crate::engine::net::port::Port as EventPort;

/// Fills of the inbound buffer in one wake-up; then timers and other I/O get their turn.
const FILLS_PER_WAKE: usize = 8;
/// Bytes of records and blocks that wake-ups may bring before the loop's other users get their turn: N-API calls a thread-safe
/// function up to a thousand times before it returns to the loop, and the threads go on meanwhile.
const HEARD_PER_ROUND: usize = 2 << 20;
/// Bytes of a batch's memory that are used again: what was left while JavaScript was busy is not kept for ever.
const BATCH_KEPT: usize = 1 << 20;
/// Exceptions of handlers in one call before it is given up; more than records can stand in the buffer.
const MAX_THROWS: usize = 100_000;
/// Instead of a number of bytes: go on behind the record whose handler threw.
const AFTER_THROW: i32 = -1;
/// Instead of a number of bytes: go on behind the record whose handler runs the event loop that calls.
const NESTED: i32 = -2;
/// Instead of a number of bytes: the record is the first block.
const LARGE: i32 = -3;
/// Instead of a number of bytes: the crossing is broken, no connection is left.
const BROKEN: i32 = -4;

/// What JavaScript gives native to use. All of it lives with the `Port` that is made of it.
pub struct Given<'a> {
    /// Takes events.
    pub inbound: BufferSlice<'a>,
    /// Has commands.
    pub outbound: BufferSlice<'a>,
    /// Walks the records of a turn.
    pub turn: Function<'a, (i32,), i32>,
    /// Makes a buffer for large payloads.
    pub slab: Function<'a, u32, Buffer>,
    /// Calls [`Crossing::resume`] in the loop's next round, where native cannot do that itself.
    pub later: Function<'a, (), ()>,
}

/// Everything a turn needs, for the life of a `Port`.
pub struct Crossing {
    env: sys::napi_env,
    engine: Rc<Engine>,
    /// What all of JavaScript's that is used here lives with.
    home: Home,
    inbound: RefCell<HomeBytes>,
    outbound: RefCell<HomeBytes>,
    turn: HomeFunction<(i32,), i32>,
    later: HomeFunction<(), ()>,
    /// Where there is no loop to be had.
    wake: Option<Wake>,
    /// Taken from a driver, not yet given to JavaScript.
    batch: RefCell<Batch>,
    offset: Cell<usize>,
    /// Whether a call of [`Self::resumed`] in the loop's next round has been asked for.
    resuming: Cell<bool>,
    /// Bytes given to JavaScript since the loop is known to have gone round.
    heard: Cell<usize>,
    /// Turns on the stack: more than one when a handler runs a nested event loop.
    depth: Cell<u32>,
    /// What a panic has said: the engine is given up. And whether JavaScript has been told.
    broken: RefCell<Option<String>>,
    mourned: Cell<bool>,
    /// The port has been collected, or the environment goes.
    closed: Cell<bool>,
    #[cfg(debug_assertions)]
    panics: Cell<bool>,
    #[cfg(unix)]
    event_loop: Option<Loop>,
    #[cfg(unix)]
    inline: InlineSide,
}

/// What wakes the JavaScript thread.
type WakeFunction = Box<dyn Fn() + Send + Sync>;

/// What only the inline driver and the loop need.
#[cfg(unix)]
struct InlineSide {
    make_slab: Rc<HomeFunction<u32, Buffer>>,
    slabs: RefCell<Slabs>,
    /// What the alarm is set to.
    alarm: Cell<Option<Instant>>,
    /// While the port is held, since the loop has first called.
    scope: RefCell<Option<Rc<AsyncScope>>>,
}

/// A turn on the stack.
struct Turn<'a>(&'a Cell<u32>);

impl<'a> Turn<'a> {
    fn begin(depth: &'a Cell<u32>) -> Self {
        depth.set(depth.get() + 1);
        Self(depth)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Crossing {
    /// Opens the crossing of the `port` that is being made.
    ///
    /// # Errors
    /// What N-API says when it cannot make a function or a reference.
    pub fn open(env: Env, port: &Object<'_>, mut given: Given<'_>) -> Result<Rc<Self>> {
        let kept = [given.inbound.raw(), given.outbound.raw(), given.turn.raw(), given.slab.raw(), given.later.raw()];
        let home = Home::new(env, port, &kept)?;
        #[cfg(unix)]
        let event_loop = Loop::open(env.raw());
        #[cfg(unix)]
        let waker = event_loop.as_ref().map(Loop::waker);
        #[cfg(not(unix))]
        let waker = None;
        let (wake, waken) = match waker {
            Some(waker) => (None, Box::new(move || waker.wake()) as WakeFunction),
            None => {
                let wake = Wake::open(env)?;
                let handle = wake.handle();
                (Some(wake), Box::new(move || handle.wake()) as WakeFunction)
            }
        };
        let events = Arc::new(EventPort::new(waken));
        #[cfg(unix)]
        let make_slab = Rc::new(HomeFunction::new(env, &given.slab)?);
        let crossing = Rc::new(Self {
            env: env.raw(),
            engine: Rc::new(Engine::new(events)),
            home,
            inbound: RefCell::new(HomeBytes::new(&mut given.inbound)),
            outbound: RefCell::new(HomeBytes::new(&mut given.outbound)),
            turn: HomeFunction::new(env, &given.turn)?,
            later: HomeFunction::new(env, &given.later)?,
            wake,
            batch: RefCell::default(),
            offset: Cell::new(0),
            resuming: Cell::new(false),
            heard: Cell::new(0),
            depth: Cell::new(0),
            broken: RefCell::default(),
            mourned: Cell::new(false),
            closed: Cell::new(false),
            #[cfg(debug_assertions)]
            panics: Cell::new(false),
            #[cfg(unix)]
            event_loop,
            #[cfg(unix)]
            inline: InlineSide {
                slabs: RefCell::new(Slabs::new(make_slab.clone())),
                make_slab,
                alarm: Cell::new(None),
                scope: RefCell::default(),
            },
        });
        if let Some(wake) = &crossing.wake {
            wake.set_target(crossing.clone());
        }
        #[cfg(unix)]
        if let Some(event_loop) = &crossing.event_loop {
            event_loop.set_target(crossing.clone());
        }
        Ok(crossing)
    }

    /// Runs what JavaScript has called. A panic is the exception it gets, and the end of the engine.
    ///
    /// # Errors
    /// When it panics, or something has before.
    pub fn enter<T>(&self, act: impl FnOnce() -> T) -> Result<T> {
        if let Some(said) = &*self.broken.borrow() {
            return Err(broken(said));
        }
        caught(act).map_err(|said| self.break_down(said))
    }

    /// The same for what asks for nothing new: when the engine is gone there is nothing left to do.
    ///
    /// # Errors
    /// When it panics.
    pub fn enter_if_whole(&self, act: impl FnOnce()) -> Result<()> {
        if self.broken.borrow().is_some() {
            return Ok(());
        }
        self.enter(act)
    }

    /// A panic has left the engine in a state that nobody has thought of: its sockets are closed, and JavaScript hears of it in a turn of
    /// its own.
    fn break_down(&self, said: String) -> napi::Error {
        let error = broken(&said);
        *self.broken.borrow_mut() = Some(said);
        // What has been left half done may panic again while it goes.
        contained(|| self.engine.stop_threads());
        #[cfg(unix)]
        contained(|| self.engine.stop_inline());
        self.resuming.set(false);
        self.resume_later(Env::from_raw(self.env));
        error
    }

    /// While `on` the realm of the port cannot be collected.
    pub fn keep(&self, on: bool) {
        self.home.hold(on);
        if self.depth.get() == 0 {
            self.rest();
        }
    }

    /// Nothing of the engine's will speak to JavaScript: what would keep its realm alive goes.
    fn rest(&self) {
        #[cfg(unix)]
        if !self.home.is_held() {
            self.inline.scope.take();
            *self.inline.slabs.borrow_mut() = Slabs::new(self.inline.make_slab.clone());
        }
    }

    /// The port has been collected, or the environment goes: threads end, sockets close, and nobody calls any more.
    pub fn close(&self) {
        if self.closed.replace(true) {
            return;
        }
        // Who may wake the loop ends before it is closed, and it stops watching before what it watches is closed.
        self.engine.stop_threads();
        #[cfg(unix)]
        if let Some(event_loop) = &self.event_loop {
            event_loop.close();
        }
        #[cfg(unix)]
        self.engine.stop_inline();
        if let Some(wake) = &self.wake {
            wake.close();
        }
        #[cfg(unix)]
        self.inline.scope.take();
    }

    /// The next turn panics.
    #[cfg(debug_assertions)]
    pub fn panic_in_turn(&self) {
        self.panics.set(true);
        self.resume_later(Env::from_raw(self.env));
    }

    /// The engine's counts, and those of the crossing.
    pub fn census(&self, engine: EngineCensus) -> Census {
        let batch = self.batch.borrow();
        let waiting = batch.records.len().saturating_sub(self.offset.get()) as u32;
        Census {
            connections: engine.connections,
            connecting: engine.connecting,
            slots: engine.slots,
            free: engine.free,
            deadlines: engine.deadlines,
            queued: engine.queued,
            servers: engine.servers,
            buffers: engine.buffers,
            blocks: engine.blocks,
            undelivered: engine.undelivered + waiting,
            #[cfg(unix)]
            slabs: self.inline.slabs.borrow().count() as u32,
            #[cfg(not(unix))]
            slabs: 0,
        }
    }

    /// The engine behind it.
    pub fn engine(&self) -> Rc<Engine> {
        self.engine.clone()
    }

    /// Hands the first `bytes` of the outbound buffer to the engine.
    pub fn dispatch(&self, bytes: usize) {
        if let Some(records) = self.outbound.borrow().get(..bytes) {
            if !records.is_empty() {
                self.engine.dispatch(records);
            }
        }
    }

    /// The same outside a turn: what inline connections write leaves now.
    pub fn flush(&self, env: Env, bytes: usize) {
        #[cfg(unix)]
        if self.depth.get() == 0 {
            if let Some(inline) = &mut *self.engine.inline() {
                inline.connections.tick();
            }
        }
        self.dispatch(bytes);
        self.sent(env);
    }

    /// Commands have been applied. Inside a turn the writes of all handlers leave together when it is over.
    pub fn sent(&self, env: Env) {
        #[cfg(unix)]
        if self.depth.get() == 0 {
            if self.engine.flush_inline() {
                self.resume_later(env);
            }
            self.set_alarm();
        }
        #[cfg(not(unix))]
        let _ = env;
    }

    /// There is more to do than one turn should: the loop's other users come first. A thread-safe function would not do, because
    /// N-API calls it again before it returns to the loop.
    fn resume_later(&self, env: Env) {
        if self.resuming.replace(true) {
            return;
        }
        #[cfg(unix)]
        if self.event_loop.as_ref().is_some_and(Loop::soon) {
            return;
        }
        if self.later.borrow_back(&env).and_then(|later| later.call(())).is_err() {
            // The environment is going.
            clear_exception(&env);
            self.resuming.set(false);
        }
    }

    /// The turn that [`Self::resume_later`] has asked for, inside a call on the JavaScript thread.
    pub fn resume(&self, env: Env) {
        self.resumed();
        self.begin(env.raw());
    }

    fn resumed(&self) {
        self.resuming.set(false);
        self.heard.set(0);
    }

    /// While a turn is due anyway, what threads have left is left to that.
    fn leaves_to_resumption(&self) -> bool {
        self.resuming.get() && self.depth.get() == 0
    }

    /// A turn that no JavaScript has called. A panic in it is an uncaught exception.
    fn begin(&self, env: sys::napi_env) {
        if self.closed.get() || !self.home.is_alive() {
            return;
        }
        if self.broken.borrow().is_some() {
            if !self.mourned.replace(true) {
                let _ = self.call(env, BROKEN, ptr::null_mut());
            }
        } else if let Err(said) = caught(|| self.run(env)) {
            report(env, &self.break_down(said));
        }
        if self.depth.get() == 0 {
            self.rest();
        }
    }

    /// Whether the inline driver runs; the first who asks starts it.
    #[cfg(unix)]
    pub fn has_inline(&self) -> bool {
        if self.engine.inline().is_some() {
            return true;
        }
        let Some(event_loop) = &self.event_loop else { return false };
        let Ok(inline) = Inline::new(self.engine.events.clone()) else { return false };
        if !event_loop.watch(inline.descriptor()) {
            return false;
        }
        *self.engine.inline() = Some(inline);
        true
    }

    /// Whether the inline driver runs.
    #[cfg(not(unix))]
    pub fn has_inline(&self) -> bool {
        false
    }

    /// Whether the crossing keeps the process alive.
    pub fn set_ref(&self, on: bool) {
        #[cfg(unix)]
        if let Some(event_loop) = &self.event_loop {
            event_loop.set_ref(on);
        }
        if let Some(wake) = &self.wake {
            wake.set_ref(on);
        }
    }

    /// Copies as many whole records as fit into the inbound buffer, and gives the blocks they name when a batch begins. Returns the
    /// bytes, 0 when there is nothing; LARGE when the next record fits no buffer and is the only block.
    fn fill(&self, blocks: &mut Vec<Vec<u8>>) -> i32 {
        let mut batch = self.batch.borrow_mut();
        if self.offset.get() >= batch.records.len() {
            batch.records.clear();
            batch.records.shrink_to(BATCH_KEPT);
            self.offset.set(0);
            self.take(&mut batch);
        }
        let rest = &batch.records[self.offset.get()..];
        if rest.is_empty() {
            return 0;
        }
        let mut inbound = self.inbound.borrow_mut();
        let bytes = take_records(rest, inbound.len());
        if bytes == 0 {
            // A head as large as the user allows. What follows keeps its blocks.
            let record = first_record(rest);
            self.offset.set(self.offset.get() + record.len());
            *blocks = vec![record.to_vec()];
            return LARGE;
        }
        inbound[..bytes].copy_from_slice(&rest[..bytes]);
        self.offset.set(self.offset.get() + bytes);
        *blocks = std::mem::take(&mut batch.blocks);
        bytes as i32
    }

    /// Takes what a driver has left: the inline one first.
    fn take(&self, batch: &mut Batch) {
        #[cfg(unix)]
        if let Some(inline) = &mut *self.engine.inline() {
            self.inline.slabs.borrow_mut().deliver();
            if !inline.connections.outbox.is_empty() {
                std::mem::swap(&mut inline.connections.outbox, batch);
                return;
            }
        }
        self.engine.events.take(batch);
    }

    /// Several turns, until there is nothing more or the loop's other users should have theirs.
    fn run(&self, env: sys::napi_env) {
        #[cfg(debug_assertions)]
        assert!(!self.panics.take(), "asked to panic in a turn");
        let turn = Turn::begin(&self.depth);
        if self.depth.get() > 1 {
            // A handler runs a nested event loop: what is left of the outer turn comes first, as if the handler had returned.
            if let Some(written) = self.call(env, NESTED, ptr::null_mut()) {
                self.dispatch(written);
            }
        }
        #[cfg(unix)]
        self.turn_inline(env);
        let more = self.deliver(env);
        drop(turn);
        #[cfg(unix)]
        let more = self.engine.flush_inline() || more;
        #[cfg(unix)]
        self.set_alarm();
        if more {
            self.resume_later(Env::from_raw(env));
        }
    }

    /// Returns whether there is, or may be, more.
    fn deliver(&self, env: sys::napi_env) -> bool {
        for _ in 0..FILLS_PER_WAKE {
            let mut blocks = Vec::new();
            let bytes = self.fill(&mut blocks);
            if bytes == 0 {
                return false;
            }
            let heard = self.heard.get() + bytes.unsigned_abs() as usize + blocks.iter().map(Vec::len).sum::<usize>();
            self.heard.set(heard);
            // JavaScript keeps the blocks of a batch until the next one brings others.
            let mut values = ptr::null_mut();
            if !blocks.is_empty() {
                match buffers(env, &blocks) {
                    Some(made) => values = made,
                    None => return true,
                }
                self.engine.events.give_back(&mut blocks);
            }
            self.engine.hold();
            let written = self.call(env, bytes, values);
            if let Some(written) = written {
                self.dispatch(written);
            }
            self.engine.release();
            if written.is_none() {
                return true;
            }
            #[cfg(unix)]
            self.serve_inline(env);
            if heard >= HEARD_PER_ROUND {
                return true;
            }
        }
        true
    }

    /// Inline connections read and parse.
    #[cfg(unix)]
    fn turn_inline(&self, env: sys::napi_env) {
        if let Some(inline) = &mut *self.engine.inline() {
            inline.turn(&mut self.inline.slabs.borrow_mut().blocks(&Env::from_raw(env)));
        }
    }

    /// What JavaScript has commanded leaves, and connections that can go on because of it do.
    #[cfg(unix)]
    fn serve_inline(&self, env: sys::napi_env) {
        if let Some(inline) = &mut *self.engine.inline() {
            inline.connections.flush_dirty();
            if inline.has_more() {
                inline.serve(&mut self.inline.slabs.borrow_mut().blocks(&Env::from_raw(env)));
            }
        }
    }

    /// The loop calls again when the next deadline may have passed.
    #[cfg(unix)]
    fn set_alarm(&self) {
        let Some(at) = self.engine.inline().as_ref().and_then(Inline::next_deadline) else { return };
        if self.inline.alarm.get().is_some_and(|set| set <= at) {
            return;
        }
        self.inline.alarm.set(Some(at));
        if let Some(event_loop) = &self.event_loop {
            event_loop.alarm(at.saturating_duration_since(Instant::now()));
        }
    }

    /// Calls JavaScript; an exception is reported as uncaught, and JavaScript goes on behind what threw.
    #[allow(unsafe_code)]
    fn call(&self, env: sys::napi_env, bytes: i32, blocks: sys::napi_value) -> Option<usize> {
        let mut first = bytes;
        let function = self.turn.value()?;
        for _ in 0..MAX_THROWS {
            let mut this = ptr::null_mut();
            let mut count = ptr::null_mut();
            let mut result = ptr::null_mut();
            // SAFETY: on the JavaScript thread with a handle scope open: N-API's around a wake-up or a call of JavaScript's, or that of
            // scope::with_handles. `function` and `blocks` are values of it; out pointers are locals. The engine is not borrowed.
            let status = unsafe {
                sys::napi_get_undefined(env, &mut this);
                sys::napi_create_int32(env, first, &mut count);
                let blocks = if blocks.is_null() { this } else { blocks };
                sys::napi_call_function(env, this, function, 2, [count, blocks].as_ptr(), &mut result)
            };
            if status == sys::Status::napi_ok {
                // SAFETY: as above; `result` was set by the call.
                return unsafe { u32::from_napi_value(env, result) }.ok().map(|written| written as usize);
            }
            if status != sys::Status::napi_pending_exception {
                return None;
            }
            let mut error = ptr::null_mut();
            // SAFETY: as above. When the environment is terminating one of the two says so, and nothing more is called.
            let reported = unsafe {
                sys::napi_get_and_clear_last_exception(env, &mut error) == sys::Status::napi_ok
                    && sys::napi_fatal_exception(env, error) == sys::Status::napi_ok
            };
            if !reported {
                return None;
            }
            first = AFTER_THROW;
        }
        None
    }
}

/// Copies the blocks into an array of Buffers. A copy into memory of V8's own is collected with the young generation; memory moved
/// into an external Buffer costs a finalizer each and drives full collections (measured: raw echo of 64 KB).
#[allow(unsafe_code)]
fn buffers(env: sys::napi_env, blocks: &[Vec<u8>]) -> Option<sys::napi_value> {
    let mut array = ptr::null_mut();
    // SAFETY: on the JavaScript thread inside N-API's callback, with a handle scope open; out pointers are locals, and each copy reads
    // a live Vec of the length given.
    unsafe {
        if sys::napi_create_array_with_length(env, blocks.len(), &mut array) != sys::Status::napi_ok {
            return None;
        }
        for (i, block) in blocks.iter().enumerate() {
            let mut buffer = ptr::null_mut();
            let made =
                sys::napi_create_buffer_copy(env, block.len(), block.as_ptr().cast(), ptr::null_mut(), &mut buffer);
            if made != sys::Status::napi_ok
                || sys::napi_set_element(env, array, i as u32, buffer) != sys::Status::napi_ok
            {
                return None;
            }
        }
    }
    Some(array)
}

/// An exception that nobody should hear of.
#[allow(unsafe_code)]
pub fn clear_exception(env: &Env) {
    let mut error = ptr::null_mut();
    // SAFETY: on the JavaScript thread with a handle scope open, as in a turn; the out pointer is a local. Without an exception the value
    // is undefined.
    unsafe { sys::napi_get_and_clear_last_exception(env.raw(), &mut error) };
}

#[cfg(unix)]
impl OnReady for Crossing {
    fn ready(self: Rc<Self>, why: Why) {
        match why {
            Why::Readable => {}
            Why::Alarm => self.inline.alarm.set(None),
            Why::Soon => self.resumed(),
            Why::Woken if self.leaves_to_resumption() => return,
            Why::Woken => {}
        }
        with_handles(self.env, || {
            let made = self.inline.scope.borrow().clone();
            let Some(scope) = made.or_else(|| AsyncScope::open(self.env).ok().map(Rc::new)) else { return };
            *self.inline.scope.borrow_mut() = Some(scope.clone());
            scope.run(|| self.begin(self.env));
        });
    }

    fn going(self: Rc<Self>) {
        self.close();
    }
}

impl OnWake for Crossing {
    fn woken(self: Rc<Self>) {
        if !self.leaves_to_resumption() {
            self.begin(self.env);
        }
    }

    fn going(self: Rc<Self>) {
        if let Some(wake) = &self.wake {
            wake.forget();
        }
        self.close();
    }
}
