//! Where the events of all shards of an environment wait until its JavaScript thread takes them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::event::{blob_word, Outbox};

/// Emptied buffers kept for the shards' next batches.
const KEPT_BATCHES: usize = 8;
/// A kept buffer has at most this capacity, in bytes.
const KEPT_CAPACITY: usize = 256 * 1024;

#[derive(Debug, Default)]
struct Queue {
    batches: VecDeque<Outbox>,
    /// Bytes of the first batch's records, and how many of its blobs, that have been taken.
    taken: usize,
    taken_blobs: usize,
    /// The JavaScript thread has been woken and has not yet found the queue empty.
    woken: bool,
    spare: Vec<Vec<u8>>,
}

/// The event queue of one Node environment.
pub struct Port {
    queue: Mutex<Queue>,
    wake: Box<dyn Fn() + Send + Sync>,
    live: AtomicUsize,
}

impl std::fmt::Debug for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Port").field("live", &self.live).finish()
    }
}

impl Port {
    /// `wake` is called from any thread when the queue has become non-empty; after that not before [`Port::fill`] has emptied it.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Port {
        Port {
            queue: Mutex::default(),
            wake: Box::new(wake),
            live: AtomicUsize::new(0),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // A panic under this lock can only come from a failed allocation; the queue is whole even then.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connections that have been opened and not closed.
    pub fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    pub(super) fn opened(&self) {
        self.live.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn closed(&self) {
        self.live.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes what `outbox` holds and leaves it empty.
    pub(super) fn deliver(&self, outbox: &mut Outbox) {
        if outbox.bytes.is_empty() {
            return;
        }
        let wake = {
            let mut queue = self.queue();
            let fresh = Outbox {
                bytes: queue.spare.pop().unwrap_or_default(),
                blobs: Vec::new(),
            };
            queue.batches.push_back(std::mem::replace(outbox, fresh));
            !std::mem::replace(&mut queue.woken, true)
        };
        if wake {
            (self.wake)();
        }
    }

    /// Moves as many whole records as fit into `out`, their payloads to the end of `blobs`. Returns the bytes written; 0 when
    /// nothing is queued, and then the next event wakes again.
    pub fn fill(&self, out: &mut [u8], blobs: &mut Vec<Vec<u8>>) -> usize {
        let mut queue = self.queue();
        let mut at = 0;
        while let Some(batch) = queue.batches.front_mut() {
            let base = blobs.len();
            let mut batch = std::mem::take(batch);
            let (bytes, blob_count) = (queue.taken, queue.taken_blobs);
            let room = out.get_mut(at..).unwrap_or_default();
            let source = batch.bytes.get(bytes..).unwrap_or_default();
            let copied = match room.get_mut(..source.len()) {
                Some(room) if batch.blobs.is_empty() => {
                    room.copy_from_slice(source);
                    Copied {
                        bytes: source.len(),
                        blobs: 0,
                    }
                }
                _ => copy_records(source, room, blob_count, base),
            };
            at += copied.bytes;
            for blob in batch.blobs.iter_mut().skip(blob_count).take(copied.blobs) {
                blobs.push(std::mem::take(blob));
            }
            if copied.bytes < source.len() {
                queue.taken += copied.bytes;
                queue.taken_blobs += copied.blobs;
                if let Some(front) = queue.batches.front_mut() {
                    *front = batch;
                }
                break;
            }
            queue.batches.pop_front();
            (queue.taken, queue.taken_blobs) = (0, 0);
            batch.bytes.clear();
            if queue.spare.len() < KEPT_BATCHES && batch.bytes.capacity() <= KEPT_CAPACITY {
                queue.spare.push(batch.bytes);
            }
        }
        if queue.batches.is_empty() && at == 0 {
            queue.woken = false;
        }
        at
    }
}

struct Copied {
    bytes: usize,
    blobs: usize,
}

/// Copies whole records as far as `out` has room. Blobs are counted from `first` in the batch and from `base` in JavaScript's
/// array.
fn copy_records(source: &[u8], out: &mut [u8], first: usize, base: usize) -> Copied {
    let mut copied = Copied { bytes: 0, blobs: 0 };
    loop {
        let rest = source.get(copied.bytes..).unwrap_or_default();
        let (Some(kind), Some(size)) = (word(rest, 0), word(rest, 1)) else {
            return copied;
        };
        let (Some(record), Some(room)) = (
            rest.get(..size as usize),
            out.get_mut(copied.bytes..copied.bytes + size as usize),
        ) else {
            return copied;
        };
        room.copy_from_slice(record);
        let named = blob_word(kind & 0xff)
            .and_then(|n| Some((n, word(record, n)?)))
            .filter(|&(_, blob)| blob != u32::MAX);
        if let Some((n, blob)) = named {
            let index = (blob as usize + base).saturating_sub(first) as u32;
            if let Some(field) = room.get_mut(n * 4..n * 4 + 4) {
                field.copy_from_slice(&index.to_le_bytes());
            }
            copied.blobs += 1;
        }
        copied.bytes += size as usize;
    }
}

fn word(bytes: &[u8], n: usize) -> Option<u32> {
    let bytes = bytes.get(n * 4..)?.first_chunk::<4>()?;
    Some(u32::from_le_bytes(*bytes))
}
