//! Load for the benches: `turnout-load MODE PORT CONNECTIONS WARMUP_MS MEASURE_MS SIZE DEPTH RATE PID TLS`.
//!
//! Every connection has DEPTH requests in flight; with a RATE (requests per second, 0 for none) they leave on schedule instead and
//! latency counts from the scheduled time. Answers are compared with what they must be. PID is the server's: its CPU clocks are
//! read here, at the very edges of the measured window. TLS: 1 when the server speaks it, else 0. Prints one line of JSON.
//! With mode `idle` it opens CONNECTIONS upgraded sockets, prints `ready` and keeps them until its standard input ends.

mod client;
mod cpu;
mod histogram;
mod line;
mod run;
mod wire;

use std::net::SocketAddr;
use std::time::Duration;

use client::{Exchange, Mode};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Option<Vec<u64>> = arguments.iter().skip(1).map(|text| text.parse().ok()).collect();
    let mode = arguments.first().and_then(|name| Mode::parse(name));
    let (Some(mode), Some(&[port, connections, warmup, measure, size, depth, rate, pid, tls])) =
        (mode, numbers.as_deref())
    else {
        eprintln!("usage: turnout-load MODE PORT CONNECTIONS WARMUP_MS MEASURE_MS SIZE DEPTH RATE PID TLS");
        std::process::exit(2);
    };
    if raise_descriptor_limit() < connections + 64 {
        println!("descriptor limit");
        return;
    }
    let run = run::Run {
        exchange: Exchange::new(mode, size as usize, depth.max(1) as usize),
        address: SocketAddr::from(([127, 0, 0, 1], port as u16)),
        connections: connections as usize,
        depth: depth.max(1) as usize,
        rate,
        pid: pid as u32,
        tls: (tls != 0).then(line::tls_config),
    };
    let result = match mode {
        Mode::Idle => run.idle(),
        _ => run.measure(Duration::from_millis(warmup), Duration::from_millis(measure)),
    };
    if let Err(error) = result {
        eprintln!("load: {error}");
        std::process::exit(1);
    }
}

/// Ten thousand sockets need more than the usual 1,024 descriptors; what is allowed in the end.
fn raise_descriptor_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live local of the type the calls fill and read.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max.min(65_536);
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
            libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        }
    }
    limit.rlim_cur
}
