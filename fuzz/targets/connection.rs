//! Connections between a peer, a kernel and a JavaScript that do whatever they like, in any order: bytes, FINs, failing sockets, commands,
//! deadlines, payloads that are taken back before they have left, memory to read into that is not to be had. No socket and no clock: the transport is a pair of queues.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use arbitrary::{Result, Unstructured};
use turnout::engine::deadline::Timeouts;
use turnout::engine::h1::{Config, Validation};
use turnout::engine::layout::places::{FIRST_SLAB, GIVEN, IN_RECORD};
use turnout::engine::layout::record::{Closed, Connected, Connection, Request};
use turnout::engine::layout::{Kind, Op, Payload, Prefix, Record, Words};
use turnout::engine::net::blocks::{Blocks, Ledger, READ_SIZE};
use turnout::engine::net::command::{Target, Write};
use turnout::engine::net::connection::WINDOW;
use turnout::engine::net::connections::{Connections, STRIDE};
use turnout::engine::net::event::Peer;
use turnout::engine::net::port::Port;
use turnout::engine::net::server::{Server, ServerConfig};
use turnout::engine::output::{self, Part};

use super::support::command_record;
use super::support::fake_socket::{FakeSocket, Line};

/// What JavaScript knows of a connection.
#[derive(Default)]
struct Known {
    generation: u32,
    requests: u32,
    refused: bool,
    /// Bytes that JavaScript has fed to the parser itself.
    fed: usize,
    timed_out: u32,
    /// Bytes of BODY and RAW that have not been credited.
    uncredited: usize,
    line: Option<FakeSocket>,
}

/// Texts that a peer would hardly hit upon byte by byte.
pub(super) const TEXTS: [&[u8]; 12] = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 5\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    b"CONNECT a:80 HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    b"HTTP/1.1 103 X\r\n\r\n",
    b"garbage\0",
];

/// Connections at once.
const MOST: usize = 4;
/// Polls that one event may cause: reads of what has come, flushes of what is queued.
const POLLS: usize = 10_000;

/// JavaScript's memory to read into.
#[derive(Default)]
struct Slabs {
    ledger: Ledger,
    memory: Vec<Option<Vec<u8>>>,
}

impl Slabs {
    /// Makes what is wanted, or has no memory for it.
    fn supply(&mut self, refuses: bool) {
        while let Some(number) = self.ledger.wanted() {
            self.ledger.supply(number, !refuses);
            if refuses {
                return;
            }
            let at = number as usize;
            self.memory.resize_with(self.memory.len().max(at + 1), || None);
            self.memory[at] = Some(vec![0; READ_SIZE]);
        }
    }
}

/// A payload that its owner may take back, from its end.
struct Shrinks(Rc<Shrinking>);

struct Shrinking {
    bytes: Vec<u8>,
    left: Cell<usize>,
}

impl output::Payload for Shrinks {
    fn bytes(&self) -> &[u8] {
        &self.0.bytes[..self.0.left.get()]
    }
}

struct World {
    connections: Connections<FakeSocket>,
    server: Rc<Server>,
    port: Arc<Port>,
    slabs: Slabs,
    /// There is no memory for slabs until the next step.
    refuses: bool,
    /// Payloads that the engine may have kept, and whether any has shrunk.
    payloads: Vec<Rc<Shrinking>>,
    shrunk: bool,
    known: HashMap<u32, Known>,
    tokens: u32,
    time: Duration,
}

impl World {
    fn new(validation: Validation) -> World {
        let second = Duration::from_secs(1);
        let timeouts = Timeouts { keep_alive: second, head: second * 2, request: second * 3, check_interval: second };
        let http = Arc::new(Config { validation, ..Config::default() });
        let config = RefCell::new(ServerConfig { no_delay: true, keep_alive: None, hold: false, timeouts, http });
        let port = Arc::new(Port::new(Box::new(|| {})));
        World {
            connections: Connections::new(0, port.clone()),
            server: Rc::new(Server { id: 1, started: Instant::now(), inherited_no_delay: true, config }),
            port,
            slabs: Slabs::default(),
            refuses: false,
            payloads: Vec::new(),
            shrunk: false,
            known: HashMap::new(),
            tokens: 0,
            time: Duration::ZERO,
        }
    }

    /// One event, and whatever follows from it.
    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        self.refuses = input.ratio(1, 16)?;
        match input.int_in_range(0..=11)? {
            0 => self.connect(input)?,
            1 => {
                let text = *input.choose(&TEXTS)?;
                self.say(input, text)?;
            }
            2 => {
                let length = input.int_in_range(0..=40)?;
                let bytes = input.bytes(length.min(input.len()))?;
                self.say(input, bytes)?;
            }
            3 => {
                let bytes = vec![b'z'; usize::from(input.arbitrary::<u16>()?)];
                self.say(input, &bytes)?;
            }
            4 => self.with_line(input, |line| line.fin = true)?,
            5 => {
                let room = usize::from(input.arbitrary::<u16>()?);
                self.with_line(input, |line| line.room += room)?;
            }
            6 if input.ratio(1, 8)? => self.with_line(input, |line| line.fails = true)?,
            7 => {
                self.time += Duration::from_millis(u64::from(input.arbitrary::<u16>()?));
                self.connections.look(self.server.started + self.time);
            }
            8 => self.write_large(input)?,
            9 => self.shrink(input)?,
            _ => self.command(input)?,
        }
        self.run();
        Ok(())
    }

    fn connect(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        if self.known.len() >= MOST {
            return Ok(());
        }
        let socket = FakeSocket::default();
        {
            let line = &mut *socket.0.borrow_mut();
            line.room = usize::from(input.arbitrary::<u16>()?);
            line.keeps = input.ratio(1, 3)?;
        }
        let peer = Peer::default();
        let slot = if input.ratio(1, 3)? {
            self.tokens += 1;
            self.connections.admit_outgoing(socket.clone(), &peer, self.tokens)
        } else {
            self.connections.admit(socket.clone(), &peer, &self.server)
        };
        self.hear();
        let index = slot * STRIDE;
        self.known.get_mut(&index).expect("a connection is told of").line = Some(socket);
        self.connections.wake(slot);
        Ok(())
    }

    fn any_index(&self, input: &mut Unstructured<'_>) -> Result<u32> {
        let mut indexes: Vec<u32> = self.known.keys().copied().collect();
        indexes.sort_unstable();
        if indexes.is_empty() {
            return Ok(0);
        }
        Ok(*input.choose(&indexes)?)
    }

    fn with_line(&mut self, input: &mut Unstructured<'_>, act: impl FnOnce(&mut Line)) -> Result<()> {
        let index = self.any_index(input)?;
        if let Some(socket) = self.known.get(&index).and_then(|known| known.line.as_ref()) {
            act(&mut socket.0.borrow_mut());
            self.connections.wake(index / STRIDE);
        }
        Ok(())
    }

    /// The peer says something, until its FIN.
    fn say(&mut self, input: &mut Unstructured<'_>, bytes: &[u8]) -> Result<()> {
        self.with_line(input, |line| {
            if !line.fin {
                line.incoming.extend(bytes);
            }
        })
    }

    /// The program takes part of a payload back.
    fn shrink(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        // Those that have left are nobody's any more.
        self.payloads.retain(|payload| Rc::strong_count(payload) > 1);
        if !self.payloads.is_empty() {
            let payload = input.choose(&self.payloads)?;
            payload.left.set(usize::from(input.arbitrary::<u16>()?).min(payload.left.get()));
            self.shrunk = true;
        }
        Ok(())
    }

    fn command(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let index = if input.ratio(1, 16)? { input.arbitrary()? } else { self.any_index(input)? };
        let known = self.known.get(&index);
        let mut generation = known.map_or(0, |known| known.generation);
        if input.ratio(1, 16)? {
            generation = generation.wrapping_sub(1);
        }
        // Writes and decisions are for a request that has come, mostly.
        let latest = known.map_or(0, |known| known.requests);
        let argument = if input.ratio(1, 8)? { input.arbitrary()? } else { latest + input.int_in_range(0..=1)? };
        let op = *input.choose(Op::ALL)?;
        let flags = u32::from(input.arbitrary::<u8>()?);
        let length = if input.ratio(1, 8)? { 40_000 } else { input.int_in_range(0..=30)? };
        // A limit for EXPECT is text.
        let payload = match op {
            Op::Expect => vec![b'1'; length.min(4)],
            Op::Feed => input.choose(&TEXTS)?.to_vec(),
            _ => vec![b'1'; length],
        };
        let head_length = input.int_in_range(0..=payload.len() as u32)?;
        if op == Op::Credit {
            if let Some(known) = self.known.get_mut(&index).filter(|known| known.generation == generation) {
                known.uncredited = known.uncredited.saturating_sub(argument as usize);
            }
        }
        if op == Op::Feed {
            if let Some(known) = self.known.get_mut(&index).filter(|known| known.generation == generation) {
                known.fed += payload.len();
            }
        }
        let record = command_record(op, flags, (index, generation), argument, head_length, &payload);
        self.connections.apply_records(&record);
        Ok(())
    }

    /// A large write for the request that has come last, or is due; the engine may keep its payload.
    fn write_large(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let index = self.any_index(input)?;
        let Some(known) = self.known.get(&index) else { return Ok(()) };
        let seq = known.requests.max(1) + u32::from(input.ratio(1, 8)?);
        let target = Target { index, generation: known.generation };
        let head = if input.ratio(1, 8)? { 10 } else { 0 };
        let part = Part { seq, flags: u32::from(input.arbitrary::<u8>()?), head };
        let write = Write { target, ahead: input.ratio(1, 16)?, part };
        let bytes = vec![b'1'; 40_000];
        let keep = !input.ratio(1, 4)?;
        let kept = Rc::new(Shrinking { bytes: bytes.clone(), left: Cell::new(bytes.len()) });
        self.connections.write_borrowed(&write, &bytes, || {
            keep.then(|| {
                self.payloads.push(kept.clone());
                Box::new(Shrinks(kept)) as Box<dyn output::Payload>
            })
        });
        Ok(())
    }

    /// Polls until everything rests, or there is no memory to read into, and hears what was said.
    fn run(&mut self) {
        self.connections.flush_dirty();
        let mut context = Context::from_waker(Waker::noop());
        let mut polls = 0;
        loop {
            self.slabs.supply(self.refuses);
            let mut memory: Vec<Option<&mut [u8]>> =
                self.slabs.memory.iter_mut().map(|block| block.as_deref_mut()).collect();
            let mut blocks = self.slabs.ledger.lend(|number| memory.get_mut(number as usize)?.take());
            while !blocks.is_full() {
                let Some(slot) = self.connections.woken.pop() else { break };
                let _ = self.connections.poll(slot, &mut context, &mut blocks);
                polls += 1;
                assert!(polls < POLLS, "connections come to rest");
            }
            self.hear();
            if self.connections.woken.is_empty() || self.refuses {
                return;
            }
        }
    }

    /// JavaScript takes the records.
    fn hear(&mut self) {
        let records = std::mem::take(&mut self.connections.outbox.records);
        let mut rest = &records[..];
        while !rest.is_empty() {
            let (Prefix { number, size, index, .. }, _) = Prefix::read(rest).expect("records are whole");
            assert!(size >= Prefix::SIZE && size.is_multiple_of(4) && size <= rest.len(), "records are whole");
            let kind = Kind::of(number).unwrap_or_else(|| panic!("kind {number} is none of the engine's"));
            self.record(kind, index, &rest[..size]);
            rest = &rest[size..];
        }
        let memory = &mut self.slabs.memory;
        self.slabs.ledger.deliver(|number| memory[number as usize] = None);
    }

    /// The payload of a record, if it is of a kind that has one. It lies in the record, or in a slab that there is.
    fn payload_of(&self, kind: Kind, record: &[u8]) -> Option<Payload> {
        let payload = Payload::take(&mut &record[kind.payload()?..]).expect("words are whole");
        if payload.place as i32 == IN_RECORD {
            let words: usize = kind.fields().iter().map(|field| field.words).sum();
            assert!(record.len() >= Prefix::SIZE + 4 * words + payload.length as usize, "a payload is whole");
        } else {
            let slab = (FIRST_SLAB - payload.place as i32) as usize;
            assert!(self.slabs.memory.get(slab).is_some_and(Option::is_some), "slab {slab} is there");
            let from = (payload.offset as i32 & !GIVEN) as usize;
            assert!(from + payload.length as usize <= READ_SIZE, "a payload lies in one read");
        }
        Some(payload)
    }

    fn record(&mut self, kind: Kind, index: u32, record: &[u8]) {
        let accepted = Connection::read(record).map(|words| words.generation);
        if let Some(generation) = accepted.or(Connected::read(record).map(|words| words.generation)) {
            let known = Known { generation, ..Known::default() };
            assert!(self.known.insert(index, known).is_none(), "an index is reused after CLOSED only");
            return;
        }
        if matches!(kind, Kind::Closed | Kind::Moved) {
            assert!(self.known.remove(&index).is_some(), "CLOSED comes once, or MOVED in its place");
            let errno = Closed::read(record).map_or(0, |words| words.errno);
            assert!(errno == 0 || self.shrunk, "only what has been taken back has an errno here");
            return;
        }
        let payload = self.payload_of(kind, record);
        let known = self.known.get_mut(&index).expect("only open connections are heard of");
        if let Some(Request { seq, .. }) = Request::read(record) {
            known.requests += 1;
            assert_eq!(seq, known.requests, "requests are numbered");
        }
        if let Some(payload) = payload.filter(|_| matches!(kind, Kind::Body | Kind::Raw)) {
            known.uncredited += payload.length as usize;
            // It reads below the window, and may hold what one read brought.
            assert!(known.uncredited <= WINDOW + 2 * READ_SIZE + known.fed, "undelivered bytes are bounded");
        }
        match kind {
            Kind::ParseError => {
                assert!(!known.refused, "one error a connection");
                known.refused = true;
            }
            Kind::Timeout => known.timed_out += 1,
            Kind::Request | Kind::Body | Kind::End | Kind::Upgrade | Kind::Raw | Kind::Response => {
                assert!(!known.refused, "nothing is parsed after an error");
            }
            Kind::Demand => panic!("what has a socket is read from"),
            Kind::Connection | Kind::Connected | Kind::Closed | Kind::Moved | Kind::Eof | Kind::Ack => {}
        }
    }
}

/// The first byte: leniency. The rest: what happens.
pub fn connection(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    let mut world = World::new(if first & 1 != 0 { Validation::Insecure } else { Validation::Strict });
    let mut input = Unstructured::new(rest);
    while !input.is_empty() {
        if world.step(&mut input).is_err() {
            break;
        }
    }
    for (index, known) in &world.known {
        if let Some(socket) = &known.line {
            socket.0.borrow_mut().fails = true;
            world.connections.wake(index / STRIDE);
        }
    }
    // Connections that do not read find out when they write.
    let closing: Vec<u8> = world
        .known
        .iter()
        .flat_map(|(index, known)| command_record(Op::Close, 0, (*index, known.generation), 0, 0, b""))
        .collect();
    world.connections.apply_records(&closing);
    world.refuses = false;
    world.run();
    assert!(world.known.is_empty(), "whatever is closed says so");
    assert_eq!(world.port.live(), 0);
}
