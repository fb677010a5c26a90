//! An environment's crossing: the two buffers, the function called for events, and the thread-safe function that wakes the
//! JavaScript thread. All `unsafe` of the crate is here: napi-rs's own thread-safe function makes values per call that this path
//! has no use for, and its references cannot be read without naming their memory's lifetime.

use std::cell::RefCell;
use std::ffi::c_void;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr::null_mut;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use napi::bindgen_prelude::{Buffer, JsValue, ToNapiValue, Unknown};
use napi::{sys, Env, Error, Result, Status};

use crate::engine::net::command::LargeWrite;
use crate::engine::net::{default_shards, Driver, ListenOptions, Listening, Port, ServerConfig};

/// Bytes each buffer must have: every inbound record fits then.
const BUFFER_SIZE: usize = 256 * 1024;
/// Turns per wake; then timers and other input have theirs.
const TURNS_PER_WAKE: usize = 8;
/// Names the number of shards, for measurements and tests.
const THREADS_VARIABLE: &str = "TURNOUT_THREADS";
/// Shards that variable may ask for.
const MAX_THREADS: usize = 64;

/// The thread-safe function, as the shards hold it.
struct Wake(sys::napi_threadsafe_function);

// SAFETY: N-API allows napi_call_threadsafe_function, the only use made of it, from any thread. The function outlives every
// caller: shards are joined by the cleanup hook, which was added after Node's own for the function and so runs before it.
#[allow(unsafe_code)]
unsafe impl Send for Wake {}
// SAFETY: as above; the call locks inside.
#[allow(unsafe_code)]
unsafe impl Sync for Wake {}

impl Wake {
    #[allow(unsafe_code)]
    fn wake(&self) {
        // SAFETY: the function exists as long as any shard or crossing does (see above). A refusal (closing) needs no answer:
        // nobody will run the events.
        unsafe {
            sys::napi_call_threadsafe_function(
                self.0,
                null_mut(),
                sys::ThreadsafeFunctionCallMode::nonblocking,
            );
        }
    }
}

/// One environment's way between JavaScript and the engine. Lives on the JavaScript thread until the environment's end.
pub(super) struct Crossing {
    inbound: sys::napi_ref,
    outbound: sys::napi_ref,
    turn: sys::napi_ref,
    wake: Arc<OnceLock<Wake>>,
    port: Arc<Port>,
    driver: RefCell<Driver>,
}

impl Crossing {
    /// Sets up the crossing, its wake-up and its end.
    ///
    /// # Errors
    /// `InvalidArg` for arguments that are not what [`super::port::Port::new`] asks for; else what N-API says.
    pub(super) fn open(
        env: Env,
        inbound: &Unknown<'_>,
        outbound: &Unknown<'_>,
        turn: &Unknown<'_>,
    ) -> Result<Rc<Crossing>> {
        let env = env.raw();
        for buffer in [inbound, outbound] {
            if with_buffer(env, buffer.raw(), |bytes| bytes.len())? < BUFFER_SIZE {
                let reason = format!("a buffer must have {BUFFER_SIZE} bytes");
                return Err(Error::new(Status::InvalidArg, reason));
            }
        }
        if turn.get_type()? != napi::ValueType::Function {
            return Err(Error::new(Status::InvalidArg, "turn must be a function"));
        }
        let wake: Arc<OnceLock<Wake>> = Arc::default();
        let waker = wake.clone();
        let port = Arc::new(Port::new(move || {
            if let Some(wake) = waker.get() {
                wake.wake();
            }
        }));
        let crossing = Rc::new(Crossing {
            inbound: reference(env, inbound.raw())?,
            outbound: reference(env, outbound.raw())?,
            turn: reference(env, turn.raw())?,
            wake,
            driver: RefCell::new(Driver::new(port.clone(), shards())),
            port,
        });
        crossing.attach(env)?;
        Ok(crossing)
    }

    /// Makes the thread-safe function and, after it, the hook for the environment's end.
    #[allow(unsafe_code)]
    fn attach(self: &Rc<Crossing>, env: sys::napi_env) -> Result<()> {
        let mut name = null_mut();
        let mut function = null_mut();
        let text = c"turnout";
        // SAFETY: `env` is the calling thread's environment inside a call. Each of the two owners of `self` made here gives its
        // count back exactly once: `forget` when the function is finalised, `end` when the hook runs.
        unsafe {
            check(sys::napi_create_string_utf8(
                env,
                text.as_ptr(),
                7,
                &mut name,
            ))?;
            let context = Rc::into_raw(self.clone()).cast_mut().cast::<c_void>();
            check(sys::napi_create_threadsafe_function(
                env,
                null_mut(),
                null_mut(),
                name,
                0,
                1,
                context,
                Some(forget),
                context,
                Some(on_wake),
                &mut function,
            ))?;
            check(sys::napi_unref_threadsafe_function(env, function))?;
            let hooked = Rc::into_raw(self.clone()).cast_mut().cast::<c_void>();
            check(sys::napi_add_env_cleanup_hook(env, Some(end), hooked))?;
        }
        let _ = self.wake.set(Wake(function));
        Ok(())
    }

    /// As [`super::port::Port::flush`].
    pub(super) fn flush(&self, env: Env, bytes: usize) -> Result<()> {
        self.dispatch(env.raw(), bytes)
    }

    fn dispatch(&self, env: sys::napi_env, bytes: usize) -> Result<()> {
        let outbound = dereference(env, self.outbound)?;
        with_buffer(env, outbound, |buffer| match buffer.get(..bytes) {
            Some(commands) => {
                self.driver.borrow().dispatch(commands);
                Ok(())
            }
            None => Err(Error::new(
                Status::InvalidArg,
                "more bytes than the buffer has",
            )),
        })?
    }

    pub(super) fn send(&self, write: LargeWrite) {
        self.driver.borrow().send(write);
    }

    pub(super) fn listen(
        &self,
        options: &ListenOptions,
        config: &ServerConfig,
    ) -> std::io::Result<Listening> {
        self.driver.borrow_mut().listen(options, config)
    }

    pub(super) fn configure(&self, id: u32, config: &ServerConfig) {
        self.driver.borrow().configure(id, config);
    }

    pub(super) fn close_listener(&self, id: u32) {
        self.driver.borrow_mut().close_listener(id);
    }

    pub(super) fn connections(&self) -> usize {
        self.port.live()
    }

    pub(super) fn stop(&self) {
        // Nothing that borrows the driver calls into JavaScript, so this cannot meet a borrow; were it so, Drop would stop it.
        if let Ok(mut driver) = self.driver.try_borrow_mut() {
            driver.stop();
        }
    }

    /// Whether the environment's loop is kept alive.
    #[allow(unsafe_code)]
    pub(super) fn hold(&self, env: Env, hold: bool) {
        let Some(Wake(function)) = self.wake.get() else {
            return;
        };
        // SAFETY: `env` is the calling thread's environment inside a call, so the function has not been finalised.
        unsafe {
            if hold {
                sys::napi_ref_threadsafe_function(env.raw(), *function);
            } else {
                sys::napi_unref_threadsafe_function(env.raw(), *function);
            }
        }
    }

    /// Hands events to JavaScript, turn by turn, until there are none or others must have their turn.
    fn turns(&self, env: sys::napi_env) -> Result<()> {
        for _ in 0..TURNS_PER_WAKE {
            let mut blobs = Vec::new();
            let inbound = dereference(env, self.inbound)?;
            let bytes = with_buffer(env, inbound, |buffer| self.port.fill(buffer, &mut blobs))?;
            if bytes == 0 {
                return Ok(());
            }
            let mut commands = self.call(env, bytes as i32, blobs)?;
            while commands.is_none() {
                commands = self.call(env, -1, Vec::new())?;
            }
            self.dispatch(env, commands.unwrap_or(0))?;
        }
        if let Some(wake) = self.wake.get() {
            wake.wake();
        }
        Ok(())
    }

    /// One call of `turn`; `None` when it threw and the exception has been reported as uncaught.
    ///
    /// # Errors
    /// When JavaScript cannot run any more.
    #[allow(unsafe_code)]
    fn call(&self, env: sys::napi_env, bytes: i32, blobs: Vec<Vec<u8>>) -> Result<Option<usize>> {
        let turn = dereference(env, self.turn)?;
        let mut receiver = null_mut();
        let mut result = null_mut();
        let mut args = [null_mut(); 2];
        let mut commands = 0;
        // SAFETY: called from `on_wake`, where Node has opened a handle scope on the environment's own thread. `args` holds as many
        // values as are announced. Neither buffer is borrowed while JavaScript runs.
        unsafe {
            check(sys::napi_get_undefined(env, &mut receiver))?;
            check(sys::napi_create_int32(env, bytes, &mut args[0]))?;
            args[1] = if blobs.is_empty() {
                receiver
            } else {
                let blobs: Vec<Buffer> = blobs.into_iter().map(Buffer::from).collect();
                Vec::to_napi_value(env, blobs)?
            };
            let status =
                sys::napi_call_function(env, receiver, turn, 2, args.as_ptr(), &mut result);
            if status == sys::Status::napi_ok {
                // What is no number counts as no commands.
                sys::napi_get_value_int32(env, result, &mut commands);
                return Ok(Some(usize::try_from(commands).unwrap_or(0)));
            }
            let mut pending = false;
            check(sys::napi_is_exception_pending(env, &mut pending))?;
            if !pending {
                check(status)?;
            }
            let mut exception = null_mut();
            check(sys::napi_get_and_clear_last_exception(env, &mut exception))?;
            check(sys::napi_fatal_exception(env, exception))?;
        }
        Ok(None)
    }
}

fn shards() -> usize {
    std::env::var(THREADS_VARIABLE)
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|n| (1..=MAX_THREADS).contains(n))
        .unwrap_or_else(default_shards)
}

fn check(status: sys::napi_status) -> Result<()> {
    match Status::from(status) {
        Status::Ok => Ok(()),
        status => Err(Error::from_status(status)),
    }
}

#[allow(unsafe_code)]
fn reference(env: sys::napi_env, value: sys::napi_value) -> Result<sys::napi_ref> {
    let mut reference = null_mut();
    // SAFETY: `value` is an argument of the present call, `env` its environment.
    check(unsafe { sys::napi_create_reference(env, value, 1, &mut reference) })?;
    Ok(reference)
}

#[allow(unsafe_code)]
fn dereference(env: sys::napi_env, reference: sys::napi_ref) -> Result<sys::napi_value> {
    let mut value = null_mut();
    // SAFETY: `reference` came from `reference()` in this environment and is never deleted; callers are inside a handle scope.
    check(unsafe { sys::napi_get_reference_value(env, reference, &mut value) })?;
    Ok(value)
}

/// Gives `use_bytes` a Buffer's memory.
#[allow(unsafe_code)]
fn with_buffer<T>(
    env: sys::napi_env,
    value: sys::napi_value,
    use_bytes: impl FnOnce(&mut [u8]) -> T,
) -> Result<T> {
    let mut data = null_mut();
    let mut length = 0;
    // SAFETY: `value` is a live handle of `env`; N-API refuses what is no Buffer.
    check(unsafe { sys::napi_get_buffer_info(env, value, &mut data, &mut length) })?;
    if data.is_null() || length == 0 {
        // Empty, or detached by whoever transferred its ArrayBuffer.
        return Ok(use_bytes(&mut []));
    }
    // SAFETY: the memory is `length` bytes of an ArrayBuffer of this thread, kept alive by the handle. `use_bytes` is this module's
    // and calls no JavaScript, so nobody else reads, writes or detaches it meanwhile.
    let bytes = unsafe { std::slice::from_raw_parts_mut(data.cast::<u8>(), length) };
    Ok(use_bytes(bytes))
}

/// Node calls this on the environment's thread after a wake.
#[allow(unsafe_code)]
unsafe extern "C" fn on_wake(
    env: sys::napi_env,
    _callback: sys::napi_value,
    context: *mut c_void,
    _data: *mut c_void,
) {
    // The environment is going down and cannot run JavaScript.
    if env.is_null() || context.is_null() {
        return;
    }
    // SAFETY: `context` is the count that `attach` gave to the function, returned only by `forget`, after the last wake.
    let crossing = unsafe { &*context.cast_const().cast::<Crossing>() };
    // An error here means that the environment is ending; a panic has printed its message. Neither may leave through C.
    let _ = catch_unwind(AssertUnwindSafe(|| crossing.turns(env)));
}

/// Node calls this when the thread-safe function has been closed.
#[allow(unsafe_code)]
unsafe extern "C" fn forget(_env: sys::napi_env, context: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the count given by `attach`; Node finalises a function once.
    drop(unsafe { Rc::from_raw(context.cast_const().cast::<Crossing>()) });
}

/// Node calls this at the environment's end, before it closes the thread-safe function.
#[allow(unsafe_code)]
unsafe extern "C" fn end(context: *mut c_void) {
    // SAFETY: the count given by `attach`; Node runs a hook once.
    let crossing = unsafe { Rc::from_raw(context.cast_const().cast::<Crossing>()) };
    let _ = catch_unwind(AssertUnwindSafe(|| crossing.stop()));
}
