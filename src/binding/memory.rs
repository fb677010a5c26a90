//! Where the bytes of JavaScript's Uint8Arrays lie. A program may transfer, resize or share their memory, so that is asked anew whenever
//! JavaScript may have run since, and never kept.
//!
//! What N-API answers (napi_get_typedarray_info; tried on Node 20, 22, 24 and 26): the length of an array whose memory is detached, or has
//! shrunk so that not all of the array is in it, is 0; that of an array which tracks its memory's length is what it is now; shared memory has an address like any
//! other, but what it lies in is no ArrayBuffer (napi_is_arraybuffer).

use std::ptr;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;

use napi::{sys, Env};

use crate::engine::websocket;

/// The bytes of an array, until JavaScript runs again.
#[derive(Clone, Copy)]
pub struct Place {
    data: *mut u8,
    length: usize,
    shared: bool,
}

impl Place {
    /// Where `array` lies; `None` when it is no typed array. In a call of JavaScript's, or a handle scope of the caller's.
    #[allow(unsafe_code)]
    pub fn of(env: Env, array: sys::napi_value) -> Option<Self> {
        let env = env.raw();
        let (mut data, mut memory) = (ptr::null_mut(), ptr::null_mut());
        let (mut kind, mut length, mut unshared) = (0, 0, false);
        // SAFETY: on the thread of the environment with a handle scope open, as the caller says; N-API checks that the value is a typed
        // array, and out pointers are locals. `memory` has been set when the first call says so.
        let found = unsafe {
            sys::napi_get_typedarray_info(env, array, &mut kind, &mut length, &mut data, &mut memory, ptr::null_mut())
                == sys::Status::napi_ok
                && sys::napi_is_arraybuffer(env, memory, &mut unshared) == sys::Status::napi_ok
        };
        // Only arrays of bytes are given to us: their length is in bytes. Any other is shorter than it could be.
        found.then(|| Self { data: data.cast(), length: if data.is_null() { 0 } else { length }, shared: !unshared })
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether other threads may write to them at any time.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// Whether some of the bytes belong to the other array, too.
    pub fn overlaps(&self, other: &Self) -> bool {
        let (from, to) = (self.data as usize, other.data as usize);
        from < to + other.length && to < from + self.length
    }

    /// `length` of them from `offset` on, if there are so many.
    pub fn part(&self, offset: usize, length: usize) -> Option<Self> {
        let end = offset.checked_add(length)?;
        (end <= self.length).then(|| Self { data: self.data.wrapping_add(offset), length, shared: self.shared })
    }

    /// The bytes, unless they are shared or there are none.
    ///
    /// # Safety
    /// No JavaScript has run since the place was looked up; none runs, and nothing else of native's writes to them, before the last use. What the program has begun in another thread
    /// (`fs.read()`, `crypto.randomFill()` into memory that is being sent) may write to them: as with node:http it is then open which
    /// bytes are sent, so nothing may be decided by what is read.
    #[allow(unsafe_code)]
    pub unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.shared || self.length == 0 {
            return &[];
        }
        // SAFETY: V8's memory of that length; the rest is the caller's.
        unsafe { std::slice::from_raw_parts(self.data, self.length) }
    }

    /// The same for writing.
    ///
    /// # Safety
    /// As [`Self::bytes`], and nothing else of native's reads them either.
    #[allow(unsafe_code)]
    pub unsafe fn bytes_mut<'a>(self) -> &'a mut [u8] {
        if self.shared || self.length == 0 {
            return &mut [];
        }
        // SAFETY: V8's memory of that length; the rest is the caller's.
        unsafe { std::slice::from_raw_parts_mut(self.data, self.length) }
    }

    /// A copy. Of shared memory: what each of its bytes was when that was read.
    ///
    /// # Safety
    /// No JavaScript has run since the place was looked up.
    #[allow(unsafe_code)]
    pub unsafe fn copy(self) -> Vec<u8> {
        if !self.shared {
            // SAFETY: the caller's; used up at once, before anything else runs.
            return unsafe { self.bytes() }.to_vec();
        }
        // SAFETY: as above.
        unsafe { self.atoms() }.iter().map(|byte| byte.load(Relaxed)).collect()
    }

    /// The same, in place of what is in `copy`.
    ///
    /// # Safety
    /// As [`Self::copy`].
    #[allow(unsafe_code)]
    pub unsafe fn copy_to(self, copy: &mut Vec<u8>) {
        copy.clear();
        if self.shared {
            // SAFETY: the caller's.
            copy.extend(unsafe { self.atoms() }.iter().map(|byte| byte.load(Relaxed)));
        } else {
            // SAFETY: the caller's; used up at once, before anything else runs.
            copy.extend_from_slice(unsafe { self.bytes() });
        }
    }

    /// XORs them with `key` repeated, see [`websocket::mask`].
    ///
    /// # Safety
    /// No JavaScript has run since the place was looked up, and nothing else of native's uses the bytes.
    #[allow(unsafe_code)]
    pub unsafe fn mask(self, key: [u8; 4]) {
        if !self.shared {
            // SAFETY: the caller's; used up at once, before anything else runs.
            return websocket::mask(unsafe { self.bytes_mut() }, key);
        }
        // SAFETY: as above.
        let atoms = unsafe { self.atoms() };
        for (at, byte) in atoms.iter().enumerate() {
            byte.store(byte.load(Relaxed) ^ key[at % key.len()], Relaxed);
        }
    }

    /// Shared memory. Other threads may be writing to it, which Rust allows of atomics alone, and only of such as have one size everywhere. Two threads may
    /// be here at once, with arrays that begin at different addresses: so it is bytes. V8 and its compiled code use loads and stores that are not
    /// torn within a byte either.
    ///
    /// # Safety
    /// No JavaScript of this thread has run since the place was looked up, and none runs before the last use.
    #[allow(unsafe_code)]
    unsafe fn atoms<'a>(self) -> &'a [AtomicU8] {
        if !self.shared || self.length == 0 {
            return &[];
        }
        // SAFETY: V8's memory of that length, which its owner cannot free or move meanwhile: JavaScript of this thread holds it and does not run. An
        // AtomicU8 is laid out as a byte.
        unsafe { std::slice::from_raw_parts(self.data.cast::<AtomicU8>(), self.length) }
    }
}

/// An array that native keeps from being collected. Made, used and dropped on the thread of its environment.
pub struct Referenced {
    env: sys::napi_env,
    reference: sys::napi_ref,
}

impl Referenced {
    /// `None` when N-API gives no reference.
    #[allow(unsafe_code)]
    pub fn new(env: Env, array: sys::napi_value) -> Option<Self> {
        let (env, mut reference) = (env.raw(), ptr::null_mut());
        // SAFETY: on the thread of the environment, inside a call of JavaScript's or a turn, with a value of the handle scope that is open; the
        // out pointer is a local. No JavaScript runs.
        let made = unsafe { sys::napi_create_reference(env, array, 1, &mut reference) };
        (made == sys::Status::napi_ok).then_some(Self { env, reference })
    }

    /// Where it lies now.
    #[allow(unsafe_code)]
    pub fn place(&self) -> Option<Place> {
        let (mut scope, mut value) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: on the thread of the environment, which has not gone: its end drops whoever has this before. The scope is closed in any
        // case, out pointers are locals, and `value` is used only when the call that sets it says so. No JavaScript runs.
        unsafe {
            if sys::napi_open_handle_scope(self.env, &mut scope) != sys::Status::napi_ok {
                return None;
            }
            let found = sys::napi_get_reference_value(self.env, self.reference, &mut value) == sys::Status::napi_ok;
            let place = if found && !value.is_null() { Place::of(Env::from_raw(self.env), value) } else { None };
            sys::napi_close_handle_scope(self.env, scope);
            place
        }
    }
}

impl Drop for Referenced {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: on the thread of the environment, before that goes; the reference is this object's own. No JavaScript runs.
        unsafe { sys::napi_delete_reference(self.env, self.reference) };
    }
}
