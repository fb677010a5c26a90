//! A turn: the JavaScript thread is woken, records are copied into its buffer, one function is called, and what that wrote is
//! taken. The only place that speaks raw N-API, because a ThreadsafeFunction's own callback is what a turn is.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;

use napi::bindgen_prelude::{Buffer, FromNapiValue, Function, JsValue, ToNapiValue};
use napi::{sys, Env, Error, Result, Status};

use super::port::Engine;
use crate::engine::net::event::{take_records, Batch};
use crate::engine::net::port::Port as EventPort;

/// Fills of the inbound buffer in one wake-up; then timers and other I/O get their turn.
const FILLS_PER_WAKE: usize = 8;
/// Exceptions of handlers in one call before it is given up; more than records can stand in the buffer.
const MAX_THROWS: usize = 100_000;

/// Everything a turn needs, for the life of the environment.
pub struct Crossing {
    engine: Rc<Engine>,
    /// JavaScript's buffers. Held, so that they are neither collected nor moved.
    inbound: RefCell<Buffer>,
    outbound: RefCell<Buffer>,
    turn: sys::napi_ref,
    wake: WakeHandle,
    /// Taken from the port, not yet given to JavaScript.
    batch: RefCell<Batch>,
    offset: Cell<usize>,
    in_turn: Cell<bool>,
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
        unsafe { sys::napi_call_threadsafe_function(self.0, ptr::null_mut(), sys::ThreadsafeFunctionCallMode::nonblocking) };
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
    pub fn open(env: Env, inbound: Buffer, outbound: Buffer, turn: Function<'_, (i32,), i32>) -> Result<Rc<Self>> {
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
            in_turn: Cell::new(false),
        });
        // SAFETY: `context` was made above and is not freed before the cleanup hook; the Rc's count is kept for it.
        unsafe { (*context).set(Rc::into_raw(crossing.clone())) };
        // SAFETY: the hook runs once, on this thread, with the pointer given here.
        check(unsafe { sys::napi_add_env_cleanup_hook(raw, Some(on_cleanup), context.cast()) })?;
        Ok(crossing)
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

    /// Copies as many whole records as fit into the inbound buffer, and gives the blobs when it has got to the end. Returns the
    /// bytes, 0 when there is nothing.
    fn fill(&self, blobs: &mut Vec<Vec<u8>>) -> usize {
        let mut batch = self.batch.borrow_mut();
        if self.offset.get() >= batch.records.len() {
            batch.records.clear();
            batch.blobs.clear();
            self.offset.set(0);
            self.engine.events.take(&mut batch);
        }
        let rest = &batch.records[self.offset.get()..];
        if rest.is_empty() {
            return 0;
        }
        let mut inbound = self.inbound.borrow_mut();
        let bytes = take_records(rest, inbound.len());
        inbound[..bytes].copy_from_slice(&rest[..bytes]);
        // A record larger than the whole buffer cannot be delivered; no record is, and the rest would wait for ever behind one.
        debug_assert!(bytes > 0);
        self.offset.set(if bytes == 0 { batch.records.len() } else { self.offset.get() + bytes });
        *blobs = std::mem::take(&mut batch.blobs);
        bytes
    }

    /// Several turns, until there is nothing more or the loop's other users should have theirs.
    fn run(&self, env: sys::napi_env) {
        if self.in_turn.replace(true) {
            // A nested event loop inside a handler: the outer turn goes on when it returns.
            return;
        }
        for _ in 0..FILLS_PER_WAKE {
            let mut blobs = Vec::new();
            let bytes = self.fill(&mut blobs);
            if bytes == 0 {
                self.in_turn.set(false);
                return;
            }
            // JavaScript keeps the blobs of a batch until the next one brings others.
            let mut blob_values = ptr::null_mut();
            if !blobs.is_empty() {
                match buffers(env, blobs) {
                    Some(values) => blob_values = values,
                    None => break,
                }
            }
            match self.call(env, bytes as i32, blob_values) {
                Some(written) => self.dispatch(written),
                None => break,
            }
        }
        self.in_turn.set(false);
        self.wake.wake();
    }

    /// Calls JavaScript; an exception is reported as uncaught, and JavaScript goes on behind what threw.
    #[allow(unsafe_code)]
    fn call(&self, env: sys::napi_env, bytes: i32, blobs: sys::napi_value) -> Option<usize> {
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
                let blobs = if blobs.is_null() { this } else { blobs };
                sys::napi_call_function(env, this, function, 2, [count, blobs].as_ptr(), &mut result)
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
            first = -1;
        }
        None
    }
}

/// Moves the blobs into an array of Buffers.
#[allow(unsafe_code)]
fn buffers(env: sys::napi_env, blobs: Vec<Vec<u8>>) -> Option<sys::napi_value> {
    let values: Vec<Buffer> = blobs.into_iter().map(Buffer::from).collect();
    // SAFETY: on the JavaScript thread inside N-API's callback, with a handle scope open.
    unsafe { Vec::<Buffer>::to_napi_value(env, values) }.ok()
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
    crossing.run(env);
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
