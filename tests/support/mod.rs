//! What the engine's tests share: a sink that writes events down as text, and ways of feeding a connection.
#![allow(dead_code)] // each test file uses a part

pub mod driven;
pub mod fake_socket;

use std::sync::Arc;

use turnout::engine::error::ParseError;
use turnout::engine::h1::{self, flags, Config, Expected, RequestHead, ResponseHead, Validation};
use turnout::engine::layout::{self, CommandWords, Op};
use turnout::engine::net::protocol::{Protocol, Sink};
use turnout::engine::phase::Phase;
use turnout::engine::raw;

/// Writes events down, one line each, bytes as latin1:
/// `R method version target flags name=value;…`, `B body` (adjacent ones joined), `E name=value;…` (also for requests
/// without a body, which have no `end`), `U head and raw bytes`, `! code reason @bytes_parsed`.
#[derive(Default)]
pub struct Recorder {
    pub events: Vec<String>,
    /// `end` was due for this request because its flags announced a body.
    body_due: bool,
    upgrading: bool,
}

/// Bytes as latin1 text.
pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// Latin1 text as bytes.
pub fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|char| u8::try_from(u32::from(char)).expect("latin1")).collect()
}

/// `name=value;` for each field.
pub fn fields(packed: &[u8]) -> String {
    if packed.is_empty() {
        return String::new();
    }
    let parts: Vec<&[u8]> = packed.split(|&byte| byte == 0).collect();
    assert_eq!(parts.len() % 2, 0, "names and values alternate");
    parts.chunks(2).map(|pair| format!("{}={};", latin1(pair[0]), latin1(pair[1]))).collect()
}

impl Recorder {
    fn append(&mut self, kind: &str, bytes: &[u8]) {
        match self.events.last_mut() {
            Some(last) if last.starts_with(kind) => last.push_str(&latin1(bytes)),
            _ => self.events.push(format!("{kind}{}", latin1(bytes))),
        }
    }
}

impl h1::Sink for Recorder {
    fn request(&mut self, _seq: u32, head: &RequestHead<'_>) {
        let keep_alive = if head.flags & flags::KEEP_ALIVE != 0 { "K" } else { "" };
        let upgrade = if head.flags & flags::UPGRADE != 0 { "U" } else { "" };
        self.events.push(format!(
            "R {} {}.{} {} {keep_alive}{upgrade} {}",
            head.method.name(),
            head.version.0,
            head.version.1,
            latin1(head.target),
            fields(head.fields)
        ));
        self.body_due = head.flags & flags::HAS_BODY != 0;
        self.upgrading = head.flags & flags::UPGRADE != 0;
        if !self.body_due {
            self.events.push("E ".to_owned());
        }
    }

    fn response(&mut self, _seq: u32, head: &ResponseHead<'_>) {
        assert!(fields(head.fields).matches(";").count() >= head.field_count as usize, "field_count");
        let keep_alive = if head.flags & flags::KEEP_ALIVE != 0 { "K" } else { "" };
        self.upgrading = head.flags & flags::UPGRADE != 0;
        let upgrade = if self.upgrading { "U" } else { "" };
        self.events.push(format!(
            "S {} {}.{} {:?} {keep_alive}{upgrade} {}",
            head.status,
            head.version.0,
            head.version.1,
            latin1(head.reason),
            fields(head.fields)
        ));
        self.body_due = head.flags & flags::HAS_BODY != 0;
        if !self.body_due && !self.upgrading {
            self.events.push("E ".to_owned());
        }
    }

    fn body(&mut self, _seq: u32, bytes: &[u8]) {
        assert!(self.body_due && !bytes.is_empty());
        self.append("B ", bytes);
    }

    fn end(&mut self, _seq: u32, trailers: &[u8]) {
        assert!(self.body_due);
        self.body_due = false;
        self.events.push(format!("E {}", fields(trailers)));
        if self.upgrading {
            self.events.push("U ".to_owned());
        }
    }

    fn upgrade(&mut self, _seq: u32, complete: bool, head: &[u8]) {
        assert!(self.upgrading && complete != self.body_due);
        if complete {
            self.append("U ", head);
        }
    }

    fn unasked(&mut self, bytes: &[u8]) {
        self.append("U ", bytes);
    }

    fn parse_error(&mut self, error: ParseError, bytes_parsed: usize, packet: &[u8]) {
        assert!(bytes_parsed <= packet.len(), "{error} @{bytes_parsed}");
        self.events.push(format!("! {} {} @{bytes_parsed}", error.code(), error.reason()));
    }
}

impl raw::Sink for Recorder {
    fn raw(&mut self, bytes: &[u8]) {
        self.append("U ", bytes);
    }
}

/// A connection of one role, through whatever it comes to speak.
pub struct Spoken(Protocol);

/// A server's connection.
pub fn serving(config: Arc<Config>) -> Spoken {
    Spoken(Protocol::server(config))
}

/// A client's connection.
pub fn asking(config: Arc<Config>) -> Spoken {
    Spoken(Protocol::client(config))
}

impl Spoken {
    pub fn receive(&mut self, bytes: &[u8], sink: &mut impl Sink) {
        self.0.receive(&mut bytes.to_vec(), sink);
    }

    pub fn expect(&mut self, request: Expected, max_header_size: Option<usize>, validation: Validation) {
        self.0.expect_response(request, max_header_size, validation);
    }

    pub fn is_upgraded(&self) -> bool {
        match &self.0 {
            Protocol::Server(conn) => conn.is_upgraded(),
            protocol => protocol.phase() == Phase::Upgraded,
        }
    }

    pub fn response_done(&mut self, sink: &mut impl Sink) {
        self.0.message_sent(sink);
    }
}

impl std::ops::Deref for Spoken {
    type Target = Protocol;

    fn deref(&self) -> &Protocol {
        &self.0
    }
}

impl std::ops::DerefMut for Spoken {
    fn deref_mut(&mut self) -> &mut Protocol {
        &mut self.0
    }
}

/// Feeds the reads and then a FIN to a connection that has sent one request.
pub fn response_events(config: &Config, request: Expected, reads: &[&[u8]]) -> Vec<String> {
    let mut conn = asking(Arc::new(config.clone()));
    conn.expect(request, None, Validation::Strict);
    let mut recorder = Recorder::default();
    for read in reads {
        conn.receive(read, &mut recorder);
    }
    conn.finish(&mut recorder);
    recorder.events
}

/// Feeds the reads to a fresh connection which accepts every upgrade and answers every request at once.
pub fn events_of(config: &Config, reads: &[&[u8]], fin: bool) -> Vec<String> {
    let mut conn = serving(Arc::new(config.clone()));
    let mut recorder = Recorder::default();
    for read in reads {
        conn.receive(read, &mut recorder);
        conn.decide(true, &mut recorder);
        while conn.unfinished() > 0 {
            conn.response_done(&mut recorder);
            conn.go_on(&mut recorder);
            conn.decide(true, &mut recorder);
        }
    }
    if fin {
        conn.finish(&mut recorder);
    }
    recorder.events
}

/// As [`events_of`], one byte per read, without the positions of errors.
pub fn events_by_byte(config: &Config, bytes: &[u8], fin: bool) -> Vec<String> {
    let reads: Vec<&[u8]> = bytes.chunks(1).collect();
    events_of(config, &reads, fin).iter().map(|event| without_position(event)).collect()
}

/// An error's line without ` @bytes_parsed`, other lines as they are.
pub fn without_position(event: &str) -> String {
    match event.rfind(" @") {
        Some(at) if event.starts_with("! ") => event[..at].to_owned(),
        _ => event.to_owned(),
    }
}

/// What Node's `insecureHTTPParser` is here.
pub fn lenient() -> Config {
    Config { validation: Validation::Insecure, ..Config::default() }
}

/// Checks each input, as one read and byte by byte, against the events that Node 26 has for it. The expectations were
/// taken from Node, not from the engine.
pub fn check(config: &Config, fin: bool, cases: &[(&str, &[&str])]) {
    for (input, expected) in cases {
        let input = bytes(input);
        let whole = events_of(config, &[&input], fin);
        assert_eq!(whole, *expected, "in one read: {:?}", latin1(&input));
        let expected: Vec<String> = expected.iter().map(|event| without_position(event)).collect();
        let by_byte = events_by_byte(config, &input, fin);
        assert_eq!(by_byte, expected, "byte by byte: {:?}", latin1(&input));
    }
}

/// A command as JavaScript packs it, for the connection `to`: its index and generation.
pub fn command_record(
    op: Op,
    flags: u32,
    (index, generation): (u32, u32),
    argument: u32,
    head_length: u32,
    payload: &[u8],
) -> Vec<u8> {
    let words = CommandWords { generation, argument, payload_length: payload.len() as u32, head_length };
    let mut record = Vec::new();
    layout::put(&mut record, op.number(), flags, index, &words, [payload, &[]]);
    record
}

/// A generator (xorshift64) good enough to choose sizes and cuts; seeded, so that a failure repeats.
pub struct Random(pub u64);

impl Random {
    /// The next number, below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
