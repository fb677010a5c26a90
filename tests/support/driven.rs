//! A connection over a socket that takes exactly as much as the test lets it, and the hands of its driver.

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use super::command_record;
use super::fake_socket::FakeSocket;
use turnout::engine::deadline::Timeouts;
use turnout::engine::h1;
use turnout::engine::layout::{Kind, Op, Prefix};
use turnout::engine::net::blocks::OwnedBlocks;
use turnout::engine::net::command::{self, Target};
use turnout::engine::net::connection::Connection;
use turnout::engine::net::event::Batch;
use turnout::engine::net::server::{Server, ServerConfig};

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
        let connection = Connection::new(wire.clone(), server, Target { index: 0, generation: 1 }, Instant::now());
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

    pub fn command(&mut self, op: Op, flags: u32, argument: u32, payload: &[u8]) {
        let record = command_record(op, flags, (0, 1), argument, payload.len() as u32, payload);
        let (command, _) = command::next(&mut &record[..]).unwrap();
        self.connection.apply(&command, &mut self.batch, Instant::now());
    }

    /// The kinds of the records since the last call.
    pub fn told(&mut self) -> Vec<Kind> {
        let records = std::mem::take(&mut self.batch.records);
        let (mut at, mut kinds) = (0, Vec::new());
        while let Some((prefix, _)) = Prefix::read(&records[at..]) {
            kinds.push(Kind::of(prefix.number).unwrap());
            at += prefix.size;
        }
        kinds
    }

    /// How many requests have been told since the last call.
    pub fn requests(&mut self) -> usize {
        self.told().into_iter().filter(|&kind| kind == Kind::Request).count()
    }
}
