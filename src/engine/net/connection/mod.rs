//! One connection: its socket, the protocol it speaks, its two halves, and what it waits for. It does its own I/O when its driver says so,
//! and says what it wants done next; it knows no runtime beyond [`Transport`].
//!
//! ```text
//! input                                                        output
//!
//!          ┌──────────── TAP ────────────┐                       Open ──────── SHUTDOWN ─────────┐
//!          ▼                             ▼                         │                             ▼
//! Held ◄──────► Parsed ◄────────────► Tapped                       │ the last answer (CLOSE)  ShuttingDown
//!   │             │ parse error          │                         │ has been sent               │ all has been sent
//!   │             ├────────► Discard     │                         ▼                             ▼
//!   │             │             │        │                       Shut ◄──────── FIN ◄────────────┘
//!   │             └─────┬───────┴────────┘                         │
//!   │ (not read)        │ the peer's FIN                           │ bytes wait unread: Linger, until the peer's FIN or a second
//!   └──────────────► Ended ───────────────────── and ──────────────┴──────► closed
//! ```
//!
//! Before FIN follows SHUTDOWN, what there is to read by then is read and told (Listening): whoever ends a stream hears first what is there to
//! hear, as libuv's users do. "Sent" means that the transport has flushed it; FIN is the transport's to send, and may be pending as well. CLOSE, RESET, an error
//! and RELEASE lead to "closed" from anywhere.

mod input;
mod output;

use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use self::input::{Input, Reading};
use self::output::{Output, Writing};
use super::blocks::Blocks;
use super::command::{Command, Op, Target};
use super::event::Batch;
use super::protocol::Protocol;
use super::server::Server;
use super::transport::Transport;
use crate::engine::deadline::Waiting;
use crate::engine::layout::{decide_flags, feed_flags, keep_alive_flags, tap_flags};
use crate::engine::output::OutputQueue;

pub use self::input::WINDOW;

/// How long the rest of a peer's bytes is drained after the last response, so that the close does not reset it away
/// (RFC 9112 §9.6).
pub const LINGER: Duration = Duration::from_secs(1);

/// See the module.
pub struct Connection<T> {
    /// `None` once closed.
    stream: Option<T>,
    protocol: Protocol,
    input: Input,
    output: Output,
    /// The server it belongs to.
    pub server: Rc<Server>,
    /// What JavaScript knows it by.
    pub target: Target,
    /// It wants to be polled although its socket has said nothing.
    woken: bool,
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

impl<T: Transport> Connection<T> {
    /// A connection just accepted.
    pub fn new(stream: T, server: Rc<Server>, target: Target, now: Instant) -> Self {
        let protocol = Protocol::server(server.http_config());
        let reading = if server.config.borrow().hold { Reading::Held } else { Reading::Parsed };
        Self::with(protocol, reading, stream, server, target, now)
    }

    /// A stream of JavaScript's: who gives its bytes decides by that who gets them.
    pub fn given(stream: T, server: Rc<Server>, target: Target, now: Instant) -> Self {
        Self::with(Protocol::server(server.http_config()), Reading::Parsed, stream, server, target, now)
    }

    /// A connection of our own making; `server` stands for nobody and has no deadlines.
    pub fn outgoing(stream: T, server: Rc<Server>, target: Target, now: Instant) -> Self {
        let protocol = Protocol::client(server.http_config());
        Self::with(protocol, Reading::Parsed, stream, server, target, now)
    }

    /// An upgraded stream that another driver had, whose bytes stand in the slot `seq`, after `handed` others. It is not read until
    /// JavaScript says so.
    pub fn taken_over(stream: T, server: Rc<Server>, target: Target, (seq, handed): (u32, u64), now: Instant) -> Self {
        let connection = Self::with(Protocol::raw(), Reading::Held, stream, server, target, now);
        Self { output: Output::new(OutputQueue::at(seq, handed)), waiting: Waiting::Nothing, ..connection }
    }

    fn with(protocol: Protocol, reading: Reading, stream: T, server: Rc<Server>, target: Target, now: Instant) -> Self {
        Self {
            stream: Some(stream),
            protocol,
            input: Input::new(reading, now),
            output: Output::new(OutputQueue::new()),
            server,
            target,
            woken: false,
            dirty: false,
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

    /// The socket, or what stands for one.
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
        if self.output.blocked {
            self.flush(Some(cx), batch);
        }
        let read = self.read(cx, blocks, batch, now);
        self.end_after_listening(cx, batch);
        if self.is_closed() {
            return Poll::Ready(());
        }
        if read.is_pending() {
            return Poll::Pending;
        }
        if self.wants_read() {
            self.wake();
        } else {
            self.note_backed_up();
        }
        Poll::Pending
    }

    /// Applies a command. Writes are only queued: the driver flushes when it has applied all it has.
    pub fn apply(&mut self, command: &Command<'_>, batch: &mut Batch, now: Instant) {
        let Command { op, flags, argument, payload, .. } = *command;
        match op {
            Op::Write => {
                let done = self.output.queue.write_slice(command.part(), payload);
                self.messages_sent(done, batch, now);
            }
            Op::WriteNow => self.output.queue.write_now(flags, payload),
            Op::Decide => self.decide(flags & decide_flags::ACCEPTED != 0, batch, now),
            Op::Credit => self.credit(argument as usize),
            Op::Shutdown => self.shut_down(),
            Op::Close => self.close_unless(flags, batch),
            Op::Reset => self.reset(batch),
            Op::NoDelay => self.with_stream(|stream| stream.set_no_delay(argument != 0)),
            Op::KeepAlive => self.with_stream(|stream| {
                let delay = Duration::from_secs(u64::from(argument));
                stream.set_keep_alive(flags & keep_alive_flags::ON != 0, delay);
            }),
            Op::Expect => self.expect(argument, flags, payload),
            Op::GoOn => self.go_on(batch, now),
            Op::Tap => self.tap(argument, flags & tap_flags::PLAIN != 0, batch, now),
            Op::Release => self.release(batch),
            Op::Feed => self.feed(payload, flags & feed_flags::END != 0, batch, now),
        }
    }

    fn with_stream(&self, act: impl FnOnce(&T)) {
        if let Some(stream) = &self.stream {
            act(stream);
        }
    }

    /// A copy of the socket for another process. Unless the connection `stays` with this one as well, nothing is read from here on.
    ///
    /// # Errors
    /// `WouldBlock` when something waits to be sent, or the connection is over and has said so; `InvalidInput` when bytes have been read
    /// that are neither told nor kept, or there is no socket; what the system says when it has no descriptors left.
    pub fn copy(&mut self, stays: bool, batch: &mut Batch) -> io::Result<Copied> {
        self.flush(None, batch);
        let Some(stream) = &self.stream else { return Err(ErrorKind::WouldBlock.into()) };
        if !self.output.is_clear() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let untold = if stays { Some(Vec::new()) } else { self.protocol.untold() };
        let Some(untold) = untold else { return Err(ErrorKind::InvalidInput.into()) };
        let socket = stream.socket().ok_or(ErrorKind::InvalidInput)?.try_clone()?;
        if !stays && self.input.is_wanted() {
            self.input.reading = Reading::Held;
        }
        Ok(Copied { socket, untold, bytes_read: self.input.bytes_read })
    }

    /// Another driver, or another process, has the stream: this one forgets it, once it has said so.
    fn release(&mut self, batch: &mut Batch) {
        if self.stream.take().is_some() {
            batch.moved(self.target.index, self.input.has_ended());
            self.wake();
        }
    }

    /// Whether the rest of the peer's bytes is being drained before the close.
    pub fn is_lingering(&self) -> bool {
        self.input.reading == Reading::Linger
    }

    /// One attempt to send what is queued, then a close that resets.
    fn reset(&mut self, batch: &mut Batch) {
        self.flush(None, batch);
        self.with_stream(Transport::reset_on_close);
        self.close(0, false, batch);
    }

    fn fail(&mut self, error: &io::Error, writing: bool, batch: &mut Batch) {
        self.close(error.raw_os_error().unwrap_or(0), writing, batch);
    }

    /// Closes the socket and says so, once.
    pub fn close(&mut self, errno: i32, writing: bool, batch: &mut Batch) {
        if self.stream.take().is_none() {
            return;
        }
        self.end_output();
        self.waiting = Waiting::Nothing;
        batch.closed(self.target.index, errno, writing);
        self.wake();
    }
}
