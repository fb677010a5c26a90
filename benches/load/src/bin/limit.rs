//! What the kernel leaves: a bare epoll loop that answers with fixed bytes, `turnout-limit SCENARIO`; prints its port.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const LISTENER: Token = Token(usize::MAX);
/// The answer to the one key the load sends.
const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

struct Peer {
    stream: TcpStream,
    upgraded: bool,
    input: Vec<u8>,
    output: Vec<u8>,
    sent: usize,
}

fn main() -> std::io::Result<()> {
    let scenario = std::env::args().nth(1).unwrap_or_default();
    let body = if scenario == "large" { vec![b'x'; 1 << 20] } else { b"okay".to_vec() };
    let get = [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes(), body].concat();
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("{}", listener.local_addr()?.port());
    let (mut peers, mut next) = (HashMap::<usize, Peer>::new(), 0);
    let (mut events, mut buffer) = (Events::with_capacity(1024), vec![0; 256 * 1024]);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    poll.registry().register(&mut stream, Token(next), Interest::READABLE | Interest::WRITABLE)?;
                    peers.insert(next, Peer { stream, upgraded: false, input: vec![], output: vec![], sent: 0 });
                    next += 1;
                }
                continue;
            }
            let Some(peer) = peers.get_mut(&event.token().0) else { continue };
            if !serve(peer, &scenario, &get, &mut buffer) {
                peers.remove(&event.token().0);
            }
        }
    }
}

/// Reads, answers and writes; false once the peer is gone.
fn serve(peer: &mut Peer, scenario: &str, get: &[u8], buffer: &mut [u8]) -> bool {
    loop {
        match peer.stream.read(buffer) {
            Ok(0) => return false,
            Ok(n) => {
                peer.input.extend_from_slice(&buffer[..n]);
                answer(peer, scenario, get);
                if n < buffer.len() {
                    break;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(_) => return false,
        }
    }
    while peer.sent < peer.output.len() {
        match peer.stream.write(&peer.output[peer.sent..]) {
            Ok(n) => peer.sent += n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
            Err(_) => return false,
        }
    }
    peer.output.clear();
    peer.sent = 0;
    true
}

fn answer(peer: &mut Peer, scenario: &str, get: &[u8]) {
    let mut at = 0;
    loop {
        let input = &peer.input[at..];
        let head = || input.windows(4).position(|four| four == b"\r\n\r\n").map(|end| end + 4);
        if !peer.upgraded && matches!(scenario, "get" | "large") {
            let Some(end) = head() else { break };
            peer.output.extend_from_slice(get);
            at += end;
        } else if !peer.upgraded && matches!(scenario, "post" | "echo") {
            const SIZE: usize = 65536;
            let Some(end) = head() else { break };
            if input.len() < end + SIZE {
                break;
            }
            let body = if scenario == "echo" { &input[end..end + SIZE] } else { b"65536".as_slice() };
            peer.output
                .extend_from_slice(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
            peer.output.extend_from_slice(body);
            at += end + SIZE;
        } else if !peer.upgraded {
            let Some(end) = head() else { break };
            peer.output.extend_from_slice(SWITCH);
            peer.upgraded = true;
            at += end;
        } else if scenario == "ws" {
            // The head of a frame up to 64 KB: two bytes, or four, and the mask.
            let Some(&[_, short]) = input.get(..2) else { break };
            let (head, size) = match short & 0x7f {
                126 if input.len() >= 4 => (4, usize::from(u16::from_be_bytes([input[2], input[3]]))),
                126 => break,
                size => (2, usize::from(size)),
            };
            if input.len() < head + 4 + size {
                break;
            }
            let mask: [u8; 4] = std::array::from_fn(|i| input[head + i]);
            peer.output.extend_from_slice(&[input[0], short & 0x7f]);
            peer.output.extend_from_slice(&input[2..head]);
            let payload = &input[head + 4..head + 4 + size];
            peer.output.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]));
            at += head + 4 + size;
        } else {
            peer.output.extend_from_slice(input);
            at = peer.input.len();
            break;
        }
    }
    peer.input.drain(..at);
}
