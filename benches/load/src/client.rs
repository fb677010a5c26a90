//! One connection of the load: sends, awaits and checks.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use crate::line::{blocked, Line};
use crate::wire::{content_length, frame_head, head_end, pattern};

/// What is asked again and again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// GET, answered with a body of `size` bytes.
    Get,
    /// POST with a body of `size` bytes, answered with its length.
    Post,
    /// POST with a body of `size` bytes, answered with that body.
    Echo,
    /// A new connection, an upgrade, a close.
    Handshake,
    /// A binary WebSocket message of `size` bytes and its echo.
    Ws,
    /// A message of the first connection, delivered to every connection.
    Broadcast,
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
            "echo" => Mode::Echo,
            "handshake" => Mode::Handshake,
            "ws" => Mode::Ws,
            "broadcast" => Mode::Broadcast,
            "raw" => Mode::Raw,
            "idle" => Mode::Idle,
            _ => return None,
        })
    }

    pub fn upgrades(self) -> bool {
        !matches!(self, Mode::Get | Mode::Post | Mode::Echo)
    }

    fn frames(self) -> bool {
        matches!(self, Mode::Ws | Mode::Broadcast)
    }
}

/// The mask of our frames; RFC 6455 wants an unpredictable one, of a browser.
const MASK: [u8; 4] = [1, 2, 3, 4];
const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// The bytes all connections of a run share.
pub struct Exchange {
    pub mode: Mode,
    /// One request, as often as there may be in flight, so that several leave in one write.
    requests: Vec<u8>,
    request_length: usize,
    /// The body of the answer, or the whole of it where there is no head.
    answer: Vec<u8>,
}

impl Exchange {
    pub fn new(mode: Mode, size: usize, depth: usize) -> Self {
        let request = request(mode, size);
        let answer = match mode {
            Mode::Get if size == 4 => b"okay".to_vec(),
            Mode::Get => vec![b'x'; size],
            Mode::Post => size.to_string().into_bytes(),
            Mode::Ws | Mode::Broadcast => [frame_head(size, false), pattern(size)].concat(),
            _ => pattern(size),
        };
        Self { mode, requests: request.repeat(depth), request_length: request.len(), answer }
    }
}

pub struct Client {
    line: Line,
    pub upgraded: bool,
    handshake_sent: usize,
    /// Bytes of requests that are to be sent, and where in `Exchange::requests` the next one is.
    owed: usize,
    position: usize,
    received: Vec<u8>,
    /// When each request in flight was due.
    pub due: VecDeque<Instant>,
    pub progress: Instant,
}

impl Client {
    pub fn new(line: Line) -> Self {
        Self {
            line,
            upgraded: false,
            handshake_sent: 0,
            owed: 0,
            position: 0,
            received: Vec::new(),
            due: VecDeque::new(),
            progress: Instant::now(),
        }
    }

    /// Another operation that was due at `due`; `flush` sends it.
    pub fn begin(&mut self, exchange: &Exchange, due: Instant) {
        self.due.push_back(due);
        self.owed += exchange.request_length;
    }

    /// Sends what can be sent.
    pub fn flush(&mut self, exchange: &Exchange) -> io::Result<()> {
        match self.line.push() {
            Err(error) if blocked(&error) => return Ok(()),
            other => other?,
        }
        while exchange.mode.upgrades() && self.handshake_sent < UPGRADE.len() {
            match self.line.write(&UPGRADE.as_bytes()[self.handshake_sent..]) {
                Ok(n) => self.handshake_sent += n,
                Err(error) if blocked(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        if exchange.mode.upgrades() && !self.upgraded {
            return Ok(());
        }
        while self.owed > 0 {
            let end = exchange.requests.len().min(self.position + self.owed);
            match self.line.write(&exchange.requests[self.position..end]) {
                Ok(n) => {
                    self.owed -= n;
                    self.position = (self.position + n) % exchange.requests.len();
                    self.progress = Instant::now();
                }
                Err(error) if blocked(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is there and says how many answers it completed; the 101 is one.
    pub fn receive(&mut self, exchange: &Exchange, buffer: &mut [u8]) -> io::Result<usize> {
        let mut answers = 0;
        loop {
            match self.line.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    self.progress = Instant::now();
                    self.received.extend_from_slice(&buffer[..n]);
                    let mut taken = 0;
                    while let Some(length) = self.answer(exchange, taken)? {
                        taken += length;
                        answers += 1;
                    }
                    self.received.drain(..taken);
                    if n < buffer.len() && self.line.tells_its_end() {
                        return Ok(answers);
                    }
                }
                Err(error) if blocked(&error) => return Ok(answers),
                Err(error) => return Err(error),
            }
        }
    }

    /// The length of the answer that begins at `from`, once it is whole; an error when it is a wrong one.
    fn answer(&mut self, exchange: &Exchange, from: usize) -> io::Result<Option<usize>> {
        let bytes = &self.received[from..];
        if bytes.is_empty() {
            return Ok(None);
        }
        let bad = |what: &str| {
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
            Err(io::Error::other(format!("{what}: {shown:?}")))
        };
        if exchange.mode.upgrades() && !self.upgraded {
            let Some(end) = head_end(bytes) else { return Ok(None) };
            if !bytes.starts_with(b"HTTP/1.1 101 ") {
                return bad("no upgrade");
            }
            self.upgraded = true;
            return Ok(Some(end));
        }
        let mut head = 0;
        if !exchange.mode.upgrades() {
            let Some(end) = head_end(bytes) else { return Ok(None) };
            if !bytes.starts_with(b"HTTP/1.1 200 ") {
                return bad("no 200");
            }
            if content_length(&bytes[..end]) != Some(exchange.answer.len()) {
                return bad("another Content-Length");
            }
            head = end;
        }
        let length = head + exchange.answer.len();
        if bytes.len() < length {
            return Ok(None);
        }
        if bytes[head..length] != exchange.answer[..] {
            return bad("another content");
        }
        Ok(Some(length))
    }
}

fn request(mode: Mode, size: usize) -> Vec<u8> {
    match mode {
        Mode::Get => b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".to_vec(),
        Mode::Post | Mode::Echo => {
            let head = format!("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {size}\r\n\r\n");
            [head.into_bytes(), pattern(size)].concat()
        }
        _ if mode.frames() => {
            let masked = pattern(size).iter().enumerate().map(|(i, byte)| byte ^ MASK[i % 4]).collect();
            [frame_head(size, true), MASK.to_vec(), masked].concat()
        }
        Mode::Raw => pattern(size),
        _ => Vec::new(),
    }
}
