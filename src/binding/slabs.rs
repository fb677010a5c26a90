//! The memory that the inline driver reads into: buffers of JavaScript's, of one read each. A program gets its bytes in one of two ways. The
//! payload at the end of a read, if it is large, is a view of its slab, which has then been given away for good. Any other is a copy, and a slab
//! that nobody has a view of is read into again: memory that the processor still has at hand, and that V8 need not collect.
//! The [`Ledger`] knows what has become of each.

use super::memory::{Place, Referenced};
use crate::engine::net::blocks::{Ledger, LentBlocks, READ_SIZE};

/// The slabs of one environment.
#[derive(Default)]
pub struct Slabs {
    /// By number; JavaScript knows them by the same one.
    slots: Vec<Option<Referenced>>,
    ledger: Ledger,
}

impl Slabs {
    /// Everything taken before has been delivered, and the records so far are taken.
    pub fn deliver(&mut self) {
        let slots = &mut self.slots;
        self.ledger.deliver(|number| {
            if let Some(slot) = slots.get_mut(number as usize) {
                *slot = None;
            }
        });
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.ledger.count()
    }

    /// The number of a slab that should be made before the driver reads on.
    pub fn wanted(&mut self) -> Option<u32> {
        self.ledger.wanted()
    }

    /// What has been made for a wanted number: nothing, if there is no memory.
    pub fn supply(&mut self, number: u32, slab: Option<Referenced>) {
        self.ledger.supply(number, slab.is_some());
        let at = number as usize;
        if at >= self.slots.len() {
            self.slots.resize_with(at + 1, || None);
        }
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = slab;
        }
    }

    /// For the driver, until JavaScript runs again. Where they lie is asked now, before the engine is borrowed.
    #[allow(unsafe_code)]
    pub fn lend(&mut self) -> LentBlocks<'_> {
        let slots = &self.slots;
        let mut found: Vec<Place> = Vec::new();
        self.ledger.lend(|number| {
            let place = slots.get(number as usize)?.as_ref()?.place()?.part(0, READ_SIZE)?;
            // Nobody but lib/ has had it, so neither is to be; it is safe all the same.
            if place.is_shared() || found.iter().any(|other| other.overlaps(&place)) {
                return None;
            }
            found.push(place);
            // SAFETY: found since JavaScript last ran, and it does not run while what is lent is borrowed: whoever has that drives the engine,
            // which knows no JavaScript. No two of them overlap, and nobody else has a slab's memory before its records are told.
            Some(unsafe { place.bytes_mut() })
        })
    }
}
