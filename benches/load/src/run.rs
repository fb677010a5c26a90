//! A run: all connections, the clock and the counts.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use rustls::ClientConfig;

use crate::client::{Client, Exchange, Mode};
use crate::cpu::Cpu;
use crate::histogram::Histogram;
use crate::line::Line;

/// A connection that has moved nothing for so long is stalled.
const STALL: Duration = Duration::from_secs(2);
/// After so many errors more of the same teach nothing.
const ENOUGH_ERRORS: u64 = 1000;

pub struct Run {
    pub exchange: Exchange,
    pub address: SocketAddr,
    pub connections: usize,
    pub depth: usize,
    pub rate: u64,
    pub pid: u32,
    pub tls: Option<Arc<ClientConfig>>,
}

#[derive(Default)]
struct Faults {
    errors: u64,
    stalled: u64,
    first: Option<String>,
}

impl Run {
    fn connect(&self, poll: &Poll, token: usize) -> io::Result<Client> {
        let line = Line::connect(self.address, self.tls.as_ref(), poll.registry(), Token(token))?;
        let mut client = Client::new(line);
        let closed_loop = self.rate == 0 && !matches!(self.exchange.mode, Mode::Broadcast | Mode::Idle);
        let in_flight = if self.exchange.mode == Mode::Handshake { 1 } else { self.depth };
        for _ in 0..if closed_loop { in_flight } else { 0 } {
            client.begin(&self.exchange, Instant::now());
        }
        Ok(client)
    }

    pub fn idle(&self) -> io::Result<()> {
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(1024);
        let mut clients = Vec::new();
        let mut buffer = vec![0; 65536];
        let mut ready = 0;
        while ready < self.connections {
            // A few at a time: the server's backlog is finite.
            while clients.len() < self.connections && clients.len() - ready < 100 {
                clients.push(self.connect(&poll, clients.len())?);
            }
            poll.poll(&mut events, Some(Duration::from_secs(10)))?;
            if events.is_empty() {
                return Err(io::Error::other(format!("only {ready} connections were upgraded")));
            }
            for event in &events {
                let client = &mut clients[event.token().0];
                client.flush(&self.exchange)?;
                ready += client.receive(&self.exchange, &mut buffer)?;
            }
        }
        println!("ready");
        io::stdout().flush()?;
        io::stdin().read_to_end(&mut Vec::new())?;
        Ok(())
    }

    pub fn measure(&self, warmup: Duration, measure: Duration) -> io::Result<()> {
        let mode = self.exchange.mode;
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; 256 * 1024];
        let mut clients = (0..self.connections).map(|n| self.connect(&poll, n)).collect::<io::Result<Vec<_>>>()?;
        let mut waiting: VecDeque<usize> = VecDeque::new();
        let (mut histogram, mut faults) = (Histogram::new(), Faults::default());
        let origin = Instant::now();
        let (mut scheduled, mut delivered, mut sweep) = (0u64, self.connections, origin + STALL);
        let mut window: Option<(Instant, Cpu)> = None;
        let ended = loop {
            let now = Instant::now();
            match window {
                None if now >= origin + warmup => window = Some((Instant::now(), Cpu::read(self.pid))),
                Some((begin, _)) if now >= begin + measure => break now,
                _ => {}
            }
            let mut failed: Vec<(usize, io::Error)> = Vec::new();
            let mut pause = Duration::from_millis(20);
            if let Some(interval) = 1_000_000_000u64.checked_div(self.rate) {
                loop {
                    let due = origin + Duration::from_nanos(interval * scheduled);
                    if due > now {
                        pause = due - now;
                        break;
                    }
                    let token = scheduled as usize % self.connections;
                    scheduled += 1;
                    // At most one in flight; what has to wait keeps its scheduled time.
                    clients[token].begin(&self.exchange, due);
                    if let Err(error) = clients[token].flush(&self.exchange) {
                        failed.push((token, error));
                    }
                }
            }
            if mode == Mode::Broadcast && delivered == self.connections && clients.iter().all(|client| client.upgraded)
            {
                delivered = 0;
                clients.iter_mut().skip(1).for_each(|client| client.due.push_back(now));
                clients[0].begin(&self.exchange, now);
                if let Err(error) = clients[0].flush(&self.exchange) {
                    failed.push((0, error));
                }
            }
            wait(&mut poll, &mut events, pause)?;
            for event in &events {
                let token = event.token().0;
                let client = &mut clients[token];
                let was_upgraded = client.upgraded || !mode.upgrades();
                let outcome = client
                    .flush(&self.exchange)
                    .and_then(|()| client.receive(&self.exchange, &mut buffer))
                    .and_then(|answers| {
                        let answers =
                            if was_upgraded || mode == Mode::Handshake { answers } else { answers.saturating_sub(1) };
                        let now = Instant::now();
                        for _ in 0..answers {
                            let Some(due) = client.due.pop_front() else {
                                return Err(io::Error::other("an answer too many"));
                            };
                            if window.is_some() {
                                histogram.record((now - due).as_nanos() as u64);
                            }
                            delivered += 1;
                            if self.rate == 0 && !matches!(mode, Mode::Broadcast | Mode::Handshake) {
                                client.begin(&self.exchange, now);
                            }
                        }
                        client.flush(&self.exchange)?;
                        Ok(answers)
                    });
                match outcome {
                    Ok(0) => {}
                    Ok(_) if mode == Mode::Handshake => waiting.push_back(token),
                    Ok(_) => {}
                    Err(error) => failed.push((token, error)),
                }
            }
            if now >= sweep {
                sweep = now + STALL / 4;
                for (token, client) in clients.iter().enumerate() {
                    if !client.due.is_empty() && now.saturating_duration_since(client.progress) > STALL {
                        faults.stalled += 1;
                        waiting.push_back(token);
                    }
                }
            }
            for (token, error) in failed {
                faults.errors += 1;
                faults.first.get_or_insert_with(|| error.to_string());
                waiting.push_back(token);
            }
            if faults.errors >= ENOUGH_ERRORS {
                break Instant::now();
            }
            while let Some(token) = waiting.pop_front() {
                clients[token] = self.connect(&poll, token)?;
                // A broadcast that lost a receiver begins anew.
                delivered = if mode == Mode::Broadcast { self.connections } else { delivered };
            }
        };
        let after = Cpu::read(self.pid);
        let (begin, before) = window.unwrap_or((origin, after));
        // A window shorter than a stall shows one by a connection that moved nothing in all of it.
        faults.stalled +=
            clients.iter().filter(|client| !client.due.is_empty() && client.progress < begin).count() as u64;
        report(&histogram, ended - begin, before, after, &faults);
        Ok(())
    }
}

/// mio waits in whole milliseconds; a schedule needs finer ones.
fn wait(poll: &mut Poll, events: &mut Events, pause: Duration) -> io::Result<()> {
    let mut descriptor = libc::pollfd { fd: poll.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let time = libc::timespec { tv_sec: pause.as_secs() as _, tv_nsec: pause.subsec_nanos() as _ };
    // SAFETY: one live descriptor is passed with the count 1; the signal mask may be null.
    if unsafe { libc::ppoll(&mut descriptor, 1, &time, std::ptr::null()) } <= 0 {
        events.clear();
        return Ok(());
    }
    poll.poll(events, Some(Duration::ZERO))
}

fn report(histogram: &Histogram, elapsed: Duration, before: Cpu, after: Cpu, faults: &Faults) {
    let micros = |share| histogram.percentile(share) as f64 / 1000.0;
    println!(
        r#"{{"operations":{},"seconds":{:.6},"perSecond":{:.1},"p50":{:.1},"p99":{:.1},"jsNanos":{},"allNanos":{},"jsTicks":{},"allTicks":{},"errors":{},"stalled":{},"firstError":"{}"}}"#,
        histogram.total(),
        elapsed.as_secs_f64(),
        histogram.total() as f64 / elapsed.as_secs_f64(),
        micros(0.5),
        micros(0.99),
        after.js.saturating_sub(before.js),
        after.all.saturating_sub(before.all),
        after.js_ticks.saturating_sub(before.js_ticks),
        after.all_ticks.saturating_sub(before.all_ticks),
        faults.errors,
        faults.stalled,
        faults.first.as_deref().unwrap_or("").replace(|c: char| c == '"' || c == '\\' || c.is_control(), "'"),
    );
}
