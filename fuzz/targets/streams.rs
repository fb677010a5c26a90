//! Streams that JavaScript owns: it gives what they bring, cut as it likes, in the call that parses it; commands, ends and deadlines
//! come in any order. There is no transport: what is to be checked is what JavaScript is told, and when it is to give more.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use turnout::engine::deadline::Timeouts;
use turnout::engine::h1::{Config, Validation};
use turnout::engine::layout::places::{IN_GIVEN, IN_RECORD};
use turnout::engine::layout::record::{Body, Closed, ParseError, Raw, Request, Upgrade};
use turnout::engine::layout::{self, demand_flags, feed_flags, Kind, Op, Prefix, Record};
use turnout::engine::net::command::Target;
use turnout::engine::net::event::Batch;
use turnout::engine::net::port::Port;
use turnout::engine::net::server::ServerConfig;
use turnout::engine::net::streams::{Streams, NUMBER};

use super::connection::TEXTS;
use super::support::command_record;

/// Streams at once.
const MOST: usize = 4;
/// Calls that one event may cause.
const CALLS: usize = 10_000;
/// The server's number.
const SERVER: u32 = 1;

/// What JavaScript knows of a connection.
#[derive(Default)]
struct Known {
    generation: u32,
    requests: u32,
    refused: bool,
    ended: bool,
    /// How often JavaScript has said that the input ends, by the stream or by FEED, less how often it has heard so.
    ends: u32,
    /// JavaScript is to give no more.
    waits: bool,
}

struct World {
    streams: Streams,
    port: Arc<Port>,
    known: HashMap<u32, Known>,
}

impl World {
    /// `hasty`: every deadline has passed when it is looked at.
    fn new(validation: Validation, hasty: bool) -> World {
        let limit = if hasty { Duration::from_nanos(1) } else { Duration::from_secs(3600) };
        let timeouts = Timeouts { keep_alive: limit, head: limit, request: limit, check_interval: limit };
        let http = Arc::new(Config { validation, ..Config::default() });
        let port = Arc::new(Port::new(Box::new(|| {})));
        let mut streams = Streams::new(port.clone());
        streams.add_server(SERVER, ServerConfig { no_delay: true, keep_alive: None, hold: false, timeouts, http });
        World { streams, port, known: HashMap::new() }
    }

    /// One event, and whatever follows from it.
    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        match input.int_in_range(0..=8)? {
            0 => self.open(input)?,
            1 | 2 => {
                let text = *input.choose(&TEXTS)?;
                self.give(input, text)?;
            }
            3 => {
                let length = input.int_in_range(0..=40)?;
                let bytes = input.bytes(length.min(input.len()))?;
                self.give(input, bytes)?;
            }
            4 => {
                let bytes = vec![b'z'; usize::from(input.arbitrary::<u16>()?)];
                self.give(input, &bytes)?;
            }
            5 => {
                let target = self.any(input)?;
                if let Some(known) = self.known_of(target) {
                    known.ended = true;
                    known.ends += 1;
                    self.streams.end(target);
                    self.hear(None);
                }
            }
            _ => self.command(input)?,
        }
        self.run();
        Ok(())
    }

    fn open(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        if self.known.len() >= MOST {
            return Ok(());
        }
        let server = if input.ratio(1, 3)? { None } else { Some(SERVER) };
        let Ok(target) = self.streams.open(server, input.arbitrary()?) else { panic!("there is such a server") };
        assert_eq!(target.thread(), NUMBER, "it is known as a stream");
        let known = Known { generation: target.generation, ..Known::default() };
        assert!(self.known.insert(target.index, known).is_none(), "an index is reused after CLOSED only");
        Ok(())
    }

    /// One of those there are; now and then one that there is not, or its former owner.
    fn any(&self, input: &mut Unstructured<'_>) -> Result<Target> {
        let mut indexes: Vec<u32> = self.known.keys().copied().collect();
        indexes.sort_unstable();
        let index =
            if indexes.is_empty() || input.ratio(1, 16)? { input.arbitrary()? } else { *input.choose(&indexes)? };
        let generation = self.known.get(&index).map_or(0, |known| known.generation);
        let stale = input.ratio(1, 16)?;
        Ok(Target { index, generation: if stale { generation.wrapping_sub(1) } else { generation } })
    }

    fn known_of(&mut self, target: Target) -> Option<&mut Known> {
        self.known.get_mut(&target.index).filter(|known| known.generation == target.generation)
    }

    /// A stream brings `bytes`, in as many pieces as it likes, also those that nobody wanted yet; none come after its end.
    fn give(&mut self, input: &mut Unstructured<'_>, bytes: &[u8]) -> Result<()> {
        let target = self.any(input)?;
        if self.known_of(target).is_some_and(|known| known.ended) {
            return Ok(());
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let at = if input.ratio(1, 2)? { rest.len() } else { input.int_in_range(1..=rest.len())? };
            let (piece, more) = rest.split_at(at);
            let mut piece = piece.to_vec();
            let here = input.ratio(3, 4)?;
            self.streams.give(target, &mut piece, here);
            self.hear(here.then_some(piece.len()));
            rest = more;
            if input.ratio(1, 4)? {
                self.run();
            }
        }
        Ok(())
    }

    fn command(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let target = self.any(input)?;
        // Writes and decisions are for a request that has come, mostly.
        let latest = self.known_of(target).map_or(0, |known| known.requests);
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
        // The program may end the input itself.
        if op == Op::Feed && flags & feed_flags::END != 0 {
            if let Some(known) = self.known_of(target) {
                known.ends += 1;
            }
        }
        let record = command_record(op, flags, (target.index, target.generation), argument, head_length, &payload);
        self.streams.commands(&record);
        Ok(())
    }

    /// Serves until everything rests.
    fn run(&mut self) {
        let mut calls = 0;
        while self.streams.serve() {
            self.hear(None);
            calls += 1;
            assert!(calls < CALLS, "streams come to rest");
        }
        self.hear(None);
    }

    /// JavaScript takes the records. `given`: so many bytes have just been given, and records may say where in them something is.
    fn hear(&mut self, given: Option<usize>) {
        let mut batch = Batch::default();
        self.streams.give_outbox(&mut batch);
        assert!(batch.blocks.is_empty(), "nothing is read");
        let mut rest = &batch.records[..];
        while !rest.is_empty() {
            let (Prefix { number, size, index, flags, .. }, _) = Prefix::read(rest).expect("records are whole");
            assert!(size >= Prefix::SIZE && size.is_multiple_of(4) && size <= rest.len(), "records are whole");
            let kind = Kind::of(number).unwrap_or_else(|| panic!("kind {number} is none of the engine's"));
            self.record(kind, flags, index, &rest[..size], given);
            rest = &rest[size..];
        }
    }

    fn record(&mut self, kind: Kind, flags: u32, index: u32, record: &[u8], given: Option<usize>) {
        let payload = Body::read(record)
            .map(|words| words.payload)
            .or(Raw::read(record).map(|words| words.payload))
            .or(Upgrade::read(record).map(|words| words.payload))
            .or(ParseError::read(record).map(|words| words.payload));
        if let Some(payload) = &payload {
            check_place(payload, given);
        }
        if matches!(kind, Kind::Closed | Kind::Moved) {
            assert!(self.known.remove(&index).is_some(), "CLOSED comes once, or MOVED in its place");
            let errno = Closed::read(record).map_or(0, |words| words.errno);
            assert_eq!(errno, 0, "there is no socket that could fail");
            return;
        }
        let known = self.known.get_mut(&index).expect("only open connections are heard of");
        if let Some(Request { seq, .. }) = Request::read(record) {
            known.requests += 1;
            assert_eq!(seq, known.requests, "requests are numbered");
        }
        match kind {
            Kind::Demand => {
                let waits = flags & demand_flags::MORE == 0;
                assert_ne!(known.waits, waits, "it says so when that changes");
                known.waits = waits;
            }
            Kind::ParseError => {
                assert!(!known.refused, "one error a connection");
                known.refused = true;
            }
            Kind::Eof => {
                known.ends = known.ends.checked_sub(1).expect("input ends when JavaScript says so");
            }
            Kind::Request | Kind::Body | Kind::End | Kind::Upgrade | Kind::Raw | Kind::Response => {
                assert!(!known.refused, "nothing is parsed after an error");
            }
            Kind::Timeout | Kind::Ack => {}
            Kind::Closed | Kind::Moved => unreachable!(),
            Kind::Connection | Kind::Connected => panic!("JavaScript knows its streams: {kind:?}"),
        }
    }
}

/// A payload lies in its record, or in the bytes that have just been given.
fn check_place(payload: &layout::Payload, given: Option<usize>) {
    if payload.place as i32 == IN_RECORD {
        return;
    }
    assert_eq!(payload.place as i32, IN_GIVEN, "nothing is read");
    let given = given.expect("records that come later have their payloads with them");
    assert!(payload.offset as usize + payload.length as usize <= given, "a payload lies in what was given");
}

/// The first byte: leniency, haste. The rest: what happens.
pub fn streams(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    let mut world = World::new(if first & 1 != 0 { Validation::Insecure } else { Validation::Strict }, first & 6 == 6);
    let mut input = Unstructured::new(rest);
    while !input.is_empty() {
        if world.step(&mut input).is_err() {
            break;
        }
    }
    world.run();
    let closing: Vec<u8> = world
        .known
        .iter()
        .flat_map(|(index, known)| command_record(Op::Close, 0, (*index, known.generation), 0, 0, b""))
        .collect();
    world.streams.commands(&closing);
    world.run();
    assert!(world.known.is_empty(), "whatever is closed says so");
    assert!(world.streams.is_empty());
    assert_eq!(world.port.live(), 0);
}
