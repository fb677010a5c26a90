//! What the drivers of one JavaScript environment have said, on its way to JavaScript: a batch of each, of which JavaScript is told a
//! piece at a time. The drivers take turns, so that none waits until another has nothing more to say.
//!
//! The records of one driver keep their order; between drivers there is none. What a connection that changes drivers needs of that,
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
    Streams,
}

impl Driver {
    /// In the order in which they take turns.
    const ALL: [Driver; 3] = [Driver::Inline, Driver::Threads, Driver::Streams];
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
    /// By driver.
    taken: [Taken; Driver::ALL.len()],
    /// Whose records were last told.
    last: Driver,
}

impl Default for Delivery {
    fn default() -> Self {
        Self { taken: Default::default(), last: Driver::Streams }
    }
}

impl Delivery {
    fn of(&mut self, driver: Driver) -> &mut Taken {
        &mut self.taken[driver as usize]
    }

    /// Chooses the driver whose records are told next: the first after the last one that has any. Where all of a driver's batch has been
    /// told, `take` brings the next one. False: there is nothing.
    pub fn choose(&mut self, mut take: impl FnMut(Driver, &mut Batch)) -> bool {
        for step in 1..=Driver::ALL.len() {
            let driver = Driver::ALL[(self.last as usize + step) % Driver::ALL.len()];
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
        let taken = &self.taken[self.last as usize];
        (taken.rest(), &taken.batch.blocks)
    }

    /// Whether records of a driver wait here.
    pub fn has_of(&self, driver: Driver) -> bool {
        !self.taken[driver as usize].rest().is_empty()
    }

    /// Whose records were last told.
    pub fn last(&self) -> Driver {
        self.last
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
        self.taken.iter().map(|taken| taken.rest().len()).sum()
    }

    /// [`Batch::has_stream_of`], of what waits here.
    pub fn has_stream_of(&self, index: u32) -> bool {
        self.taken.iter().any(|taken| has_stream_of(taken.rest(), index))
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
        let more = delivery.choose(|driver, into| {
            *into = match driver {
                Driver::Inline => inline.pop(),
                Driver::Threads => threads.pop(),
                Driver::Streams => None,
            }
            .unwrap_or_default();
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
