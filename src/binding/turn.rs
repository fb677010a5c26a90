//! A turn: the JavaScript thread is woken, records are copied into its buffer, one function is called, and what that wrote is
//! taken. Its life, from the `Port` that is made of it to the last wake-up, is here, too: see [`Crossing`].

use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
#[cfg(unix)]
use std::time::Instant;

use napi::bindgen_prelude::{FromNapiValue, Function, JsValue, Object, Unknown};
use napi::{sys, Env, Result};

use super::convert::Census;
use super::exception::{broken, caught, contained, report};
use super::life::{Home, HomeBytes, HomeFunction};
#[cfg(unix)]
use super::memory::Held;
use super::port::Engine;
#[cfg(unix)]
use super::scope::{with_handles, AsyncScope};
use super::shortage::{lacks_call, lacks_memory};
#[cfg(unix)]
use super::slabs::Slabs;
#[cfg(unix)]
use super::uv::{Loop, OnReady, Why};
use super::wake::{OnWake, Wake};
use crate::engine::layout::turns::{AFTER_THROW, BROKEN, LARGE, NESTED};
use crate::engine::net::census::Census as EngineCensus;
use crate::engine::net::delivery::{Delivery, Driver};
use crate::engine::net::event::{first_record, places, take_records, Batch, Place};
#[cfg(unix)]
use crate::engine::net::inline::Inline;
use crate::engine::net::port::Port as EventPort;

/// Fills of the inbound buffer in one wake-up; then timers and other I/O get their turn.
const FILLS_PER_WAKE: usize = 8;
/// Bytes of records and blocks that wake-ups may bring before the loop's other users get their turn: N-API calls a thread-safe
/// function up to a thousand times before it returns to the loop, and the threads go on meanwhile.
const HEARD_PER_ROUND: usize = 2 << 20;
/// Payloads that one call brings as arguments.
const PAYLOADS: usize = 128;
/// Exceptions of handlers in one call before it is given up; more than records can stand in the buffer.
const MAX_THROWS: usize = 100_000;

/// What JavaScript gives native to use. All of it lives with the `Port` that is made of it.
pub struct Given<'a> {
    /// Takes events.
    pub inbound: Unknown<'a>,
    /// Has commands.
    pub outbound: Unknown<'a>,
    /// Walks the records of a turn.
    pub turn: Function<'a, (i32,), i32>,
    /// Makes a buffer for large payloads.
    pub slab: Function<'a, u32, Unknown<'static>>,
    /// Calls [`Crossing::resume`] in the loop's next round, where native cannot do that itself.
    pub later: Function<'a, (), ()>,
}

/// Everything a turn needs, for the life of a `Port`.
pub struct Crossing {
    env: sys::napi_env,
    engine: Rc<Engine>,
    /// What all of JavaScript's that is used here lives with.
    home: Home,
    inbound: HomeBytes,
    outbound: HomeBytes,
    turn: HomeFunction<(i32,), i32>,
    later: HomeFunction<(), ()>,
    /// Where there is no loop to be had.
    wake: Option<Wake>,
    /// Taken from the drivers, not yet given to JavaScript.
    delivery: RefCell<Delivery>,
    /// A call of JavaScript was given up before it had gone through all of its records.
    interrupted: Cell<bool>,
    /// Whether a call of [`Self::resumed`] in the loop's next round has been asked for.
    resuming: Cell<bool>,
    /// Bytes given to JavaScript since the loop is known to have gone round.
    heard: Cell<usize>,
    /// [`HEARD_PER_ROUND`], unless [`Self::share_loop`] has been asked for.
    heard_per_round: Cell<usize>,
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
    make_slab: HomeFunction<u32, Unknown<'static>>,
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
    pub fn open(env: Env, port: &Object<'_>, given: Given<'_>) -> Result<Rc<Self>> {
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
        let crossing = Rc::new(Self {
            env: env.raw(),
            engine: Rc::new(Engine::new(events)),
            home,
            inbound: HomeBytes::new(env, &given.inbound)?,
            outbound: HomeBytes::new(env, &given.outbound)?,
            turn: HomeFunction::new(env, &given.turn)?,
            later: HomeFunction::new(env, &given.later)?,
            wake,
            delivery: RefCell::default(),
            interrupted: Cell::new(false),
            resuming: Cell::new(false),
            heard: Cell::new(0),
            heard_per_round: Cell::new(HEARD_PER_ROUND),
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
                slabs: RefCell::default(),
                make_slab: HomeFunction::new(env, &given.slab)?,
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
            *self.inline.slabs.borrow_mut() = Slabs::default();
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
        let waiting = self.delivery.borrow().waiting() as u32;
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

    /// Whether JavaScript has yet to be given bytes of the connection's stream that have been taken from a driver.
    pub fn has_stream_of(&self, index: u32) -> bool {
        self.delivery.borrow().has_stream_of(index)
    }

    /// The loop's other users come after every batch: what another process has sent ahead of an answer is heard before what comes of that.
    pub fn share_loop(&self) {
        self.heard_per_round.set(1);
    }

    /// Hands the first `bytes` of the outbound buffer to the engine; nothing when it has not so many.
    #[allow(unsafe_code)]
    pub fn dispatch(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        if let Some(records) = self.outbound.place().part(0, bytes) {
            // SAFETY: used up before this returns. The engine runs no JavaScript, nor does N-API when payloads that it has kept are looked up
            // or let go; and nobody but JavaScript of this thread has the buffer.
            self.engine.dispatch(unsafe { records.bytes() });
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
                let _ = self.call(env, BROKEN, &[]);
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

    /// Copies as many whole records as fit into the inbound buffer, and makes Buffers of the payloads they name. They stay in the
    /// delivery until they are told: what there is no memory for is told another time.
    #[allow(unsafe_code)]
    fn fill(&self, env: sys::napi_env) -> Filled {
        let mut delivery = self.delivery.borrow_mut();
        if !delivery.turn(|driver, batch| self.take(driver, batch)) {
            return Filled::Nothing;
        }
        let (rest, blocks) = delivery.rest();
        let room = self.inbound.place();
        let mut taken = take_records(rest, room.len());
        if taken == 0 {
            // A head as large as the user allows.
            let record = first_record(rest);
            let mut payloads = Payloads::new(env);
            if !payloads.add(record) {
                return Filled::NoMemory;
            }
            return Filled::Records {
                bytes: LARGE,
                payloads: payloads.buffers,
                taken: record.len(),
                heard: record.len(),
            };
        }
        let (mut payloads, mut words, mut heard) = (Payloads::new(env), Vec::new(), 0);
        if !blocks.is_empty() {
            for Place { record, word, block, offset, length } in places(&rest[..taken]) {
                let bytes = blocks.get(block).and_then(|block| block.get(offset..offset + length)).unwrap_or(&[]);
                if !payloads.add(bytes) {
                    // What stands before it can be told.
                    taken = record;
                    break;
                }
                words.push(word);
                heard += length;
            }
        }
        let Some(room) = room.part(0, taken).filter(|_| taken > 0) else { return Filled::NoMemory };
        // SAFETY: none of the calls of N-API since it was looked up runs JavaScript; used up here, where nobody else has the memory.
        let inbound = unsafe { room.bytes_mut() };
        inbound.copy_from_slice(&rest[..taken]);
        for (number, word) in words.into_iter().enumerate() {
            inbound[word..word + 4].copy_from_slice(&(number as u32).to_le_bytes());
        }
        Filled::Records { bytes: taken as i32, payloads: payloads.buffers, taken, heard: taken + heard }
    }

    /// Takes what a driver has left. JavaScript has been told all that was in its `batch`.
    fn take(&self, driver: Driver, batch: &mut Batch) {
        match driver {
            #[cfg(unix)]
            Driver::Inline => {
                if self.engine.inline().is_some() {
                    self.inline.slabs.borrow_mut().deliver();
                }
                if let Some(inline) = &mut *self.engine.inline() {
                    inline.connections.give_outbox(batch);
                }
            }
            #[cfg(not(unix))]
            Driver::Inline => {}
            Driver::Threads => {
                self.engine.events.give_back(&mut batch.blocks);
                self.engine.events.take(batch);
            }
        }
    }

    /// Several turns, until there is nothing more or the loop's other users should have theirs.
    fn run(&self, env: sys::napi_env) {
        #[cfg(debug_assertions)]
        assert!(!self.panics.take(), "asked to panic in a turn");
        let turn = Turn::begin(&self.depth);
        if self.depth.get() > 1 {
            // A handler runs a nested event loop: what is left of the outer turn comes first, as if the handler had returned.
            self.tell(env, NESTED, &[]);
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
            if self.interrupted.get() && self.tell(env, AFTER_THROW, &[]) != Told::Everything {
                return true;
            }
            let (bytes, payloads, taken, heard) = match self.fill(env) {
                Filled::Nothing => return false,
                Filled::NoMemory => return true,
                Filled::Records { bytes, payloads, taken, heard } => (bytes, payloads, taken, heard),
            };
            let heard = self.heard.get() + heard;
            self.heard.set(heard);
            // A handler that runs the event loop itself goes on behind them.
            self.delivery.borrow_mut().told(taken);
            self.engine.hold();
            let told = self.tell(env, bytes, &payloads);
            self.engine.release();
            if told == Told::Nothing {
                self.delivery.borrow_mut().untold(taken);
            }
            if told != Told::Everything {
                return true;
            }
            #[cfg(unix)]
            self.serve_inline(env);
            if heard >= self.heard_per_round.get() {
                return true;
            }
        }
        true
    }

    /// Inline connections read and parse.
    #[cfg(unix)]
    fn turn_inline(&self, env: sys::napi_env) {
        if self.engine.inline().is_none() {
            return;
        }
        self.supply(env);
        let mut slabs = self.inline.slabs.borrow_mut();
        let mut blocks = slabs.lend();
        if let Some(inline) = &mut *self.engine.inline() {
            inline.turn(&mut blocks);
        }
    }

    /// What JavaScript has commanded leaves, and connections that can go on because of it do.
    #[cfg(unix)]
    fn serve_inline(&self, env: sys::napi_env) {
        self.engine.flush_inline();
        if !self.engine.inline().as_ref().is_some_and(Inline::has_more) {
            return;
        }
        self.supply(env);
        let mut slabs = self.inline.slabs.borrow_mut();
        let mut blocks = slabs.lend();
        if let Some(inline) = &mut *self.engine.inline() {
            inline.serve(&mut blocks);
        }
    }

    /// JavaScript makes the slabs that the driver will want, while nothing of it is borrowed.
    #[cfg(unix)]
    fn supply(&self, env: sys::napi_env) {
        let env = Env::from_raw(env);
        loop {
            let Some(number) = self.inline.slabs.borrow_mut().wanted() else { return };
            let slab = (!lacks_memory())
                .then(|| self.inline.make_slab.borrow_back(&env).and_then(|make| make.call(number)).ok())
                .flatten()
                .and_then(|slab| Held::new(env, slab.raw()));
            let made = slab.is_some();
            self.inline.slabs.borrow_mut().supply(number, slab);
            if !made {
                // Without memory JavaScript has thrown: who would have been read waits.
                clear_exception(&env);
                return;
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

    /// Calls JavaScript, and does what it has commanded.
    fn tell(&self, env: sys::napi_env, bytes: i32, payloads: &[sys::napi_value]) -> Told {
        let told = match self.call(env, bytes, payloads) {
            Called::Returned(written) => {
                self.dispatch(written);
                Told::Everything
            }
            Called::Interrupted => Told::Something,
            Called::NotAtAll if bytes == AFTER_THROW => Told::Something,
            Called::NotAtAll => return Told::Nothing,
        };
        // NESTED has gone through the records of whoever was interrupted.
        self.interrupted.set(told == Told::Something);
        told
    }

    /// Calls JavaScript; an exception is reported as uncaught, and JavaScript goes on behind what threw.
    #[allow(unsafe_code)]
    fn call(&self, env: sys::napi_env, bytes: i32, payloads: &[sys::napi_value]) -> Called {
        let mut first = bytes;
        let mut called = Called::NotAtAll;
        let Some(function) = self.turn.value().filter(|_| !lacks_call()) else { return called };
        let mut arguments = Vec::with_capacity(1 + payloads.len());
        arguments.push(ptr::null_mut());
        arguments.extend_from_slice(payloads);
        for _ in 0..MAX_THROWS {
            let (mut this, mut result) = (ptr::null_mut(), ptr::null_mut());
            // SAFETY: on the JavaScript thread with a handle scope open: N-API's around a wake-up or a call of JavaScript's, or that of
            // scope::with_handles. `function` and `payloads` are values of it; out pointers are locals. The engine is not borrowed.
            let status = unsafe {
                if sys::napi_get_undefined(env, &mut this) != sys::Status::napi_ok
                    || sys::napi_create_int32(env, first, &mut arguments[0]) != sys::Status::napi_ok
                {
                    return called;
                }
                sys::napi_call_function(env, this, function, arguments.len(), arguments.as_ptr(), &mut result)
            };
            if status == sys::Status::napi_ok {
                // SAFETY: as above; `result` was set by the call. lib/binding.js returns a number.
                return Called::Returned(
                    unsafe { u32::from_napi_value(env, result) }.map_or(0, |written| written as usize),
                );
            }
            if status != sys::Status::napi_pending_exception {
                return called;
            }
            // No exception was pending before (whoever calls N-API here clears what that has thrown), so it is JavaScript's.
            called = Called::Interrupted;
            let mut error = ptr::null_mut();
            // SAFETY: as above. When the environment is terminating one of the two says so, and nothing more is called.
            let reported = unsafe {
                sys::napi_get_and_clear_last_exception(env, &mut error) == sys::Status::napi_ok
                    && sys::napi_fatal_exception(env, error) == sys::Status::napi_ok
            };
            if !reported {
                return called;
            }
            first = AFTER_THROW;
            arguments.truncate(1);
        }
        called
    }
}

/// What stands in the inbound buffer.
enum Filled {
    Nothing,
    /// There is something, and no memory to tell it with.
    NoMemory,
    /// `bytes` for JavaScript: so many, or LARGE; Buffers of the `payloads`; how many bytes of the batch that is, and of memory.
    Records {
        bytes: i32,
        payloads: Vec<sys::napi_value>,
        taken: usize,
        heard: usize,
    },
}

/// What came of a call of JavaScript.
enum Called {
    /// It has not begun.
    NotAtAll,
    /// It has not come to its end, and can go on.
    Interrupted,
    /// It has written so many bytes of commands.
    Returned(usize),
}

/// How much JavaScript has heard of what it was called for.
#[derive(PartialEq, Eq)]
enum Told {
    Nothing,
    Something,
    Everything,
}

/// Copies payloads, each into a Buffer with memory of its own. A copy into memory of V8's own is collected with the young generation; memory
/// moved into an external Buffer costs a finalizer each and drives full collections (measured: raw echo of 64 KB). They are handed on as
/// arguments: to set an element of an array is to ask Array.prototype, which may have setters.
struct Payloads {
    env: sys::napi_env,
    buffers: Vec<sys::napi_value>,
}

impl Payloads {
    fn new(env: sys::napi_env) -> Self {
        Self { env, buffers: Vec::new() }
    }

    /// False when there is no memory, or there are enough: nothing has been added.
    #[allow(unsafe_code)]
    fn add(&mut self, bytes: &[u8]) -> bool {
        if self.buffers.len() == PAYLOADS {
            return false;
        }
        let (mut buffer, env) = (ptr::null_mut(), self.env);
        // SAFETY: on the JavaScript thread with a handle scope open, see Crossing::call; the out pointer is a local, and N-API copies `bytes`
        // before it returns. It runs no JavaScript.
        let made = !lacks_memory()
            && unsafe {
                sys::napi_create_buffer_copy(env, bytes.len(), bytes.as_ptr().cast(), ptr::null_mut(), &mut buffer)
                    == sys::Status::napi_ok
            };
        if made {
            self.buffers.push(buffer);
        } else {
            clear_exception(&Env::from_raw(env));
        }
        made
    }
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
