//! The output half of a connection: what is queued leaves, JavaScript hears when it has, and then comes what was to follow it: FIN, or the
//! close.

use std::io::{self, ErrorKind, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::input::Reading;
use super::Connection;
use crate::engine::deadline::Waiting;
use crate::engine::layout::close_flags;
use crate::engine::net::command::Write;
use crate::engine::net::event::Batch;
use crate::engine::net::handover::Handover;
use crate::engine::net::transport::Transport;
use crate::engine::output::{OutputQueue, Payload};
use crate::engine::phase::Phase;

/// Gathering writes of one flush.
const WRITES_PER_FLUSH: usize = 16;

/// Our end of the stream; see the picture in [`super`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    /// Writes are taken.
    Open,
    /// FIN follows the last queued byte.
    ShuttingDown,
    /// The last byte has left; FIN follows once what the peer has sent by now has been read. `heard`: it has been.
    Listening { heard: bool },
    /// FIN has been sent.
    Shut,
}

/// See the module.
pub(super) struct Output {
    pub(super) queue: OutputQueue,
    pub(super) writing: Writing,
    /// The transport takes no more for now, or has not sent what it took; the next poll asks again.
    pub(super) blocked: bool,
    /// What JavaScript is told when the transport has sent all that it took.
    acked: Option<u64>,
    /// Of an upgraded stream with large writes.
    handover: Option<Arc<Handover>>,
    /// The time for another request begins when the answers have left: the peer is still reading them.
    idle_once_sent: bool,
}

impl Output {
    pub(super) fn new(queue: OutputQueue) -> Self {
        Self { queue, writing: Writing::Open, blocked: false, acked: None, handover: None, idle_once_sent: false }
    }

    /// Whether nothing waits to leave.
    pub(super) fn is_clear(&self) -> bool {
        self.queue.pending() == 0 && !self.blocked
    }

    /// FIN has been sent.
    fn shut(&mut self) {
        self.writing = Writing::Shut;
        self.queue.end();
    }

    /// The transport has taken `n` bytes.
    fn advance(&mut self, n: usize) {
        self.acked = self.acked.max(self.queue.advance(n));
    }

    /// What is to be told as soon as the transport has sent what it took, though nothing more has left.
    fn note_due(&mut self) {
        let due = self.queue.due();
        self.acked = self.acked.max(due);
    }
}

/// A payload was taken back before it was sent: what has left of the message is all there will ever be. It is what the kernel says of memory
/// that is gone.
fn taken_back() -> io::Error {
    io::Error::from_raw_os_error(libc::EFAULT)
}

impl<T: Transport> Connection<T> {
    /// A large write, whose payload is not copied again.
    pub fn write_large(&mut self, write: &Write, data: Vec<u8>, batch: &mut Batch, now: Instant) {
        if write.ahead {
            self.output.queue.write_now(write.part.flags, &data);
            return;
        }
        let done = self.output.queue.write(write.part, data);
        self.messages_sent(done, batch, now);
    }

    /// A large write from where it lies: what the kernel takes at once is never copied, nor is the rest if it can be kept.
    pub fn write_borrowed(
        &mut self,
        write: &Write,
        data: &[u8],
        keep: impl FnOnce() -> Option<Box<dyn Payload>>,
        batch: &mut Batch,
        now: Instant,
    ) {
        let Write { ahead, part, .. } = *write;
        let queue = &mut self.output.queue;
        if ahead {
            queue.write_now(part.flags, data);
            return;
        }
        if self.output.blocked || part.has_framed_head() || !queue.is_turn_of(part.seq) {
            let kept = if part.has_framed_head() { None } else { keep() };
            let done = match kept {
                Some(payload) => queue.write_kept(part, payload),
                None => queue.write(part, data.to_vec()),
            };
            self.messages_sent(done, batch, now);
            return;
        }
        let end = queue.frame(part, data.len());
        let pending = queue.pending() as usize;
        let Some(stream) = &mut self.stream else { return };
        let mut slices: Vec<IoSlice<'_>> = Vec::with_capacity(4);
        if !queue.slices(&mut slices) {
            self.fail(&taken_back(), true, batch);
            return;
        }
        slices.push(IoSlice::new(data));
        if !end.is_empty() {
            slices.push(IoSlice::new(end));
        }
        // An error comes again when the rest is flushed, and is dealt with there.
        let sent = stream.try_write(&slices).unwrap_or(0);
        self.output.advance(sent.min(pending));
        let done = self.output.queue.write_sent(part, data, end, sent.saturating_sub(pending), keep);
        self.output.note_due();
        // So does an error of the transport's.
        let _ = self.tell_sent(None, batch);
        self.messages_sent(done, batch, now);
    }

    /// FIN is to follow what is queued.
    pub(super) fn shut_down(&mut self) {
        if self.output.writing == Writing::Open {
            self.output.writing = Writing::ShuttingDown;
        }
    }

    /// Sends what is queued, then does what was to follow it: FIN, or the close. With a context the driver polls again when the transport
    /// takes more; without one the connection asks to be polled.
    pub fn flush(&mut self, mut cx: Option<&mut Context<'_>>, batch: &mut Batch) {
        self.output.blocked = false;
        let mut is_full = false;
        for _ in 0..WRITES_PER_FLUSH {
            if self.output.queue.pending() == 0 {
                break;
            }
            let Some(stream) = &mut self.stream else { return };
            let mut slices: Vec<IoSlice<'_>> = Vec::with_capacity(4);
            if !self.output.queue.slices(&mut slices) {
                self.fail_writing(&taken_back(), batch);
                return;
            }
            let written = match &mut cx {
                Some(cx) => match stream.poll_write(cx, &slices) {
                    Poll::Ready(written) => written,
                    Poll::Pending => Err(ErrorKind::WouldBlock.into()),
                },
                None => stream.try_write(&slices),
            };
            match written {
                Ok(n) => self.output.advance(n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    is_full = true;
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.fail_writing(&error, batch);
                    return;
                }
            }
        }
        if self.output.queue.pending() == 0 {
            self.output.note_due();
        }
        let sent = match self.tell_sent(cx.as_deref_mut(), batch) {
            Poll::Ready(Ok(())) => self.output.queue.pending() == 0,
            Poll::Ready(Err(error)) => {
                self.fail(&error, true, batch);
                return;
            }
            Poll::Pending => {
                is_full = true;
                false
            }
        };
        if sent {
            self.sent(cx, batch);
        } else {
            self.postpone_idle();
            self.block(is_full && cx.is_some());
            self.resume(batch);
        }
    }

    /// The transport has more to do. With a context it is the driver who hears when that can go on.
    fn block(&mut self, is_heard: bool) {
        self.output.blocked = true;
        if !is_heard {
            self.wake();
        }
    }

    /// Tells JavaScript what has left, once the transport has sent what it took.
    fn tell_sent(&mut self, cx: Option<&mut Context<'_>>, batch: &mut Batch) -> Poll<io::Result<()>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Ok(())) };
        let flushed = match cx {
            Some(cx) => stream.poll_flush(cx),
            None => stream.poll_flush(&mut Context::from_waker(Waker::noop())),
        };
        if let (Poll::Ready(Ok(())), Some(total)) = (&flushed, self.output.acked) {
            self.output.acked = None;
            batch.ack(self.target.index, total);
        }
        flushed
    }

    /// Nothing is left of what was queued.
    fn sent(&mut self, cx: Option<&mut Context<'_>>, batch: &mut Batch) {
        if let Some(handover) = &self.output.handover {
            handover.clear(self.output.queue.received());
        }
        self.resume(batch);
        if std::mem::take(&mut self.output.idle_once_sent) && self.is_idle() {
            self.waiting = Waiting::KeepAlive(Instant::now());
        }
        self.all_sent(cx, batch);
    }

    fn postpone_idle(&mut self) {
        if matches!(self.waiting, Waiting::KeepAlive(_)) {
            self.waiting = Waiting::Nothing;
            self.output.idle_once_sent = true;
        }
    }

    /// What follows the last byte.
    pub(super) fn all_sent(&mut self, cx: Option<&mut Context<'_>>, batch: &mut Batch) {
        let Some(stream) = &self.stream else { return };
        let ended = self.input.has_ended();
        if self.output.queue.is_closing() {
            // To close while bytes wait unread would reset the connection, and what was sent with it.
            let closes = ended || !stream.has_unread();
            if !closes {
                self.input.reading = Reading::Linger;
                self.wake();
            }
            if self.end_stream(closes, cx).is_pending() {
                return;
            }
            self.output.shut();
            if closes {
                self.close(0, false, batch);
            }
            return;
        }
        // What an upgraded stream has said waits for the answers ahead of it, for as long as the peer is there.
        let waits = self.output.queue.has_early() && !ended;
        let is_ending = match self.output.writing {
            Writing::ShuttingDown if waits => false,
            Writing::ShuttingDown if self.wants_read() && self.stream.as_ref().is_some_and(Transport::has_unread) => {
                self.output.writing = Writing::Listening { heard: false };
                self.wake();
                false
            }
            Writing::ShuttingDown => true,
            // FIN may be due already: the transport's last bytes were pending.
            Writing::Listening { heard } => heard,
            Writing::Open | Writing::Shut => false,
        };
        if is_ending {
            self.send_fin(cx, batch);
        }
    }

    /// The connection has been read, or could not be: a FIN that waited for that is sent.
    pub(super) fn end_after_listening(&mut self, cx: &mut Context<'_>, batch: &mut Batch) {
        if let Writing::Listening { .. } = self.output.writing {
            self.output.writing = Writing::Listening { heard: true };
            self.send_fin(Some(cx), batch);
        }
    }

    fn send_fin(&mut self, cx: Option<&mut Context<'_>>, batch: &mut Batch) {
        if self.is_closed() {
            return;
        }
        if self.end_stream(self.input.has_ended(), cx).is_pending() {
            return;
        }
        self.output.shut();
        self.output.queue.mark_here();
        if let Some(total) = self.output.queue.due() {
            batch.ack(self.target.index, total);
        }
        self.close_if_done(batch);
    }

    /// Has the transport send its last bytes and FIN; `closes`: the close that follows sends the FIN. Pending: there is another poll.
    fn end_stream(&mut self, closes: bool, cx: Option<&mut Context<'_>>) -> Poll<()> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(()) };
        let is_heard = cx.is_some();
        let ended = match cx {
            Some(cx) => stream.poll_shutdown(cx, closes),
            None => stream.poll_shutdown(&mut Context::from_waker(Waker::noop()), closes),
        };
        if ended.is_pending() {
            self.block(is_heard);
            return Poll::Pending;
        }
        // An error does not matter: a socket that is not connected any more has nothing to end.
        Poll::Ready(())
    }

    pub(super) fn close_if_done(&mut self, batch: &mut Batch) {
        if self.input.has_ended() && self.output.writing == Writing::Shut {
            self.close(0, false, batch);
        }
    }

    /// One attempt to send what is queued, then the close, unless a condition that `flags` name (`close_flags`) is true.
    pub(super) fn close_unless(&mut self, flags: u32, batch: &mut Batch) {
        self.flush(None, batch);
        let is_sent = flags & close_flags::UNLESS_SENT != 0 && self.output.is_clear();
        let is_busy = flags & close_flags::UNLESS_BUSY != 0 && !self.is_idle();
        if is_sent || is_busy {
            return;
        }
        if self.output.is_clear() {
            let _ = self.end_stream(true, None);
        }
        self.close(0, false, batch);
    }

    /// The same in any case.
    pub fn flush_and_close(&mut self, batch: &mut Batch) {
        self.close_unless(0, batch);
    }

    /// A write has failed; what has left before is told.
    fn fail_writing(&mut self, error: &io::Error, batch: &mut Batch) {
        let _ = self.tell_sent(None, batch);
        self.fail(error, true, batch);
    }

    /// How an upgraded stream can change hands, if that is news.
    pub fn offer_handover(&mut self) -> Option<Arc<Handover>> {
        if self.output.handover.is_some() || self.protocol.phase() != Phase::Upgraded {
            return None;
        }
        self.output.handover = self.stream.as_ref()?.duplicate().map(|socket| Arc::new(Handover::new(socket)));
        self.output.handover.clone()
    }

    /// Whether there is a handover.
    pub fn has_handover(&self) -> bool {
        self.output.handover.is_some()
    }

    /// Nothing more is sent, and nobody takes the stream over.
    pub(super) fn end_output(&mut self) {
        if let Some(handover) = &self.output.handover {
            handover.close();
        }
        self.output.queue = OutputQueue::new();
    }

    /// Lends the connection a buffer to gather its output in.
    pub fn lend(&mut self, pool: &mut Vec<Vec<u8>>) {
        self.output.queue.lend(pool);
    }

    /// Takes it back if it is not in use.
    pub fn reclaim(&mut self, pool: &mut Vec<Vec<u8>>) {
        self.output.queue.reclaim(pool);
    }

    /// The idle connection gives its buffers back.
    pub fn shrink(&mut self) {
        self.output.queue.shrink();
    }
}
