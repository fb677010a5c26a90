//! Load for the benches: `turnout-load MODE PORT CONNECTIONS WARMUP_MS MEASURE_MS SIZE`.
//!
//! Every connection has one request in flight. What comes back is checked: status, length of the body, length of the echo. Prints
//! `start` and `end` around the measured time, so that the caller can read the server's CPU clocks, and then one line of JSON.
//! With mode `idle` it opens CONNECTIONS upgraded sockets, prints `ready` and keeps them until its standard input ends.

mod client;

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use client::{Client, Mode, Outcome};
use mio::{Events, Poll, Token};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |n: usize| args.get(n).and_then(|text| text.parse::<u64>().ok());
    let (Some(mode), Some(port), Some(connections), Some(warmup), Some(measure), Some(size)) =
        (args.first().and_then(|name| Mode::parse(name)), number(1), number(2), number(3), number(4), number(5))
    else {
        eprintln!("usage: turnout-load get|post|handshake|ws|raw|idle PORT CONNECTIONS WARMUP_MS MEASURE_MS SIZE");
        std::process::exit(2);
    };
    raise_descriptor_limit();
    let address = SocketAddr::from(([127, 0, 0, 1], port as u16));
    let run = Run { mode, address, connections: connections as usize, size: size as usize };
    let result = if mode == Mode::Idle {
        run.idle()
    } else {
        run.measure(Duration::from_millis(warmup), Duration::from_millis(measure))
    };
    if let Err(error) = result {
        eprintln!("load: {error}");
        std::process::exit(1);
    }
}

/// Ten thousand sockets need more than the usual 1,024 descriptors.
fn raise_descriptor_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live local of the type the call fills and reads.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max.min(65_536);
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    }
}

struct Run {
    mode: Mode,
    address: SocketAddr,
    connections: usize,
    size: usize,
}

impl Run {
    fn connect(&self, poll: &Poll, token: usize) -> io::Result<Client> {
        Client::connect(self.mode, self.address, self.size, poll.registry(), Token(token))
    }

    fn idle(&self) -> io::Result<()> {
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(1024);
        let mut clients = Vec::new();
        let mut buffer = vec![0; 65536];
        let mut ready = 0;
        let mut waiting: VecDeque<usize> = (0..self.connections).collect();
        let mut open = 0;
        while ready < self.connections {
            // A few at a time: the server's backlog is finite.
            while open - ready < 100 {
                let Some(token) = waiting.pop_front() else { break };
                clients.push(self.connect(&poll, token)?);
                open += 1;
            }
            poll.poll(&mut events, Some(Duration::from_secs(10)))?;
            if events.is_empty() {
                return Err(io::Error::other(format!("only {ready} connections were upgraded")));
            }
            for event in &events {
                if let Outcome::Done = clients[event.token().0].advance(&mut buffer)? {
                    ready += 1;
                }
            }
        }
        println!("ready");
        io::stdout().flush()?;
        io::stdin().read_to_end(&mut Vec::new())?;
        Ok(())
    }

    fn measure(&self, warmup: Duration, measure: Duration) -> io::Result<()> {
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; 256 * 1024];
        let mut clients = (0..self.connections).map(|n| self.connect(&poll, n)).collect::<io::Result<Vec<_>>>()?;
        let begin = Instant::now() + warmup;
        let end = begin + measure;
        let mut latencies: Vec<u32> = Vec::new();
        let mut started = false;
        loop {
            let now = Instant::now();
            if !started && now >= begin {
                started = true;
                println!("start");
                io::stdout().flush()?;
            }
            if now >= end {
                break;
            }
            poll.poll(&mut events, Some(Duration::from_millis(20)))?;
            for event in &events {
                let token = event.token().0;
                while let Outcome::Done = clients[token].advance(&mut buffer)? {
                    let taken = clients[token].began.elapsed();
                    if started {
                        latencies.push(taken.as_micros().min(u128::from(u32::MAX)) as u32);
                    }
                    if self.mode == Mode::Handshake {
                        clients[token] = self.connect(&poll, token)?;
                        break;
                    }
                    clients[token].begin();
                }
            }
        }
        println!("end");
        report(&mut latencies, measure);
        Ok(())
    }
}

fn report(latencies: &mut [u32], measure: Duration) {
    latencies.sort_unstable();
    let at = |share: f64| latencies.get(((latencies.len() as f64 * share) as usize).min(latencies.len().saturating_sub(1)));
    let percentile = |share| at(share).copied().unwrap_or(0);
    println!(
        r#"{{"operations":{},"perSecond":{:.1},"p50":{},"p99":{}}}"#,
        latencies.len(),
        latencies.len() as f64 / measure.as_secs_f64(),
        percentile(0.5),
        percentile(0.99)
    );
}
