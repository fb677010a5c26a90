//! A turn: the JavaScript thread is woken, records are copied into its buffer, one function is called, and what that wrote is taken.

use std::cell::Cell;
use std::ptr;

use napi::bindgen_prelude::FromNapiValue;
use napi::{sys, Env};

use super::crossing::Crossing;
use super::exception::{caught, report};
use super::payloads::Payloads;
use super::shortage::lacks_call;
use crate::engine::layout::turns::{AFTER_THROW, BROKEN, LARGE, NESTED};
use crate::engine::net::delivery::Driver;
use crate::engine::net::event::{first_record, places, take_records, Batch, Place};

/// Fills of the inbound buffer in one wake-up; then timers and other I/O get their turn.
const FILLS_PER_WAKE: usize = 8;
/// Exceptions of handlers in one call before it is given up; more than records can stand in the buffer.
const MAX_THROWS: usize = 100_000;

/// A turn on the stack.
struct Turn<'a>(&'a Cell<u32>);

impl<'a> Turn<'a> {
    fn begin(depth: &'a Cell<u32>) -> Self {
        depth.set(depth.get() + 1);
        Self(depth)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Crossing {
    /// A turn that no JavaScript has called. A panic in it is an uncaught exception.
    pub(super) fn begin(&self, env: sys::napi_env) {
        if self.closed.get() || !self.home.is_alive() {
            return;
        }
        if self.broken.borrow().is_some() {
            if !self.told_broken.replace(true) {
                let _ = self.call(env, BROKEN, &[]);
            }
        } else if let Err(said) = caught(|| self.run(env)) {
            report(env, &self.break_down(said));
        }
        if self.depth.get() == 0 {
            self.rest();
        }
    }

    /// Several turns, until there is nothing more or the loop's other users should have theirs.
    fn run(&self, env: sys::napi_env) {
        #[cfg(debug_assertions)]
        assert!(!self.panics.take(), "asked to panic in a turn");
        let turn = Turn::begin(&self.depth);
        if self.depth.get() > 1 {
            // A handler runs a nested event loop: what is left of the outer turn comes first, as if the handler had returned.
            self.tell(env, NESTED, &[]);
        }
        self.local.turn(&self.engine, env);
        self.engine.streams().serve();
        let more = self.deliver(env);
        drop(turn);
        let more = self.engine.flush_local() || more;
        self.set_alarm(Env::from_raw(env));
        if more {
            self.resume_later(Env::from_raw(env));
        }
    }

    /// Returns whether there is, or may be, more.
    fn deliver(&self, env: sys::napi_env) -> bool {
        for _ in 0..FILLS_PER_WAKE {
            if self.interrupted.get() && self.tell(env, AFTER_THROW, &[]) != Told::Everything {
                return true;
            }
            let (bytes, payloads, taken, heard) = match self.fill(env) {
                Filled::Nothing => return false,
                Filled::NoMemory => return true,
                Filled::Records { bytes, payloads, taken, heard } => (bytes, payloads, taken, heard),
            };
            let heard = self.heard.get() + heard;
            self.heard.set(heard);
            // A handler that runs the event loop itself goes on after them.
            self.delivery.borrow_mut().told(taken);
            self.engine.begin_turn();
            let outer = self.tells_streams.replace(self.delivery.borrow().last() == Driver::Streams);
            let told = self.tell(env, bytes, &payloads);
            self.tells_streams.set(outer);
            self.engine.end_turn();
            if told == Told::Nothing {
                self.delivery.borrow_mut().untold(taken);
            }
            if told != Told::Everything {
                return true;
            }
            self.local.serve(&self.engine, env);
            if heard >= self.heard_per_round.get() {
                return true;
            }
        }
        true
    }

    /// Copies as many whole records as fit into the inbound buffer, and makes Buffers of the payloads they name. They stay in the
    /// delivery until they are told: what there is no memory for is told another time.
    #[allow(unsafe_code)]
    fn fill(&self, env: sys::napi_env) -> Filled {
        let mut delivery = self.delivery.borrow_mut();
        if !delivery.choose(|driver, batch| self.take(driver, batch)) {
            return Filled::Nothing;
        }
        let (rest, blocks) = delivery.rest();
        let room = self.inbound.place();
        let mut taken = take_records(rest, room.len());
        if taken == 0 {
            // A head as large as the user allows.
            let record = first_record(rest);
            let mut payloads = Payloads::new(env);
            if !payloads.add(record) {
                return Filled::NoMemory;
            }
            return Filled::Records {
                bytes: LARGE,
                payloads: payloads.buffers,
                taken: record.len(),
                heard: record.len(),
            };
        }
        let (mut payloads, mut words, mut heard) = (Payloads::new(env), Vec::new(), 0);
        if !blocks.is_empty() {
            for Place { record, word, block, offset, length } in places(&rest[..taken]) {
                let bytes = blocks.get(block).and_then(|block| block.get(offset..offset + length)).unwrap_or(&[]);
                if !payloads.add(bytes) {
                    // What stands before it can be told.
                    taken = record;
                    break;
                }
                words.push(word);
                heard += length;
            }
        }
        let Some(room) = room.part(0, taken).filter(|_| taken > 0) else { return Filled::NoMemory };
        // SAFETY: none of the calls of N-API since it was looked up runs JavaScript; used up here, where nobody else has the memory.
        let inbound = unsafe { room.bytes_mut() };
        inbound.copy_from_slice(&rest[..taken]);
        for (number, word) in words.into_iter().enumerate() {
            inbound[word..word + 4].copy_from_slice(&(number as u32).to_le_bytes());
        }
        Filled::Records { bytes: taken as i32, payloads: payloads.buffers, taken, heard: taken + heard }
    }

    /// Takes what a driver has left. JavaScript has been told all that was in its `batch`.
    fn take(&self, driver: Driver, batch: &mut Batch) {
        match driver {
            Driver::Inline => self.local.take(&self.engine, batch),
            Driver::Threads => {
                self.engine.events.give_back(&mut batch.blocks);
                self.engine.events.take(batch);
            }
            Driver::Streams => self.engine.streams().give_outbox(batch),
        }
    }

    /// Calls JavaScript, and does what it has commanded.
    fn tell(&self, env: sys::napi_env, bytes: i32, payloads: &[sys::napi_value]) -> Told {
        let told = match self.call(env, bytes, payloads) {
            Called::Returned(written) => {
                self.dispatch(written);
                Told::Everything
            }
            Called::Interrupted => Told::Something,
            Called::NotAtAll if bytes == AFTER_THROW => Told::Something,
            Called::NotAtAll => return Told::Nothing,
        };
        // NESTED has gone through the records of whoever was interrupted.
        self.interrupted.set(told == Told::Something);
        told
    }

    /// Calls JavaScript; an exception is reported as uncaught, and JavaScript goes on after what threw.
    #[allow(unsafe_code)]
    fn call(&self, env: sys::napi_env, bytes: i32, payloads: &[sys::napi_value]) -> Called {
        let mut first = bytes;
        let mut called = Called::NotAtAll;
        let Some(function) = self.turn.value().filter(|_| !lacks_call()) else { return called };
        let mut arguments = Vec::with_capacity(1 + payloads.len());
        arguments.push(ptr::null_mut());
        arguments.extend_from_slice(payloads);
        for _ in 0..MAX_THROWS {
            let (mut this, mut result) = (ptr::null_mut(), ptr::null_mut());
            // SAFETY: on the JavaScript thread with a handle scope open: N-API's around a wake-up or a call of JavaScript's, or that of
            // scope::with_handles. `function` and `payloads` are values of it; out pointers are locals. The engine is not borrowed.
            let status = unsafe {
                if sys::napi_get_undefined(env, &mut this) != sys::Status::napi_ok
                    || sys::napi_create_int32(env, first, &mut arguments[0]) != sys::Status::napi_ok
                {
                    return called;
                }
                sys::napi_call_function(env, this, function, arguments.len(), arguments.as_ptr(), &mut result)
            };
            if status == sys::Status::napi_ok {
                // SAFETY: as above; `result` was set by the call. lib/seam/binding.js returns a number.
                return Called::Returned(
                    unsafe { u32::from_napi_value(env, result) }.map_or(0, |written| written as usize),
                );
            }
            if status != sys::Status::napi_pending_exception {
                return called;
            }
            // No exception was pending before (whoever calls N-API here clears what that has thrown), so it is JavaScript's.
            called = Called::Interrupted;
            let mut error = ptr::null_mut();
            // SAFETY: as above. When the environment is terminating one of the two says so, and nothing more is called.
            let reported = unsafe {
                sys::napi_get_and_clear_last_exception(env, &mut error) == sys::Status::napi_ok
                    && sys::napi_fatal_exception(env, error) == sys::Status::napi_ok
            };
            if !reported {
                return called;
            }
            first = AFTER_THROW;
            arguments.truncate(1);
        }
        called
    }
}

/// What stands in the inbound buffer.
enum Filled {
    Nothing,
    /// There is something, and no memory to tell it with.
    NoMemory,
    /// `bytes` for JavaScript: so many, or LARGE; Buffers of the `payloads`; how many bytes of the batch that is, and of memory.
    Records {
        bytes: i32,
        payloads: Vec<sys::napi_value>,
        taken: usize,
        heard: usize,
    },
}

/// What came of a call of JavaScript.
enum Called {
    /// It has not begun.
    NotAtAll,
    /// It has not come to its end, and can go on.
    Interrupted,
    /// It has written so many bytes of commands.
    Returned(usize),
}

/// How much JavaScript has heard of what it was called for.
#[derive(PartialEq, Eq)]
enum Told {
    Nothing,
    Something,
    Everything,
}
