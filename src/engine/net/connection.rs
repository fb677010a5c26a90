//! One connection: its socket, its protocol core, its output queue, and what it waits for. It does its own I/O when its driver says
//! so, and says what it wants done next; it knows no runtime beyond [`Transport`].

use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::blocks::Blocks;
use super::command::{Command, Op, Target, Write};
use super::event::{Batch, Read, RecordSink};
use super::handover::Handover;
use super::protocol::Protocol;
use super::server::Server;
use super::transport::Transport;
use crate::engine::deadline::Waiting;
use crate::engine::h1::Phase;
use crate::engine::layout::{decide_flags, feed_flags, keep_alive_flags, Reader};
use crate::engine::output::{OutputQueue, Payload};
use crate::engine::raw::Sink as _;

/// Bytes of body and raw stream on their way to JavaScript without credit after which reading stops.
pub const WINDOW: usize = 128 * 1024;
/// Reads of one poll; a peer with endless input then waits for the others.
const READS_PER_POLL: usize = 4;
/// Gathering writes of one flush.
const WRITES_PER_FLUSH: usize = 16;
/// How long the rest of a peer's bytes is drained after the last response, so that the close does not reset it away
/// (RFC 9112 §9.6).
pub const LINGER: Duration = Duration::from_secs(1);

/// Read end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// The protocol core gets the bytes.
    Open,
    /// JavaScript gets the bytes, and feeds the core with what it does not keep.
    Tapped,
    /// Nothing is read until JavaScript says so.
    Held,
    /// Bytes are read and dropped.
    Discard,
    /// The same, until [`LINGER`] has passed: the write end is shut and nobody waits for more.
    Linger,
    /// The peer's FIN has come.
    Ended,
}

/// Write end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    /// Writes are taken.
    Open,
    /// FIN follows the last queued byte.
    ShuttingDown,
    /// FIN has been sent.
    Shut,
}

/// See the module.
pub struct Connection<T> {
    /// `None` once closed.
    stream: Option<T>,
    protocol: Protocol,
    out: OutputQueue,
    /// Of an upgraded stream with large writes.
    handover: Option<Arc<Handover>>,
    /// The server it belongs to.
    pub server: Rc<Server>,
    /// What JavaScript knows it by.
    pub target: Target,
    reading: Reading,
    writing: Writing,
    /// The kernel takes no more for now; the next poll asks again.
    blocked: bool,
    uncredited: usize,
    bytes_read: u64,
    /// The next burst of requests waits only for answers to leave.
    goes_on: bool,
    /// It would have read, but for answers that had not left.
    held_back: bool,
    /// The time for another request begins when the answers have left: the peer is still at reading them.
    idle_once_sent: bool,
    /// The peer's FIN has come, and JavaScript has not heard of it.
    end_untold: bool,
    /// It wants to be polled although its socket has said nothing.
    woken: bool,
    /// The message being read, and when it began: a read may end one and begin another.
    message: u32,
    message_began: Instant,
    /// It was told something and has not sent since.
    pub dirty: bool,
    /// What deadline counts.
    pub waiting: Waiting,
    /// When the driver will look at the deadline.
    pub armed: Option<Instant>,
}

/// A connection as another process is to have it.
pub struct Copied {
    /// Another descriptor of the socket.
    pub socket: socket2::Socket,
    /// What has been read and not been told.
    pub untold: Vec<u8>,
    /// What has been read at all.
    pub bytes_read: u64,
}

/// A payload was taken back before it was sent: what has left of the message is all there will ever be. EFAULT, which is what the kernel says of memory that is gone.
fn taken_back() -> io::Error {
    io::Error::from_raw_os_error(14)
}

impl<T: Transport> Connection<T> {
    /// A connection just accepted.
    pub fn new(stream: T, server: Rc<Server>, target: Target, now: Instant) -> Self {
        let protocol = Protocol::server(server.http_config());
        let reading = if server.config.borrow().hold { Reading::Held } else { Reading::Open };
        Self { reading, ..Self::with(protocol, stream, server, target, now) }
    }

    /// A connection of our own making; `server` stands for nobody and has no deadlines.
    pub fn outgoing(stream: T, server: Rc<Server>, target: Target, now: Instant) -> Self {
        let protocol = Protocol::client(server.http_config());
        Self::with(protocol, stream, server, target, now)
    }

    /// An upgraded stream that another driver had, whose bytes stand in the slot `seq`, behind `handed` others. It is not read until
    /// JavaScript says so.
    pub fn taken_over(stream: T, server: Rc<Server>, target: Target, (seq, handed): (u32, u64), now: Instant) -> Self {
        let mut connection = Self::with(Protocol::raw(), stream, server, target, now);
        connection.out = OutputQueue::at(seq, handed);
        connection.reading = Reading::Held;
        connection.waiting = Waiting::Nothing;
        connection
    }

    fn with(protocol: Protocol, stream: T, server: Rc<Server>, target: Target, now: Instant) -> Self {
        Self {
            stream: Some(stream),
            protocol,
            out: OutputQueue::new(),
            handover: None,
            server,
            target,
            reading: Reading::Open,
            writing: Writing::Open,
            blocked: false,
            uncredited: 0,
            bytes_read: 0,
            goes_on: false,
            held_back: false,
            idle_once_sent: false,
            end_untold: false,
            woken: false,
            dirty: false,
            message: 0,
            message_began: now,
            waiting: Waiting::Head(now),
            armed: None,
        }
    }

    /// Whether the socket is gone.
    pub fn is_closed(&self) -> bool {
        self.stream.is_none()
    }

    fn wake(&mut self) {
        self.woken = true;
    }

    /// Whether it has asked to be polled since this was last read.
    pub fn take_woken(&mut self) -> bool {
        std::mem::take(&mut self.woken)
    }

    /// The socket.
    pub fn stream(&mut self) -> Option<&mut T> {
        self.stream.as_mut()
    }

    /// Sends what waits, reads what has come. `Ready` when the connection is over. `now` may be as old as the turn.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        blocks: &mut impl Blocks,
        batch: &mut Batch,
        now: Instant,
    ) -> Poll<()> {
        if self.blocked {
            self.blocked = false;
            self.flush(Some(cx), batch);
        }
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
                Poll::Ready(Ok(0)) => self.end_of_input(batch),
                Poll::Ready(Ok(n)) => {
                    let read = Read::new(&room, n);
                    match self.receive(&mut room.bytes[..n], read, batch, now) {
                        Some(Read { named, viewed, .. }) if named > 0 => blocks.keep(named, viewed),
                        _ => {}
                    }
                }
            }
        }
        if self.is_closed() {
            return Poll::Ready(());
        }
        if self.wants_read() {
            self.wake();
        } else {
            self.held_back = self.is_backed_up();
        }
        Poll::Pending
    }

    fn wants_read(&self) -> bool {
        match self.reading {
            Reading::Open | Reading::Tapped => {
                self.protocol.can_read() && self.uncredited < WINDOW && !self.is_backed_up()
            }
            Reading::Discard | Reading::Linger => true,
            Reading::Held | Reading::Ended => false,
        }
    }

    /// A peer that sends requests and does not read the answers gets no further ones answered: what waits to be sent stays
    /// bounded by what one burst can ask for. The users of an upgraded stream have their own backpressure.
    fn is_backed_up(&self) -> bool {
        self.out.outstanding() > OutputQueue::HIGH_WATER && self.protocol.answers()
    }

    /// JavaScript has dealt with a burst of requests: the next one is parsed, unless the answers to this one pile up.
    fn go_on(&mut self, batch: &mut Batch, now: Instant) {
        self.goes_on = self.is_backed_up();
        if !self.goes_on {
            self.drive(None, batch, |protocol, sink| protocol.go_on(sink));
            self.note_phase(now);
            self.wake();
        }
    }

    /// Returns what records have named of the read.
    fn receive(&mut self, bytes: &mut [u8], read: Read, batch: &mut Batch, now: Instant) -> Option<Read> {
        self.bytes_read += bytes.len() as u64;
        match self.reading {
            Reading::Open => self.parse(bytes, Some(read), batch, now),
            Reading::Tapped => self.drive(Some(read), batch, |_, sink| sink.raw(bytes)),
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
            bytes_read: self.bytes_read,
            uncredited: &mut self.uncredited,
            read,
        };
        act(&mut self.protocol, &mut sink);
        let named = sink.read;
        if self.end_untold {
            self.tell_end(batch);
        }
        named
    }

    /// Tells of the peer's FIN, unless requests that came before it wait to be told.
    fn tell_end(&mut self, batch: &mut Batch) {
        self.end_untold = self.protocol.holds_end();
        if !self.end_untold {
            batch.eof(self.target.index);
        }
    }

    /// The protocol core has all of its input.
    fn finish_protocol(&mut self, batch: &mut Batch) {
        self.drive(None, batch, |protocol, sink| protocol.finish(sink));
        self.waiting = Waiting::Nothing;
        self.tell_end(batch);
    }

    /// What the connection waits for now.
    fn note_phase(&mut self, now: Instant) {
        let message = self.protocol.message();
        if message != self.message {
            self.message = message;
            self.message_began = now;
        }
        self.waiting = match self.protocol.phase() {
            Phase::Head => Waiting::Head(self.message_began),
            Phase::Body => Waiting::Request(self.message_began),
            Phase::Idle if self.protocol.open_requests() == 0 => self.waiting,
            Phase::Idle | Phase::AwaitingDecision | Phase::Upgraded | Phase::Failed => Waiting::Nothing,
        };
        if self.protocol.phase() == Phase::Failed && self.is_reading() {
            self.reading = Reading::Discard;
        }
    }

    /// Whether somebody wants the peer's bytes.
    fn is_reading(&self) -> bool {
        matches!(self.reading, Reading::Open | Reading::Tapped | Reading::Held)
    }

    fn end_of_input(&mut self, batch: &mut Batch) {
        let was = self.reading;
        self.reading = Reading::Ended;
        if was == Reading::Linger {
            self.close(0, false, batch);
            return;
        }
        if was == Reading::Open {
            self.finish_protocol(batch);
        } else {
            self.waiting = Waiting::Nothing;
            batch.eof(self.target.index);
        }
        if self.writing == Writing::ShuttingDown && self.out.pending() == 0 {
            self.all_sent(batch);
        }
        self.close_if_done(batch);
    }

    /// Applies a command. Writes are only queued: the driver flushes when it has applied all it has.
    pub fn apply(&mut self, command: &Command<'_>, batch: &mut Batch, now: Instant) {
        match command.op {
            Op::Write => {
                let done = self.out.write_slice(command.part(), command.payload);
                self.responses_done(done, batch, now);
            }
            Op::WriteNow => self.out.write_now(command.flags, command.payload),
            Op::Decide => {
                let accept = command.flags & decide_flags::ACCEPTED != 0;
                self.drive(None, batch, |protocol, sink| protocol.decide(accept, sink));
                self.note_phase(now);
                self.wake();
            }
            Op::Credit => {
                let full = self.uncredited >= WINDOW;
                self.uncredited = self.uncredited.saturating_sub(command.argument as usize);
                if full {
                    self.wake();
                }
            }
            Op::Shutdown => {
                if self.writing == Writing::Open {
                    self.writing = Writing::ShuttingDown;
                }
            }
            Op::Close => {
                self.flush(None, batch);
                self.close(0, false, batch);
            }
            Op::Reset => {
                self.flush(None, batch);
                if let Some(stream) = &self.stream {
                    stream.reset_on_close();
                }
                self.close(0, false, batch);
            }
            Op::NoDelay => self.with_stream(|stream| stream.set_no_delay(command.argument != 0)),
            Op::KeepAlive => self.with_stream(|stream| {
                stream.set_keep_alive(
                    command.flags & keep_alive_flags::ON != 0,
                    Duration::from_secs(u64::from(command.argument)),
                );
            }),
            Op::Expect => {
                let could_read = self.protocol.can_read();
                self.protocol.expect(command.argument, command.flags, command.payload);
                if !could_read {
                    self.wake();
                }
            }
            Op::GoOn => self.go_on(batch, now),
            Op::Tap => {
                if self.is_reading() {
                    self.reading = match Reader::of(command.argument) {
                        Some(Reader::Parser) => Reading::Open,
                        Some(Reader::Javascript) => Reading::Tapped,
                        Some(Reader::Ended) => Reading::Ended,
                        Some(Reader::Nobody) | None => Reading::Held,
                    };
                    self.close_if_done(batch);
                    self.wake();
                }
            }
            Op::Release => self.release(batch),
            Op::Feed => {
                // The protocol may change what it is given, and the payload is JavaScript's.
                self.parse(&mut command.payload.to_vec(), None, batch, now);
                if command.flags & feed_flags::END != 0 {
                    self.finish_protocol(batch);
                }
            }
        }
    }

    /// A large write, whose payload is not copied again.
    pub fn write_large(&mut self, write: &Write, data: Vec<u8>, batch: &mut Batch, now: Instant) {
        if write.ahead {
            self.out.write_now(write.part.flags, &data);
            return;
        }
        let done = self.out.write(write.part, data);
        self.responses_done(done, batch, now);
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
        if ahead {
            self.out.write_now(part.flags, data);
            return;
        }
        if self.blocked || part.has_framed_head() || !self.out.is_turn_of(part.seq) {
            let kept = if part.has_framed_head() { None } else { keep() };
            let done = match kept {
                Some(payload) => self.out.write_kept(part, payload),
                None => self.out.write(part, data.to_vec()),
            };
            self.responses_done(done, batch, now);
            return;
        }
        let end = self.out.frame(part, data.len());
        let pending = self.out.pending() as usize;
        let Some(stream) = &mut self.stream else { return };
        let mut slices: Vec<IoSlice<'_>> = Vec::with_capacity(4);
        if !self.out.slices(&mut slices) {
            self.fail(&taken_back(), true, batch);
            return;
        }
        slices.push(IoSlice::new(data));
        if !end.is_empty() {
            slices.push(IoSlice::new(end));
        }
        // An error comes again when the rest is flushed, and is dealt with there.
        let sent = stream.try_write(&slices).unwrap_or(0);
        let acked = self.out.advance(sent.min(pending));
        let done = self.out.write_sent(part, data, end, sent.saturating_sub(pending), keep);
        if let Some(total) = self.out.due().or(acked) {
            batch.ack(self.target.index, total);
        }
        self.responses_done(done, batch, now);
    }

    /// How an upgraded stream can change hands, if that is news.
    pub fn open_handover(&mut self) -> Option<Arc<Handover>> {
        if self.handover.is_some() || self.protocol.phase() != Phase::Upgraded {
            return None;
        }
        self.handover = self.stream.as_ref()?.duplicate().map(|socket| Arc::new(Handover::new(socket)));
        self.handover.clone()
    }

    /// Whether there is a handover.
    pub fn has_handover(&self) -> bool {
        self.handover.is_some()
    }

    /// A copy of the socket for another process. Unless the connection `stays` with this one as well, nothing is read from here on.
    ///
    /// # Errors
    /// `WouldBlock` when something waits to be sent, or the connection is over and has said so; `InvalidInput` when bytes have been read
    /// that are neither told nor kept; what the system says when it has no descriptors left.
    pub fn copy(&mut self, stays: bool, batch: &mut Batch) -> io::Result<Copied> {
        self.flush(None, batch);
        let Some(stream) = &self.stream else { return Err(ErrorKind::WouldBlock.into()) };
        if self.out.pending() > 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let untold = if stays { Some(Vec::new()) } else { self.protocol.untold() };
        let Some(untold) = untold else { return Err(ErrorKind::InvalidInput.into()) };
        let socket = stream.socket().try_clone()?;
        if !stays && self.is_reading() {
            self.reading = Reading::Held;
        }
        Ok(Copied { socket, untold, bytes_read: self.bytes_read })
    }

    /// Another driver, or another process, has the stream: this one forgets it, once it has said so.
    fn release(&mut self, batch: &mut Batch) {
        if self.stream.take().is_some() {
            batch.moved(self.target.index, self.reading == Reading::Ended);
            self.wake();
        }
    }

    fn with_stream(&self, act: impl FnOnce(&T)) {
        if let Some(stream) = &self.stream {
            act(stream);
        }
    }

    fn responses_done(&mut self, count: u32, batch: &mut Batch, now: Instant) {
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

    /// Sends what is queued, then does what was to follow it: FIN, or the close. With a context the driver polls again when the kernel
    /// takes more; without one the connection asks to be polled.
    pub fn flush(&mut self, mut cx: Option<&mut Context<'_>>, batch: &mut Batch) {
        let mut is_full = false;
        for _ in 0..WRITES_PER_FLUSH {
            if self.out.pending() == 0 {
                break;
            }
            let Some(stream) = &mut self.stream else { return };
            let mut slices: Vec<IoSlice<'_>> = Vec::with_capacity(4);
            if !self.out.slices(&mut slices) {
                self.fail(&taken_back(), true, batch);
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
                Ok(n) => {
                    if let Some(total) = self.out.advance(n) {
                        batch.ack(self.target.index, total);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    is_full = true;
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.fail(&error, true, batch);
                    return;
                }
            }
        }
        if self.out.pending() > 0 {
            self.blocked = true;
            self.postpone_idle();
            // With a context it is the driver who hears that the kernel takes more.
            if !is_full || cx.is_none() {
                self.wake();
            }
            self.resume(batch);
            return;
        }
        if let Some(total) = self.out.due() {
            batch.ack(self.target.index, total);
        }
        if let Some(handover) = &self.handover {
            handover.clear(self.out.received());
        }
        self.resume(batch);
        if std::mem::take(&mut self.idle_once_sent) && self.is_idle() {
            self.waiting = Waiting::KeepAlive(Instant::now());
        }
        self.all_sent(batch);
    }

    /// Answers have left, perhaps enough of them: what waited for that goes on.
    fn resume(&mut self, batch: &mut Batch) {
        if self.is_backed_up() {
            return;
        }
        if std::mem::take(&mut self.held_back) {
            self.wake();
        }
        if self.goes_on {
            self.go_on(batch, Instant::now());
        }
    }

    /// Whether every request has been answered, and no other has begun.
    fn is_idle(&self) -> bool {
        self.protocol.phase() == Phase::Idle && self.protocol.open_requests() == 0
    }

    fn postpone_idle(&mut self) {
        if matches!(self.waiting, Waiting::KeepAlive(_)) {
            self.waiting = Waiting::Nothing;
            self.idle_once_sent = true;
        }
    }

    fn all_sent(&mut self, batch: &mut Batch) {
        let Some(stream) = &self.stream else { return };
        if self.out.is_closing() {
            // Closing sends the FIN by itself.
            if self.reading == Reading::Ended || !stream.has_unread() {
                self.close(0, false, batch);
            } else {
                stream.shutdown_write();
                self.writing = Writing::Shut;
                self.reading = Reading::Linger;
                self.wake();
            }
            return;
        }
        // What an upgraded stream has said waits for the answers ahead of it, for as long as the peer is there.
        let waits = self.out.has_early() && self.reading != Reading::Ended;
        if self.writing == Writing::ShuttingDown && !waits {
            if self.reading != Reading::Ended {
                stream.shutdown_write();
            }
            self.writing = Writing::Shut;
            self.out.mark_here();
            if let Some(total) = self.out.due() {
                batch.ack(self.target.index, total);
            }
            self.close_if_done(batch);
        }
    }

    fn close_if_done(&mut self, batch: &mut Batch) {
        if self.reading == Reading::Ended && self.writing == Writing::Shut {
            self.close(0, false, batch);
        }
    }

    /// Whether the rest of the peer's bytes is being drained before the close.
    pub fn is_lingering(&self) -> bool {
        self.reading == Reading::Linger
    }

    fn fail(&mut self, error: &io::Error, writing: bool, batch: &mut Batch) {
        self.close(error.raw_os_error().unwrap_or(0), writing, batch);
    }

    /// Closes the socket and says so, once.
    pub fn close(&mut self, errno: i32, writing: bool, batch: &mut Batch) {
        if self.stream.take().is_none() {
            return;
        }
        if let Some(handover) = &self.handover {
            handover.close();
        }
        self.waiting = Waiting::Nothing;
        self.out = OutputQueue::new();
        batch.closed(self.target.index, errno, writing);
        self.wake();
    }

    /// Lends the connection a buffer to gather its output in.
    pub fn lend(&mut self, pool: &mut Vec<Vec<u8>>) {
        self.out.lend(pool);
    }

    /// Takes it back if it is not in use.
    pub fn reclaim(&mut self, pool: &mut Vec<Vec<u8>>) {
        self.out.reclaim(pool);
    }

    /// The idle connection gives its buffers back.
    pub fn shrink(&mut self) {
        self.out.shrink();
    }
}
