//! Where the inline driver reads: buffers of JavaScript's, so that a large payload is copied at most once on its way up. A slab
//! takes one read after the other. Of the largest payloads JavaScript makes views: their slab is given away. The others it copies,
//! and a slab that nobody has a view of is read into again: memory that stays warm and is no garbage.

use std::rc::Rc;

use napi::bindgen_prelude::Buffer;
use napi::Env;

use super::life::HomeFunction;
use crate::engine::net::blocks::{Blocks, Room, READ_SIZE};

/// Slabs that records not yet delivered may name: when a turn has filled so many, its other sockets wait.
const OUTSTANDING: usize = 16;
/// Bytes of large payloads after which JavaScript is called before more is read.
const BATCH: usize = 128 * 1024;
/// Payloads begin at multiples of this, for those who read them as wider numbers.
const ALIGN: usize = 8;

/// A slab that is full, or will not be read into for another reason.
struct Full {
    number: u32,
    /// JavaScript has views of it, or will have.
    given: bool,
}

/// The slabs of one environment.
pub struct Slabs {
    make: Rc<HomeFunction<u32, Buffer>>,
    /// By number; JavaScript knows them by the same one.
    slots: Vec<Option<Buffer>>,
    /// Slabs to read into again, and numbers without a slab.
    clean: Vec<u32>,
    vacant: Vec<u32>,
    /// What is read into, from where on, and whether it has been given away.
    current: Option<u32>,
    offset: usize,
    given: bool,
    /// Full ones that the records now being delivered name, and those that only later records do.
    delivering: Vec<Full>,
    filled: Vec<Full>,
    /// Bytes kept since the last delivery began.
    kept: usize,
}

impl Slabs {
    /// `make(number)` returns a new slab, larger than [`READ_SIZE`].
    pub fn new(make: Rc<HomeFunction<u32, Buffer>>) -> Self {
        Self {
            make,
            slots: Vec::new(),
            clean: Vec::new(),
            vacant: Vec::new(),
            current: None,
            offset: 0,
            given: false,
            delivering: Vec::new(),
            filled: Vec::new(),
            kept: 0,
        }
    }

    /// Everything taken before has been delivered, and the records so far are taken.
    pub fn deliver(&mut self) {
        self.kept = 0;
        for Full { number, given } in self.delivering.drain(..) {
            if given {
                self.slots[number as usize] = None;
                self.vacant.push(number);
            } else {
                self.clean.push(number);
            }
        }
        std::mem::swap(&mut self.delivering, &mut self.filled);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    /// As the driver uses them.
    pub fn blocks<'a>(&'a mut self, env: &'a Env) -> SlabBlocks<'a> {
        SlabBlocks { slabs: self, env }
    }

    fn renew(&mut self, env: &Env) -> Option<()> {
        if let Some(number) = self.current.take() {
            self.filled.push(Full { number, given: self.given });
        }
        let number = match self.clean.pop() {
            Some(number) => number,
            None => {
                let number = self.vacant.pop().unwrap_or(self.slots.len() as u32);
                // JavaScript without memory throws; the process will hear of it elsewhere.
                let Ok(slab) = self.make.borrow_back(env).and_then(|make| make.call(number)) else {
                    super::turn::clear_exception(env);
                    return None;
                };
                if number as usize == self.slots.len() {
                    self.slots.push(None);
                }
                self.slots[number as usize] = Some(slab);
                number
            }
        };
        self.current = Some(number);
        self.offset = 0;
        self.given = false;
        Some(())
    }
}

/// [`Slabs`] inside a call on the JavaScript thread.
pub struct SlabBlocks<'a> {
    slabs: &'a mut Slabs,
    env: &'a Env,
}

impl Blocks for SlabBlocks<'_> {
    fn room(&mut self) -> Option<Room<'_>> {
        let slabs = &mut *self.slabs;
        let length =
            slabs.current.and_then(|number| slabs.slots[number as usize].as_ref()).map_or(0, |slab| slab.len());
        if length < slabs.offset + READ_SIZE {
            if slabs.filled.len() + slabs.delivering.len() >= OUTSTANDING {
                return None;
            }
            slabs.renew(self.env)?;
        }
        let (number, offset) = (slabs.current?, slabs.offset);
        let bytes = slabs.slots[number as usize].as_mut()?.get_mut(offset..offset + READ_SIZE)?;
        // -1 is a payload in its record; slabs are numbered down from -2.
        Some(Room { bytes, block: (number + 2).wrapping_neg(), offset: offset as u32 })
    }

    fn keep(&mut self, bytes: usize, viewed: bool) {
        self.slabs.offset += bytes.next_multiple_of(ALIGN);
        self.slabs.kept += bytes;
        self.slabs.given |= viewed;
    }

    fn is_full(&self) -> bool {
        self.slabs.kept >= BATCH
    }
}
