//! The crossing point of one JavaScript environment: shards leave batches here, the JavaScript thread takes them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::blocks::{OwnedBlocks, SPARE};
use super::event::Batch;

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
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code below panics while it holds a lock; a poisoned one is as good as new.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
    pub fn held(&self) -> (usize, usize) {
        (lock(&self.queue).records.len(), lock(&self.spare).len())
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
