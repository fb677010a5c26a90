//! Where reads go. A read whose payload is large is not copied out of its place: the place is handed on with the records that name it.

use crate::engine::layout::limits;

/// Bytes of one read. A little more than the 64 KiB that streams are wont to write at once, so that a read of such a piece, with a
/// message head before it, is short: a full one must be followed by another that learns nothing.
pub const READ_SIZE: usize = limits::READ_SIZE as usize;

/// Bytes; a payload from here on is not copied out of the place it was read into, if that can be given away with it.
pub const VIEW: usize = 32 * 1024;

/// A place for one read.
pub struct Room<'a> {
    /// [`READ_SIZE`] bytes or more.
    pub bytes: &'a mut [u8],
    /// The number records name the place by.
    pub block: u32,
    /// Where in the block `bytes` begins.
    pub offset: u32,
}

/// A supply of places to read into.
pub trait Blocks {
    /// Where the next read goes; the same place again unless it was kept. `None` when there is no memory: nothing is read now.
    fn room(&mut self) -> Option<Room<'_>>;

    /// The first `bytes` of the last room are named in records: the next read goes elsewhere. `viewed`: the block goes with the last of
    /// them, and is never read into again.
    fn keep(&mut self, bytes: usize, viewed: bool);

    /// Whether so much has been kept that it should be dealt with first, while the processor has it at hand.
    fn is_full(&self) -> bool;
}

/// Blocks that travel from thread to thread and come back.
#[derive(Debug, Default)]
pub struct OwnedBlocks {
    current: Vec<u8>,
    /// Handed on with the records of this turn, in the order of their numbers.
    pub kept: Vec<Vec<u8>>,
    spare: Vec<Vec<u8>>,
}

/// How many blocks wait for another use, at either end.
pub const SPARE: usize = 32;

impl OwnedBlocks {
    /// How many wait for a use.
    pub fn spare(&self) -> usize {
        self.spare.len()
    }

    /// Blocks that nobody names any more.
    pub fn give_back(&mut self, blocks: &mut Vec<Vec<u8>>) {
        while self.spare.len() < SPARE {
            let Some(block) = blocks.pop() else { return };
            if block.len() == READ_SIZE {
                self.spare.push(block);
            }
        }
        blocks.clear();
    }
}

impl Blocks for OwnedBlocks {
    fn room(&mut self) -> Option<Room<'_>> {
        if self.current.is_empty() {
            self.current = self.spare.pop().unwrap_or_else(|| vec![0; READ_SIZE]);
        }
        Some(Room { bytes: &mut self.current, block: self.kept.len() as u32, offset: 0 })
    }

    fn keep(&mut self, bytes: usize, _: bool) {
        // A short payload would hold a long block for as long as JavaScript is busy.
        self.kept.push(if bytes < READ_SIZE / 2 {
            self.current[..bytes].to_vec()
        } else {
            std::mem::take(&mut self.current)
        });
    }

    fn is_full(&self) -> bool {
        // Another thread takes them away.
        false
    }
}
