//! The input half of a connection: what is read of the peer's bytes, who gets them, and what keeps it from reading on.

use std::io::ErrorKind;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::{Connection, Writing};
use crate::engine::deadline::Waiting;
use crate::engine::layout::{limits, tap, Reader};
use crate::engine::net::blocks::Blocks;
use crate::engine::net::event::{Batch, Read, RecordSink};
use crate::engine::net::protocol::Protocol;
use crate::engine::net::transport::Transport;
use crate::engine::output::OutputQueue;
use crate::engine::phase::Phase;
use crate::engine::raw::Sink as _;

/// Bytes of body and raw stream on their way to JavaScript without credit after which reading stops.
pub const WINDOW: usize = limits::WINDOW as usize;
/// What TAP has room for: JavaScript says how many bytes of RAW it has had modulo this.
const HAD: u32 = u32::MAX >> tap::HAD_SHIFT;
/// Reads of one poll; a peer with endless input then waits for the others.
const READS_PER_POLL: usize = 4;

/// Who gets the peer's bytes; see the picture in [`super`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// The protocol core.
    Parsed,
    /// JavaScript, and it feeds the core with what it does not keep.
    Tapped,
    /// Nothing is read until JavaScript says so.
    Held,
    /// Nobody: they are read and dropped.
    Discard,
    /// The same, until [`LINGER`](super::LINGER) has passed: the write end is shut and nobody waits for more.
    Linger,
    /// The peer's FIN has come.
    Ended,
}

/// See the module.
pub(super) struct Input {
    pub(super) reading: Reading,
    uncredited: usize,
    pub(super) bytes_read: u64,
    /// The next burst of requests waits only for answers to leave.
    goes_on: bool,
    /// It has not read on, because answers had not left.
    stopped_by_answers: bool,
    /// The peer's FIN has come, and JavaScript has not heard of it.
    end_untold: bool,
    /// HTTP has not begun, or is over: a program reads, or another server.
    plain: bool,
    /// Bytes that JavaScript was told of ahead of the core, modulo [`HAD`].
    told: u32,
    /// The message being read, and when it began: a read may end one and begin another.
    message: u32,
    message_began: Instant,
}

impl Input {
    pub(super) fn new(reading: Reading, now: Instant) -> Self {
        Self {
            reading,
            uncredited: 0,
            bytes_read: 0,
            goes_on: false,
            stopped_by_answers: false,
            end_untold: false,
            plain: false,
            told: 0,
            message: 0,
            message_began: now,
        }
    }

    /// Whether somebody wants the peer's bytes.
    pub(super) fn is_wanted(&self) -> bool {
        matches!(self.reading, Reading::Parsed | Reading::Tapped | Reading::Held)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.reading == Reading::Ended
    }
}

impl<T: Transport> Connection<T> {
    /// Reads what has come, as long as it may. `Ready(())`: there may be more than was read; `Pending`: the driver polls again when there is.
    pub(super) fn read(
        &mut self,
        cx: &mut Context<'_>,
        blocks: &mut impl Blocks,
        batch: &mut Batch,
        now: Instant,
    ) -> Poll<()> {
        for _ in 0..READS_PER_POLL {
            if !self.wants_read() {
                break;
            }
            let Some(stream) = &mut self.stream else { break };
            let Some(room) = blocks.room() else { break };
            match stream.poll_read(cx, room.bytes) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => {
                    if error.kind() != ErrorKind::Interrupted {
                        self.fail(&error, false, batch);
                    }
                }
                Poll::Ready(Ok(0)) => self.end_of_input(cx, batch),
                Poll::Ready(Ok(n)) => {
                    let read = Read::new(&room, n);
                    match self.receive(&mut room.bytes[..n], Some(read), batch, now) {
                        Some(Read { named, viewed, .. }) if named > 0 => blocks.keep(named, viewed),
                        _ => {}
                    }
                }
            }
        }
        Poll::Ready(())
    }

    /// Whether more of the peer's bytes may come.
    pub fn wants_read(&self) -> bool {
        match self.input.reading {
            // A program has its own backpressure, as that of an upgraded stream.
            Reading::Tapped if self.input.plain => self.input.uncredited < WINDOW,
            Reading::Parsed | Reading::Tapped => {
                self.protocol.can_read() && self.input.uncredited < WINDOW && !self.is_backed_up()
            }
            Reading::Discard | Reading::Linger => true,
            Reading::Held | Reading::Ended => false,
        }
    }

    /// From a peer that does not read its answers no further requests are taken: what waits to be sent stays
    /// bounded by what one burst can ask for. The users of an upgraded stream have their own backpressure.
    pub(super) fn is_backed_up(&self) -> bool {
        self.output.queue.outstanding() > OutputQueue::HIGH_WATER && self.protocol.answers()
    }

    /// It does not read on; if that is because of answers that have not left, it does when they have.
    pub(super) fn note_backed_up(&mut self) {
        self.input.stopped_by_answers = self.is_backed_up();
    }

    /// Answers have left, perhaps enough of them: what waited for that goes on.
    pub(super) fn resume(&mut self, batch: &mut Batch) {
        if self.is_backed_up() {
            return;
        }
        if std::mem::take(&mut self.input.stopped_by_answers) {
            self.wake();
        }
        if self.input.goes_on {
            self.go_on(batch, Instant::now());
        }
    }

    /// JavaScript has dealt with a burst of requests: the next one is parsed, unless the answers to this one pile up.
    pub(super) fn go_on(&mut self, batch: &mut Batch, now: Instant) {
        self.input.goes_on = self.is_backed_up();
        if !self.input.goes_on {
            self.drive(None, batch, |protocol, sink| protocol.go_on(sink));
            self.note_phase(now);
            self.wake();
        }
    }

    /// JavaScript has consumed so many bytes.
    pub(super) fn credit(&mut self, bytes: usize) {
        let full = self.input.uncredited >= WINDOW;
        self.input.uncredited = self.input.uncredited.saturating_sub(bytes);
        if full {
            self.wake();
        }
    }

    /// The peer's bytes go to somebody else from now on. What JavaScript has been told of and has not had yet it will feed to the core: until then the
    /// core does not get what comes after that.
    pub(super) fn tap(&mut self, argument: u32, plain: bool, batch: &mut Batch, now: Instant) {
        self.become_plain(plain, now);
        if !self.input.is_wanted() {
            return;
        }
        let has_had_all = argument >> tap::HAD_SHIFT == self.input.told || self.protocol.phase() == Phase::Upgraded;
        self.input.reading = match Reader::of(argument & tap::READER) {
            Some(Reader::Parser) if has_had_all => Reading::Parsed,
            Some(Reader::Parser) => Reading::Tapped,
            Some(Reader::Javascript) => Reading::Tapped,
            Some(Reader::Ended) => Reading::Ended,
            Some(Reader::Nobody) | None => Reading::Held,
        };
        self.close_if_done(batch);
        self.wake();
    }

    /// No limit counts while a program reads; that of a head does from when HTTP begins.
    fn become_plain(&mut self, plain: bool, now: Instant) {
        if plain == self.input.plain {
            return;
        }
        self.input.plain = plain;
        self.waiting = if plain || self.input.has_ended() { Waiting::Nothing } else { Waiting::Head(now) };
    }

    /// JavaScript has bytes for the protocol core; `ended`: and there will be no more.
    pub(super) fn feed(&mut self, bytes: &[u8], ended: bool, batch: &mut Batch, now: Instant) {
        // The core may change what it is given, and these are JavaScript's.
        self.parse(&mut bytes.to_vec(), None, batch, now);
        if ended {
            self.finish_protocol(batch);
        }
    }

    /// A request is being sent, and what comes from now on answers it.
    pub(super) fn expect(&mut self, seq: u32, flags: u32, max_header_size: &[u8]) {
        let could_read = self.protocol.can_read();
        self.protocol.expect(seq, flags, max_header_size);
        if !could_read {
            self.wake();
        }
    }

    /// JavaScript has decided about an upgrade candidate.
    pub(super) fn decide(&mut self, accept: bool, batch: &mut Batch, now: Instant) {
        self.drive(None, batch, |protocol, sink| protocol.decide(accept, sink));
        self.note_phase(now);
        self.wake();
    }

    /// So many messages of ours have been queued whole.
    pub(super) fn messages_sent(&mut self, count: u32, batch: &mut Batch, now: Instant) {
        if count == 0 {
            return;
        }
        let could_read = self.protocol.can_read();
        for _ in 0..count {
            self.drive(None, batch, |protocol, sink| protocol.message_sent(sink));
        }
        if self.is_idle() {
            self.waiting = Waiting::KeepAlive(now);
        } else {
            self.note_phase(now);
        }
        if !could_read {
            self.wake();
        }
    }

    /// JavaScript, which moves the stream itself, has these bytes of it; `here`: records may say where in them something is. Returns whether it
    /// may give more.
    pub fn give(&mut self, bytes: &mut [u8], here: bool, batch: &mut Batch, now: Instant) -> bool {
        if self.input.is_wanted() {
            let read = here.then(|| Read::given(bytes));
            self.receive(bytes, read, batch, now);
        }
        self.wants_read() || self.input.reading == Reading::Discard
    }

    /// The same for the end of the stream.
    pub fn give_end(&mut self, batch: &mut Batch) {
        if !self.input.has_ended() {
            self.end_of_input(&mut Context::from_waker(Waker::noop()), batch);
        }
    }

    /// Returns what records have named of the read.
    fn receive(&mut self, bytes: &mut [u8], read: Option<Read>, batch: &mut Batch, now: Instant) -> Option<Read> {
        self.input.bytes_read += bytes.len() as u64;
        match self.input.reading {
            Reading::Parsed => self.parse(bytes, read, batch, now),
            Reading::Tapped => {
                self.input.told = self.input.told.wrapping_add(bytes.len() as u32) & HAD;
                self.drive(read, batch, |_, sink| sink.raw(bytes))
            }
            _ => None,
        }
    }

    /// The protocol core takes bytes, of the `read` if they are one's. Returns what records have named of it.
    fn parse(&mut self, bytes: &mut [u8], read: Option<Read>, batch: &mut Batch, now: Instant) -> Option<Read> {
        let named = self.drive(read, batch, |protocol, sink| protocol.receive(bytes, sink));
        self.note_phase(now);
        named
    }

    /// Lets the protocol core speak into the batch. Returns what records have named of the read.
    fn drive(
        &mut self,
        read: Option<Read>,
        batch: &mut Batch,
        act: impl FnOnce(&mut Protocol, &mut RecordSink<'_>),
    ) -> Option<Read> {
        let mut sink = RecordSink {
            batch,
            index: self.target.index,
            bytes_read: self.input.bytes_read,
            uncredited: &mut self.input.uncredited,
            read,
        };
        act(&mut self.protocol, &mut sink);
        let named = sink.read;
        if self.input.end_untold {
            self.tell_end(batch);
        }
        named
    }

    fn end_of_input(&mut self, cx: &mut Context<'_>, batch: &mut Batch) {
        let was = self.input.reading;
        self.input.reading = Reading::Ended;
        if was == Reading::Linger {
            self.close(0, false, batch);
            return;
        }
        if was == Reading::Parsed {
            self.finish_protocol(batch);
        } else {
            self.waiting = Waiting::Nothing;
            batch.eof(self.target.index);
        }
        if self.output.writing == Writing::ShuttingDown && self.output.is_clear() {
            self.all_sent(Some(cx), batch);
        }
        self.close_if_done(batch);
    }

    /// The protocol core has all of its input.
    fn finish_protocol(&mut self, batch: &mut Batch) {
        self.drive(None, batch, |protocol, sink| protocol.finish(sink));
        self.waiting = Waiting::Nothing;
        self.discard_if_failed();
        self.tell_end(batch);
    }

    /// Tells of the peer's FIN, unless requests that came before it wait to be told.
    fn tell_end(&mut self, batch: &mut Batch) {
        self.input.end_untold = self.protocol.keeps_end_back();
        if !self.input.end_untold {
            batch.eof(self.target.index);
        }
    }

    /// What the connection waits for now.
    fn note_phase(&mut self, now: Instant) {
        let message = self.protocol.message();
        if message != self.input.message {
            self.input.message = message;
            self.input.message_began = now;
        }
        let phase = self.protocol.phase();
        self.waiting = match phase {
            Phase::Head => Waiting::Head(self.input.message_began),
            Phase::Body => Waiting::Request(self.input.message_began),
            Phase::Idle if self.protocol.unfinished() == 0 => self.waiting,
            Phase::Idle | Phase::AwaitingDecision | Phase::Upgraded | Phase::Failed => Waiting::Nothing,
        };
        self.discard_if_failed();
    }

    /// Nothing more is told of what breaks the protocol, be it bytes or their end.
    fn discard_if_failed(&mut self) {
        if self.protocol.phase() == Phase::Failed && self.input.is_wanted() {
            self.input.reading = Reading::Discard;
            // It may be on hold and have been fed the bytes that failed: it must be polled to read on.
            self.wake();
        }
    }

    /// Whether the response to every request has been queued to its end, and no other request has begun.
    pub(super) fn is_idle(&self) -> bool {
        self.protocol.phase() == Phase::Idle && self.protocol.unfinished() == 0
    }
}
