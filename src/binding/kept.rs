//! A Uint8Array of JavaScript's that is written from while the kernel is slow to take it, as node:http does. It is referenced, not
//! copied; JavaScript may detach or shrink its memory meanwhile, so where it lies is asked anew each time.

use std::ptr;

use napi::bindgen_prelude::{JsValue, Uint8ArraySlice};
use napi::{sys, Env};

use crate::engine::h1::encode::Payload;

/// See the module. Lives and dies on the thread of its environment.
pub struct KeptArray {
    env: sys::napi_env,
    reference: sys::napi_ref,
}

impl KeptArray {
    /// `None` when N-API gives no reference: the payload is copied then.
    #[allow(unsafe_code)]
    pub fn keep(env: Env, array: &Uint8ArraySlice<'_>) -> Option<Box<dyn Payload>> {
        let env = env.raw();
        let mut reference = ptr::null_mut();
        // SAFETY: inside a call of JavaScript's, with a value of that call; the out pointer is a local.
        let made = unsafe { sys::napi_create_reference(env, array.raw(), 1, &mut reference) };
        (made == sys::Status::napi_ok).then(|| Box::new(Self { env, reference }) as Box<dyn Payload>)
    }
}

impl Payload for KeptArray {
    #[allow(unsafe_code)]
    fn bytes(&self) -> &[u8] {
        let (mut scope, mut value, mut data) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let (mut kind, mut length) = (0, 0);
        // SAFETY: the inline driver writes only on the thread of the environment, before its cleanup is over; out pointers are locals.
        // The slice is used up before JavaScript runs again, and only JavaScript could detach or resize the memory; a detached
        // array has the length 0.
        unsafe {
            if sys::napi_open_handle_scope(self.env, &mut scope) != sys::Status::napi_ok {
                return &[];
            }
            let found = sys::napi_get_reference_value(self.env, self.reference, &mut value) == sys::Status::napi_ok
                && !value.is_null()
                && sys::napi_get_typedarray_info(
                    self.env,
                    value,
                    &mut kind,
                    &mut length,
                    &mut data,
                    ptr::null_mut(),
                    ptr::null_mut(),
                ) == sys::Status::napi_ok;
            sys::napi_close_handle_scope(self.env, scope);
            if found && !data.is_null() && length > 0 {
                std::slice::from_raw_parts(data.cast(), length)
            } else {
                &[]
            }
        }
    }
}

impl Drop for KeptArray {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: as above; the reference is this object's own.
        unsafe { sys::napi_delete_reference(self.env, self.reference) };
    }
}
