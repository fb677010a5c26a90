//! Where one JavaScript environment and the engine meet, for the life of a `Port`: what it is made of, how calls come in, when it goes on later,
//! and how it ends. What a turn does is in [`super::turn`].

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use napi::bindgen_prelude::{Buffer, Either, Function, JsValue, Object, Unknown};
use napi::{sys, Env, Result};

use super::engine::{Engine, On};
use super::event_loop::{Loop, OnReady, Why};
use super::exception::{broken, caught, clear_exception, contained};
use super::life::{Home, HomeBytes, HomeFunction};
use super::local::Local;
use super::memory::Place;
use super::wake::{OnWake, Wake};
use crate::engine::net::census::Census;
use crate::engine::net::command::Target;
use crate::engine::net::delivery::{Delivery, Driver};
use crate::engine::net::event::Batch;
use crate::engine::net::port::Port as EventPort;
use crate::engine::net::streams;

/// Bytes of records and blocks that wake-ups may bring before the loop's other users get their turn: N-API calls a thread-safe
/// function up to a thousand times before it returns to the loop, and the threads go on meanwhile.
const HEARD_PER_ROUND: usize = 2 << 20;

/// Milliseconds that a timer of JavaScript's can wait; it is asked for again when they have passed.
const MAX_DELAY: u32 = 0x7fff_0000;

/// Bytes of memory for copies that are used again.
const KEPT_COPY: usize = 64 * 1024;

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
    /// Calls [`Crossing::resume`] so many milliseconds later, or, 0, in the loop's next round, where native cannot do that itself.
    pub later: Function<'a, u32, ()>,
    /// Whether the runtime's libuv is one.
    pub libuv: bool,
}

/// Everything a turn needs, for the life of a `Port`.
pub struct Crossing {
    pub(super) env: sys::napi_env,
    pub(super) engine: Rc<Engine>,
    /// The `Port`: the JavaScript objects used here live as long as it does.
    pub(super) home: Home,
    pub(super) inbound: HomeBytes,
    outbound: HomeBytes,
    pub(super) turn: HomeFunction<(i32,), i32>,
    later: HomeFunction<u32, ()>,
    /// Where there is no loop to be had.
    wake: Option<Wake>,
    /// Taken from the drivers, not yet given to JavaScript.
    pub(super) delivery: RefCell<Delivery>,
    /// A call of JavaScript was given up before it had gone through all of its records.
    pub(super) interrupted: Cell<bool>,
    /// Whether a call of [`Self::resumed`] in the loop's next round has been asked for.
    resuming: Cell<bool>,
    /// Bytes given to JavaScript since the loop is known to have gone round.
    pub(super) heard: Cell<usize>,
    /// [`HEARD_PER_ROUND`], unless [`Self::share_loop`] has been asked for.
    pub(super) heard_per_round: Cell<usize>,
    /// What [`Self::give`] parses.
    copied: RefCell<Vec<u8>>,
    /// What [`Self::give`] has returned.
    given: RefCell<Batch>,
    /// What JavaScript is being told are records of streams of its own.
    pub(super) tells_streams: Cell<bool>,
    /// Turns on the stack: more than one when a handler runs a nested event loop.
    pub(super) depth: Cell<u32>,
    /// What a panic has said: the engine is given up. And whether JavaScript has been told.
    pub(super) broken: RefCell<Option<String>>,
    pub(super) told_broken: Cell<bool>,
    /// The port has been collected, or the environment goes.
    pub(super) closed: Cell<bool>,
    #[cfg(debug_assertions)]
    pub(super) panics: Cell<bool>,
    pub(super) local: Local,
}

/// What wakes the JavaScript thread.
type WakeFunction = Box<dyn Fn() + Send + Sync>;

impl Crossing {
    /// Opens the crossing of the `port` that is being made.
    ///
    /// # Errors
    /// What N-API says when it cannot make a function or a reference.
    pub fn open(env: Env, port: &Object<'_>, given: Given<'_>) -> Result<Rc<Self>> {
        let kept = [
            (c"inbound", given.inbound.raw()),
            (c"outbound", given.outbound.raw()),
            (c"turn", given.turn.raw()),
            (c"slab", given.slab.raw()),
            (c"later", given.later.raw()),
        ];
        let home = Home::new(env, port, &kept)?;
        let event_loop = if given.libuv { Loop::open(env.raw()) } else { None };
        let (wake, waken) = match event_loop.as_ref().map(Loop::waker) {
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
            copied: RefCell::default(),
            given: RefCell::default(),
            tells_streams: Cell::new(false),
            depth: Cell::new(0),
            broken: RefCell::default(),
            told_broken: Cell::new(false),
            closed: Cell::new(false),
            #[cfg(debug_assertions)]
            panics: Cell::new(false),
            local: Local::new(env, event_loop, &given.slab)?,
        });
        if let Some(wake) = &crossing.wake {
            wake.set_target(crossing.clone());
        }
        crossing.local.set_target(crossing.clone());
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
    pub(super) fn break_down(&self, said: String) -> napi::Error {
        let error = broken(&said);
        *self.broken.borrow_mut() = Some(said);
        // What was left half done may panic again while it is dropped.
        contained(|| self.engine.stop_threads());
        self.local.unwatch();
        contained(|| self.engine.stop_local());
        self.resuming.set(false);
        self.resume_later(Env::from_raw(self.env));
        error
    }

    /// While `on` the realm of the port cannot be collected.
    pub fn keep(&self, on: bool) {
        self.home.keep(on);
        if self.depth.get() == 0 {
            self.rest();
        }
    }

    /// Nothing of the engine's will speak to JavaScript: what would keep its realm alive goes.
    pub(super) fn rest(&self) {
        if !self.home.is_kept() {
            self.local.rest();
        }
    }

    /// The port has been collected, or the environment goes: threads end, sockets close, and nobody calls any more.
    pub fn close(&self) {
        if self.closed.replace(true) {
            return;
        }
        // Whatever may wake the loop ends before it is closed, and it stops watching before what it watches is closed.
        self.engine.stop_threads();
        self.local.close();
        self.engine.stop_local();
        if let Some(wake) = &self.wake {
            wake.close();
        }
        self.local.leave_scope();
    }

    /// The next turn panics.
    #[cfg(debug_assertions)]
    pub fn panic_in_turn(&self) {
        self.panics.set(true);
        self.resume_later(Env::from_raw(self.env));
    }

    /// The engine's counts, and those of the crossing.
    pub fn census(&self) -> Census {
        let mut census = self.engine.census();
        census.undelivered += self.delivery.borrow().waiting() as u32;
        census.slabs = self.local.slabs() as u32;
        census
    }

    /// The engine behind it.
    pub fn engine(&self) -> Rc<Engine> {
        self.engine.clone()
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
        if self.depth.get() == 0 {
            if let Some(inline) = &mut *self.engine.inline() {
                inline.tick();
            }
        }
        self.dispatch(bytes);
        self.sent(env);
    }

    /// Commands have been applied. Inside a turn the writes of all handlers leave together when it is over.
    pub fn sent(&self, env: Env) {
        if self.depth.get() == 0 {
            if self.engine.flush_local() {
                self.resume_later(env);
            }
            self.set_alarm(env);
        }
    }

    /// There is more to do than one turn should: the loop's other users come first. A thread-safe function would not do, because
    /// N-API calls it again before it returns to the loop.
    pub(super) fn resume_later(&self, env: Env) {
        if self.resuming.replace(true) || self.local.soon() {
            return;
        }
        if !self.ask_for(env, 0) {
            self.resuming.set(false);
        }
    }

    /// JavaScript resumes the crossing so many milliseconds later. False: the environment is going.
    fn ask_for(&self, env: Env, milliseconds: u32) -> bool {
        let asked = self.later.borrow_back(&env).and_then(|later| later.call(milliseconds)).is_ok();
        if !asked {
            clear_exception(&env);
        }
        asked
    }

    /// There is a call when the next deadline may have passed.
    pub(super) fn set_alarm(&self, env: Env) {
        if let Some(delay) = self.local.set_alarm(&self.engine) {
            self.ask_for(env, delay.as_millis().min(u128::from(MAX_DELAY)) as u32 + 1);
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
        if !self.local.has_loop() {
            self.local.alarm_is_over();
        }
    }

    /// Bytes that have come on a stream of JavaScript's, or (`None`) its end. What is to be told of them is put into `records`; what does not go
    /// in there is returned by itself. Nothing is told now while records of streams are on their way to JavaScript by a turn: these come first.
    #[allow(unsafe_code)]
    pub fn give(&self, env: Env, target: Target, data: Option<Place>, records: Option<Place>) -> Either<u32, Buffer> {
        let mut streams = self.engine.streams();
        let waits = self.tells_streams.get() || self.delivery.borrow().has_of(Driver::Streams);
        match data {
            // A program may write to them, or another thread, while they are parsed.
            Some(data) => {
                let mut copy = self.copied.borrow_mut();
                // SAFETY: no JavaScript has run since they were looked up.
                unsafe { data.copy_to(&mut copy) };
                streams.give(target, &mut copy, !waits);
                copy.shrink_to(KEPT_COPY);
            }
            None => streams.end(target),
        }
        streams.serve();
        // Its memory is used again, by turns with the outbox's.
        let mut batch = self.given.borrow_mut();
        batch.records.clear();
        if !waits {
            streams.give_outbox(&mut batch);
        }
        drop(streams);
        let told = batch.records.len();
        let room = records.filter(|records| !records.is_shared()).and_then(|records| records.part(0, told));
        let answer = match room {
            Some(room) => {
                // SAFETY: no JavaScript has run since it was looked up, and nobody else has the memory; used up here.
                unsafe { room.bytes_mut() }.copy_from_slice(&batch.records);
                Either::A(told as u32)
            }
            None => Either::B(std::mem::take(&mut batch.records).into()),
        };
        drop(batch);
        // This may call JavaScript.
        if self.depth.get() == 0 {
            if waits {
                self.resume_later(env);
            }
            self.set_alarm(env);
        }
        answer
    }

    /// Whether a turn is due anyway, which will take what threads have left at the port.
    fn leaves_to_resumption(&self) -> bool {
        self.resuming.get() && self.depth.get() == 0
    }

    /// Whether the inline driver runs; the first who asks starts it.
    pub fn has_inline(&self) -> bool {
        self.local.has_inline(&self.engine)
    }

    /// Who is to look after something, by JavaScript's numbers: the thread of the number `thread`, or, without that, so many `threads`. 0 is this
    /// thread, if it has the inline driver.
    pub fn on(&self, threads: u32, thread: Option<u32>) -> On {
        if threads == streams::NUMBER {
            return On::Streams;
        }
        match thread {
            Some(0) if self.has_inline() => On::Inline,
            Some(number) => On::Thread(number),
            None if threads == 0 && self.has_inline() => On::Inline,
            None => On::Threads(threads),
        }
    }

    /// Whether the crossing keeps the process alive.
    pub fn set_ref(&self, on: bool) {
        self.local.set_ref(on);
        if let Some(wake) = &self.wake {
            wake.set_ref(on);
        }
    }
}

impl OnReady for Crossing {
    fn ready(self: Rc<Self>, why: Why) {
        match why {
            Why::Readable => {}
            Why::Alarm => self.local.alarm_is_over(),
            Why::Soon => self.resumed(),
            Why::Woken if self.leaves_to_resumption() => return,
            Why::Woken => {}
        }
        self.local.run(self.env, || self.begin(self.env));
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
