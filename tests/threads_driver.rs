//! The threads driver over real loopback sockets, with a test in JavaScript's place.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{channel, Receiver};
use std::sync::Arc;
use std::time::Duration;

use turnout::engine::h1;
use turnout::engine::net::command::{op, LargeWrite};
use turnout::engine::net::event::kind;
use turnout::engine::net::{Driver, ListenOptions, Place, Port, ServerConfig, WINDOW};

const LAST: u32 = 2;
const CLOSE: u32 = 4;
/// Longest wait for something that is under way; a failing test ends after it.
const PATIENCE: Duration = Duration::from_secs(10);

struct Record {
    kind: u32,
    flags: u32,
    connection: u32,
    words: Vec<u32>,
    blobs: Vec<Vec<u8>>,
}

struct Side {
    driver: Driver,
    port: Arc<Port>,
    woken: Receiver<()>,
    queue: std::collections::VecDeque<Record>,
    address: SocketAddr,
    server: u32,
}

fn config() -> ServerConfig {
    ServerConfig {
        no_delay: true,
        keep_alive: false,
        keep_alive_initial_delay: 0,
        keep_alive_timeout: 0,
        headers_timeout: 0,
        request_timeout: 0,
        check_interval: 0,
        messages: h1::Config::default(),
    }
}

fn options(place: Place) -> ListenOptions {
    ListenOptions {
        place,
        backlog: 16,
        ipv6_only: false,
        reuse_port: false,
        mode: 0,
    }
}

impl Side {
    fn new(shards: usize, config: &ServerConfig) -> Side {
        let (wake, woken) = channel();
        let port = Arc::new(Port::new(move || {
            // The test may be over already.
            let _ = wake.send(());
        }));
        let mut driver = Driver::new(port.clone(), shards);
        let place = Place::Ip("127.0.0.1".into(), 0);
        let listening = driver.listen(&options(place), config).expect("a free port");
        let address = listening.address.expect("an IP listener has an address");
        Side {
            driver,
            port,
            woken,
            queue: Default::default(),
            address,
            server: listening.id,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the listener accepts");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a valid timeout");
        stream
    }

    fn next(&mut self) -> Record {
        while self.queue.is_empty() {
            let mut out = vec![0; 256 * 1024];
            let mut blobs = Vec::new();
            let n = self.port.fill(&mut out, &mut blobs);
            if n == 0 {
                self.woken.recv_timeout(PATIENCE).expect("an event");
                continue;
            }
            let words: Vec<u32> = out[..n]
                .chunks_exact(4)
                .map(|w| u32::from_le_bytes(w.try_into().expect("four bytes")))
                .collect();
            let mut at = 0;
            while at < words.len() {
                let size = words[at + 1] as usize / 4;
                self.queue.push_back(Record {
                    kind: words[at] & 0xff,
                    flags: words[at] >> 8,
                    connection: words[at + 2],
                    words: words[at..at + size].to_vec(),
                    blobs: blobs.clone(),
                });
                at += size;
            }
        }
        self.queue.pop_front().expect("not empty")
    }

    fn expect(&mut self, kind: u32) -> Record {
        let record = self.next();
        assert_eq!(record.kind, kind, "words {:?}", record.words);
        record
    }

    /// The next connection's index and generation.
    fn accepted(&mut self) -> (u32, u32) {
        let record = self.expect(kind::CONNECTION);
        assert_eq!(record.words[4], self.server);
        (record.connection, record.words[3])
    }

    fn command(&self, op: u32, flags: u32, to: (u32, u32), argument: u32, payload: &str) {
        let size = (28 + payload.len()).next_multiple_of(4);
        let words = [
            op | flags << 8,
            size as u32,
            to.0,
            to.1,
            argument,
            payload.len() as u32,
            0,
        ];
        let mut bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        bytes.extend_from_slice(payload.as_bytes());
        bytes.resize(size, 0);
        self.driver.dispatch(&bytes);
    }
}

fn read_exactly(stream: &mut TcpStream, n: usize) -> String {
    let mut bytes = vec![0; n];
    stream.read_exact(&mut bytes).expect("the answer");
    String::from_utf8(bytes).expect("text")
}

fn read_to_end(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("a clean end");
    text
}

#[test]
fn answers_requests_and_closes_cleanly_on_one_shard_and_on_three() {
    for shards in [1, 3] {
        let mut side = Side::new(shards, &config());
        for _ in 0..5 {
            let mut peer = side.connect();
            let to = side.accepted();
            for seq in 1..=2 {
                peer.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                    .expect("sent");
                assert_eq!(side.expect(kind::REQUEST).words[3], seq);
                side.command(op::WRITE, LAST, to, seq, "okay");
                assert_eq!(read_exactly(&mut peer, 4), "okay");
            }
            drop(peer);
            side.expect(kind::EOF);
            side.command(op::SHUTDOWN, 0, to, 0, "");
            side.expect(kind::ACK);
            let closed = side.expect(kind::CLOSED);
            assert_eq!((closed.connection, closed.words[3]), (to.0, 0));
        }
        assert_eq!(side.port.live(), 0);
    }
}

#[test]
fn drops_commands_for_a_former_owner_of_an_index_and_malformed_ones() {
    let mut side = Side::new(1, &config());
    let mut peer = side.connect();
    let to = side.accepted();
    peer.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("sent");
    side.expect(kind::REQUEST);
    side.command(op::WRITE, LAST, (to.0, to.1 + 1), 1, "wrong");
    side.command(op::WRITE, LAST, (999, to.1), 1, "wrong");
    side.command(250, 0, to, 1, "wrong");
    side.driver.dispatch(&[1, 0, 0]);
    side.driver.dispatch(&[0xff; 28]);
    side.command(op::WRITE, LAST | CLOSE, to, 1, "right");
    assert_eq!(read_to_end(&mut peer), "right");
}

#[test]
fn stops_reading_at_the_window_and_goes_on_with_credit() {
    let mut side = Side::new(1, &config());
    let mut peer = side.connect();
    let to = side.accepted();
    let total = 4 * 1024 * 1024;
    let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {total}\r\n\r\n");
    let sender = std::thread::spawn(move || {
        peer.write_all(head.as_bytes()).expect("sent");
        peer.write_all(&vec![b'x'; total]).expect("sent");
        peer
    });
    side.expect(kind::REQUEST);
    let (mut received, mut outstanding) = (0, 0);
    while received < total {
        let body = side.expect(kind::BODY);
        let length = body.words[4] as usize;
        if body.words[5] != u32::MAX {
            assert_eq!(body.blobs[body.words[5] as usize].len(), length);
        }
        received += length;
        outstanding += length;
        assert!(
            outstanding as u64 <= WINDOW + 64 * 1024,
            "{outstanding} bytes without credit"
        );
        if outstanding as u64 >= WINDOW {
            side.command(op::CREDIT, 0, to, outstanding as u32, "");
            outstanding = 0;
        }
    }
    side.expect(kind::END);
    assert_eq!(received, total);
    drop(sender.join().expect("the sender"));
}

#[test]
fn sends_large_writes_in_order_to_a_peer_that_reads_late() {
    let mut side = Side::new(1, &config());
    let mut peer = side.connect();
    let to = side.accepted();
    peer.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("sent");
    side.expect(kind::REQUEST);
    side.command(op::WRITE, 0, to, 1, "a");
    side.driver.send(LargeWrite {
        op: op::WRITE,
        connection: to.0,
        generation: to.1,
        seq: 1,
        flags: 0,
        head_length: 0,
        data: vec![b'x'; 8_000_000],
    });
    side.command(op::WRITE, LAST | CLOSE, to, 1, "z");
    let text = read_to_end(&mut peer);
    assert_eq!(text.len(), 8_000_002);
    assert!(text.starts_with("ax") && text.ends_with("xz"));
}

#[test]
fn carries_an_accepted_upgrade_both_ways() {
    let mut side = Side::new(1, &config());
    let mut peer = side.connect();
    let to = side.accepted();
    peer.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\nhead")
        .expect("sent");
    side.expect(kind::REQUEST);
    let upgrade = side.expect(kind::UPGRADE);
    assert_eq!((upgrade.flags, upgrade.words[4]), (1, 4));
    side.command(op::DECIDE, 1, to, 1, "");
    side.command(op::WRITE, 0, to, 1, "switched");
    assert_eq!(read_exactly(&mut peer, 8), "switched");
    peer.write_all(b"more").expect("sent");
    assert_eq!(side.expect(kind::RAW).words[3], 4);
    side.command(op::RESET, 0, to, 0, "");
    side.expect(kind::CLOSED);
    let error = peer.read(&mut [0; 8]).expect_err("a reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn reports_a_parse_error_and_delivers_the_answer_to_a_peer_still_sending() {
    let mut side = Side::new(1, &config());
    let mut peer = side.connect();
    let to = side.accepted();
    peer.write_all(b"GET / HTP\r\n\r\n").expect("sent");
    side.expect(kind::PARSE_ERROR);
    peer.write_all(&[b'x'; 10_000]).expect("sent");
    side.command(op::WRITE_NOW, 0, to, 0, "400");
    side.command(op::SHUTDOWN, 0, to, 0, "");
    assert_eq!(read_to_end(&mut peer), "400");
}

#[test]
fn reports_each_kind_of_timeout() {
    let table = [
        ("GET / HT", 1),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", 2),
    ];
    for (sent, which) in table {
        let limits = ServerConfig {
            headers_timeout: 20,
            request_timeout: 40,
            ..config()
        };
        let mut side = Side::new(1, &limits);
        let mut peer = side.connect();
        side.accepted();
        peer.write_all(sent.as_bytes()).expect("sent");
        if which == 2 {
            side.expect(kind::REQUEST);
        }
        assert_eq!(side.expect(kind::TIMEOUT).flags, which);
    }
    let mut side = Side::new(1, &config());
    let mut peer = side.connect();
    let to = side.accepted();
    peer.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("sent");
    side.expect(kind::REQUEST);
    side.command(op::WRITE, LAST, to, 1, "okay");
    assert_eq!(read_exactly(&mut peer, 4), "okay");
    // A live server's limits may change, also for a connection that is idle already.
    side.driver.configure(
        side.server,
        &ServerConfig {
            keep_alive_timeout: 10,
            ..config()
        },
    );
    assert_eq!(side.expect(kind::TIMEOUT).flags, 3);
}

#[test]
fn frees_the_address_when_listening_ends() {
    let mut side = Side::new(1, &config());
    let place = Place::Ip("127.0.0.1".into(), side.address.port());
    let taken = side.driver.listen(&options(place.clone()), &config());
    let in_use = taken.expect_err("the port is taken").kind();
    assert_eq!(in_use, std::io::ErrorKind::AddrInUse);
    side.driver.close_listener(side.server);
    side.driver
        .listen(&options(place), &config())
        .expect("the port is free");
}

#[cfg(unix)]
#[test]
fn removes_a_unix_sockets_file_when_listening_ends() {
    let mut side = Side::new(1, &config());
    let path = std::env::temp_dir().join(format!("turnout-test-{}.sock", std::process::id()));
    let place = Place::Path(path.to_str().expect("text").to_owned());
    let listening = side
        .driver
        .listen(&options(place), &config())
        .expect("a free path");
    assert!(path.exists());
    side.driver.close_listener(listening.id);
    assert!(!path.exists());
}

#[test]
fn stopping_sends_what_was_queued_and_closes_everything() {
    let mut side = Side::new(2, &config());
    let mut peer = side.connect();
    let to = side.accepted();
    let mut idle = side.connect();
    peer.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("sent");
    while side.next().kind != kind::REQUEST {}
    side.command(op::WRITE, LAST, to, 1, "okay");
    side.driver.stop();
    assert_eq!(read_to_end(&mut peer), "okay");
    assert_eq!(read_to_end(&mut idle), "");
    assert_eq!(side.port.live(), 0);
}
