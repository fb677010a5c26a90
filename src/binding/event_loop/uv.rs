//! The loop where it is libuv's. The only place that speaks libuv, whose functions are looked up at run time: a runtime without them loads
//! the addon all the same and gets threads. So does one that has only their names (Bun, Deno): `lib/seam/driver.js` knows these.

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_uint, c_void};
use std::ptr;
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::Duration;

use libloading::os::unix::Library;
use napi::sys;

use super::{OnReady, Why};
use crate::binding::exception::contained;

/// `uv_handle_type`, which is part of libuv's ABI since 1.0.
const UV_ASYNC: c_int = 1;
const UV_CHECK: c_int = 2;
const UV_IDLE: c_int = 6;
const UV_POLL: c_int = 8;
const UV_TIMER: c_int = 13;
/// `uv_poll_event`.
const UV_READABLE: c_int = 1;

type Handle = *mut c_void;
type Callback = unsafe extern "C" fn(Handle);
type OnPoll = unsafe extern "C" fn(Handle, c_int, c_int);
type Init = unsafe extern "C" fn(*mut c_void, Handle) -> c_int;
type Start = unsafe extern "C" fn(Handle, Callback) -> c_int;
type Stop = unsafe extern "C" fn(Handle) -> c_int;

/// libuv's functions, as this process has them.
struct Uv {
    handle_size: unsafe extern "C" fn(c_int) -> usize,
    set_data: unsafe extern "C" fn(Handle, *mut c_void),
    get_data: unsafe extern "C" fn(Handle) -> *mut c_void,
    reference: unsafe extern "C" fn(Handle),
    unref: unsafe extern "C" fn(Handle),
    close: unsafe extern "C" fn(Handle, Callback),
    async_init: unsafe extern "C" fn(*mut c_void, Handle, Callback) -> c_int,
    async_send: unsafe extern "C" fn(Handle) -> c_int,
    poll_init: unsafe extern "C" fn(*mut c_void, Handle, c_int) -> c_int,
    poll_start: unsafe extern "C" fn(Handle, c_int, OnPoll) -> c_int,
    timer_init: Init,
    timer_start: unsafe extern "C" fn(Handle, Callback, u64, u64) -> c_int,
    idle_init: Init,
    idle_start: Start,
    idle_stop: Stop,
    check_init: Init,
    check_start: Start,
    check_stop: Stop,
    version: unsafe extern "C" fn() -> c_uint,
}

impl Uv {
    /// `None` in a process without libuv.
    fn get() -> Option<&'static Self> {
        static UV: OnceLock<Option<Uv>> = OnceLock::new();
        UV.get_or_init(|| if is_hidden() { None } else { Self::find() }).as_ref()
    }

    #[allow(unsafe_code)]
    fn find() -> Option<Self> {
        let process = Library::this();
        // SAFETY: each name is a function of libuv's stable ABI with the type its field has: JavaScript has said that it is libuv which has
        // them (`Given::libuv`). The process itself is never unloaded, so the copied pointers stay valid.
        let uv = unsafe {
            Self {
                handle_size: *process.get(b"uv_handle_size\0").ok()?,
                set_data: *process.get(b"uv_handle_set_data\0").ok()?,
                get_data: *process.get(b"uv_handle_get_data\0").ok()?,
                reference: *process.get(b"uv_ref\0").ok()?,
                unref: *process.get(b"uv_unref\0").ok()?,
                async_init: *process.get(b"uv_async_init\0").ok()?,
                async_send: *process.get(b"uv_async_send\0").ok()?,
                close: *process.get(b"uv_close\0").ok()?,
                poll_init: *process.get(b"uv_poll_init\0").ok()?,
                poll_start: *process.get(b"uv_poll_start\0").ok()?,
                timer_init: *process.get(b"uv_timer_init\0").ok()?,
                timer_start: *process.get(b"uv_timer_start\0").ok()?,
                idle_init: *process.get(b"uv_idle_init\0").ok()?,
                idle_start: *process.get(b"uv_idle_start\0").ok()?,
                idle_stop: *process.get(b"uv_idle_stop\0").ok()?,
                check_init: *process.get(b"uv_check_init\0").ok()?,
                check_start: *process.get(b"uv_check_start\0").ok()?,
                check_stop: *process.get(b"uv_check_stop\0").ok()?,
                version: *process.get(b"uv_version\0").ok()?,
            }
        };
        // SAFETY: asks for a number.
        let version = unsafe { (uv.version)() };
        (version >> 16 == 1).then_some(uv)
    }

    /// Whether this libuv's handles fit into [`HandleMemory`].
    #[allow(unsafe_code)]
    fn fits(&self) -> bool {
        // SAFETY: asks for numbers.
        [UV_ASYNC, UV_CHECK, UV_IDLE, UV_POLL, UV_TIMER]
            .iter()
            .all(|&kind| unsafe { (self.handle_size)(kind) } <= size_of::<HandleMemory>())
    }
}

/// Builds for tests do as if there were none, to show what other runtimes get.
fn is_hidden() -> bool {
    cfg!(debug_assertions) && std::env::var_os("TURNOUT_WITHOUT_LIBUV").is_some()
}

/// A handle of libuv's: about 160 bytes, with the strictest alignment that its fields may want.
type HandleMemory = [u128; 32];

/// Wakes the loop from any thread. Its owner sees to it that nobody uses one after [`Loop::close`].
pub struct Waker {
    uv: &'static Uv,
    handle: Handle,
}

// SAFETY: uv_async_send may be called from any thread, as often as one likes, while the handle is open. It is until Loop::close, before which
// the owner joins every thread that has a Waker.
#[allow(unsafe_code)]
unsafe impl Send for Waker {}
// SAFETY: as above; libuv's function synchronises by itself.
#[allow(unsafe_code)]
unsafe impl Sync for Waker {}

impl Waker {
    /// One [`Why::Woken`] at least begins after this.
    #[allow(unsafe_code)]
    pub fn wake(&self) {
        // SAFETY: see Send.
        unsafe { (self.uv.async_send)(self.handle) };
    }
}

/// The loop as one crossing uses it. Nothing of it keeps the process alive, but as [`Self::set_ref`] says.
pub struct Loop {
    shared: Rc<Shared>,
}

/// What every handle points to, with one count of the Rc for each that is open.
struct Shared {
    uv: &'static Uv,
    event_loop: *mut c_void,
    /// `None` once it is closed: nobody is called any more.
    target: RefCell<Option<Rc<dyn OnReady>>>,
    timer: Handle,
    idle: Handle,
    check: Handle,
    wake: Handle,
    /// The descriptor's, while one is watched.
    poll: Cell<Option<Handle>>,
    /// Handles that libuv knows.
    open: Cell<u32>,
    closing: Cell<bool>,
    /// The environment waits for this hook's removal, which is done when libuv knows none of the handles any more. Null once that is done.
    hook: Cell<sys::napi_async_cleanup_hook_handle>,
}

impl Loop {
    /// `None` where there is no libuv. To be called where nothing else has the names of its functions.
    #[allow(unsafe_code)]
    pub fn open(env: sys::napi_env) -> Option<Self> {
        let uv = Uv::get().filter(|uv| uv.fits())?;
        let mut event_loop = ptr::null_mut();
        // SAFETY: called by JavaScript, hence on the thread of the environment; the out pointer is a local.
        if unsafe { sys::napi_get_uv_event_loop(env, &mut event_loop) } != sys::Status::napi_ok {
            return None;
        }
        let shared = Rc::new(Shared {
            uv,
            event_loop: event_loop.cast(),
            target: RefCell::default(),
            timer: allocate(),
            idle: allocate(),
            check: allocate(),
            wake: allocate(),
            poll: Cell::default(),
            open: Cell::new(0),
            closing: Cell::new(false),
            hook: Cell::new(ptr::null_mut()),
        });
        // SAFETY: the memory of each handle is large enough (fits) and stays where it is until libuv has closed it; the loop is the
        // environment's, which is this thread's. The last three inits cannot fail; when the first does, for want of a descriptor, libuv
        // knows none of the handles, whose memory is then this function's to free.
        unsafe {
            if (uv.async_init)(shared.event_loop, shared.wake, on_async) != 0 {
                for handle in [shared.timer, shared.idle, shared.check, shared.wake] {
                    drop(Box::from_raw(handle.cast::<HandleMemory>()));
                }
                return None;
            }
            (uv.timer_init)(shared.event_loop, shared.timer);
            (uv.idle_init)(shared.event_loop, shared.idle);
            (uv.check_init)(shared.event_loop, shared.check);
        }
        for handle in [shared.timer, shared.idle, shared.check, shared.wake] {
            Shared::take_in(&shared, handle);
        }
        let (opened, mut hook) = (Self { shared }, ptr::null_mut());
        let shared = &opened.shared;
        // SAFETY: on the thread of the environment. The hook is given the Rc's content, which lives until the last handle is closed;
        // only then is the hook removed, and N-API calls it at most once before that.
        unsafe {
            sys::napi_add_async_cleanup_hook(env, Some(on_cleanup), Rc::as_ptr(shared).cast_mut().cast(), &mut hook)
        };
        shared.hook.set(hook);
        // Without the hook nobody would close the handles of an environment that goes: it is going already.
        (!hook.is_null()).then_some(opened)
    }

    /// Who is called, until [`Self::close`] or the environment's end.
    pub fn set_target(&self, target: Rc<dyn OnReady>) {
        *self.shared.target.borrow_mut() = Some(target);
    }

    /// Watches `descriptor`, one at a time. `false` when the loop does not take it, or is closed.
    #[allow(unsafe_code)]
    pub fn watch(&self, descriptor: c_int) -> bool {
        let shared = &self.shared;
        if shared.closing.get() || shared.poll.get().is_some() {
            return false;
        }
        let poll = allocate();
        // SAFETY: as in open(). When this init fails libuv does not know the handle, whose memory is then this function's to free.
        unsafe {
            if (shared.uv.poll_init)(shared.event_loop, poll, descriptor) != 0 {
                drop(Box::from_raw(poll.cast::<HandleMemory>()));
                return false;
            }
        }
        Shared::take_in(shared, poll);
        shared.poll.set(Some(poll));
        // SAFETY: the handle has just been initialised.
        let started = unsafe { (shared.uv.poll_start)(poll, UV_READABLE, on_poll) } == 0;
        if !started {
            shared.unwatch();
        }
        started
    }

    /// The descriptor, if one is watched, will be closed.
    pub fn unwatch(&self) {
        self.shared.unwatch();
    }

    /// The alarm goes off once, after `delay`; an earlier setting is replaced.
    #[allow(unsafe_code)]
    pub fn alarm(&self, delay: Duration) {
        if self.shared.closing.get() {
            return;
        }
        // A millisecond more: libuv rounds down, and an alarm too early would be set again and again.
        let milliseconds = delay.as_millis().min(u128::from(u32::MAX)) as u64 + 1;
        // SAFETY: the timer is open until `closing` is set; a Loop does not leave the thread of its environment.
        unsafe { (self.shared.uv.timer_start)(self.shared.timer, on_timer, milliseconds, 0) };
    }

    /// One call in the loop's next round, after all of this round's: what setImmediate does, by the same means. `false`: it is closed.
    #[allow(unsafe_code)]
    pub fn soon(&self) -> bool {
        let shared = &self.shared;
        if shared.closing.get() {
            return false;
        }
        // SAFETY: as for the alarm. Starting a handle that is started does nothing. The idle handle keeps the loop from sleeping.
        unsafe {
            (shared.uv.idle_start)(shared.idle, on_idle);
            (shared.uv.check_start)(shared.check, on_check);
        }
        true
    }

    /// For other threads.
    pub fn waker(&self) -> Waker {
        Waker { uv: self.shared.uv, handle: self.shared.wake }
    }

    /// Whether it keeps the process alive.
    #[allow(unsafe_code)]
    pub fn set_ref(&self, on: bool) {
        let Shared { uv, wake, closing, .. } = &*self.shared;
        if closing.get() {
            return;
        }
        // SAFETY: as for the alarm.
        unsafe {
            if on {
                (uv.reference)(*wake)
            } else {
                (uv.unref)(*wake)
            }
        };
    }

    /// No more calls; libuv lets go of the handles in its next rounds, and the environment waits for that if it ends before.
    pub fn close(&self) {
        self.shared.close();
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        self.close();
    }
}

/// Memory for a handle.
fn allocate() -> Handle {
    Box::into_raw(Box::<HandleMemory>::new([0; 32])).cast()
}

impl Shared {
    /// Takes an initialised handle in.
    #[allow(unsafe_code)]
    fn take_in(this: &Rc<Self>, handle: Handle) {
        this.open.set(this.open.get() + 1);
        // SAFETY: libuv knows the handle. The count that it carries is released when it is closed.
        unsafe {
            (this.uv.set_data)(handle, Rc::into_raw(this.clone()).cast_mut().cast());
            (this.uv.unref)(handle);
        }
    }

    /// libuv would take what gets a closed descriptor's number for what it still watches.
    #[allow(unsafe_code)]
    fn unwatch(&self) {
        if let Some(poll) = self.poll.take() {
            // SAFETY: the handle is open: only this closes it, and forgets it. On the thread of the environment, which a Loop does not leave.
            // libuv stops watching the descriptor at once.
            unsafe { (self.uv.close)(poll, on_closed) };
        }
    }

    #[allow(unsafe_code)]
    fn close(&self) {
        if self.closing.replace(true) {
            return;
        }
        let target = self.target.take();
        self.unwatch();
        for handle in [self.timer, self.idle, self.check, self.wake] {
            // SAFETY: the handle is open: only this closes these four, once. On the thread of the environment, which a Loop does not leave.
            unsafe { (self.uv.close)(handle, on_closed) };
        }
        // It may own the Loop that owns this.
        drop(target);
    }

    /// A handle is closed.
    #[allow(unsafe_code)]
    fn closed(&self) {
        self.open.set(self.open.get() - 1);
        let hook = self.hook.get();
        if self.open.get() == 0 && !hook.is_null() {
            self.hook.set(ptr::null_mut());
            // SAFETY: the handle came from napi_add_async_cleanup_hook and is removed once, on the thread of the environment, which has
            // not ended: it waits for this very call.
            unsafe { sys::napi_remove_async_cleanup_hook(hook) };
        }
    }
}

#[allow(unsafe_code)]
unsafe extern "C" fn on_poll(handle: Handle, _status: c_int, _events: c_int) {
    // SAFETY: libuv calls this for a handle that watch() has started.
    unsafe { call(handle, Why::Readable) };
}

#[allow(unsafe_code)]
unsafe extern "C" fn on_async(handle: Handle) {
    // SAFETY: libuv calls this for a handle that open() has initialised, in the loop, hence after the rest of open().
    unsafe { call(handle, Why::Woken) };
}

#[allow(unsafe_code)]
unsafe extern "C" fn on_timer(handle: Handle) {
    // SAFETY: libuv calls this for a handle that alarm() has started.
    unsafe { call(handle, Why::Alarm) };
}

/// It is there so that the loop does not sleep.
#[allow(unsafe_code)]
unsafe extern "C" fn on_idle(_: Handle) {}

#[allow(unsafe_code)]
unsafe extern "C" fn on_check(handle: Handle) {
    // SAFETY: libuv calls this for a handle that soon() has started, which is open, as the idle one is; stopping cannot fail.
    unsafe {
        let Some(uv) = Uv::get() else { return };
        let shared = (uv.get_data)(handle).cast::<Shared>();
        (uv.check_stop)((*shared).check);
        (uv.idle_stop)((*shared).idle);
        call(handle, Why::Soon);
    }
}

/// # Safety
/// `handle` is open, and was given to [`Shared::take_in`].
#[allow(unsafe_code)]
unsafe fn call(handle: Handle, why: Why) {
    contained(|| {
        let Some(uv) = Uv::get() else { return };
        // SAFETY: the caller's: an open handle points to a Shared that it holds a count of. The borrow ends before the target is called.
        let target = unsafe { (*(uv.get_data)(handle).cast::<Shared>()).target.borrow().clone() };
        if let Some(target) = target {
            target.ready(why);
        }
    });
}

/// The environment goes: its owner ends what it has, and the handles are closed, which takes the loop another round.
#[allow(unsafe_code)]
unsafe extern "C" fn on_cleanup(_: sys::napi_async_cleanup_hook_handle, shared: *mut c_void) {
    contained(|| {
        // SAFETY: the hook is removed before the last count of the Shared goes, so it is there. A count of its own keeps it while its
        // target, which may own the Loop, is let go.
        let shared = unsafe {
            let shared = shared.cast_const().cast::<Shared>();
            Rc::increment_strong_count(shared);
            Rc::from_raw(shared)
        };
        let target = shared.target.borrow().clone();
        if let Some(target) = target {
            target.going();
        }
        shared.close();
    });
}

#[allow(unsafe_code)]
unsafe extern "C" fn on_closed(handle: Handle) {
    contained(|| {
        let Some(uv) = Uv::get() else { return };
        // SAFETY: libuv calls this once for each handle and then knows it no more. Its data is the count take_in() gave it, its memory the
        // box that allocate() made.
        let shared = unsafe {
            let shared = Rc::from_raw((uv.get_data)(handle).cast_const().cast::<Shared>());
            drop(Box::from_raw(handle.cast::<HandleMemory>()));
            shared
        };
        shared.closed();
    });
}
