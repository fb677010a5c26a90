//! Where the inline driver reads: buffers of JavaScript's, so that a large payload is never copied on its way up. A slab takes one
//! read after the other; JavaScript cuts views out of it and forgets it when no record can name it any more.

use napi::bindgen_prelude::{Buffer, Function, FunctionRef};
use napi::{Env, Result};

use crate::engine::net::blocks::{Blocks, Room, READ_SIZE};

/// Slabs that records not yet delivered may name: when a turn has filled so many, its other sockets wait.
const OUTSTANDING: u32 = 16;
/// Bytes of large payloads after which JavaScript is called before more is read.
const BATCH: usize = 256 * 1024;
/// Payloads begin at multiples of this, for those who read them as wider numbers.
const ALIGN: usize = 8;

/// The slabs of one environment.
pub struct Slabs {
    make: FunctionRef<u32, Buffer>,
    current: Option<Buffer>,
    /// The number of `current`.
    number: u32,
    /// Bytes of `current` that are taken.
    offset: usize,
    /// The first slab that records not yet handed to JavaScript may name.
    first: u32,
    /// Bytes kept since then.
    kept: usize,
}

impl Slabs {
    /// `make(number)` returns a new slab, larger than [`READ_SIZE`].
    pub fn new(make: &Function<'_, u32, Buffer>) -> Result<Self> {
        Ok(Self { make: make.create_ref()?, current: None, number: 0, offset: 0, first: 0, kept: 0 })
    }

    /// The records so far are taken for delivery. Returns the first slab they may name.
    pub fn hand_over(&mut self) -> u32 {
        self.kept = 0;
        std::mem::replace(&mut self.first, self.number)
    }

    /// As the driver uses them.
    pub fn blocks<'a>(&'a mut self, env: &'a Env) -> SlabBlocks<'a> {
        SlabBlocks { slabs: self, env }
    }

    fn renew(&mut self, env: &Env) -> Option<()> {
        let number = self.number.wrapping_add(1) & 0x3fff_ffff;
        // JavaScript without memory throws; the process will hear of it elsewhere.
        let Ok(slab) = self.make.borrow_back(env).and_then(|make| make.call(number)) else {
            super::turn::clear_exception(env);
            return None;
        };
        self.current = Some(slab);
        self.number = number;
        self.offset = 0;
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
        let full = slabs.current.as_ref().is_none_or(|slab| slab.len() < slabs.offset + READ_SIZE);
        if full {
            if slabs.number.wrapping_sub(slabs.first) & 0x3fff_ffff >= OUTSTANDING {
                return None;
            }
            slabs.renew(self.env)?;
        }
        let offset = slabs.offset;
        let bytes = slabs.current.as_mut()?.get_mut(offset..offset + READ_SIZE)?;
        // -1 is a payload in its record; slabs are numbered down from -2.
        Some(Room { bytes, block: (slabs.number + 2).wrapping_neg(), offset: offset as u32 })
    }

    fn keep(&mut self, bytes: usize) {
        self.slabs.offset += bytes.next_multiple_of(ALIGN);
        self.slabs.kept += bytes;
    }

    fn is_full(&self) -> bool {
        self.slabs.kept >= BATCH
    }
}
