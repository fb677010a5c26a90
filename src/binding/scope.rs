//! Handle scopes and callback scopes, in which JavaScript runs. N-API opens them around its own callbacks; where the loop itself calls, this does.

use std::ptr;

use napi::{sys, Result};

use super::life::check;

/// Node's notion of who calls when the loop does: an async context, and the object that stands for it. Node gives both the
/// AsyncLocalStorage of whoever makes them, and by that they may keep a realm alive: they are made where the loop calls, which has none, and not
/// kept longer than the port is.
pub struct AsyncScope {
    env: sys::napi_env,
    context: sys::napi_async_context,
    object: sys::napi_ref,
}

impl AsyncScope {
    /// With a handle scope open.
    ///
    /// # Errors
    /// What N-API says.
    #[allow(unsafe_code)]
    pub fn open(env: sys::napi_env) -> Result<Self> {
        let (mut name, mut value, mut object, mut context) =
            (ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let text = "turnout";
        // SAFETY: on the thread of the environment with a handle scope of the caller's; the text is a live string of the length given and
        // out pointers are locals, each used only when the call that sets it has said that it did.
        unsafe {
            check(sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len() as isize, &mut name))?;
            check(sys::napi_create_object(env, &mut value))?;
            check(sys::napi_create_reference(env, value, 1, &mut object))?;
            let made = check(sys::napi_async_init(env, value, name, &mut context));
            if made.is_err() {
                sys::napi_delete_reference(env, object);
            }
            made?;
        }
        Ok(Self { env, context, object })
    }

    /// Runs `act` in a callback scope, so that ticks and promises run when it is over; with a handle scope open.
    #[allow(unsafe_code)]
    pub fn run(&self, act: impl FnOnce()) {
        let env = self.env;
        let (mut scope, mut object) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: on the thread of the environment with a handle scope of the caller's; reference and context are this object's own.
        // `act` does not unwind (Crossing::begin catches what it runs), so the scope is closed; out pointers are locals.
        unsafe {
            if sys::napi_get_reference_value(env, self.object, &mut object) == sys::Status::napi_ok
                && sys::napi_open_callback_scope(env, object, self.context, &mut scope) == sys::Status::napi_ok
            {
                act();
                sys::napi_close_callback_scope(env, scope);
            }
        }
    }
}

/// Runs `act` with a handle scope open.
#[allow(unsafe_code)]
pub fn with_handles(env: sys::napi_env, act: impl FnOnce()) {
    let mut handles = ptr::null_mut();
    // SAFETY: on the thread of the environment, called by its loop, which calls nobody after Loop::close, and so not after the
    // environment's end. The scope is closed on every way out but a panic's, which the loop contains: then the environment keeps it open, no more.
    unsafe {
        if sys::napi_open_handle_scope(env, &mut handles) == sys::Status::napi_ok {
            act();
            sys::napi_close_handle_scope(env, handles);
        }
    }
}

impl Drop for AsyncScope {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: on the thread of the environment, at the latest when N-API finalizes the Port, before it goes itself. Both are this
        // object's own, and no scope of the context is open: `Local::run` holds this for as long as anything runs in one.
        unsafe {
            sys::napi_async_destroy(self.env, self.context);
            sys::napi_delete_reference(self.env, self.object);
        }
    }
}
