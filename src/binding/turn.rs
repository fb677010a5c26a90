//! A turn: the JavaScript thread is woken, records are copied into its buffer, one function is called, and what that wrote is
//! taken. The only place that speaks raw N-API, because a ThreadsafeFunction's own callback is what a turn is.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
#[cfg(unix)]
use std::time::Instant;

use napi::bindgen_prelude::{Buffer, FromNapiValue, Function, FunctionRef, JsValue};
use napi::{sys, Env, Error, Result, Status};

use super::convert::Census;
use super::port::Engine;
#[cfg(unix)]
use super::slabs::Slabs;
#[cfg(unix)]
use super::uv::{OnReady, Watch};
use crate::engine::net::census::Census as EngineCensus;
use crate::engine::net::event::{first_record, has_stream_of, take_records, Batch};
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

/// Everything a turn needs, for the life of the environment.
pub struct Crossing {
    engine: Rc<Engine>,
    /// JavaScript's buffers. Held, so that they are neither collected nor moved.
    inbound: RefCell<Buffer>,
    outbound: RefCell<Buffer>,
    turn: sys::napi_ref,
    wake: WakeHandle,
    /// Taken from a driver, not yet given to JavaScript.
    batch: RefCell<Batch>,
    offset: Cell<usize>,
    /// Asks JavaScript for a call of [`Self::resume`] in the loop's next round, and whether that has been asked for.
    later: FunctionRef<(), ()>,
    resuming: Cell<bool>,
    /// Bytes given to JavaScript since the loop is known to have gone round.
    heard: Cell<usize>,
    /// [`HEARD_PER_ROUND`], unless [`Self::share_loop`] has been asked for.
    heard_per_round: Cell<usize>,
    /// Turns on the stack: more than one when a handler runs a nested event loop.
    depth: Cell<u32>,
    #[cfg(unix)]
    inline: InlineSide,
}

/// What only the inline driver needs.
#[cfg(unix)]
struct InlineSide {
    slabs: RefCell<Slabs>,
    watch: RefCell<Option<Watch>>,
    /// What the alarm is set to.
    alarm: Cell<Option<Instant>>,
    /// Node's notion of who calls: an async context, and the object that stands for it.
    scope: (sys::napi_async_context, sys::napi_ref),
    env: sys::napi_env,
}

/// A threadsafe function as other threads hold it.
#[derive(Clone, Copy)]
struct WakeHandle(sys::napi_threadsafe_function);

// SAFETY: napi_call_threadsafe_function may be called from any thread; the handle is valid until the environment's cleanup hook,
// which joins every thread that has one before it returns.
#[allow(unsafe_code)]
unsafe impl Send for WakeHandle {}
// SAFETY: as above; the call takes the handle by value and N-API locks it.
#[allow(unsafe_code)]
unsafe impl Sync for WakeHandle {}

impl WakeHandle {
    #[allow(unsafe_code)]
    fn wake(self) {
        // SAFETY: the handle is valid (see Send). A closing function answers napi_closing, which is normal at teardown.
        unsafe {
            sys::napi_call_threadsafe_function(self.0, ptr::null_mut(), sys::ThreadsafeFunctionCallMode::nonblocking)
        };
    }
}

fn check(status: sys::napi_status) -> Result<()> {
    if status == sys::Status::napi_ok {
        Ok(())
    } else {
        Err(Error::from_status(Status::from(status)))
    }
}

impl Crossing {
    /// Opens the crossing of the environment that calls.
    ///
    /// # Errors
    /// What N-API says when it cannot make a function or a reference.
    #[allow(unsafe_code)]
    pub fn open(
        env: Env,
        inbound: Buffer,
        outbound: Buffer,
        turn: Function<'_, (i32,), i32>,
        slab: Function<'_, u32, Buffer>,
        later: Function<'_, (), ()>,
    ) -> Result<Rc<Self>> {
        let raw = env.raw();
        let mut reference = ptr::null_mut();
        // SAFETY: env and the function are valid for this call; the reference is deleted with the environment.
        check(unsafe { sys::napi_create_reference(raw, turn.raw(), 1, &mut reference) })?;
        let mut name = ptr::null_mut();
        let text = "turnout";
        // SAFETY: the pointer and length are those of a live string.
        check(unsafe { sys::napi_create_string_utf8(raw, text.as_ptr().cast(), text.len() as isize, &mut name) })?;

        // The threadsafe function's context is the Crossing, which needs the function's handle: a cell closes the circle.
        let context: Box<Cell<*const Crossing>> = Box::new(Cell::new(ptr::null()));
        let context = Box::into_raw(context);
        let mut function = ptr::null_mut();
        // SAFETY: all handles are valid for this call; `context` lives until the cleanup hook below frees it, after which N-API
        // calls on_wake no more with an environment.
        check(unsafe {
            sys::napi_create_threadsafe_function(
                raw,
                ptr::null_mut(),
                ptr::null_mut(),
                name,
                0,
                1,
                ptr::null_mut(),
                None,
                context.cast(),
                Some(on_wake),
                &mut function,
            )
        })?;
        // SAFETY: the function has just been made by this environment.
        check(unsafe { sys::napi_unref_threadsafe_function(raw, function) })?;
        let wake = WakeHandle(function);
        let events = Arc::new(EventPort::new(Box::new(move || wake.wake())));
        let crossing = Rc::new(Self {
            engine: Rc::new(Engine::new(events)),
            inbound: RefCell::new(inbound),
            outbound: RefCell::new(outbound),
            turn: reference,
            wake,
            batch: RefCell::default(),
            offset: Cell::new(0),
            later: later.create_ref()?,
            resuming: Cell::new(false),
            heard: Cell::new(0),
            heard_per_round: Cell::new(HEARD_PER_ROUND),
            depth: Cell::new(0),
            #[cfg(unix)]
            inline: InlineSide {
                slabs: RefCell::new(Slabs::new(&slab)?),
                watch: RefCell::default(),
                alarm: Cell::new(None),
                scope: async_scope(raw, name)?,
                env: raw,
            },
        });
        #[cfg(not(unix))]
        let _ = slab;
        // SAFETY: `context` was made above and is not freed before the cleanup hook; the Rc's count is kept for it.
        unsafe { (*context).set(Rc::into_raw(crossing.clone())) };
        // SAFETY: the hook runs once, on this thread, with the pointer given here.
        check(unsafe { sys::napi_add_env_cleanup_hook(raw, Some(on_cleanup), context.cast()) })?;
        Ok(crossing)
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

    /// Whether JavaScript has yet to be given bytes of the connection's stream that have been taken from a driver.
    pub fn has_stream_of(&self, index: u32) -> bool {
        has_stream_of(self.batch.borrow().records.get(self.offset.get()..).unwrap_or_default(), index)
    }

    /// The loop's other users come after every batch: what another process has sent ahead of an answer is heard before what comes of that.
    pub fn share_loop(&self) {
        self.heard_per_round.set(1);
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
        if self.later.borrow_back(&env).and_then(|later| later.call(())).is_err() {
            // The environment is going.
            clear_exception(&env);
            self.resuming.set(false);
        }
    }

    /// Threads have left something. While a turn is due anyway it is left to that.
    fn woken(&self, env: sys::napi_env) {
        if !self.resuming.get() || self.depth.get() > 0 {
            self.run(env);
        }
    }

    /// The turn that [`Self::resume_later`] has asked for.
    pub fn resume(&self, env: Env) {
        self.resuming.set(false);
        self.heard.set(0);
        self.run(env.raw());
    }

    /// Whether the inline driver runs; the first who asks starts it.
    #[cfg(unix)]
    pub fn has_inline(self: &Rc<Self>, env: Env) -> bool {
        if self.engine.inline().is_some() {
            return true;
        }
        let Ok(inline) = Inline::new(self.engine.events.clone()) else { return false };
        let Some(watch) = Watch::open(env.raw(), inline.descriptor(), self.clone()) else { return false };
        *self.inline.watch.borrow_mut() = Some(watch);
        *self.engine.inline() = Some(inline);
        true
    }

    /// Whether the inline driver runs.
    #[cfg(not(unix))]
    pub fn has_inline(&self, _: Env) -> bool {
        false
    }

    /// Whether the crossing keeps the process alive.
    #[allow(unsafe_code)]
    pub fn set_ref(&self, env: Env, on: bool) {
        // SAFETY: called by JavaScript, hence on its thread and before the environment is torn down.
        unsafe {
            if on {
                sys::napi_ref_threadsafe_function(env.raw(), self.wake.0);
            } else {
                sys::napi_unref_threadsafe_function(env.raw(), self.wake.0);
            }
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
        self.depth.set(self.depth.get() + 1);
        if self.depth.get() > 1 {
            // A handler runs a nested event loop: what is left of the outer turn comes first, as if the handler had returned.
            if let Some(written) = self.call(env, NESTED, ptr::null_mut()) {
                self.dispatch(written);
            }
        }
        #[cfg(unix)]
        self.turn_inline(env);
        let more = self.deliver(env);
        self.depth.set(self.depth.get() - 1);
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
            if heard >= self.heard_per_round.get() {
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
        if let Some(watch) = &*self.inline.watch.borrow() {
            watch.alarm(at.saturating_duration_since(Instant::now()));
        }
    }

    /// Calls JavaScript; an exception is reported as uncaught, and JavaScript goes on behind what threw.
    #[allow(unsafe_code)]
    fn call(&self, env: sys::napi_env, bytes: i32, blocks: sys::napi_value) -> Option<usize> {
        let mut first = bytes;
        for _ in 0..MAX_THROWS {
            let mut function = ptr::null_mut();
            let mut this = ptr::null_mut();
            let mut count = ptr::null_mut();
            let mut result = ptr::null_mut();
            // SAFETY: on the JavaScript thread inside N-API's callback, with a handle scope open; out pointers are locals.
            let status = unsafe {
                sys::napi_get_reference_value(env, self.turn, &mut function);
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
            // SAFETY: as above. The environment may be terminating, in which case a status says so and nothing more is called.
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
    // SAFETY: on the JavaScript thread; the out pointer is a local. Without an exception the value is undefined.
    unsafe { sys::napi_get_and_clear_last_exception(env.raw(), &mut error) };
}

/// An async context for calls that come from the loop, not from N-API.
#[cfg(unix)]
#[allow(unsafe_code)]
fn async_scope(env: sys::napi_env, name: sys::napi_value) -> Result<(sys::napi_async_context, sys::napi_ref)> {
    let (mut object, mut reference, mut context) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: inside a call of JavaScript's; out pointers are locals. Reference and context live as long as the environment.
    unsafe {
        check(sys::napi_create_object(env, &mut object))?;
        check(sys::napi_create_reference(env, object, 1, &mut reference))?;
        check(sys::napi_async_init(env, object, name, &mut context))?;
    }
    Ok((context, reference))
}

#[cfg(unix)]
impl OnReady for Crossing {
    /// A turn that the loop itself starts: in a callback scope, so that ticks and promises run when it is over.
    #[allow(unsafe_code)]
    fn ready(self: Rc<Self>, alarm: bool) {
        if alarm {
            self.inline.alarm.set(None);
        }
        let env = self.inline.env;
        let (context, reference) = self.inline.scope;
        let (mut handles, mut scope, mut object) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: on the thread of the environment, called by its loop, before its cleanup: Watch lets go of this object then. Scopes
        // are closed in the reverse order; out pointers are locals.
        unsafe {
            if sys::napi_open_handle_scope(env, &mut handles) != sys::Status::napi_ok {
                return;
            }
            if sys::napi_get_reference_value(env, reference, &mut object) == sys::Status::napi_ok
                && sys::napi_open_callback_scope(env, object, context, &mut scope) == sys::Status::napi_ok
            {
                self.run(env);
                sys::napi_close_callback_scope(env, scope);
            }
            sys::napi_close_handle_scope(env, handles);
        }
    }
}

/// N-API calls this on the JavaScript thread after a wake-up.
#[allow(unsafe_code)]
extern "C" fn on_wake(env: sys::napi_env, _callback: sys::napi_value, context: *mut c_void, _data: *mut c_void) {
    if env.is_null() {
        return; // torn down
    }
    // SAFETY: `context` is the cell made in Crossing::open, freed only by on_cleanup, after which env is null or no call comes.
    let crossing = unsafe { (*context.cast::<Cell<*const Crossing>>()).get() };
    if crossing.is_null() {
        return;
    }
    // SAFETY: the pointer carries a count of its own until on_cleanup; another is taken for the duration of the turn.
    let crossing = unsafe {
        Rc::increment_strong_count(crossing);
        Rc::from_raw(crossing)
    };
    crossing.woken(env);
}

/// The environment goes: the threads end first, so that nobody wakes what is no more.
#[allow(unsafe_code)]
extern "C" fn on_cleanup(context: *mut c_void) {
    // SAFETY: `context` is the cell made in Crossing::open. It is emptied, not freed: a wake-up may still be queued.
    let crossing = unsafe { (*context.cast::<Cell<*const Crossing>>()).replace(ptr::null()) };
    if crossing.is_null() {
        return;
    }
    // SAFETY: the count that Crossing::open kept for this hook.
    let crossing = unsafe { Rc::from_raw(crossing) };
    crossing.engine.stop();
}
