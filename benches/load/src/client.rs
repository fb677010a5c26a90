//! One connection of the load: sends, awaits and checks.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

/// What is asked again and again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// GET, answered with a body of `size` bytes.
    Get,
    /// POST with a body of `size` bytes, answered with its length.
    Post,
    /// A new connection, an upgrade, a close.
    Handshake,
    /// A binary WebSocket message of `size` bytes and its echo.
    Ws,
    /// `size` bytes of an upgraded stream and their echo.
    Raw,
    /// An upgrade, and nothing more.
    Idle,
}

impl Mode {
    pub fn parse(name: &str) -> Option<Mode> {
        Some(match name {
            "get" => Mode::Get,
            "post" => Mode::Post,
            "handshake" => Mode::Handshake,
            "ws" => Mode::Ws,
            "raw" => Mode::Raw,
            "idle" => Mode::Idle,
            _ => return None,
        })
    }

    fn upgrades(self) -> bool {
        !matches!(self, Mode::Get | Mode::Post)
    }
}

/// Whether the operation is over.
pub enum Outcome {
    /// It is; the caller may begin another.
    Done,
    /// The socket has no more for now.
    Blocked,
}

/// The mask of our frames; RFC 6455 wants an unpredictable one, of a browser.
const MASK: [u8; 4] = [1, 2, 3, 4];
const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

pub struct Client {
    stream: TcpStream,
    mode: Mode,
    request: Vec<u8>,
    sent: usize,
    received: Vec<u8>,
    upgraded: bool,
    size: usize,
    pub began: Instant,
}

impl Client {
    pub fn connect(mode: Mode, address: SocketAddr, size: usize, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let request = if mode.upgrades() { UPGRADE.as_bytes().to_vec() } else { request(mode, size) };
        Ok(Self { stream, mode, request, sent: 0, received: Vec::new(), upgraded: false, size, began: Instant::now() })
    }

    /// Begins another operation.
    pub fn begin(&mut self) {
        self.sent = 0;
        self.received.clear();
        self.began = Instant::now();
    }

    /// Sends and receives what can be; an error is the server's fault and ends the run.
    pub fn advance(&mut self, buffer: &mut [u8]) -> io::Result<Outcome> {
        if self.upgraded && self.mode == Mode::Idle {
            return Ok(Outcome::Blocked);
        }
        loop {
            while self.sent < self.request.len() {
                match self.stream.write(&self.request[self.sent..]) {
                    Ok(n) => self.sent += n,
                    Err(error) if blocked(&error) => return self.receive(buffer),
                    Err(error) => return Err(error),
                }
            }
            if self.upgraded || !self.mode.upgrades() {
                return self.receive(buffer);
            }
            match self.receive(buffer)? {
                Outcome::Blocked => return Ok(Outcome::Blocked),
                Outcome::Done => {
                    self.upgraded = true;
                    if matches!(self.mode, Mode::Handshake | Mode::Idle) {
                        return Ok(Outcome::Done);
                    }
                    self.request = request(self.mode, self.size);
                    self.begin();
                }
            }
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Outcome> {
        loop {
            if self.complete()? {
                return Ok(Outcome::Done);
            }
            match self.stream.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.received.extend_from_slice(&buffer[..n]),
                Err(error) if blocked(&error) => return Ok(Outcome::Blocked),
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether what has been received is the whole answer, and a right one.
    fn complete(&mut self) -> io::Result<bool> {
        let bad = |what: &str| Err(io::Error::other(format!("{what}: {}", String::from_utf8_lossy(&self.received))));
        if self.mode.upgrades() && !self.upgraded {
            let Some(end) = head_end(&self.received) else { return Ok(false) };
            if !self.received.starts_with(b"HTTP/1.1 101 ") {
                return bad("no upgrade");
            }
            return if end == self.received.len() { Ok(true) } else { bad("bytes behind the 101") };
        }
        let expected = match self.mode {
            Mode::Raw => self.size,
            Mode::Ws => self.size + frame_head(self.size, false).len(),
            _ => {
                let Some(end) = head_end(&self.received) else { return Ok(false) };
                if !self.received.starts_with(b"HTTP/1.1 200 ") {
                    return bad("no 200");
                }
                let Some(length) = content_length(&self.received[..end]) else { return bad("no Content-Length") };
                let body = if self.mode == Mode::Get { self.size } else { self.size.to_string().len() };
                if length != body {
                    return bad("another length");
                }
                end + length
            }
        };
        if self.received.len() > expected {
            return bad("more than was asked for");
        }
        if self.received.len() == expected && self.mode == Mode::Ws && !self.received.starts_with(&frame_head(self.size, false)) {
            return bad("no echo");
        }
        Ok(self.received.len() == expected)
    }
}

fn blocked(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected | ErrorKind::Interrupted)
}

fn request(mode: Mode, size: usize) -> Vec<u8> {
    match mode {
        Mode::Get => b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".to_vec(),
        Mode::Post => {
            let mut request = format!("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {size}\r\n\r\n").into_bytes();
            request.resize(request.len() + size, b'x');
            request
        }
        Mode::Ws => {
            let mut frame = frame_head(size, true);
            frame.extend_from_slice(&MASK);
            frame.extend((0..size).map(|i| b'x' ^ MASK[i % 4]));
            frame
        }
        Mode::Raw => vec![b'x'; size],
        Mode::Handshake | Mode::Idle => Vec::new(),
    }
}

/// RFC 6455 §5.2: a final binary frame's head, without masking key.
fn frame_head(size: usize, masked: bool) -> Vec<u8> {
    let mask = if masked { 0x80 } else { 0 };
    let mut head = vec![0x82];
    match size {
        0..=125 => head.push(mask | size as u8),
        126..=0xffff => {
            head.push(mask | 126);
            head.extend_from_slice(&(size as u16).to_be_bytes());
        }
        _ => {
            head.push(mask | 127);
            head.extend_from_slice(&(size as u64).to_be_bytes());
        }
    }
    head
}

fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

fn content_length(head: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(head).ok()?;
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })
}
