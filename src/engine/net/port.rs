//! The crossing point of one JavaScript environment: shards leave batches here, the JavaScript thread takes them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::blocks::{OwnedBlocks, SPARE};
use super::command::Target;
use super::event::Batch;
use super::handover::Handover;
use super::lock::lock;

/// Wakes the JavaScript thread; called from any thread, at most once until [`Port::take`].
pub type Wake = Box<dyn Fn() + Send + Sync>;

/// Events on their way up, and how many connections there are.
pub struct Port {
    queue: Mutex<Batch>,
    woken: AtomicBool,
    wake: Wake,
    live: AtomicUsize,
    /// Blocks that the reader is done with.
    spare: Mutex<Vec<Vec<u8>>>,
    /// By their connections.
    handovers: Mutex<HashMap<Target, Arc<Handover>>>,
}

impl Port {
    /// A port whose reader is woken by `wake`.
    pub fn new(wake: Wake) -> Self {
        Self {
            queue: Mutex::default(),
            woken: AtomicBool::new(false),
            wake,
            live: AtomicUsize::new(0),
            spare: Mutex::default(),
            handovers: Mutex::default(),
        }
    }

    /// Leaves a batch and wakes the reader if it is not awake already.
    pub fn put(&self, batch: &mut Batch) {
        if batch.is_empty() {
            return;
        }
        lock(&self.queue).append(batch);
        batch.records.clear();
        batch.blocks.clear();
        if !self.woken.swap(true, Ordering::AcqRel) {
            (self.wake)();
        }
    }

    /// Takes all that has been left, in exchange for an empty batch whose buffers are reused.
    pub fn take(&self, into: &mut Batch) {
        self.woken.store(false, Ordering::Release);
        std::mem::swap(&mut *lock(&self.queue), into);
    }

    /// The reader has copied what it needs out of these blocks.
    pub fn give_back(&self, blocks: &mut Vec<Vec<u8>>) {
        let mut spare = lock(&self.spare);
        blocks.truncate(SPARE.saturating_sub(spare.len()));
        spare.append(blocks);
    }

    /// Gives a thread the blocks that have come back.
    pub fn take_spare(&self, into: &mut OwnedBlocks) {
        into.give_back(&mut lock(&self.spare));
    }

    /// Bytes of records that nobody has taken, and blocks that nobody uses.
    pub fn waiting(&self) -> (usize, usize) {
        (lock(&self.queue).records.len(), lock(&self.spare).len())
    }

    /// [`Batch::has_stream_of`], of what has been left and not been taken.
    pub fn has_stream_of(&self, index: u32) -> bool {
        lock(&self.queue).has_stream_of(index)
    }

    /// A thread's connection may change hands.
    pub fn offer_handover(&self, target: Target, handover: Arc<Handover>) {
        lock(&self.handovers).insert(target, handover);
    }

    /// The connection is gone.
    pub fn close_handover(&self, target: Target) {
        lock(&self.handovers).remove(&target);
    }

    /// How a connection may change hands, if it may.
    pub fn handover(&self, target: Target) -> Option<Arc<Handover>> {
        lock(&self.handovers).get(&target).cloned()
    }

    /// A connection has been accepted.
    pub fn opened(&self) {
        self.live.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection has been closed.
    pub fn gone(&self) {
        self.live.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many connections there are.
    pub fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{mpsc, Arc};

    use super::*;

    #[test]
    fn no_batch_is_left_without_a_wake() {
        const THREADS: u32 = 4;
        const BATCHES: u32 = 20_000;
        let (wake, woken) = mpsc::channel();
        let port = Arc::new(Port::new(Box::new(move || {
            // The reader ends when it has all: nobody minds a wake after that.
            let _ = wake.send(());
        })));
        let writers: Vec<_> = (0..THREADS)
            .map(|number| {
                let port = port.clone();
                std::thread::spawn(move || {
                    for _ in 0..BATCHES {
                        let mut batch = Batch::default();
                        batch.eof(number);
                        port.put(&mut batch);
                    }
                })
            })
            .collect();
        let mut one = Batch::default();
        one.eof(0);
        let (expected, mut bytes, mut wakes) = (one.records.len() * (THREADS * BATCHES) as usize, 0, 0);
        while bytes < expected {
            // Without the wake for what is left, this waits for ever.
            woken.recv().unwrap();
            wakes += 1;
            let mut batch = Batch::default();
            port.take(&mut batch);
            bytes += batch.records.len();
        }
        for writer in writers {
            writer.join().unwrap();
        }
        assert_eq!(bytes, expected);
        assert!(wakes <= THREADS * BATCHES);
        assert_eq!(port.waiting(), (0, 0));
    }

    #[test]
    fn no_more_blocks_come_back_than_will_be_used() {
        let port = Port::new(Box::new(|| {}));
        for _ in 0..3 {
            port.give_back(&mut (0..20).map(|_| vec![0; 8]).collect());
        }
        assert_eq!(port.waiting(), (0, SPARE));
    }
}
