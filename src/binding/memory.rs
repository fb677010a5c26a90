//! Where the bytes of JavaScript's Uint8Arrays lie. A program may transfer, resize or share their memory, so that is asked anew whenever
//! JavaScript may have run since, and never kept.
//!
//! What N-API answers (napi_get_typedarray_info; tried on Node 20, 22, 24 and 26): the length of an array whose memory is detached, or has
//! shrunk so that not all of the array is in it, is 0; that of an array which tracks its memory's length is what it is now; shared memory has an address like any
//! other, but what it lies in is no ArrayBuffer (napi_is_arraybuffer).

use std::ptr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU8, AtomicUsize};

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
    #[allow(unsafe_code)]
    pub fn part(&self, offset: usize, length: usize) -> Option<Self> {
        let end = offset.checked_add(length)?;
        // SAFETY: the offset is inside the memory, or just behind it.
        (end <= self.length).then(|| Self { data: unsafe { self.data.add(offset) }, length, shared: self.shared })
    }

    /// The bytes, unless they are shared or there are none.
    ///
    /// # Safety
    /// No JavaScript runs, and nothing else of native's writes to them, before the last use. A system call of the program's that is under way
    /// in another thread (`fs.read()` into memory that is being sent) may write to them: as with node:http it is then open which
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

    /// A copy. Of shared memory: what each of its words was when that was read.
    #[allow(unsafe_code)]
    pub fn copy(self) -> Vec<u8> {
        if !self.shared {
            // SAFETY: used up at once, before anything else runs.
            return unsafe { self.bytes() }.to_vec();
        }
        let mut copy = Vec::with_capacity(self.length);
        self.each_atom(|_, atom| match atom {
            Atom::Byte(byte) => copy.push(byte.load(Relaxed)),
            Atom::Word(word) => copy.extend_from_slice(&word.load(Relaxed).to_ne_bytes()),
        });
        copy
    }

    /// XORs them with `key` repeated, see [`websocket::mask`].
    #[allow(unsafe_code)]
    pub fn mask(self, key: [u8; 4]) {
        if !self.shared {
            // SAFETY: used up at once, before anything else runs.
            return websocket::mask(unsafe { self.bytes_mut() }, key);
        }
        self.each_atom(|at, atom| {
            let mut turned = [0; size_of::<usize>()];
            turned.iter_mut().zip(key.iter().cycle().skip(at % key.len())).for_each(|(byte, key)| *byte = *key);
            match atom {
                Atom::Byte(byte) => byte.store(byte.load(Relaxed) ^ turned[0], Relaxed),
                Atom::Word(word) => word.store(word.load(Relaxed) ^ usize::from_ne_bytes(turned), Relaxed),
            }
        });
    }

    /// Visits shared memory, each piece with its offset. Other threads may be writing to it: to Rust that is no undefined behaviour only of
    /// atomics, and V8 and its compiled code copy shared memory by loads and stores that cannot be torn within a byte either.
    #[allow(unsafe_code)]
    fn each_atom(self, mut visit: impl FnMut(usize, Atom<'_>)) {
        let mut at = 0;
        while at < self.length {
            // SAFETY: inside the memory, which its owner cannot free or move meanwhile: JavaScript of this thread holds it and does not run.
            let address = unsafe { self.data.add(at) };
            if address.cast::<usize>().is_aligned() && self.length - at >= size_of::<usize>() {
                // SAFETY: as above for all of the word, which is aligned.
                visit(at, Atom::Word(unsafe { AtomicUsize::from_ptr(address.cast()) }));
                at += size_of::<usize>();
            } else {
                // SAFETY: as above.
                visit(at, Atom::Byte(unsafe { AtomicU8::from_ptr(address) }));
                at += 1;
            }
        }
    }
}

/// A piece of shared memory.
enum Atom<'a> {
    Byte(&'a AtomicU8),
    Word(&'a AtomicUsize),
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
        // SAFETY: inside a call of JavaScript's, with a value of that call; the out pointer is a local. No JavaScript runs.
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
