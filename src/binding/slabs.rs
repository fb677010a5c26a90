//! Where the inline driver reads: buffers of JavaScript's, of one read each. A program gets its bytes in one of two ways. The payload at the end
//! of a read, if it is large, is a view of its slab, which has then been given away for good. Any other is a copy, and a slab that nobody
//! has a view of is read into again: memory that stays warm and is no garbage.

use super::memory::{Held, Place};
use crate::engine::layout::places::FIRST_SLAB;
use crate::engine::net::blocks::{Blocks, Room, READ_SIZE};

/// How many there may be.
const MOST: usize = 18;
/// How many are ready when a turn begins, until one has needed more.
const READY: usize = 2;
/// Bytes of large payloads after which JavaScript is called before more is read.
const BATCH: usize = 128 * 1024;

/// A slab that has been read into.
struct Full {
    number: u32,
    /// JavaScript has a view of it, or will have.
    given: bool,
}

/// The slabs of one environment.
pub struct Slabs {
    /// By number; JavaScript knows them by the same one.
    slots: Vec<Option<Held>>,
    /// Slabs to read into, the last first, and numbers without a slab.
    clean: Vec<u32>,
    vacant: Vec<u32>,
    /// Those that the records now being delivered name, and those that only later records do.
    delivering: Vec<Full>,
    filled: Vec<Full>,
    /// Bytes kept since the last delivery began.
    kept: usize,
    /// How many should be ready for a turn, and whether one had not enough.
    ready: usize,
    lacking: bool,
}

impl Default for Slabs {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            clean: Vec::new(),
            vacant: Vec::new(),
            delivering: Vec::new(),
            filled: Vec::new(),
            kept: 0,
            ready: READY,
            lacking: false,
        }
    }
}

impl Slabs {
    /// Everything taken before has been delivered, and the records so far are taken.
    pub fn deliver(&mut self) {
        self.kept = 0;
        let mut delivered = std::mem::take(&mut self.delivering);
        for Full { number, given } in delivered.drain(..) {
            if given {
                self.discard(number);
            } else {
                self.clean.push(number);
            }
        }
        // The emptied list, with its memory, takes what is filled next.
        self.delivering = std::mem::replace(&mut self.filled, delivered);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    /// The number of a slab that should be made before the driver reads on.
    pub fn wanted(&mut self) -> Option<u32> {
        if std::mem::take(&mut self.lacking) {
            self.ready = (self.ready + 1).min(MOST);
        }
        if self.clean.len() >= self.ready || self.count() >= MOST {
            return None;
        }
        Some(self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() as u32 - 1
        }))
    }

    /// What has been made for a wanted number: nothing, if there is no memory.
    pub fn supply(&mut self, number: u32, slab: Option<Held>) {
        match slab {
            Some(slab) => {
                self.slots[number as usize] = Some(slab);
                self.clean.push(number);
            }
            None => self.vacant.push(number),
        }
    }

    fn discard(&mut self, number: u32) {
        self.slots[number as usize] = None;
        self.vacant.push(number);
    }

    /// As the driver uses them, until JavaScript runs again.
    pub fn blocks(&mut self) -> SlabBlocks<'_> {
        SlabBlocks { slabs: self, current: None }
    }
}

/// [`Slabs`] while no JavaScript runs.
pub struct SlabBlocks<'a> {
    slabs: &'a mut Slabs,
    /// Where the last of the clean ones lies, which is the one to read into.
    current: Option<Place>,
}

impl SlabBlocks<'_> {
    fn find(&mut self) -> Option<Place> {
        while let Some(&number) = self.slabs.clean.last() {
            let place = self.slabs.slots[number as usize].as_ref().and_then(Held::place);
            if let Some(part) = place.and_then(|place| place.part(0, READ_SIZE)).filter(|part| !part.is_shared()) {
                return Some(part);
            }
            // Nobody but lib/ has had it, so this is not to be; it is safe all the same.
            self.slabs.clean.pop();
            self.slabs.discard(number);
        }
        self.slabs.lacking = true;
        None
    }
}

impl Blocks for SlabBlocks<'_> {
    #[allow(unsafe_code)]
    fn room(&mut self) -> Option<Room<'_>> {
        if self.current.is_none() {
            self.current = self.find();
        }
        let (place, number) = (self.current?, *self.slabs.clean.last()?);
        // SAFETY: found since JavaScript last ran, and it does not run while this object is borrowed: whoever has it drives the engine,
        // which knows no JavaScript. One room is borrowed at a time, nobody else has the slab's memory before its records are told.
        let bytes = unsafe { place.bytes_mut() };
        // Slabs are numbered downwards.
        Some(Room { bytes, block: (FIRST_SLAB as u32).wrapping_sub(number), offset: 0 })
    }

    fn keep(&mut self, bytes: usize, viewed: bool) {
        self.current = None;
        self.slabs.kept += bytes;
        self.slabs.filled.extend(self.slabs.clean.pop().map(|number| Full { number, given: viewed }));
    }

    fn is_full(&self) -> bool {
        self.slabs.kept >= BATCH || self.slabs.lacking
    }
}
