//! The threads driver over real loopback sockets, without Node.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::sync::Arc;
use std::time::Duration;

use turnout::engine::deadline::Timeouts;
use turnout::engine::h1;
use turnout::engine::net::event::Batch;
use turnout::engine::net::listener::{bind, Endpoint};
use turnout::engine::net::port::Port;
use turnout::engine::net::server::ServerConfig;
use turnout::engine::net::threads::ShardHandle;

const PATIENCE: Duration = Duration::from_secs(10);

struct Engine {
    port: Arc<Port>,
    shard: ShardHandle,
    woken: mpsc::Receiver<()>,
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

impl Engine {
    fn start(timeouts: Timeouts) -> Engine {
        let (sender, woken) = mpsc::channel();
        let port = Arc::new(Port::new(Box::new(move || {
            let _ = sender.send(());
        })));
        let shard = ShardHandle::start(port.clone(), 1).unwrap();
        let endpoint =
            Endpoint::Tcp { address: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 0, ipv6_only: false, reuse_port: false };
        let bound = bind(&endpoint, 16).unwrap();
        let address = bound.local_addr().unwrap();
        let config = ServerConfig { no_delay: true, keep_alive: None, timeouts, http: Arc::new(h1::Config::default()) };
        shard.listen(1, bound, config);
        Engine { port, shard, woken, address, pending: Vec::new() }
    }

    /// The next record of a kind; what comes before it is kept.
    fn next(&mut self, kind: u32) -> Record {
        loop {
            if let Some(at) = self.pending.iter().position(|record| record.kind == kind) {
                return self.pending.remove(at);
            }
            self.woken.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no record {kind}: {:?}", self.pending));
            let mut batch = Batch::default();
            self.port.take(&mut batch);
            self.pending.extend(records(&batch));
        }
    }

    fn command(&self, op: u32, flags: u32, to: (u32, u32), argument: u32, payload: &[u8]) {
        let size = (28 + payload.len() + 3) & !3;
        let words = [op | flags << 8, size as u32, to.0, to.1, argument, payload.len() as u32, payload.len() as u32];
        let mut record: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        record.extend_from_slice(payload);
        record.resize(size, 0);
        self.shard.commands(&record);
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

#[test]
fn answers_a_request_and_closes_after_the_last_write() {
    let mut engine = Engine::start(NEVER);
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

#[test]
fn drops_commands_of_an_earlier_generation() {
    let mut engine = Engine::start(NEVER);
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

#[test]
fn waits_for_the_decision_and_then_hands_over_raw_bytes() {
    let mut engine = Engine::start(NEVER);
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

#[test]
fn stops_reading_at_the_window_and_goes_on_with_credit() {
    let mut engine = Engine::start(NEVER);
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

#[test]
fn tells_of_expired_deadlines_once() {
    let mut engine = Engine::start(Timeouts { head: Duration::from_millis(20), ..NEVER });
    let (mut client, _) = engine.connect();
    client.write_all(b"GET / HT").unwrap();
    assert_eq!(engine.next(9).flags, 1);
    drop(client);
    engine.next(7);
    assert!(!engine.pending.iter().any(|record| record.kind == 9));
}

#[test]
fn sends_what_was_asked_before_it_stops() {
    let mut engine = Engine::start(NEVER);
    let (mut client, to) = engine.connect();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    engine.next(2);
    engine.command(1, 2, to, 1, b"last words");
    engine.shard.stop();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "last words");
}
