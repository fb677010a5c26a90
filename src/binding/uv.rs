//! The JavaScript thread's own event loop: one descriptor to watch and one alarm. The only place that speaks libuv, whose functions
//! are looked up at run time: a runtime without them (Bun, Deno) loads the addon all the same and gets threads.

use std::ffi::{c_int, c_uint, c_void};
use std::ptr;
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::Duration;

use libloading::os::unix::Library;
use napi::sys;

/// `uv_handle_type`, which is part of libuv's ABI since 1.0.
const UV_POLL: c_int = 8;
const UV_TIMER: c_int = 13;
/// `uv_poll_event`.
const UV_READABLE: c_int = 1;

type Handle = *mut c_void;
type OnClose = unsafe extern "C" fn(Handle);
type OnTimer = unsafe extern "C" fn(Handle);
type OnPoll = unsafe extern "C" fn(Handle, c_int, c_int);

/// libuv's functions, as this process has them.
struct Uv {
    handle_size: unsafe extern "C" fn(c_int) -> usize,
    set_data: unsafe extern "C" fn(Handle, *mut c_void),
    get_data: unsafe extern "C" fn(Handle) -> *mut c_void,
    unref: unsafe extern "C" fn(Handle),
    close: unsafe extern "C" fn(Handle, OnClose),
    poll_init: unsafe extern "C" fn(*mut c_void, Handle, c_int) -> c_int,
    poll_start: unsafe extern "C" fn(Handle, c_int, OnPoll) -> c_int,
    timer_init: unsafe extern "C" fn(*mut c_void, Handle) -> c_int,
    timer_start: unsafe extern "C" fn(Handle, OnTimer, u64, u64) -> c_int,
    version: unsafe extern "C" fn() -> c_uint,
}

impl Uv {
    /// `None` in a process without libuv.
    fn get() -> Option<&'static Self> {
        static UV: OnceLock<Option<Uv>> = OnceLock::new();
        UV.get_or_init(Self::find).as_ref()
    }

    #[allow(unsafe_code)]
    fn find() -> Option<Self> {
        let process = Library::this();
        // SAFETY: each name is a function of libuv's stable ABI with the type its field has. The process itself is never unloaded, so
        // the copied pointers stay valid.
        let uv = unsafe {
            Self {
                handle_size: *process.get(b"uv_handle_size\0").ok()?,
                set_data: *process.get(b"uv_handle_set_data\0").ok()?,
                get_data: *process.get(b"uv_handle_get_data\0").ok()?,
                unref: *process.get(b"uv_unref\0").ok()?,
                close: *process.get(b"uv_close\0").ok()?,
                poll_init: *process.get(b"uv_poll_init\0").ok()?,
                poll_start: *process.get(b"uv_poll_start\0").ok()?,
                timer_init: *process.get(b"uv_timer_init\0").ok()?,
                timer_start: *process.get(b"uv_timer_start\0").ok()?,
                version: *process.get(b"uv_version\0").ok()?,
            }
        };
        // SAFETY: asks for a number.
        let version = unsafe { (uv.version)() };
        (version >> 16 == 1).then_some(uv)
    }

    /// Memory for a handle; `None` if this libuv's handles are larger than any known one's.
    #[allow(unsafe_code)]
    fn allocate(&self, kind: c_int) -> Option<Handle> {
        // SAFETY: asks for a number.
        let fits = unsafe { (self.handle_size)(kind) } <= size_of::<HandleMemory>();
        fits.then(|| Box::into_raw(Box::<HandleMemory>::new([0; 32])).cast())
    }
}

/// A handle of libuv's: about 160 bytes, with the strictest alignment that its fields may want.
type HandleMemory = [u128; 32];

/// What the loop calls; always on the thread of the environment.
pub trait OnReady {
    /// The descriptor is readable, or the `alarm` has gone off.
    fn ready(self: Rc<Self>, alarm: bool);
}

/// A watched descriptor and an alarm.
pub struct Watch {
    uv: &'static Uv,
    timer: Handle,
}

/// What both handles point to; freed when the second has been closed.
struct Context {
    /// `None` once the environment is going.
    target: Option<Rc<dyn OnReady>>,
    handles: [Handle; 2],
    /// Handles not closed yet.
    open: u32,
    /// Released when both are closed: the environment waits for that.
    hook: sys::napi_async_cleanup_hook_handle,
}

impl Watch {
    /// Watches `descriptor` until the environment goes; neither it nor the alarm keeps the process alive. `None` where there is no
    /// libuv, or its loop does not take the descriptor.
    #[allow(unsafe_code)]
    pub fn open(env: sys::napi_env, descriptor: c_int, target: Rc<dyn OnReady>) -> Option<Self> {
        let uv = Uv::get()?;
        let mut event_loop = ptr::null_mut();
        // SAFETY: on the thread of the environment; the out pointer is a local.
        if unsafe { sys::napi_get_uv_event_loop(env, &mut event_loop) } != sys::Status::napi_ok {
            return None;
        }
        let (poll, timer) = (uv.allocate(UV_POLL)?, uv.allocate(UV_TIMER)?);
        // SAFETY: the memory is large enough and stays where it is until libuv has closed the handles; the loop is the environment's,
        // which is this thread's. When the first init fails libuv does not know the handle; its memory is given up.
        unsafe {
            if (uv.poll_init)(event_loop.cast(), poll, descriptor) != 0 {
                return None;
            }
            (uv.timer_init)(event_loop.cast(), timer);
        }
        let context = Box::into_raw(Box::new(Context {
            target: Some(target),
            handles: [poll, timer],
            open: 2,
            hook: ptr::null_mut(),
        }));
        // SAFETY: both handles are initialised; the context outlives them, because it is freed when both are closed, and only the
        // hook closes them.
        unsafe {
            for handle in [poll, timer] {
                (uv.set_data)(handle, context.cast());
                (uv.unref)(handle);
            }
            (uv.poll_start)(poll, UV_READABLE, on_poll);
            sys::napi_add_async_cleanup_hook(env, Some(on_cleanup), context.cast(), ptr::null_mut());
        }
        Some(Self { uv, timer })
    }

    /// The alarm goes off once, after `delay`; an earlier setting is replaced. Not to be called once the environment's cleanup has
    /// begun.
    #[allow(unsafe_code)]
    pub fn alarm(&self, delay: Duration) {
        // A millisecond more: libuv cuts, and an alarm too early would be set again and again.
        let milliseconds = delay.as_millis().min(u128::from(u32::MAX)) as u64 + 1;
        // SAFETY: the timer is open until the cleanup; the caller is on the thread of the environment.
        unsafe { (self.uv.timer_start)(self.timer, on_timer, milliseconds, 0) };
    }
}

#[allow(unsafe_code)]
unsafe extern "C" fn on_poll(handle: Handle, _status: c_int, _events: c_int) {
    // SAFETY: libuv calls this for a handle that open() has started.
    unsafe { call(handle, false) };
}

#[allow(unsafe_code)]
unsafe extern "C" fn on_timer(handle: Handle) {
    // SAFETY: as on_poll.
    unsafe { call(handle, true) };
}

/// # Safety
/// `handle` is open, and one of [`Watch::open`]'s.
#[allow(unsafe_code)]
unsafe fn call(handle: Handle, alarm: bool) {
    let Some(uv) = Uv::get() else { return };
    // SAFETY: the caller's. The borrow ends before the target is called.
    let target = unsafe { (*(uv.get_data)(handle).cast::<Context>()).target.clone() };
    if let Some(target) = target {
        target.ready(alarm);
    }
}

/// The environment goes: no more calls, and the handles are closed, which takes the loop another round.
#[allow(unsafe_code)]
unsafe extern "C" fn on_cleanup(hook: sys::napi_async_cleanup_hook_handle, context: *mut c_void) {
    let Some(uv) = Uv::get() else { return };
    let context: *mut Context = context.cast();
    // SAFETY: the hook runs once, on the thread of the environment, with the context open() gave it; both handles are open.
    unsafe {
        (*context).hook = hook;
        let target = (*context).target.take();
        let handles = (*context).handles;
        for handle in handles {
            (uv.close)(handle, on_closed);
        }
        drop(target);
    }
}

#[allow(unsafe_code)]
unsafe extern "C" fn on_closed(handle: Handle) {
    let Some(uv) = Uv::get() else { return };
    // SAFETY: libuv calls this once for each handle and then knows it no more; handle and context are the boxes open() made.
    unsafe {
        let context: *mut Context = (uv.get_data)(handle).cast();
        drop(Box::from_raw(handle.cast::<HandleMemory>()));
        (*context).open -= 1;
        if (*context).open == 0 {
            let context = Box::from_raw(context);
            sys::napi_remove_async_cleanup_hook(context.hook);
        }
    }
}
