//! A Uint8Array of JavaScript's that is written from while the kernel is slow to take it, as node:http does: it is referenced, not copied. This alone asks
//! N-API for something while the inline driver is borrowed: for a reference, where that leads, and to forget it. None of these can run JavaScript, which
//! would find the driver borrowed.

use napi::{sys, Env};

use super::memory::Referenced;
use crate::engine::output::Payload;

/// See the module.
pub struct KeptArray(Referenced);

impl KeptArray {
    /// Of memory that is not shared. `None` when N-API gives no reference: the payload is copied then.
    pub fn keep(env: Env, array: sys::napi_value) -> Option<Box<dyn Payload>> {
        Referenced::new(env, array).map(|array| Box::new(Self(array)) as Box<dyn Payload>)
    }
}

impl Payload for KeptArray {
    #[allow(unsafe_code)]
    fn bytes(&self) -> &[u8] {
        // SAFETY: the inline driver asks on the JavaScript thread, in a call that lets no JavaScript run, for one system call, and asks
        // again for the next. What it does between (other payloads are looked up, references made and dropped) runs none either.
        self.0.place().map_or(&[], |place| unsafe { place.bytes() })
    }
}
