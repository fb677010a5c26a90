//! How other threads wake the JavaScript thread where there is no libuv to do it: N-API's thread-safe function, whose own callback a turn
//! begins in. It also hears when the environment goes.
//!
//! With libuv it is not used: Node gives such a function the AsyncLocalStorage of whoever makes it, and by that keeps what is in it alive.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use napi::bindgen_prelude::JsValue;
use napi::{sys, Env, Result};

use super::exception::contained;
use super::life::check;

/// What N-API calls; always on the thread of the environment.
pub trait OnWake {
    /// Some thread has woken this one. A handle scope and a callback scope are open.
    fn woken(self: Rc<Self>);
    /// The environment goes. No JavaScript runs any more.
    fn going(self: Rc<Self>);
}

/// The function, as its owner on the JavaScript thread has it.
pub struct Wake {
    env: sys::napi_env,
    handle: WakeHandle,
    context: *mut Context,
    open: Cell<bool>,
}

/// What N-API's callbacks get. Freed when N-API has let go of the function, after which there are no calls.
struct Context {
    /// `None` once it is closed.
    target: RefCell<Option<Rc<dyn OnWake>>>,
}

impl Context {
    /// # Safety
    /// `context` is a [`Wake`]'s, and N-API has not called [`on_finalized`].
    #[allow(unsafe_code)]
    unsafe fn target(context: *mut c_void) -> Option<Rc<dyn OnWake>> {
        // SAFETY: the caller's. The borrow ends before the target is called.
        unsafe { (*context.cast::<Self>()).target.borrow().clone() }
    }
}

/// The function as other threads have it.
#[derive(Clone, Copy)]
pub struct WakeHandle(sys::napi_threadsafe_function);

// SAFETY: napi_call_threadsafe_function may be called from any thread. The function is there until [`Wake::close`], or the environment's
// end, whose hook (`going`) comes before N-API's own: its owner ends every thread that has a handle before either.
#[allow(unsafe_code)]
unsafe impl Send for WakeHandle {}
// SAFETY: as above; the call takes the handle by value and N-API locks it.
#[allow(unsafe_code)]
unsafe impl Sync for WakeHandle {}

impl WakeHandle {
    /// From any thread.
    #[allow(unsafe_code)]
    pub fn wake(self) {
        // SAFETY: the function is there (see Send), and not closing: to such a call N-API would give up the count that is the Wake's.
        unsafe {
            sys::napi_call_threadsafe_function(self.0, ptr::null_mut(), sys::ThreadsafeFunctionCallMode::nonblocking)
        };
    }
}

impl Wake {
    /// Does not keep the process alive.
    ///
    /// # Errors
    /// What N-API says when it cannot make the function.
    #[allow(unsafe_code)]
    pub fn open(env: Env) -> Result<Self> {
        let name = env.create_string("turnout")?.raw();
        let env = env.raw();
        let context = Box::into_raw(Box::new(Context { target: RefCell::default() }));
        let mut function = ptr::null_mut();
        // SAFETY: inside a call of JavaScript's, with a value of that call; the out pointer is a local. The context is a live box that
        // on_finalized frees, which N-API calls once, last of all.
        let made = unsafe {
            sys::napi_create_threadsafe_function(
                env,
                ptr::null_mut(),
                ptr::null_mut(),
                name,
                0,
                1,
                context.cast(),
                Some(on_finalized),
                context.cast(),
                Some(on_wake),
                &mut function,
            )
        };
        if let Err(error) = check(made) {
            // SAFETY: the box made above; N-API has made nothing that knows it.
            drop(unsafe { Box::from_raw(context) });
            return Err(error);
        }
        // From here on dropping it closes the function.
        let wake = Self { env, handle: WakeHandle(function), context, open: Cell::new(true) };
        // SAFETY: the function has just been made by this environment, on this thread. The hook gets the context, which is there until
        // the hook is removed: close() does that before it lets go of the function, and the environment calls it before it ends the
        // function by itself, because it was added later.
        unsafe {
            check(sys::napi_unref_threadsafe_function(env, function))?;
            check(sys::napi_add_env_cleanup_hook(env, Some(on_cleanup), context.cast()))?;
        }
        Ok(wake)
    }

    /// Who is called until it is closed.
    #[allow(unsafe_code)]
    pub fn set_target(&self, target: Rc<dyn OnWake>) {
        if self.open.get() {
            // SAFETY: it is open, so the context is there.
            unsafe { *(*self.context).target.borrow_mut() = Some(target) };
        }
    }

    /// For other threads, which its owner ends before it closes this.
    pub fn handle(&self) -> WakeHandle {
        self.handle
    }

    /// Whether it keeps the process alive.
    #[allow(unsafe_code)]
    pub fn set_ref(&self, on: bool) {
        if !self.open.get() {
            return;
        }
        // SAFETY: the function is open, and this is the thread of its environment, which a Wake does not leave.
        unsafe {
            if on {
                sys::napi_ref_threadsafe_function(self.env, self.handle.0);
            } else {
                sys::napi_unref_threadsafe_function(self.env, self.handle.0);
            }
        }
    }

    /// No more calls; N-API lets go of the function in the loop's next rounds.
    #[allow(unsafe_code)]
    pub fn close(&self) {
        if !self.open.replace(false) {
            return;
        }
        // SAFETY: it was open, so the context is there and the hook has not run. The function's only count is given up here; no other
        // thread has a handle any more.
        unsafe {
            let target = (*self.context).target.take();
            sys::napi_remove_env_cleanup_hook(self.env, Some(on_cleanup), self.context.cast());
            sys::napi_release_threadsafe_function(self.handle.0, sys::ThreadsafeFunctionReleaseMode::abort);
            drop(target);
        }
    }

    /// The environment goes, and ends the function by itself.
    pub fn forget(&self) {
        self.open.set(false);
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        self.close();
    }
}

/// N-API calls this on the JavaScript thread after a wake-up.
#[allow(unsafe_code)]
unsafe extern "C" fn on_wake(env: sys::napi_env, _: sys::napi_value, context: *mut c_void, _: *mut c_void) {
    contained(|| {
        // Without an environment the function is being torn down.
        if !env.is_null() {
            // SAFETY: a function that is called has not been finalized.
            if let Some(target) = unsafe { Context::target(context) } {
                target.woken();
            }
        }
    });
}

/// The environment goes.
#[allow(unsafe_code)]
unsafe extern "C" fn on_cleanup(context: *mut c_void) {
    contained(|| {
        // SAFETY: the hook runs before N-API ends the function (see open), which it has not finalized.
        let target = unsafe { (*context.cast::<Context>()).target.take() };
        if let Some(target) = target {
            target.going();
        }
    });
}

/// N-API has let go of the function.
#[allow(unsafe_code)]
unsafe extern "C" fn on_finalized(_: sys::napi_env, context: *mut c_void, _: *mut c_void) {
    contained(|| {
        // SAFETY: the box that open() made; nothing has a pointer to it any more.
        drop(unsafe { Box::from_raw(context.cast::<Context>()) });
    });
}
