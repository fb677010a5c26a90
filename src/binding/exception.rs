//! Panics at the border. None may unwind into C, so whatever JavaScript or its loop calls runs in [`caught`].
//!
//! A panic is a bug of ours. It has left the engine in a state nobody has thought of, so the crossing is broken from then on (see
//! `Crossing::broken`): its sockets close, JavaScript hears that its connections have ended, and what asks for something new throws.

use std::any::Any;
use std::ffi::c_char;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;

use napi::{sys, Env, Error};

/// Runs `act`. A panic comes back as what it said; the panic hook has written it, with its place, to stderr.
pub fn caught<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    // Nobody goes on with what the panic has left half done: the crossing is broken then.
    catch_unwind(AssertUnwindSafe(act)).map_err(|payload| text(&*payload))
}

/// The same where nobody hears of it: callbacks without an environment to throw in.
pub fn contained(act: impl FnOnce()) {
    let _ = caught(act);
}

/// What a panic said.
fn text(payload: &(dyn Any + Send)) -> String {
    let said = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    said.unwrap_or("no message").to_string()
}

/// What JavaScript is told of a panic, and of every call after it.
pub fn broken(said: &str) -> Error {
    Error::from_reason(format!("turnout has failed and serves no more in this thread: {said}"))
}

/// Reports `error` as an uncaught exception, where no JavaScript has called. To be called on the JavaScript thread with a handle scope
/// open; nothing happens when the environment takes no more.
#[allow(unsafe_code)]
pub fn report(env: sys::napi_env, error: &Error) {
    let (mut message, mut value) = (ptr::null_mut(), ptr::null_mut());
    let reason: &str = &error.reason;
    // SAFETY: the caller is on the thread of the environment with a handle scope open; the text is a live string of the length given,
    // and out pointers are locals, each used only when the call that sets it has said that it did.
    unsafe {
        if sys::napi_create_string_utf8(env, reason.as_ptr().cast::<c_char>(), reason.len() as isize, &mut message)
            == sys::Status::napi_ok
            && sys::napi_create_error(env, ptr::null_mut(), message, &mut value) == sys::Status::napi_ok
        {
            sys::napi_fatal_exception(env, value);
        }
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
