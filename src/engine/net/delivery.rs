//! What the drivers of one JavaScript environment have said, on its way to JavaScript: a batch of each, of which JavaScript is told a
//! piece at a time. The drivers take turns, so that neither waits until the other has nothing more to say.
//!
//! The records of one driver keep their order; between the two there is none. What a connection that changes drivers needs of that,
//! `lib/connection/driver-change.js` and [`Connections::next_slot_told`](super::connections::Connections::next_slot_told) see to.

use super::event::{has_stream_of, Batch};

/// Bytes of a batch's memory that are used again: what was left while JavaScript was busy is not kept for ever.
const KEPT: usize = 1 << 20;

/// Whose records they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Driver {
    Inline,
    Threads,
}

#[derive(Default)]
struct Taken {
    batch: Batch,
    /// Bytes of it that JavaScript has been told.
    told: usize,
}

impl Taken {
    fn rest(&self) -> &[u8] {
        self.batch.records.get(self.told..).unwrap_or_default()
    }
}

/// See the module.
pub struct Delivery {
    inline: Taken,
    threads: Taken,
    /// Whose records were last told.
    last: Driver,
}

impl Default for Delivery {
    fn default() -> Self {
        Self { inline: Taken::default(), threads: Taken::default(), last: Driver::Threads }
    }
}

impl Delivery {
    fn of(&mut self, driver: Driver) -> &mut Taken {
        match driver {
            Driver::Inline => &mut self.inline,
            Driver::Threads => &mut self.threads,
        }
    }

    /// Turns to the driver whose records are told next: the other one, if it has any. `take` is asked for more by a driver of whose
    /// batch all has been told. False: there is nothing.
    pub fn turn(&mut self, mut take: impl FnMut(Driver, &mut Batch)) -> bool {
        let other = if self.last == Driver::Inline { Driver::Threads } else { Driver::Inline };
        for driver in [other, self.last] {
            let taken = self.of(driver);
            if taken.rest().is_empty() {
                taken.told = 0;
                taken.batch.records.clear();
                taken.batch.records.shrink_to(KEPT);
                take(driver, &mut taken.batch);
            }
            if !taken.rest().is_empty() {
                self.last = driver;
                return true;
            }
        }
        false
    }

    /// The records whose turn it is, as far as they have not been told, and the blocks that they name.
    pub fn rest(&self) -> (&[u8], &[Vec<u8>]) {
        let taken = if self.last == Driver::Inline { &self.inline } else { &self.threads };
        (taken.rest(), &taken.batch.blocks)
    }

    /// JavaScript is being told the first `bytes` of them.
    pub fn told(&mut self, bytes: usize) {
        self.of(self.last).told += bytes;
    }

    /// JavaScript has not been told the last `bytes` after all.
    pub fn untold(&mut self, bytes: usize) {
        self.of(self.last).told -= bytes;
    }

    /// Bytes of records that wait here.
    pub fn waiting(&self) -> usize {
        self.inline.rest().len() + self.threads.rest().len()
    }

    /// [`Batch::has_stream_of`], of what waits here.
    pub fn has_stream_of(&self, index: u32) -> bool {
        has_stream_of(self.inline.rest(), index) || has_stream_of(self.threads.rest(), index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::layout::Prefix;

    fn batch(indices: &[u32]) -> Batch {
        let mut batch = Batch::default();
        indices.iter().for_each(|&index| batch.eof(index));
        batch
    }

    /// Tells one record, and says whose it was; `inline` and `threads` are what is taken next.
    fn tell(delivery: &mut Delivery, inline: &mut Vec<Batch>, threads: &mut Vec<Batch>) -> Option<(Driver, u32)> {
        let more = delivery.turn(|driver, into| {
            let from = if driver == Driver::Inline { &mut *inline } else { &mut *threads };
            *into = from.pop().unwrap_or_default();
        });
        if !more {
            return None;
        }
        let index = Prefix::read(delivery.rest().0).unwrap().0.index;
        delivery.told(batch(&[0]).records.len());
        Some((delivery.last, index))
    }

    #[test]
    fn drivers_take_turns_within_their_batches() {
        use Driver::{Inline, Threads};
        let mut delivery = Delivery::default();
        let (mut inline, mut threads) = (vec![batch(&[3]), batch(&[1, 2])], vec![batch(&[11, 12, 13, 14])]);
        let told: Vec<_> = std::iter::from_fn(|| tell(&mut delivery, &mut inline, &mut threads)).collect();
        let expected =
            [(Inline, 1), (Threads, 11), (Inline, 2), (Threads, 12), (Inline, 3), (Threads, 13), (Threads, 14)];
        assert_eq!(told, expected);
        assert_eq!(delivery.waiting(), 0);
    }

    #[test]
    fn what_a_thread_says_comes_next_beside_an_inline_driver_that_never_stops() {
        let mut delivery = Delivery::default();
        for round in 0..100 {
            let (mut inline, mut threads) = ((0..4).map(|_| batch(&[1])).collect(), vec![batch(&[2])]);
            let told = [0; 3].map(|_| tell(&mut delivery, &mut inline, &mut threads).unwrap().0);
            let heard = told.iter().position(|&driver| driver == Driver::Threads);
            assert!(heard.is_some_and(|at| at < 2), "round {round}: {told:?}");
        }
    }

    #[test]
    fn what_was_not_told_after_all_is_told_again_in_its_place() {
        let mut delivery = Delivery::default();
        let (mut inline, mut threads) = (vec![batch(&[1, 2])], vec![batch(&[11])]);
        let size = batch(&[0]).records.len();
        assert_eq!(tell(&mut delivery, &mut inline, &mut threads), Some((Driver::Inline, 1)));
        delivery.untold(size);
        assert_eq!(delivery.waiting(), 2 * size);
        let rest: Vec<_> = std::iter::from_fn(|| tell(&mut delivery, &mut inline, &mut threads)).collect();
        assert_eq!(rest, [(Driver::Threads, 11), (Driver::Inline, 1), (Driver::Inline, 2)]);
    }
}
