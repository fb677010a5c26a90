//! Both drivers over real loopback sockets, without Node: every test runs on each.

mod support;

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use turnout::engine::deadline::Timeouts;
use turnout::engine::h1;
#[cfg(unix)]
use turnout::engine::net::blocks::OwnedBlocks;
use turnout::engine::net::connection::Copied;
use turnout::engine::net::connector::{connect, mark, Remote};
use turnout::engine::net::event::Batch;
#[cfg(unix)]
use turnout::engine::net::inline::Inline;
use turnout::engine::net::listener::{bind, Bound, Endpoint};
use turnout::engine::net::port::Port;
use turnout::engine::net::server::ServerConfig;
use turnout::engine::net::std_stream::StdStream;
use turnout::engine::net::threads::ShardHandle;

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
        self.shard.copy(index, generation, stays)
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
        self.inline.copy(index, generation, stays)
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
    kind: u32,
    flags: u32,
    index: u32,
    words: Vec<u32>,
    bytes: Vec<u8>,
}

fn records(batch: &Batch) -> Vec<Record> {
    let mut rest = &batch.records[..];
    let mut out = Vec::new();
    while rest.len() >= 12 {
        let word = |n: usize| u32::from_le_bytes(rest[4 * n..4 * n + 4].try_into().unwrap());
        let size = word(1) as usize;
        out.push(Record {
            kind: word(0) & 0xff,
            flags: word(0) >> 8,
            index: word(2),
            words: (0..size / 4).map(word).collect(),
            bytes: rest[..size].to_vec(),
        });
        rest = &rest[size..];
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
    fn next(&mut self, kind: u32) -> Record {
        loop {
            if let Some(at) = self.pending.iter().position(|record| record.kind == kind) {
                return self.pending.remove(at);
            }
            let batch = self.driver.wait();
            self.pending.extend(records(&batch));
        }
    }

    fn command(&mut self, op: u32, flags: u32, to: (u32, u32), argument: u32, payload: &[u8]) {
        let record = command_record(op, flags, to, argument, payload.len() as u32, payload);
        self.driver.commands(&record);
    }

    /// A client, and index and generation of its connection.
    fn connect(&mut self) -> (TcpStream, (u32, u32)) {
        let client = TcpStream::connect(self.address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let accepted = self.next(1);
        (client, (accepted.index, accepted.words[3]))
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
    let request = engine.next(2);
    assert_eq!(request.index, to.0);
    assert_eq!(&request.bytes[40..42], b"/x");
    engine.command(1, 2 | 4 | 8, to, request.words[3], b"HTTP/1.1 200 OK\r\n\r\nhi");
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "HTTP/1.1 200 OK\r\n\r\nhi");
    assert_eq!(engine.next(10).words[3], answer.len() as u32);
    assert_eq!(engine.next(11).words[3], 0);
}

fn hands_bytes_to_a_reader_and_parses_what_is_fed<D: Driver>() {
    const TAP: u32 = 13;
    const FEED: u32 = 14;
    let mut engine = Engine::<D>::start_with(NEVER, true);
    let (mut client, to) = engine.connect();
    client.write_all(b"GET /sent HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    // Held: what is fed comes first, although the peer's bytes have been there for longer.
    engine.command(FEED, 0, to, 0, b"GET /fed HTTP/1.1\r\nHost: a\r\n\r\n");
    let fed = engine.next(2);
    assert_eq!((&fed.bytes[40..44], fed.words[3]), (&b"/fed"[..], 1));
    engine.command(TAP, 0, to, 1, b"");
    let raw = engine.next(6);
    assert_eq!(raw.words[3], 31);
    engine.command(FEED, 0, to, 0, b"GET /ha");
    engine.command(FEED, 0, to, 0, b"lf HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(&engine.next(2).bytes[40..45], b"/half");
    engine.command(TAP, 0, to, 0, b"");
    client.write_all(b"GET /parsed HTTP/1.1\r\nHost: a\r\n\r\nGET /cut").unwrap();
    assert_eq!(&engine.next(2).bytes[40..47], b"/parsed");
    // The end of what is fed is the end of the input: it cuts a head.
    engine.command(TAP, 0, to, 2, b"");
    engine.command(FEED, 1, to, 0, b"");
    engine.next(8);
    engine.next(7);
}

fn tells_of_a_held_connection<D: Driver>() {
    let mut engine = Engine::<D>::start_with(NEVER, true);
    let _client = TcpStream::connect(engine.address).unwrap();
    assert_eq!(engine.next(1).flags, 8 | 4);
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
    let accepted = engine.next(1);
    assert_eq!((accepted.words[5], accepted.flags), (u32::from(from.port()), 4));
    let request = engine.next(2);
    assert_eq!(&request.bytes[40..42], b"/x");
    engine.command(1, 2 | 4 | 8, (accepted.index, accepted.words[3]), request.words[3], b"ok");
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "ok");
}

fn gives_a_connection_to_another_process_with_what_it_has_read<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let (mut client, to) = engine.connect();
    client.write_all(b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").unwrap();
    let seq = engine.next(2).words[3];
    engine.command(3, 1, to, seq, b"");
    engine.command(1, 0, to, seq, b"ours;");
    assert_eq!(
        engine.driver.copy((to.0, to.1 + 1), false).err().map(|error| error.kind()),
        Some(io::ErrorKind::WouldBlock)
    );
    let copied = engine.driver.copy(to, false).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((copied.untold.as_slice(), copied.bytes_read), (&b""[..], 51));
    // It is held: these bytes are the other's.
    client.write_all(b"theirs").unwrap();
    engine.command(15, 0, to, 0, b"");
    assert_eq!(engine.next(14).index, to.0);
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
        engine.next(1);
    };
    assert_eq!((copied.untold.len(), copied.bytes_read), (0, 13));
    assert_eq!(engine.driver.copy(to, false).unwrap_or_else(|error| panic!("{error}")).untold, b"GET /part HTT");
    engine.command(13, 0, to, 0, b"");
    client.write_all(b"P/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(&engine.next(2).bytes[40..45], b"/part");
    // What was copied and is still held by others does not keep the driver's own descriptor watched.
    engine.command(6, 0, to, 0, b"");
    engine.next(11);
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
    let connected = engine.next(13);
    assert_eq!((connected.words[4], connected.words[9], connected.flags), (token, 0, 4));
    assert_eq!(connected.words[5], u32::from(address.port()));
    (peer, (connected.index, connected.words[3]))
}

fn connects_asks_and_hears_the_answers<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut peer, to) = outgoing(&mut engine, &listener, 7);
    for seq in 1..=2 {
        engine.command(11, u32::from(seq == 2), to, seq, b"");
        engine.command(1, 2 | 8, to, seq, b"GET / HTTP/1.1\r\n\r\n");
        let mut request = [0; 18];
        peer.read_exact(&mut request).unwrap();
        assert_eq!(engine.next(10).words[3], 18 * seq);
        peer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n").unwrap();
        let response = engine.next(12);
        assert_eq!((response.index, response.words[3], response.words[4] & 0xffff), (to.0, seq, 200));
        assert_eq!(&response.bytes[40..42], b"OK");
        if seq == 1 {
            peer.write_all(b"hi").unwrap();
            let body = engine.next(3);
            assert_eq!((body.words[4], &body.bytes[28..30]), (2, &b"hi"[..]));
            engine.next(4);
        } else {
            assert_eq!(response.flags, 1);
        }
    }
    drop(peer);
    engine.next(7);
    engine.command(6, 0, to, 0, b"");
    assert_eq!(engine.next(11).words[3], 0);
}

fn hands_over_what_follows_a_101<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut peer, to) = outgoing(&mut engine, &listener, 1);
    engine.command(11, 0, to, 1, b"");
    engine.command(1, 2, to, 1, b"x");
    peer.write_all(b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhead").unwrap();
    assert_eq!(engine.next(12).flags & 2, 2);
    let upgrade = engine.next(5);
    assert_eq!(&upgrade.bytes[36..40], b"head");
    peer.write_all(b"raw").unwrap();
    assert_eq!(&engine.next(6).bytes[24..27], b"raw");
    engine.command(1, 0, to, 2, b"back");
    let mut answer = [0; 5];
    peer.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"xback");
}

fn reads_while_its_own_request_cannot_leave<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut peer, to) = outgoing(&mut engine, &listener, 1);
    engine.command(11, 0, to, 1, b"");
    engine.command(1, 0, to, 1, &vec![b'x'; 16 * 1024 * 1024]);
    peer.write_all(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n").unwrap();
    assert_eq!(engine.next(12).words[4] & 0xffff, 413);
}

fn says_why_it_cannot_connect<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    // A port that was free a moment ago.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    match connect(&Remote::Tcp { address, local: None }) {
        Ok(connecting) => {
            engine.driver.connect(connecting, 9);
            let refused = engine.next(13);
            assert_eq!(refused.words[4], 9);
            let error = std::io::Error::from_raw_os_error(refused.words[9] as i32);
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
        token = engine.next(13).words[4];
    }
    assert_eq!(token, 4);
}

fn drops_commands_of_an_earlier_generation<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let (client, first) = engine.connect();
    drop(client);
    engine.next(7);
    engine.command(5, 0, first, 0, b"");
    engine.next(11);
    let (mut client, second) = engine.connect();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    engine.next(2);
    assert_ne!(first, second);
    if first.0 == second.0 {
        engine.command(1, 2, first, 1, b"old");
    }
    engine.command(1, 2, second, 1, b"new");
    let mut answer = [0; 3];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"new");
}

fn waits_for_the_decision_and_then_hands_over_raw_bytes<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let (mut client, to) = engine.connect();
    client.write_all(b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhead").unwrap();
    let request = engine.next(2);
    let upgrade = engine.next(5);
    assert_eq!((upgrade.flags, upgrade.words[4]), (1, 4));
    client.write_all(b"raw").unwrap();
    engine.command(3, 1, to, request.words[3], b"");
    let raw = engine.next(6);
    assert_eq!(&raw.bytes[24..27], b"raw");
    engine.command(1, 0, to, request.words[3], b"back");
    let mut answer = [0; 4];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"back");
}

fn stops_reading_at_the_window_and_goes_on_with_credit<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let (mut client, to) = engine.connect();
    let size = 4 * 1024 * 1024;
    client.write_all(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n").as_bytes()).unwrap();
    engine.next(2);
    let writer = std::thread::spawn(move || client.write_all(&vec![b'x'; size]).map(|()| client).unwrap());
    let (mut received, mut uncredited) = (0, 0);
    while received < size {
        let body = engine.next(3);
        received += body.words[4] as usize;
        uncredited += body.words[4];
        assert!(uncredited <= 256 * 1024, "{uncredited} bytes without credit");
        if uncredited >= 128 * 1024 {
            engine.command(4, 0, to, uncredited, b"");
            uncredited = 0;
        }
    }
    engine.next(4);
    writer.join().unwrap();
}

fn tells_of_expired_deadlines_once<D: Driver>() {
    let mut engine = Engine::<D>::start(Timeouts { head: Duration::from_millis(20), ..NEVER });
    let (mut client, _) = engine.connect();
    client.write_all(b"GET / HT").unwrap();
    assert_eq!(engine.next(9).flags, 1);
    drop(client);
    engine.next(7);
    assert!(!engine.pending.iter().any(|record| record.kind == 9));
}

fn sends_what_was_asked_before_it_stops<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let (mut client, to) = engine.connect();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    engine.next(2);
    engine.command(1, 2, to, 1, b"last words");
    engine.driver.stop();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "last words");
}

fn serves_others_while_one_peer_sends_without_end<D: Driver>() {
    let mut engine = Engine::<D>::start(NEVER);
    let (mut endless, to) = engine.connect();
    endless.write_all(b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").unwrap();
    let request = engine.next(2);
    engine.next(5);
    engine.command(3, 1, to, request.words[3], b"");
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
            let raw: u32 = engine.pending.iter().filter(|record| record.kind == 6).map(|record| record.words[3]).sum();
            engine.pending.retain(|record| record.kind != 6);
            amount += raw as usize;
            engine.command(4, 0, to, raw, b"");
            if let Some(at) = engine.pending.iter().position(|record| record.kind == 2) {
                break engine.pending.remove(at);
            }
            let batch = engine.driver.wait();
            engine.pending.extend(records(&batch));
        };
        assert_eq!(answered.index, other.0);
        // Bytes that came from the endless peer while the other one waited for its turn.
        assert!(amount < 16 * 1024 * 1024, "{amount} bytes in round {round}");
        engine.command(1, 2, other, answered.words[3], b"ok");
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
    let request = engine.next(2);
    let size = 32 * 1024 * 1024;
    engine.command(1, 2, to, request.words[3], &vec![b'x'; size]);
    let (mut quick, other) = engine.connect();
    for _ in 0..20 {
        quick.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let request = engine.next(2);
        engine.command(1, 2, other, request.words[3], b"ok");
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
    assert_eq!(engine.next(10).words[3] as usize, size);
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
        let accepted = engine.next(1);
        generations.insert(accepted.index, accepted.words[3]);
    }
    for _ in 0..clients.len() {
        let request = engine.next(2);
        let to = (request.index, generations[&request.index]);
        engine.command(1, 2 | 4, to, request.words[3], b"ok");
    }
    for mut client in clients {
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "ok");
    }
    for _ in 0..generations.len() {
        engine.next(11);
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
    use turnout::engine::net::transport::Transport;
    const NO_DELAY: u32 = 8;
    let mut engine = Engine::<OnLoop>::start(NEVER);
    let (_client, to) = engine.connect();
    let no_delay = |engine: &mut Engine<OnLoop>| {
        engine.driver.inline.connections.stream(0).unwrap().socket().tcp_nodelay().unwrap()
    };
    assert!(no_delay(&mut engine));
    engine.command(NO_DELAY, 0, to, 0, b"");
    assert!(!no_delay(&mut engine));
    engine.command(NO_DELAY, 0, to, 1, b"");
    assert!(no_delay(&mut engine));
}

#[cfg(unix)]
#[test]
fn an_upgraded_stream_goes_from_its_thread_to_the_loop() {
    const ACKNOWLEDGE: u32 = 8;
    const TAP: u32 = 13;
    const RELEASE: u32 = 15;
    let mut from = Engine::<Threads>::start(NEVER);
    let mut to = Engine::<OnLoop>::start(NEVER);
    let (mut client, (index, generation)) = from.connect();
    let take = |from: &Engine<Threads>, handed: usize| {
        let handover = from.driver.port.handover(index, generation)?;
        handover.take(handed as u64)
    };
    client.write_all(b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").unwrap();
    let request = from.next(2);
    let seq = request.words[3];
    from.command(3, 1, (index, generation), seq, b"");
    let large = vec![7; 40_000];
    assert!(from.driver.port.handover(index, generation).is_none(), "nothing large has been written");
    from.driver.shard.large(index, generation, seq, ACKNOWLEDGE, 0, large.clone(), false);
    assert_eq!(from.next(10).words[3], 40_000);
    assert!(from.driver.port.handover(index, generation + 1).is_none(), "another generation's");
    assert!(take(&from, 39_999).is_none());
    let stream = take(&from, 40_000).unwrap();
    let taken = to.driver.inline.take_over(stream, seq, 40_000).unwrap();
    assert_eq!(taken.0 % 64, 0);

    // It writes at once, behind what has left, and reads when the thread has told all.
    to.command(1, ACKNOWLEDGE, taken, seq, b"next");
    assert_eq!(to.next(10).words[3], 40_004);
    client.write_all(b"early").unwrap();
    assert_eq!(&from.next(6).bytes[24..29], b"early");
    from.command(RELEASE, 0, (index, generation), 0, b"");
    assert_eq!(from.next(14).flags, 0);
    client.write_all(b"late").unwrap();
    to.command(TAP, 0, taken, 0, b"");
    assert_eq!(&to.next(6).bytes[24..28], b"late");
    let mut answer = vec![0; 40_004];
    client.read_exact(&mut answer).unwrap();
    assert_eq!((&answer[..40_000], &answer[40_000..]), (&large[..], &b"next"[..]));

    // Nobody else holds the socket: its close is one.
    to.command(6, 0, taken, 0, b"");
    assert_eq!(client.read(&mut answer).unwrap(), 0);
    to.next(11);
    assert!(from.driver.port.handover(index, generation).is_none());
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
    let seq = from.next(2).words[3];
    from.command(3, 1, (index, generation), seq, b"");
    from.driver.shard.large(index, generation, seq, 8, 0, vec![7; 20_000], false);
    from.next(10);
    client.shutdown(std::net::Shutdown::Write).unwrap();
    from.next(7);
    let stream = from.driver.port.handover(index, generation).and_then(|handover| handover.take(20_000)).unwrap();
    let taken = to.driver.inline.take_over(stream, seq, 20_000).unwrap();
    from.command(15, 0, (index, generation), 0, b"");
    assert_eq!(from.next(14).flags, 1);
    to.command(13, 0, taken, 3, b"");
    // Both ends are shut behind this: it closes by itself, without another EOF.
    to.command(5, 0, taken, 0, b"");
    to.next(11);
    assert!(to.pending.iter().all(|record| record.kind != 7));
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
