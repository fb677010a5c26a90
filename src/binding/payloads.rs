//! Payloads that JavaScript is given as arguments of a turn.

use std::ptr;

use napi::{sys, Env};

use super::exception::clear_exception;
use super::shortage::lacks_memory;

/// How many one call brings.
const MOST: usize = 128;

/// Copies payloads, each into a Buffer with memory of its own. A copy into memory of V8's own is collected with the young generation; memory
/// moved into an external Buffer costs a finalizer each and drives full collections (measured: raw echo of 64 KB). They are handed on as
/// arguments: to set an element of an array is to ask Array.prototype, which may have setters.
pub struct Payloads {
    env: sys::napi_env,
    pub buffers: Vec<sys::napi_value>,
}

impl Payloads {
    /// None yet.
    pub fn new(env: sys::napi_env) -> Self {
        Self { env, buffers: Vec::new() }
    }

    /// False when there is no memory, or there are enough: nothing has been added.
    #[allow(unsafe_code)]
    pub fn add(&mut self, bytes: &[u8]) -> bool {
        if self.buffers.len() == MOST {
            return false;
        }
        let (mut buffer, env) = (ptr::null_mut(), self.env);
        // SAFETY: on the JavaScript thread with a handle scope open, see `Crossing::call`; the out pointer is a local, and N-API copies `bytes`
        // before it returns. It runs no JavaScript.
        let made = !lacks_memory()
            && unsafe {
                sys::napi_create_buffer_copy(env, bytes.len(), bytes.as_ptr().cast(), ptr::null_mut(), &mut buffer)
                    == sys::Status::napi_ok
            };
        if made {
            self.buffers.push(buffer);
        } else {
            clear_exception(&Env::from_raw(env));
        }
        made
    }
}
