//! Both drivers over real loopback sockets, without Node: every test runs on each.

mod support;

use std::io::{self, Read, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use turnout::engine::deadline::Timeouts;
use turnout::engine::h1;
use turnout::engine::layout::connection_flags::HELD;
use turnout::engine::layout::decide_flags::ACCEPTED;
use turnout::engine::layout::message_flags::{KEEP_ALIVE, UPGRADE};
use turnout::engine::layout::record::*;
use turnout::engine::layout::upgrade_flags::COMPLETE;
use turnout::engine::layout::write_flags::{ACK, CLOSE, LAST};
use turnout::engine::layout::Record as _;
use turnout::engine::layout::{
    self, expect_flags, feed_flags, moved_flags, tap, tap_flags, Expired, Family, Kind, Op, Prefix, Reader,
};
#[cfg(unix)]
use turnout::engine::net::blocks::OwnedBlocks;
use turnout::engine::net::command::{Target, Write};
use turnout::engine::net::connection::Copied;
use turnout::engine::net::connections::STRIDE;
use turnout::engine::net::connector::{connect, mark, Remote};
use turnout::engine::net::event::Batch;
#[cfg(unix)]
use turnout::engine::net::inline::Inline;
use turnout::engine::net::listener::{bind, Bound, Endpoint};
use turnout::engine::net::port::Port;
use turnout::engine::net::server::ServerConfig;
use turnout::engine::net::std_stream::StdStream;
use turnout::engine::net::threads::ShardHandle;
#[cfg(unix)]
use turnout::engine::output::Part;

use support::command_record;

const PATIENCE: Duration = Duration::from_secs(10);

/// How a driver runs, as the binding would have it.
trait Driver {
    fn start(listener: Bound, config: ServerConfig) -> Self;
    /// Everything said since the last call, at least one record.
    fn wait(&mut self) -> Batch;
    fn commands(&mut self, records: &[u8]);
    fn connect(&mut self, connecting: StdStream, token: u32);
    fn abandon(&mut self, token: u32);
    fn adopt(&mut self, accepted: StdStream);
    fn copy(&mut self, to: (u32, u32), stays: bool) -> io::Result<Copied>;
    fn stop(&mut self);
}

/// One shard of the threads driver.
struct Threads {
    port: Arc<Port>,
    shard: ShardHandle,
    woken: mpsc::Receiver<()>,
}

impl Driver for Threads {
    fn start(listener: Bound, config: ServerConfig) -> Self {
        let (sender, woken) = mpsc::channel();
        let port = Arc::new(Port::new(Box::new(move || {
            let _ = sender.send(());
        })));
        let shard = ShardHandle::start(port.clone(), 1).unwrap();
        shard.listen(1, listener, config);
        Threads { port, shard, woken }
    }

    fn wait(&mut self) -> Batch {
        self.woken.recv_timeout(PATIENCE).expect("nothing was said");
        let mut batch = Batch::default();
        self.port.take(&mut batch);
        batch
    }

    fn commands(&mut self, records: &[u8]) {
        self.shard.commands(records);
    }

    fn connect(&mut self, connecting: StdStream, token: u32) {
        self.shard.connect(connecting, token);
    }

    fn abandon(&mut self, token: u32) {
        self.shard.abandon(token);
    }

    fn adopt(&mut self, accepted: StdStream) {
        self.shard.adopt(1, accepted);
    }

    fn copy(&mut self, (index, generation): (u32, u32), stays: bool) -> io::Result<Copied> {
        self.shard.copy(Target { index, generation }, stays)
    }

    fn stop(&mut self) {
        self.shard.stop();
    }
}

/// The inline driver, with a poll of the test's in the place of Node's loop.
#[cfg(unix)]
struct OnLoop {
    inline: Inline,
    blocks: OwnedBlocks,
    outer: mio::Poll,
    turns: usize,
}

#[cfg(unix)]
impl Driver for OnLoop {
    fn start(listener: Bound, config: ServerConfig) -> Self {
        let mut inline = Inline::new(Arc::new(Port::new(Box::new(|| {})))).unwrap();
        inline.listen(1, listener, config).unwrap();
        let outer = mio::Poll::new().unwrap();
        let descriptor = inline.descriptor();
        let mut source = mio::unix::SourceFd(&descriptor);
        outer.registry().register(&mut source, mio::Token(0), mio::Interest::READABLE).unwrap();
        OnLoop { inline, blocks: OwnedBlocks::default(), outer, turns: 0 }
    }

    fn wait(&mut self) -> Batch {
        let give_up = Instant::now() + PATIENCE;
        loop {
            self.turns += 1;
            self.inline.turn(&mut self.blocks);
            if !self.inline.connections.outbox.is_empty() {
                self.blocks.kept.clear();
                return std::mem::take(&mut self.inline.connections.outbox);
            }
            let now = Instant::now();
            assert!(now < give_up, "nothing was said");
            if !self.inline.has_more() {
                let until = self.inline.next_deadline().map_or(give_up, |at| at.min(give_up));
                // The inner poll is level-triggered for the loop that watches it; this outer one is edge-triggered.
                let limit = until.saturating_duration_since(now).min(Duration::from_millis(5));
                self.outer.poll(&mut mio::Events::with_capacity(4), Some(limit)).unwrap();
            }
        }
    }

    fn commands(&mut self, records: &[u8]) {
        self.inline.connections.apply_records(records);
        self.inline.connections.flush_dirty();
    }

    fn connect(&mut self, connecting: StdStream, token: u32) {
        self.inline.connect(connecting, token).unwrap();
    }

    fn abandon(&mut self, token: u32) {
        self.inline.abandon(token);
    }

    fn adopt(&mut self, accepted: StdStream) {
        self.inline.adopt(1, accepted).unwrap();
    }

    fn copy(&mut self, (index, generation): (u32, u32), stays: bool) -> io::Result<Copied> {
        self.inline.copy(Target { index, generation }, stays)
    }

    fn stop(&mut self) {
        self.inline.connections.stop();
    }
}

struct Engine<D> {
    driver: D,
    address: SocketAddr,
    pending: Vec<Record>,
}

/// A record as JavaScript would see it.
#[derive(Clone, Debug)]
struct Record {
    kind: Kind,
    bytes: Vec<u8>,
}

/// The same, of a kind that is known: its words, and the bytes behind them.
struct Told<R> {
    flags: u32,
    index: u32,
    words: R,
    bytes: Vec<u8>,
}

impl Record {
    fn told<R: layout::Record>(&self) -> Told<R> {
        let (prefix, _) = Prefix::read(&self.bytes).unwrap();
        let bytes = self.bytes[Prefix::SIZE + 4 * R::COUNT..].to_vec();
        Told { flags: prefix.flags, index: prefix.index, words: R::read(&self.bytes).unwrap(), bytes }
    }
}

fn records(batch: &Batch) -> Vec<Record> {
    let mut rest = &batch.records[..];
    let mut out = Vec::new();
    while let Some((prefix, _)) = Prefix::read(rest) {
        out.push(Record { kind: Kind::of(prefix.number).unwrap(), bytes: rest[..prefix.size].to_vec() });
        rest = &rest[prefix.size..];
    }
    out
}

impl<D: Driver> Engine<D> {
    fn start(timeouts: Timeouts) -> Self {
        Self::start_with(timeouts, false)
    }

    fn start_with(timeouts: Timeouts, hold: bool) -> Self {
        let endpoint =
            Endpoint::Tcp { address: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 0, ipv6_only: false, reuse_port: false };
        let bound = bind(&endpoint, 511).unwrap();
        let address = bound.local_addr().unwrap();
        let config =
            ServerConfig { no_delay: true, keep_alive: None, hold, timeouts, http: Arc::new(h1::Config::default()) };
        Engine { driver: D::start(bound, config), address, pending: Vec::new() }
    }

    /// The next record of a kind; what comes before it is kept.
    fn next<R: layout::Record>(&mut self) -> Told<R> {
        loop {
            if let Some(at) = self.pending.iter().position(|record| record.kind == R::KIND) {
                return self.pending.remove(at).told();
            }
            let batch = self.driver.wait();
            self.pending.extend(records(&batch));
        }
    }

    fn command(&mut self, op: Op, flags: u32, to: (u32, u32), argument: u32, payload: &[u8]) {
        let record = command_record(op, flags, to, argument, payload.len() as u32, payload);
        self.driver.commands(&record);
    }

    /// A client, and index and generation of its connection.
    fn connect(&mut self) -> (TcpStream, (u32, u32)) {
        let client = TcpStream::connect(self.address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let accepted = self.next::<Connection>();
        (client, (accepted.index, accepted.words.generation))
    }
}

const NEVER: Timeouts = Timeouts {
    keep_alive: Duration::ZERO,
    head: Duration::ZERO,
    request: Duration::ZERO,
    check_interval: Duration::ZERO,
};

fn answers_a_request_and_closes_after_the_last_write<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let (mut client, to) = engine.connect();
    client.write_all(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let request = engine.next::<Request>();
    assert_eq!(request.index, to.0);
    assert_eq!(&request.bytes[..2], b"/x");
    engine.command(Op::Write, LAST | CLOSE | ACK, to, request.words.seq, b"HTTP/1.1 200 OK\r\n\r\nhi");
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "HTTP/1.1 200 OK\r\n\r\nhi");
    assert_eq!(engine.next::<Ack>().words.flushed, answer.len() as u64);
    assert_eq!(engine.next::<Closed>().words.errno, 0);
}

fn hands_bytes_to_a_reader_and_parses_what_is_fed<D: Driver>() {
    let mut engine = Engine::<D>::start_with(NEVER, true);
    let (mut client, to) = engine.connect();
    client.write_all(b"GET /sent HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    // Held: what is fed comes first, although the peer's bytes have been there for longer.
    engine.command(Op::Feed, 0, to, 0, b"GET /fed HTTP/1.1\r\nHost: a\r\n\r\n");
    let fed = engine.next::<Request>();
    assert_eq!((&fed.bytes[..4], fed.words.seq), (&b"/fed"[..], 1));
    engine.command(Op::Tap, 0, to, Reader::Javascript.number(), b"");
    let raw = engine.next::<Raw>();
    assert_eq!(raw.words.payload.length, 31);
    engine.command(Op::Feed, 0, to, 0, b"GET /ha");
    engine.command(Op::Feed, 0, to, 0, b"lf HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(&engine.next::<Request>().bytes[..5], b"/half");
    engine.command(Op::Tap, 0, to, parser_after(31), b"");
    client.write_all(b"GET /parsed HTTP/1.1\r\nHost: a\r\n\r\nGET /cut").unwrap();
    assert_eq!(&engine.next::<Request>().bytes[..7], b"/parsed");
    // The end of what is fed is the end of the input: it cuts a head.
    engine.command(Op::Tap, 0, to, Reader::Nobody.number(), b"");
    engine.command(Op::Feed, feed_flags::END, to, 0, b"");
    engine.next::<ParseError>();
    engine.next::<Eof>();
}

/// The argument of a TAP by which the parser reads once JavaScript has had `bytes`.
fn parser_after(bytes: u32) -> u32 {
    Reader::Parser.number() | bytes << tap::HAD_SHIFT
}

fn the_parser_does_not_overtake_what_a_reader_has_not_fed_yet<D: Driver>() {
    let mut engine = Engine::<D>::start_with(NEVER, true);
    let (mut client, to) = engine.connect();
    engine.command(Op::Tap, tap_flags::PLAIN, to, Reader::Javascript.number(), b"");
    client.write_all(b"header;").unwrap();
    assert_eq!(engine.next::<Raw>().words.payload.length, 7);
    // Under way while JavaScript, which has had 7 bytes, has HTTP begin.
    client.write_all(b"GET /fi").unwrap();
    let under_way = engine.next::<Raw>();
    assert_eq!(under_way.words.payload.length, 7);
    engine.command(Op::Tap, 0, to, parser_after(7), b"");
    client.write_all(b"rst HT").unwrap();
    assert_eq!(engine.next::<Raw>().words.payload.length, 6);
    // So does what comes while it feeds one piece and has not had the next.
    engine.command(Op::Feed, 0, to, 0, b"GET /fi");
    engine.command(Op::Tap, 0, to, parser_after(14), b"");
    client.write_all(b"TP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(engine.next::<Raw>().words.payload.length, 19);
    engine.command(Op::Feed, 0, to, 0, b"rst HTTP/1.1\r\nHost: a\r\n\r\n");
    engine.command(Op::Tap, 0, to, parser_after(39), b"");
    assert_eq!(&engine.next::<Request>().bytes[..6], b"/first");
    client.write_all(b"GET /second HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(&engine.next::<Request>().bytes[..7], b"/second");
    assert!(engine.pending.iter().all(|record| record.kind != Kind::Raw));
}

fn counts_no_limit_before_http_begins<D: Driver>() {
    let mut engine = Engine::<D>::start_with(Timeouts { head: Duration::from_millis(150), ..NEVER }, true);
    let (_first, plain) = engine.connect();
    engine.command(Op::Tap, tap_flags::PLAIN, plain, Reader::Nobody.number(), b"");
    let (_second, clock) = engine.connect();
    // It is the second's, whose limit passes after that of the first would have.
    assert_eq!(engine.next::<Timeout>().index, clock.0);
    engine.command(Op::Tap, tap_flags::PLAIN, plain, Reader::Javascript.number(), b"");
    let (_third, clock) = engine.connect();
    assert_eq!(engine.next::<Timeout>().index, clock.0);
    engine.command(Op::Tap, 0, plain, Reader::Javascript.number(), b"");
    assert_eq!(engine.next::<Timeout>().index, plain.0);
}

fn tells_of_a_held_connection<D: Driver>() {
    let mut engine = Engine::<D>::start_with(NEVER, true);
    let _client = TcpStream::connect(engine.address).unwrap();
    assert_eq!(engine.next::<Connection>().flags, HELD | Family::Ipv4.number());
}

fn serves_a_connection_that_somebody_else_has_accepted<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    // Until it answers, it may not know of the server yet.
    let _first = engine.connect();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let (stream, from) = listener.accept().unwrap();
    // Sent before the engine knows of the connection.
    client.write_all(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    stream.set_nonblocking(true).unwrap();
    engine.driver.adopt(StdStream::Tcp(stream));
    let accepted = engine.next::<Connection>();
    assert_eq!((accepted.words.ends.remote_port, accepted.flags), (u32::from(from.port()), Family::Ipv4.number()));
    let request = engine.next::<Request>();
    assert_eq!(&request.bytes[..2], b"/x");
    engine.command(
        Op::Write,
        LAST | CLOSE | ACK,
        (accepted.index, accepted.words.generation),
        request.words.seq,
        b"ok",
    );
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "ok");
}

fn gives_a_connection_to_another_process_with_what_it_has_read<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let (mut client, to) = engine.connect();
    client.write_all(b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").unwrap();
    let seq = engine.next::<Request>().words.seq;
    engine.command(Op::Decide, ACCEPTED, to, seq, b"");
    engine.command(Op::Write, 0, to, seq, b"ours;");
    assert_eq!(
        engine.driver.copy((to.0, to.1 + 1), false).err().map(|error| error.kind()),
        Some(io::ErrorKind::WouldBlock)
    );
    let copied = engine.driver.copy(to, false).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((copied.untold.as_slice(), copied.bytes_read), (&b""[..], 51));
    // It is held: these bytes are the other's.
    client.write_all(b"theirs").unwrap();
    engine.command(Op::Release, 0, to, 0, b"");
    assert_eq!(engine.next::<Moved>().index, to.0);
    let mut theirs = std::net::TcpStream::from(copied.socket);
    theirs.set_nonblocking(false).unwrap();
    let mut heard = [0; 6];
    theirs.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"theirs");
    theirs.write_all(b"and theirs").unwrap();
    drop(theirs);
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    assert_eq!(text, "ours;and theirs");

    // In the midst of a head; and a connection that stays, which others are served beside.
    let (mut client, to) = engine.connect();
    client.write_all(b"GET /part HTT").unwrap();
    let give_up = Instant::now() + PATIENCE;
    let copied = loop {
        let copied = engine.driver.copy(to, true).unwrap_or_else(|error| panic!("{error}"));
        if copied.bytes_read > 0 {
            break copied;
        }
        assert!(Instant::now() < give_up);
        let _ = TcpStream::connect(engine.address).unwrap();
        engine.next::<Connection>();
    };
    assert_eq!((copied.untold.len(), copied.bytes_read), (0, 13));
    assert_eq!(engine.driver.copy(to, false).unwrap_or_else(|error| panic!("{error}")).untold, b"GET /part HTT");
    engine.command(Op::Tap, 0, to, Reader::Parser.number(), b"");
    client.write_all(b"P/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(&engine.next::<Request>().bytes[..5], b"/part");
    // What was copied and is still held by others does not keep the driver's own descriptor watched.
    engine.command(Op::Close, 0, to, 0, b"");
    engine.next::<Closed>();
    drop(copied);
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn marks_what_a_connection_sends() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(listener) = std::net::TcpListener::bind(address) else { continue };
        let stream = connect(&Remote::Tcp { address: listener.local_addr().unwrap(), local: None }).unwrap();
        mark(&stream, 0x28);
        let StdStream::Tcp(stream) = stream else { panic!("no TCP stream") };
        let socket = socket2::SockRef::from(&stream);
        assert_eq!(if address.starts_with('[') { socket.tclass_v6() } else { socket.tos_v4() }.unwrap(), 0x28);
    }
}

/// Our end and the peer's of an outgoing connection, its index and generation.
fn outgoing<D: Driver>(
    engine: &mut Engine<D>,
    listener: &std::net::TcpListener,
    token: u32,
) -> (TcpStream, (u32, u32)) {
    let address = listener.local_addr().unwrap();
    engine.driver.connect(connect(&Remote::Tcp { address, local: None }).unwrap(), token);
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let connected = engine.next::<Connected>();
    assert_eq!((connected.words.token, connected.words.errno, connected.flags), (token, 0, Family::Ipv4.number()));
    assert_eq!(connected.words.ends.remote_port, u32::from(address.port()));
    (peer, (connected.index, connected.words.generation))
}

fn connects_asks_and_hears_the_answers<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut peer, to) = outgoing(&mut engine, &listener, 7);
    for seq in 1..=2 {
        engine.command(Op::Expect, if seq == 2 { expect_flags::HEAD } else { 0 }, to, seq, b"");
        engine.command(Op::Write, LAST | ACK, to, seq, b"GET / HTTP/1.1\r\n\r\n");
        let mut request = [0; 18];
        peer.read_exact(&mut request).unwrap();
        assert_eq!(engine.next::<Ack>().words.flushed, 18 * u64::from(seq));
        peer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n").unwrap();
        let response = engine.next::<Response>();
        assert_eq!((response.index, response.words.seq, response.words.line.code), (to.0, seq, 200));
        assert_eq!(&response.bytes[..2], b"OK");
        if seq == 1 {
            peer.write_all(b"hi").unwrap();
            let body = engine.next::<Body>();
            assert_eq!((body.words.payload.length, &body.bytes[..2]), (2, &b"hi"[..]));
            engine.next::<End>();
        } else {
            assert_eq!(response.flags, KEEP_ALIVE);
        }
    }
    drop(peer);
    engine.next::<Eof>();
    engine.command(Op::Close, 0, to, 0, b"");
    assert_eq!(engine.next::<Closed>().words.errno, 0);
}

fn hands_over_what_follows_a_101<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut peer, to) = outgoing(&mut engine, &listener, 1);
    engine.command(Op::Expect, 0, to, 1, b"");
    engine.command(Op::Write, LAST, to, 1, b"x");
    peer.write_all(b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhead").unwrap();
    assert_eq!(engine.next::<Response>().flags & UPGRADE, UPGRADE);
    let upgrade = engine.next::<Upgrade>();
    assert_eq!(&upgrade.bytes[..4], b"head");
    peer.write_all(b"raw").unwrap();
    assert_eq!(&engine.next::<Raw>().bytes[..3], b"raw");
    engine.command(Op::Write, 0, to, 2, b"back");
    let mut answer = [0; 5];
    peer.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"xback");
}

fn reads_while_its_own_request_cannot_leave<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut peer, to) = outgoing(&mut engine, &listener, 1);
    engine.command(Op::Expect, 0, to, 1, b"");
    engine.command(Op::Write, 0, to, 1, &vec![b'x'; 16 * 1024 * 1024]);
    peer.write_all(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n").unwrap();
    assert_eq!(engine.next::<Response>().words.line.code, 413);
}

fn says_why_it_cannot_connect<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    // A port that was free a moment ago.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    match connect(&Remote::Tcp { address, local: None }) {
        Ok(connecting) => {
            engine.driver.connect(connecting, 9);
            let refused = engine.next::<Connected>();
            assert_eq!(refused.words.token, 9);
            let error = std::io::Error::from_raw_os_error(refused.words.errno);
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
        }
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused),
    }
}

fn forgets_a_connection_that_is_given_up<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    engine.driver.connect(connect(&Remote::Tcp { address, local: None }).unwrap(), 3);
    engine.driver.abandon(3);
    // The next to be told of is another, unless the first had been quicker than the command.
    engine.driver.connect(connect(&Remote::Tcp { address, local: None }).unwrap(), 4);
    let mut token = 3;
    while token == 3 {
        token = engine.next::<Connected>().words.token;
    }
    assert_eq!(token, 4);
}

fn drops_commands_of_an_earlier_generation<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let (client, first) = engine.connect();
    drop(client);
    engine.next::<Eof>();
    engine.command(Op::Shutdown, 0, first, 0, b"");
    engine.next::<Closed>();
    let (mut client, second) = engine.connect();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    engine.next::<Request>();
    assert_ne!(first, second);
    if first.0 == second.0 {
        engine.command(Op::Write, LAST, first, 1, b"old");
    }
    engine.command(Op::Write, LAST, second, 1, b"new");
    let mut answer = [0; 3];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"new");
}

fn waits_for_the_decision_and_then_hands_over_raw_bytes<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let (mut client, to) = engine.connect();
    client.write_all(b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhead").unwrap();
    let request = engine.next::<Request>();
    let upgrade = engine.next::<Upgrade>();
    assert_eq!((upgrade.flags, upgrade.words.payload.length), (COMPLETE, 4));
    client.write_all(b"raw").unwrap();
    engine.command(Op::Decide, ACCEPTED, to, request.words.seq, b"");
    let raw = engine.next::<Raw>();
    assert_eq!(&raw.bytes[..3], b"raw");
    engine.command(Op::Write, 0, to, request.words.seq, b"back");
    let mut answer = [0; 4];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"back");
}

fn stops_reading_at_the_window_and_goes_on_with_credit<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let (mut client, to) = engine.connect();
    let size = 4 * 1024 * 1024;
    client.write_all(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n").as_bytes()).unwrap();
    engine.next::<Request>();
    let writer = std::thread::spawn(move || client.write_all(&vec![b'x'; size]).map(|()| client).unwrap());
    let (mut received, mut uncredited) = (0, 0);
    while received < size {
        let body = engine.next::<Body>();
        received += body.words.payload.length as usize;
        uncredited += body.words.payload.length;
        assert!(uncredited <= 256 * 1024, "{uncredited} bytes without credit");
        if uncredited >= 128 * 1024 {
            engine.command(Op::Credit, 0, to, uncredited, b"");
            uncredited = 0;
        }
    }
    engine.next::<End>();
    writer.join().unwrap();
}

fn tells_of_expired_deadlines_once<D: Driver>() {
    let mut engine = Engine::<D>::start(Timeouts { head: Duration::from_millis(20), ..NEVER });
    let (mut client, _) = engine.connect();
    client.write_all(b"GET / HT").unwrap();
    assert_eq!(engine.next::<Timeout>().flags, Expired::Head.number());
    drop(client);
    engine.next::<Eof>();
    assert!(!engine.pending.iter().any(|record| record.kind == Kind::Timeout));
}

fn sends_what_was_asked_before_it_stops<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let (mut client, to) = engine.connect();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    engine.next::<Request>();
    engine.command(Op::Write, LAST, to, 1, b"last words");
    engine.driver.stop();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "last words");
}

fn serves_others_while_one_peer_sends_without_end<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let (mut endless, to) = engine.connect();
    endless.write_all(b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").unwrap();
    let request = engine.next::<Request>();
    engine.next::<Upgrade>();
    engine.command(Op::Decide, ACCEPTED, to, request.words.seq, b"");
    endless.set_write_timeout(Some(PATIENCE)).unwrap();
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = stop.clone();
    let writer = std::thread::spawn(move || {
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) && endless.write_all(&[b'x'; 64 * 1024]).is_ok() {}
    });
    let (mut polite, other) = engine.connect();
    for round in 1..=50 {
        polite.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut amount = 0;
        let answered = loop {
            let raw: u32 = engine
                .pending
                .iter()
                .filter(|record| record.kind == Kind::Raw)
                .filter_map(|record| Raw::read(&record.bytes))
                .map(|raw| raw.payload.length)
                .sum();
            engine.pending.retain(|record| record.kind != Kind::Raw);
            amount += raw as usize;
            engine.command(Op::Credit, 0, to, raw, b"");
            if let Some(at) = engine.pending.iter().position(|record| record.kind == Kind::Request) {
                break engine.pending.remove(at).told::<Request>();
            }
            let batch = engine.driver.wait();
            engine.pending.extend(records(&batch));
        };
        assert_eq!(answered.index, other.0);
        // Bytes that came from the endless peer while the other one waited for its turn.
        assert!(amount < 16 * 1024 * 1024, "{amount} bytes in round {round}");
        engine.command(Op::Write, LAST, other, answered.words.seq, b"ok");
        let mut answer = [0; 2];
        polite.read_exact(&mut answer).unwrap();
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    engine.driver.stop();
    writer.join().unwrap();
}

fn sends_a_large_answer_to_a_slow_peer_without_starving_another<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let (mut slow, to) = engine.connect();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let request = engine.next::<Request>();
    let size = 32 * 1024 * 1024;
    engine.command(Op::Write, LAST, to, request.words.seq, &vec![b'x'; size]);
    let (mut quick, other) = engine.connect();
    for _ in 0..20 {
        quick.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let request = engine.next::<Request>();
        engine.command(Op::Write, LAST, other, request.words.seq, b"ok");
        let mut answer = [0; 2];
        quick.read_exact(&mut answer).unwrap();
    }
    // The rest leaves as the peer reads, driven by writability alone.
    let reader = std::thread::spawn(move || {
        let mut all = vec![0; size];
        slow.read_exact(&mut all).unwrap();
        (slow, all.iter().all(|byte| *byte == b'x'))
    });
    // Its acknowledgement: the queue had passed the high-water mark.
    assert_eq!(engine.next::<Ack>().words.flushed as usize, size);
    assert!(reader.join().unwrap().1);
}

fn many_connections_at_once_all_get_their_answer<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let clients: Vec<TcpStream> = (0..300)
        .map(|_| {
            let mut client = TcpStream::connect(engine.address).unwrap();
            client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
            client
        })
        .collect();
    let mut generations = std::collections::HashMap::new();
    for _ in 0..clients.len() {
        let accepted = engine.next::<Connection>();
        generations.insert(accepted.index, accepted.words.generation);
    }
    for _ in 0..clients.len() {
        let request = engine.next::<Request>();
        let to = (request.index, generations[&request.index]);
        engine.command(Op::Write, LAST | CLOSE, to, request.words.seq, b"ok");
    }
    for mut client in clients {
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "ok");
    }
    for _ in 0..generations.len() {
        engine.next::<Closed>();
    }
}

/// An idle loop is not called: no turn happens without a cause.
#[cfg(unix)]
#[test]
fn the_inline_driver_has_nothing_to_do_while_sockets_are_idle() {
    let mut engine = Engine::<OnLoop>::start(NEVER);
    let clients: Vec<_> = (0..50).map(|_| engine.connect()).collect();
    engine.driver.inline.turn(&mut engine.driver.blocks);
    assert!(!engine.driver.inline.has_more());
    // Level-triggered for whoever watches: a fresh registration would report at once what has not been taken note of.
    let descriptor = engine.driver.inline.descriptor();
    let mut fresh = mio::Poll::new().unwrap();
    let mut source = mio::unix::SourceFd(&descriptor);
    fresh.registry().register(&mut source, mio::Token(0), mio::Interest::READABLE).unwrap();
    let mut events = mio::Events::with_capacity(4);
    fresh.poll(&mut events, Some(Duration::from_millis(50))).unwrap();
    assert!(events.is_empty(), "the descriptor of an idle driver is readable");
    drop(clients);
}

#[cfg(unix)]
#[test]
fn a_socket_has_the_no_delay_of_its_server_until_told_otherwise() {
    let mut engine = Engine::<OnLoop>::start(NEVER);
    let (_client, to) = engine.connect();
    let no_delay = |engine: &mut Engine<OnLoop>| {
        engine.driver.inline.connections.stream(0).unwrap().sock_ref().tcp_nodelay().unwrap()
    };
    assert!(no_delay(&mut engine));
    engine.command(Op::NoDelay, 0, to, 0, b"");
    assert!(!no_delay(&mut engine));
    engine.command(Op::NoDelay, 0, to, 1, b"");
    assert!(no_delay(&mut engine));
}

/// A write of an upgraded stream, to be told of.
#[cfg(unix)]
fn large_write((index, generation): (u32, u32), seq: u32) -> Write {
    Write { target: Target { index, generation }, ahead: false, part: Part { seq, flags: ACK, head: 0 } }
}

#[cfg(unix)]
#[test]
fn an_upgraded_stream_goes_from_its_thread_to_the_loop() {
    let mut from = Engine::<Threads>::start(NEVER);
    let mut to = Engine::<OnLoop>::start(NEVER);
    let (mut client, (index, generation)) = from.connect();
    let take = |from: &Engine<Threads>, handed: usize| {
        let handover = from.driver.port.handover(Target { index, generation })?;
        handover.take(handed as u64)
    };
    client.write_all(b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").unwrap();
    let request = from.next::<Request>();
    let seq = request.words.seq;
    from.command(Op::Decide, ACCEPTED, (index, generation), seq, b"");
    let large = vec![7; 40_000];
    assert!(from.driver.port.handover(Target { index, generation }).is_none(), "nothing large has been written");
    from.driver.shard.large(large_write((index, generation), seq), large.clone());
    assert_eq!(from.next::<Ack>().words.flushed, 40_000);
    assert!(from.driver.port.handover(Target { index, generation: generation + 1 }).is_none(), "another generation's");
    assert!(take(&from, 39_999).is_none());
    let stream = take(&from, 40_000).unwrap();
    let Target { index: taken, generation: again } = to.driver.inline.take_over(stream, seq, 40_000).unwrap();
    let taken = (taken, again);
    assert_eq!(taken.0 % STRIDE, 0);

    // It writes at once, after what has left, and reads when the thread has told all.
    to.command(Op::Write, ACK, taken, seq, b"next");
    assert_eq!(to.next::<Ack>().words.flushed, 40_004);
    client.write_all(b"early").unwrap();
    assert_eq!(&from.next::<Raw>().bytes[..5], b"early");
    from.command(Op::Release, 0, (index, generation), 0, b"");
    assert_eq!(from.next::<Moved>().flags, 0);
    client.write_all(b"late").unwrap();
    to.command(Op::Tap, 0, taken, Reader::Parser.number(), b"");
    assert_eq!(&to.next::<Raw>().bytes[..4], b"late");
    let mut answer = vec![0; 40_004];
    client.read_exact(&mut answer).unwrap();
    assert_eq!((&answer[..40_000], &answer[40_000..]), (&large[..], &b"next"[..]));

    // Nobody else holds the socket: its close is one.
    to.command(Op::Close, 0, taken, 0, b"");
    assert_eq!(client.read(&mut answer).unwrap(), 0);
    to.next::<Closed>();
    assert!(from.driver.port.handover(Target { index, generation }).is_none());
    assert_eq!(from.driver.port.live(), 0);
    from.driver.stop();
}

#[cfg(unix)]
#[test]
fn a_stream_whose_peer_has_ended_ends_once() {
    let mut from = Engine::<Threads>::start(NEVER);
    let mut to = Engine::<OnLoop>::start(NEVER);
    let (mut client, (index, generation)) = from.connect();
    client.write_all(b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").unwrap();
    let seq = from.next::<Request>().words.seq;
    from.command(Op::Decide, ACCEPTED, (index, generation), seq, b"");
    from.driver.shard.large(large_write((index, generation), seq), vec![7; 20_000]);
    from.next::<Ack>();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    from.next::<Eof>();
    let stream =
        from.driver.port.handover(Target { index, generation }).and_then(|handover| handover.take(20_000)).unwrap();
    let Target { index: taken, generation: again } = to.driver.inline.take_over(stream, seq, 20_000).unwrap();
    let taken = (taken, again);
    from.command(Op::Release, 0, (index, generation), 0, b"");
    assert_eq!(from.next::<Moved>().flags, moved_flags::ENDED);
    to.command(Op::Tap, 0, taken, Reader::Ended.number(), b"");
    // Both ends are shut after this: it closes by itself, without another EOF.
    to.command(Op::Shutdown, 0, taken, 0, b"");
    to.next::<Closed>();
    assert!(to.pending.iter().all(|record| record.kind != Kind::Eof));
}

macro_rules! on_each_driver {
    ($($name:ident)*) => {
        mod threads {
            $(#[test] fn $name() { super::$name::<super::Threads>(); })*
        }
        #[cfg(unix)]
        mod inline {
            $(#[test] fn $name() { super::$name::<super::OnLoop>(); })*
        }
    };
}

on_each_driver! {
    answers_a_request_and_closes_after_the_last_write
    hands_bytes_to_a_reader_and_parses_what_is_fed
    the_parser_does_not_overtake_what_a_reader_has_not_fed_yet
    counts_no_limit_before_http_begins
    tells_of_a_held_connection
    serves_a_connection_that_somebody_else_has_accepted
    connects_asks_and_hears_the_answers
    gives_a_connection_to_another_process_with_what_it_has_read
    hands_over_what_follows_a_101
    reads_while_its_own_request_cannot_leave
    says_why_it_cannot_connect
    forgets_a_connection_that_is_given_up
    drops_commands_of_an_earlier_generation
    waits_for_the_decision_and_then_hands_over_raw_bytes
    stops_reading_at_the_window_and_goes_on_with_credit
    tells_of_expired_deadlines_once
    sends_what_was_asked_before_it_stops
    serves_others_while_one_peer_sends_without_end
    sends_a_large_answer_to_a_slow_peer_without_starving_another
    many_connections_at_once_all_get_their_answer
}
