//! A connection over a socket that takes exactly as much as the test lets it, and the hands of its driver.

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use super::command_record;
use super::fake_socket::FakeSocket;
use turnout::engine::deadline::Timeouts;
use turnout::engine::h1;
use turnout::engine::net::blocks::OwnedBlocks;
use turnout::engine::net::command;
use turnout::engine::net::connection::Connection;
use turnout::engine::net::event::{Batch, Kind};
use turnout::engine::net::server::{Server, ServerConfig};

/// Commands.
pub const WRITE: u32 = 1;
pub const DECIDE: u32 = 3;
pub const SHUTDOWN: u32 = 5;
pub const CLOSE: u32 = 6;
pub const GO_ON: u32 = 12;
/// Flags of WRITE.
pub const LAST: u32 = 2;
/// Flags of CLOSE.
pub const UNLESS_SENT: u32 = 1;
pub const UNLESS_BUSY: u32 = 2;

/// A connection and the hands of its driver.
pub struct Driven {
    pub connection: Connection<FakeSocket>,
    pub wire: FakeSocket,
    pub batch: Batch,
    pub blocks: OwnedBlocks,
}

impl Driven {
    pub fn new() -> Self {
        let timeouts = Timeouts {
            keep_alive: Duration::from_secs(5),
            head: Duration::ZERO,
            request: Duration::ZERO,
            check_interval: Duration::ZERO,
        };
        let http = Arc::new(h1::Config::default());
        let config = ServerConfig { no_delay: false, keep_alive: None, hold: false, timeouts, http };
        let wire = FakeSocket::default();
        let server = Rc::new(Server::new(1, config, None));
        let connection = Connection::new(wire.clone(), server, 0, 1, Instant::now());
        Self { connection, wire, batch: Batch::default(), blocks: OwnedBlocks::default() }
    }

    pub fn poll(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        let now = Instant::now();
        assert!(self.connection.poll(&mut cx, &mut self.blocks, &mut self.batch, now).is_pending());
    }

    /// Polls a connection that is then over.
    pub fn poll_to_the_end(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(self.connection.poll(&mut cx, &mut self.blocks, &mut self.batch, Instant::now()).is_ready());
    }

    /// Polls for as long as the connection asks for it.
    pub fn settle(&mut self) {
        while self.connection.take_woken() {
            self.poll();
        }
    }

    pub fn command(&mut self, op: u32, flags: u32, argument: u32, payload: &[u8]) {
        let record = command_record(op, flags, (0, 1), argument, payload.len() as u32, payload);
        let (command, _) = command::next(&mut &record[..]).unwrap();
        self.connection.apply(&command, &mut self.batch, Instant::now());
    }

    /// The kinds of the records since the last call.
    pub fn told(&mut self) -> Vec<u32> {
        let records = std::mem::take(&mut self.batch.records);
        let (mut at, mut kinds) = (0, Vec::new());
        while at < records.len() {
            let word = |n: usize| u32::from_le_bytes(records[at + 4 * n..at + 4 * n + 4].try_into().unwrap());
            kinds.push(word(0) & 0xff);
            at += word(1) as usize;
        }
        kinds
    }

    /// How many requests have been told since the last call.
    pub fn requests(&mut self) -> usize {
        self.told().into_iter().filter(|&kind| kind == Kind::Request as u32).count()
    }
}
