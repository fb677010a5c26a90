//! The driver of streams that JavaScript owns: any Duplex, whoever made it. It has no sockets: JavaScript gives what the streams bring, in the
//! call that parses it, and writes by itself what its messages say. What the engine keeps of such a connection is the protocol, in
//! either role, and its deadlines. How much JavaScript may give is told by DEMAND: backpressure of a stream is JavaScript's to make.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use socket2::SockRef;

use super::blocks::{Blocks, Room};
use super::census::Census;
use super::command::{Target, STRIDE};
use super::connections::Connections;
use super::event::Batch;
use super::port::Port;
use super::server::ServerConfig;
use super::transport::Transport;
use crate::engine::layout::limits;

/// In the place of a thread's number.
pub const NUMBER: u32 = limits::STREAMS;
const _: () = assert!(NUMBER < STRIDE);

/// Stands for a stream of JavaScript's.
#[derive(Debug, Default)]
pub struct Stream {
    /// JavaScript has been told to give no more.
    waits: bool,
}

impl Transport for Stream {
    /// What the stream brings is given, not read.
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_write(&mut self, _: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.try_write(slices))
    }

    /// JavaScript writes to the stream. What comes here says where messages end, and has no bytes.
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }

    fn socket(&self) -> Option<SockRef<'_>> {
        None
    }

    fn is_tcp(&self) -> bool {
        false
    }
}

/// Nothing is read.
struct NoBlocks;

impl Blocks for NoBlocks {
    fn room(&mut self) -> Option<Room<'_>> {
        Some(Room { bytes: &mut [], block: 0, offset: 0 })
    }

    fn keep(&mut self, _: usize, _: bool) {}

    fn is_full(&self) -> bool {
        false
    }
}

/// See the module.
pub struct Streams {
    connections: Connections<Stream>,
    /// The slots being polled.
    polling: Vec<u32>,
}

impl Streams {
    /// No streams yet.
    pub fn new(port: Arc<Port>) -> Self {
        Self { connections: Connections::new(NUMBER, port), polling: Vec::new() }
    }

    /// A server whose connections are streams of JavaScript's.
    pub fn add_server(&mut self, id: u32, config: ServerConfig) {
        self.connections.add_server(id, config, None);
    }

    /// A server's settings change.
    pub fn configure(&mut self, id: u32, config: ServerConfig) {
        self.connections.configure(id, config);
    }

    /// No more streams of this server will come.
    pub fn remove_server(&mut self, id: u32) {
        self.connections.remove_server(id);
    }

    /// Takes in a stream, as a connection to server `id`, or of our own making (`None`). JavaScript knows it by its index at once: so that is
    /// one whose last owner it has heard all of, or, while it is being told, a new one. Returns what it is known by.
    ///
    /// # Errors
    /// When there is no such server.
    pub fn open(&mut self, id: Option<u32>, is_being_told: bool) -> io::Result<Target> {
        self.connections.tick();
        if is_being_told {
            self.connections.next_slot_new();
        } else {
            self.connections.next_slot_told();
        }
        let server = match id {
            Some(id) => Some(self.connections.server(id).ok_or(io::ErrorKind::NotFound)?),
            None => None,
        };
        Ok(self.connections.admit_given(Stream::default(), server.as_ref()))
    }

    /// These bytes have come on a stream. `here`: who is told of them has them before it, so that records need only say where in them
    /// something is.
    pub fn give(&mut self, target: Target, bytes: &mut [u8], here: bool) {
        self.connections.tick();
        self.connections.hear(target, |connection, batch, now| {
            let more = connection.give(bytes, here, batch, now);
            let Some(stream) = connection.stream().filter(|stream| !more && !stream.waits) else { return };
            stream.waits = true;
            batch.demand(target.index, false);
        });
    }

    /// A stream has come to its end.
    pub fn end(&mut self, target: Target) {
        self.connections.tick();
        self.connections.hear(target, |connection, batch, _| connection.give_end(batch));
    }

    /// Packed commands; [`Self::serve`] does what follows from them.
    pub fn commands(&mut self, records: &[u8]) {
        self.connections.tick();
        self.connections.apply_records(records);
    }

    /// Sees to deadlines and to connections that may go on. Returns whether there is something to tell.
    pub fn serve(&mut self) -> bool {
        if self.connections.next_deadline().is_some_and(|at| at <= Instant::now()) {
            let now = self.connections.tick();
            self.connections.look(now);
        }
        self.connections.flush_dirty();
        std::mem::swap(&mut self.polling, &mut self.connections.woken);
        let mut cx = Context::from_waker(Waker::noop());
        for at in self.polling.drain(..) {
            if self.connections.poll(at, &mut cx, &mut NoBlocks).is_ready() {
                continue;
            }
            let Some((connection, batch)) = self.connections.at(at) else { continue };
            let index = connection.target.index;
            let goes_on = connection.wants_read();
            let Some(stream) = connection.stream().filter(|stream| goes_on && stream.waits) else { continue };
            stream.waits = false;
            batch.demand(index, true);
        }
        !self.connections.outbox.is_empty()
    }

    /// Whether there is no stream.
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// What the connections have said, see [`Connections::give_outbox`].
    pub fn give_outbox(&mut self, into: &mut Batch) {
        self.connections.give_outbox(into);
    }

    /// When it is to be served although nothing happens.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.connections.next_deadline()
    }

    /// What there is.
    pub fn census(&self) -> Census {
        self.connections.census()
    }

    /// The environment is going.
    pub fn stop(&mut self) {
        self.connections.stop();
    }
}
