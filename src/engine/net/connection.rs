//! One connection: its socket, its [`h1::Conn`], its responses, and the order in which it ends. The task that owns it is woken for
//! what the socket does; commands reach it from the shard's hub.

use std::cell::{Cell, RefCell, RefMut};
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::command::{op, Record};
use super::event::Outbox;
use super::server::Server;
use super::shard::Shard;
use super::stream::Stream;
use crate::engine::deadline::Waits;
use crate::engine::error::ParseError;
use crate::engine::h1::encode::{Payload, ResponseQueue};
use crate::engine::h1::{Conn, Phase, RequestHead, Sink};

/// Bytes of body and raw payload that may be on their way to JavaScript, per connection, before reading stops.
pub const WINDOW: u64 = 128 * 1024;
/// Reads per turn of a connection's task; then the others have theirs.
const READS_PER_POLL: usize = 4;
/// Buffers handed to one system call.
const SLICES: usize = 16;
/// Milliseconds for which a peer that is still sending is read from after the last answer: a close at once would send RST, and
/// that may destroy the answer before the peer has read it (RFC 9112 §9.6).
const LINGER: u64 = 1000;
/// What is reported when the system gave no number: EIO.
const UNKNOWN_ERRNO: i32 = 5;

/// Our side of the stream.
///
/// ```text
/// Open ─ SHUTDOWN ► Ending ─ queue empty, FIN sent ► Ended
/// Open ─ write with CLOSE, queue empty, FIN sent ► Ended (lingering while the peer is in mid-message)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WriteSide {
    Open,
    Ending,
    Ended,
}

pub(super) struct Connection {
    pub(super) generation: u32,
    pub(super) server: Arc<Server>,
    state: RefCell<State>,
    /// On the hub's list of connections to flush.
    dirty: Cell<bool>,
}

struct State {
    index: u32,
    /// `None` once closed.
    stream: Option<Stream>,
    conn: Conn,
    queue: ResponseQueue,
    waits: Waits,
    /// This connection's entry in the shard's alarms.
    armed: Option<u64>,
    waker: Option<Waker>,
    /// Bytes read from the socket.
    received: u64,
    /// Bytes of body and raw payload not yet credited.
    outstanding: u64,
    peer_ended: bool,
    write_side: WriteSide,
    /// What the peer sends is read and dropped.
    discarding: bool,
    /// Until when the peer is read from after our FIN.
    lingers_until: Option<u64>,
    /// The task stopped short of reading and must be woken when it may.
    read_parked: bool,
}

/// Packs what [`Conn`] tells, and counts what the connection has to know.
struct Records<'a> {
    outbox: RefMut<'a, Outbox>,
    index: u32,
    received: u64,
    outstanding: &'a mut u64,
    queue: &'a mut ResponseQueue,
    heads: u32,
    ends: u32,
    failed: bool,
}

impl Records<'_> {
    /// A head or trailer section that no record can carry: only reachable with a `maxHeaderSize` above some 80 KiB.
    fn overflow(&mut self) {
        self.parse_error(ParseError::HeaderOverflow, 0, &[]);
    }
}

impl Sink for Records<'_> {
    fn request(&mut self, seq: u32, head: &RequestHead<'_>) {
        if self.failed {
            return;
        }
        self.heads += 1;
        self.queue.opened(seq);
        if !self.outbox.request(self.index, seq, head, self.received) {
            self.overflow();
        }
    }

    fn body(&mut self, seq: u32, bytes: &[u8]) {
        if !self.failed {
            *self.outstanding += bytes.len() as u64;
            self.outbox.body(self.index, seq, bytes);
        }
    }

    fn end(&mut self, seq: u32, trailers: &[u8]) {
        if self.failed {
            return;
        }
        self.ends += 1;
        if !self
            .outbox
            .message_end(self.index, seq, trailers, self.received)
        {
            self.overflow();
        }
    }

    fn upgrade(&mut self, seq: u32, complete: bool, head: &[u8]) {
        if !self.failed {
            self.ends += u32::from(complete);
            self.outbox
                .upgrade(self.index, seq, complete, head, self.received);
        }
    }

    fn raw(&mut self, bytes: &[u8]) {
        if !self.failed {
            *self.outstanding += bytes.len() as u64;
            self.outbox.raw(self.index, bytes);
        }
    }

    fn parse_error(&mut self, error: ParseError, bytes_parsed: usize, packet: &[u8]) {
        if !std::mem::replace(&mut self.failed, true) {
            self.outbox
                .parse_error(self.index, error, bytes_parsed, packet);
        }
    }
}

impl Connection {
    pub(super) fn new(
        index: u32,
        generation: u32,
        server: Arc<Server>,
        stream: Stream,
        now: u64,
    ) -> Connection {
        let settled = server.settled();
        if settled.no_delay {
            stream.set_no_delay(true);
        }
        if let Some(delay) = settled.keep_alive {
            stream.set_keep_alive(true, delay);
        }
        Connection {
            generation,
            server,
            dirty: Cell::new(false),
            state: RefCell::new(State {
                index,
                stream: Some(stream),
                conn: Conn::new(settled.messages.clone()),
                queue: ResponseQueue::new(),
                waits: Waits::new(now),
                armed: None,
                waker: None,
                received: 0,
                outstanding: 0,
                peer_ended: false,
                write_side: WriteSide::Open,
                discarding: false,
                lingers_until: None,
                read_parked: false,
            }),
        }
    }

    /// The task: writes what waits, reads what has come. Ready once closed.
    pub(super) fn poll(&self, cx: &mut Context<'_>, shard: &Shard) -> Poll<()> {
        let mut state = self.state.borrow_mut();
        if !matches!(&state.waker, Some(waker) if waker.will_wake(cx.waker())) {
            state.waker = Some(cx.waker().clone());
        }
        if state.queue.pending() > 0 && state.poll_write(cx, shard) {
            state.flushed(shard, &self.server);
        }
        state.poll_read(cx, shard, &self.server);
        state.arm(shard, &self.server);
        if state.stream.is_none() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Whether the hub has to put it on its list of connections to flush.
    pub(super) fn mark_dirty(&self) -> bool {
        !self.dirty.replace(true)
    }

    /// The bytes of a write; its flags and framing as in the record.
    pub(super) fn write(
        &self,
        shard: &Shard,
        now: bool,
        seq: u32,
        flags: u32,
        head_length: usize,
        payload: Payload<'_>,
    ) {
        let mut state = self.state.borrow_mut();
        if now {
            state.queue.write_now(flags, payload);
            return;
        }
        for _ in 0..state.queue.write(seq, flags, head_length, payload) {
            state.tell(shard, |conn, sink| conn.response_done(sink));
        }
    }

    /// Carries out a command.
    pub(super) fn apply(&self, shard: &Shard, record: &Record<'_>) {
        let payload = Payload::Borrowed(record.payload);
        match record.op {
            op::WRITE => {
                let (seq, head) = (record.argument, record.head_length);
                return self.write(shard, false, seq, record.flags, head, payload);
            }
            op::WRITE_NOW => return self.write(shard, true, 0, record.flags, 0, payload),
            _ => {}
        }
        let mut state = self.state.borrow_mut();
        match record.op {
            op::DECIDE => {
                let accept = record.flags & 1 != 0;
                state.tell(shard, |conn, sink| conn.decide(accept, sink));
            }
            op::CREDIT => {
                state.outstanding = state.outstanding.saturating_sub(record.argument.into());
            }
            op::SHUTDOWN if state.write_side == WriteSide::Open => {
                state.write_side = WriteSide::Ending;
            }
            op::CLOSE => {
                state.flush(shard);
                state.close(shard, 0, false);
            }
            op::RESET => {
                if let Some(stream) = &state.stream {
                    stream.reset_on_close();
                }
                state.close(shard, 0, false);
            }
            op::NO_DELAY => {
                if let Some(stream) = &state.stream {
                    stream.set_no_delay(record.argument != 0);
                }
            }
            op::KEEP_ALIVE => {
                if let Some(stream) = &state.stream {
                    let delay = Duration::from_secs(record.argument.into());
                    stream.set_keep_alive(record.flags & 1 != 0, delay);
                }
            }
            op::DISCARD_READS => state.discarding = true,
            // SHUTDOWN a second time, or an operation that does not exist.
            _ => {}
        }
    }

    /// After a batch of commands: one attempt to write, then reading goes on if it may.
    pub(super) fn settle(&self, shard: &Shard) {
        self.dirty.set(false);
        let mut state = self.state.borrow_mut();
        if state.flush(shard) {
            state.flushed(shard, &self.server);
        }
        if state.read_parked && state.may_read() {
            state.wake();
        }
        state.arm(shard, &self.server);
    }

    /// Its entry in the alarms has come up (and is gone).
    pub(super) fn alarm(&self, shard: &Shard, now: u64) {
        let mut state = self.state.borrow_mut();
        state.armed = None;
        if state.stream.is_none() {
            return;
        }
        if state.lingers_until.is_some_and(|until| until <= now) {
            return state.close(shard, 0, false);
        }
        if let Some(expired) = state.waits.expire(now, &self.server.timeouts()) {
            shard.outbox().timeout(state.index, expired as u32);
        }
        state.arm(shard, &self.server);
    }

    /// The server's limits have changed.
    pub(super) fn rearm(&self, shard: &Shard) {
        self.state.borrow_mut().arm(shard, &self.server);
    }

    /// The environment is going down: what the kernel takes at once is sent.
    pub(super) fn abandon(&self, shard: &Shard) {
        let mut state = self.state.borrow_mut();
        state.flush(shard);
        state.close(shard, 0, false);
    }
}

impl State {
    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    fn may_read(&self) -> bool {
        self.stream.is_some()
            && !self.peer_ended
            && (self.discarding || (self.conn.can_read() && self.outstanding < WINDOW))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, shard: &Shard, server: &Server) {
        for _ in 0..READS_PER_POLL {
            self.read_parked = !self.may_read();
            let Some(stream) = self.stream.as_mut().filter(|_| !self.read_parked) else {
                return;
            };
            let mut buffer = shard.read_buffer();
            match stream.poll_read(cx, &mut buffer) {
                Poll::Pending => return,
                Poll::Ready(Ok(0)) => return self.peer_has_ended(shard, server),
                Poll::Ready(Ok(n)) => {
                    self.received += n as u64;
                    if !self.discarding {
                        let bytes = buffer.get(..n).unwrap_or_default();
                        self.tell(shard, |conn, sink| conn.receive(bytes, sink));
                    }
                }
                Poll::Ready(Err(error)) => return self.close(shard, number(&error), false),
            }
        }
        cx.waker().wake_by_ref();
    }

    fn peer_has_ended(&mut self, shard: &Shard, server: &Server) {
        self.peer_ended = true;
        if !self.discarding {
            self.tell(shard, |conn, sink| conn.finish(sink));
        }
        self.waits.busy();
        if self.lingers_until.is_none() {
            shard.outbox().eof(self.index);
        }
        self.flushed(shard, server);
    }

    /// Lets the protocol core speak, and keeps account of what the peer owes now.
    fn tell(&mut self, shard: &Shard, speak: impl FnOnce(&mut Conn, &mut Records<'_>)) {
        let before = self.conn.phase();
        let mut sink = Records {
            outbox: shard.outbox(),
            index: self.index,
            received: self.received,
            outstanding: &mut self.outstanding,
            queue: &mut self.queue,
            heads: 0,
            ends: 0,
            failed: false,
        };
        speak(&mut self.conn, &mut sink);
        let Records {
            heads,
            ends,
            failed,
            ..
        } = sink;
        // What follows an error has no meaning; it is read so that the peer's FIN is seen and the answer is not lost to RST.
        self.discarding |= failed;
        let now = || shard.now();
        match self.conn.phase() {
            _ if failed => self.waits.busy(),
            Phase::Idle if heads + ends == 0 => {}
            Phase::Head => self
                .waits
                .in_head(now(), before != Phase::Head || heads > 0),
            Phase::Body => self.waits.in_body(now(), fresh_body(before, heads, ends)),
            Phase::AwaitingDecision if ends == 0 && heads + ends > 0 => {
                self.waits.in_body(now(), fresh_body(before, heads, ends));
            }
            Phase::Idle | Phase::AwaitingDecision | Phase::Upgraded | Phase::Failed => {
                self.waits.busy();
            }
        }
    }

    /// Writes what the kernel takes, from the connection's own task. Returns false once closed.
    fn poll_write(&mut self, cx: &mut Context<'_>, shard: &Shard) -> bool {
        while self.queue.pending() > 0 {
            let Some(stream) = &mut self.stream else {
                return false;
            };
            let mut slices = [IoSlice::new(&[]); SLICES];
            let n = self.queue.slices(&mut slices);
            match stream.poll_write(cx, slices.get(..n).unwrap_or_default()) {
                Poll::Pending => break,
                Poll::Ready(Ok(n)) => self.queue.advance(n),
                Poll::Ready(Err(error)) => {
                    self.close(shard, number(&error), true);
                    return false;
                }
            }
        }
        true
    }

    /// The same from outside the task, which goes on with what the kernel does not take. Returns false once closed.
    fn flush(&mut self, shard: &Shard) -> bool {
        while self.queue.pending() > 0 {
            let Some(stream) = &self.stream else {
                return false;
            };
            let mut slices = [IoSlice::new(&[]); SLICES];
            let n = self.queue.slices(&mut slices);
            match stream.try_write(slices.get(..n).unwrap_or_default()) {
                Ok(n) => self.queue.advance(n),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wake();
                    break;
                }
                Err(error) => {
                    self.close(shard, number(&error), true);
                    return false;
                }
            }
        }
        self.stream.is_some()
    }

    /// Bytes have left, or there were none to send: what was waiting for that happens.
    fn flushed(&mut self, shard: &Shard, server: &Server) {
        if self.queue.pending() == 0 {
            self.queue_is_empty(shard);
        }
        if let Some(total) = self.queue.acknowledge() {
            shard.outbox().ack(self.index, total);
        }
        let ended = self.write_side == WriteSide::Ended && self.queue.pending() == 0;
        if ended && (self.peer_ended || self.nothing_to_linger_for(shard)) {
            self.close(shard, 0, false);
        }
        self.arm(shard, server);
    }

    fn queue_is_empty(&mut self, shard: &Shard) {
        let Some(stream) = &self.stream else {
            return;
        };
        let closing = self.queue.is_closing();
        if self.write_side == WriteSide::Ending || (closing && self.write_side == WriteSide::Open) {
            stream.shut_down_write();
            self.write_side = WriteSide::Ended;
            self.queue.want_ack();
        }
        if self.conn.phase() == Phase::Idle && self.conn.open_requests() == 0 && !self.peer_ended {
            self.waits.idle_with(|| shard.now());
        }
    }

    /// After a write with CLOSE: whether the peer is not sending. Otherwise it is read from for a while.
    fn nothing_to_linger_for(&mut self, shard: &Shard) -> bool {
        let (true, None, Some(stream)) = (
            self.queue.is_closing(),
            self.lingers_until,
            self.stream.as_ref(),
        ) else {
            return false;
        };
        let sending = matches!(self.conn.phase(), Phase::Head | Phase::Body | Phase::Failed);
        let more = match stream.try_read(&mut shard.read_buffer()) {
            Ok(0) => return true,
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(_) => return true,
        };
        if !sending && !more {
            return true;
        }
        self.discarding = true;
        self.waits.busy();
        self.lingers_until = Some(shard.now() + LINGER);
        self.wake();
        false
    }

    /// Sees to it that the next deadline is not missed.
    fn arm(&mut self, shard: &Shard, server: &Server) {
        if self.stream.is_none() {
            return;
        }
        let deadline = self.waits.next(&server.timeouts()).map(|(at, _)| at);
        let at = match (deadline, self.lingers_until) {
            (Some(a), Some(b)) => a.min(b),
            (a, b) => match a.or(b) {
                Some(at) => at,
                None => return,
            },
        };
        if self.armed.is_none_or(|armed| armed > at) {
            self.armed = Some(shard.arm(self.index, self.armed, at));
        }
    }

    /// Closes the socket and says so, once.
    fn close(&mut self, shard: &Shard, errno: i32, writing: bool) {
        if self.stream.take().is_none() {
            return;
        }
        shard.outbox().closed(self.index, errno, writing);
        shard.release(self.index, self.armed.take());
        self.wake();
    }
}

/// Whether the body's message began in this read.
fn fresh_body(before: Phase, heads: u32, ends: u32) -> bool {
    match before {
        Phase::Idle => true,
        Phase::Head => heads > 1,
        Phase::Body | Phase::AwaitingDecision => ends > 0,
        Phase::Upgraded | Phase::Failed => false,
    }
}

fn number(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(UNKNOWN_ERRNO)
}

/// The task that owns `connection`.
pub(super) async fn serve(connection: Rc<Connection>, shard: Rc<Shard>) {
    std::future::poll_fn(|cx| {
        let poll = connection.poll(cx, &shard);
        shard.deliver_if_large();
        poll
    })
    .await;
}
