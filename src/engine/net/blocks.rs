//! Where reads go. A read whose payload is large is not copied out of its place: the place is handed on with the records that name it.

use crate::engine::layout::limits;
use crate::engine::layout::places::FIRST_SLAB;

/// Bytes of one read. A little more than the 64 KiB that streams usually write at once, so that a read of such a piece, with a
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

    /// Whether so much has been kept that JavaScript should have it before more is read, while it is in the processor's caches.
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
        // A short payload would keep a long block from other uses for as long as JavaScript is busy.
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

/// How many blocks a ledger may have.
pub const MOST: usize = 18;
/// How many are ready when a turn begins, until one has needed more.
const READY: usize = 2;
/// Bytes of large payloads after which JavaScript is called before more is read.
const BATCH: usize = 128 * 1024;

/// A block that has been read into.
#[derive(Debug)]
struct Full {
    number: u32,
    /// JavaScript has a view of it, or will have.
    given: bool,
}

/// The state of each block that somebody else owns, by number: the inline driver's blocks are memory of JavaScript's. Whoever has the memory
/// supplies a block when one is [wanted](Self::wanted), and [lends](Self::lend) it to the driver for as long as no JavaScript runs.
///
/// ```text
/// vacant ── supplied ──► clean ── kept ──► filled ── deliver ──► delivering ──┬─ deliver ────────► clean
///                                                                             └─ deliver, given ─► vacant
/// ```
#[derive(Debug)]
pub struct Ledger {
    /// How many numbers there are.
    numbers: u32,
    /// Blocks to read into, the last first, and numbers without a block.
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
    /// How many are lent now, and how many of these have been kept. Whoever lends one must look up where its memory is, so no more are lent than needed.
    lent: usize,
    used: usize,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            numbers: 0,
            clean: Vec::new(),
            vacant: Vec::new(),
            delivering: Vec::new(),
            filled: Vec::new(),
            kept: 0,
            ready: READY,
            lacking: false,
            lent: 0,
            used: 0,
        }
    }
}

impl Ledger {
    /// Everything taken before has been delivered, and the records so far are taken. `let_go` hears of the blocks that have been given away.
    pub fn deliver(&mut self, mut let_go: impl FnMut(u32)) {
        self.kept = 0;
        let mut delivered = std::mem::take(&mut self.delivering);
        for Full { number, given } in delivered.drain(..) {
            if given {
                self.vacant.push(number);
                let_go(number);
            } else {
                self.clean.push(number);
            }
        }
        // The emptied list, with its memory, takes what is filled next.
        self.delivering = std::mem::replace(&mut self.filled, delivered);
    }

    /// How many there are, not counting numbers without a block.
    pub fn count(&self) -> usize {
        self.numbers as usize - self.vacant.len()
    }

    /// The number of a block that should be made before the driver reads on.
    pub fn wanted(&mut self) -> Option<u32> {
        if std::mem::take(&mut self.lacking) {
            self.ready = (self.ready + 1).min(MOST);
        }
        if self.clean.len() >= self.ready || self.count() >= MOST {
            return None;
        }
        Some(self.vacant.pop().unwrap_or_else(|| {
            self.numbers += 1;
            self.numbers - 1
        }))
    }

    /// Whether what was wanted has been made: there may be no memory.
    pub fn supply(&mut self, number: u32, made: bool) {
        if made {
            self.clean.push(number);
        } else {
            self.vacant.push(number);
        }
    }

    /// Lends the driver what `find` has of the blocks that it is likely to want: one more than the last time, when that has used them up. What
    /// `find` does not find is gone.
    pub fn lend<'a>(&'a mut self, mut find: impl FnMut(u32) -> Option<&'a mut [u8]>) -> LentBlocks<'a> {
        let most = (self.used + 1).max(self.lent.saturating_sub(1));
        self.used = 0;
        let mut rooms = Vec::with_capacity(most.min(self.clean.len()));
        let mut at = self.clean.len();
        while rooms.len() < most && at > 0 {
            at -= 1;
            let Some(&number) = self.clean.get(at) else { break };
            match find(number).filter(|bytes| bytes.len() >= READ_SIZE) {
                Some(bytes) => rooms.push(bytes),
                None => {
                    self.clean.remove(at);
                    self.vacant.push(number);
                }
            }
        }
        self.lent = rooms.len();
        // The last clean one is the first to be used.
        rooms.reverse();
        LentBlocks { ledger: self, rooms, is_short: false }
    }
}

/// Blocks of a [`Ledger`], while nobody but the driver touches them.
#[derive(Debug)]
pub struct LentBlocks<'a> {
    ledger: &'a mut Ledger,
    /// Of the last ones of the clean ones, in their order.
    rooms: Vec<&'a mut [u8]>,
    is_short: bool,
}

impl Blocks for LentBlocks<'_> {
    fn room(&mut self) -> Option<Room<'_>> {
        let (Some(bytes), Some(number)) = (self.rooms.last_mut(), self.ledger.clean.last()) else {
            self.is_short = true;
            self.ledger.lacking |= self.ledger.clean.is_empty();
            return None;
        };
        // They are numbered downwards.
        Some(Room { bytes, block: (FIRST_SLAB as u32).wrapping_sub(*number), offset: 0 })
    }

    fn keep(&mut self, bytes: usize, viewed: bool) {
        self.rooms.pop();
        self.ledger.used += 1;
        self.ledger.kept += bytes;
        self.ledger.filled.extend(self.ledger.clean.pop().map(|number| Full { number, given: viewed }));
    }

    fn is_full(&self) -> bool {
        self.is_short || self.ledger.kept >= BATCH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever has the memory of a ledger's blocks.
    #[derive(Default)]
    struct Owner {
        ledger: Ledger,
        memory: Vec<Option<Vec<u8>>>,
    }

    impl Owner {
        /// Makes what is wanted; returns how many that was.
        fn supply(&mut self) -> usize {
            let mut made = 0;
            while let Some(number) = self.ledger.wanted() {
                self.memory.resize_with(self.memory.len().max(number as usize + 1), || None);
                self.memory[number as usize] = Some(vec![0; READ_SIZE]);
                self.ledger.supply(number, true);
                made += 1;
            }
            made
        }

        /// Lends, and reads until there is no room or `reads` of them have been kept. Returns the blocks they went to.
        fn read(&mut self, reads: usize, viewed: bool) -> Vec<u32> {
            let mut memory: Vec<Option<&mut [u8]>> = self.memory.iter_mut().map(|block| block.as_deref_mut()).collect();
            let mut lent = self.ledger.lend(|number| memory[number as usize].take());
            let mut blocks = Vec::new();
            while blocks.len() < reads && !lent.is_full() {
                let Some(room) = lent.room() else { continue };
                assert_eq!(room.bytes.len(), READ_SIZE);
                blocks.push((FIRST_SLAB as u32).wrapping_sub(room.block));
                lent.keep(10_000, viewed);
            }
            blocks
        }

        fn deliver(&mut self) {
            self.ledger.deliver(|number| self.memory[number as usize] = None);
        }
    }

    #[test]
    fn a_block_is_read_into_again_when_its_records_have_been_delivered() {
        let mut owner = Owner::default();
        assert_eq!(owner.supply(), READY);
        let first = owner.read(1, false);
        owner.deliver();
        assert_eq!(owner.supply(), 1, "JavaScript is being told of the other");
        assert!(!owner.read(1, false).contains(&first[0]));
        owner.deliver();
        assert_eq!(owner.supply(), 0);
        assert_eq!(owner.read(1, false), first);
        assert_eq!(owner.ledger.count(), 3);
    }

    #[test]
    fn a_block_that_was_given_away_is_let_go_and_its_number_used_again() {
        let mut owner = Owner::default();
        owner.supply();
        let given = owner.read(1, true)[0];
        owner.deliver();
        assert!(owner.memory[given as usize].is_some(), "JavaScript is being told of it");
        owner.deliver();
        assert!(owner.memory[given as usize].is_none());
        assert_eq!((owner.ledger.count(), owner.supply(), owner.ledger.count()), (1, 1, 2));
        assert!(owner.memory[given as usize].is_some());
    }

    #[test]
    fn turns_that_need_more_get_more_up_to_a_bound() {
        let mut owner = Owner::default();
        let mut read = 0;
        for _ in 0..100 {
            owner.supply();
            read = owner.read(usize::MAX, false).len();
            owner.deliver();
            assert!(owner.ledger.count() <= MOST);
        }
        // Two turns share them: one is told while the next reads.
        assert!(read >= MOST / 2 - 1 && read * 10_000 <= BATCH + 10_000, "{read}");
    }

    #[test]
    fn without_memory_nothing_is_read_and_what_is_gone_is_wanted_again() {
        let mut owner = Owner::default();
        let number = owner.ledger.wanted().unwrap();
        owner.ledger.supply(number, false);
        owner.memory.push(None);
        assert!(owner.read(1, false).is_empty());
        owner.supply();
        // Somebody takes the memory away.
        owner.memory.iter_mut().for_each(|block| *block = Some(Vec::new()));
        assert!(owner.read(1, false).is_empty());
        assert_eq!(owner.ledger.count(), 0);
        owner.supply();
        assert_eq!(owner.read(1, false).len(), 1);
    }
}
