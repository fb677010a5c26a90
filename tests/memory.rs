//! What a connection keeps is bounded, whatever the peer sends and never ends. The one test of its process: it counts allocations, where
//! the addon's allocator does not.
#![cfg(not(feature = "binding"))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;

use turnout::engine::error::ParseError;
use turnout::engine::h1::{ClientConn, Config, Conn, Expected, RequestHead, ResponseHead, Sink, Validation};

/// The system's allocator, and how many bytes are in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// Nothing but an allocator sees every buffer of a connection.
#[allow(unsafe_code)]
// SAFETY: every call goes to `System` with what the caller gave; the counters do not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = IN_USE.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(now, Relaxed);
        // SAFETY: the caller's obligations are `System`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above; `pointer` came from `alloc`, and so from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Keeps nothing.
#[derive(Default)]
struct Deaf {
    requests: usize,
    body: usize,
    failed: bool,
}

impl Sink for Deaf {
    fn request(&mut self, _: u32, _: &RequestHead<'_>) {
        self.requests += 1;
    }
    fn response(&mut self, _: u32, _: &ResponseHead<'_>) {}
    fn body(&mut self, _: u32, bytes: &[u8]) {
        self.body += bytes.len();
    }
    fn end(&mut self, _: u32, _: &[u8]) {}
    fn upgrade(&mut self, _: u32, _: bool, _: &[u8]) {}
    fn unasked(&mut self, _: &[u8]) {}
    fn parse_error(&mut self, _: ParseError, _: usize, _: &[u8]) {
        self.failed = true;
    }
}

/// How many bytes the engine reads at once.
const READ: usize = 66 * 1024;
/// Bytes that a peer sends in all.
const ENOUGH: usize = 2 * 1024 * 1024;
/// Bytes a connection may keep: a head's limit and a read that must wait, in buffers that double.
const BOUND: usize = 2 * (16 * 1024 + READ) + 4 * 1024;

/// `first`, then `again` without end.
struct Endless {
    name: &'static str,
    first: &'static [u8],
    again: &'static [u8],
    refused: bool,
}

const REQUESTS: &[Endless] = &[
    Endless { name: "blank lines", first: b"", again: b"\r\n", refused: false },
    Endless { name: "a target", first: b"GET /", again: b"a", refused: true },
    Endless { name: "a field name", first: b"GET / HTTP/1.1\r\n", again: b"a", refused: true },
    Endless { name: "a field value", first: b"GET / HTTP/1.1\r\na: ", again: b"a", refused: true },
    Endless { name: "white space ahead of a value", first: b"GET / HTTP/1.1\r\na:", again: b" \t", refused: false },
    Endless { name: "spaces ahead of the target", first: b"GET ", again: b" ", refused: false },
    Endless { name: "fields", first: b"GET / HTTP/1.1\r\n", again: b"a: b\r\n", refused: true },
    Endless { name: "empty fields", first: b"GET / HTTP/1.1\r\n", again: b"a:\r\n", refused: true },
    Endless { name: "requests without an answer", first: b"", again: b"GET / HTTP/1.1\r\n\r\n", refused: false },
    Endless {
        name: "bytes behind an upgrade",
        first: b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        again: b"a",
        refused: false,
    },
    Endless {
        name: "zeros of a chunk size",
        first: b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        again: b"0",
        refused: false,
    },
    Endless {
        name: "a chunk extension",
        first: b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;a",
        again: b"a",
        refused: true,
    },
    Endless {
        name: "chunks",
        first: b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        again: b"5;a=\"b\"\r\nhello\r\n",
        refused: false,
    },
    Endless {
        name: "trailers",
        first: b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        again: b"a: b\r\n",
        refused: true,
    },
];

const RESPONSES: &[Endless] = &[
    Endless { name: "a reason", first: b"HTTP/1.1 200 ", again: b"a", refused: true },
    Endless { name: "response fields", first: b"HTTP/1.1 200 OK\r\n", again: b"a: b\r\n", refused: true },
    Endless { name: "interim responses", first: b"", again: b"HTTP/1.1 103 X\r\na: b\r\n\r\n", refused: false },
    Endless { name: "a body", first: b"HTTP/1.1 200 OK\r\n\r\n", again: b"a", refused: false },
];

/// The reads the peer's bytes come in.
fn reads(endless: &Endless, size: usize) -> impl Iterator<Item = Vec<u8>> + '_ {
    let rest = endless.again.repeat(size.div_ceil(endless.again.len()));
    let count = (ENOUGH / rest.len()).min(40_000);
    std::iter::once([endless.first, &rest].concat()).chain(std::iter::repeat_n(rest, count))
}

/// Bytes in use at most while `act` runs, above what is in use now.
fn most_while(act: impl FnOnce()) -> usize {
    let before = IN_USE.load(Relaxed);
    MOST.store(before, Relaxed);
    act();
    MOST.load(Relaxed) - before
}

/// What the peer sends never ends: what one read makes a connection grow by, and what it keeps in the end, is bounded. `receive` says whether it reads on.
fn check<C>(endless: &Endless, size: usize, begin: impl FnOnce() -> C, receive: fn(&mut C, &[u8], &mut Deaf) -> bool) {
    let Endless { name, refused, .. } = endless;
    let before = IN_USE.load(Relaxed);
    let (mut conn, mut sink) = (begin(), Deaf::default());
    let mut most = 0;
    for read in reads(endless, size) {
        let mut more = true;
        most = most.max(most_while(|| more = receive(&mut conn, &read, &mut sink)));
        if !more {
            break;
        }
    }
    assert_eq!(sink.failed, *refused, "{name} in reads of {size}");
    assert!(most <= BOUND, "{name} in reads of {size}: one read made it grow by {most}");
    let kept = IN_USE.load(Relaxed) - before;
    assert!(kept <= BOUND, "{name} in reads of {size}: {kept} bytes are kept");
}

#[test]
fn a_connection_keeps_no_more_than_its_limits() {
    for size in [1, 1000, READ] {
        for endless in REQUESTS {
            check(endless, size, serving, |conn, read, sink| {
                conn.receive(read, sink);
                conn.can_read() && !sink.failed
            });
        }
        for endless in RESPONSES {
            check(endless, size, asking, |conn, read, sink| {
                conn.receive(read, sink);
                !sink.failed
            });
        }
    }
    large_heads_leave_nothing_behind();
}

fn serving() -> Conn {
    Conn::new(Arc::new(Config::default()))
}

fn asking() -> ClientConn {
    let mut conn = ClientConn::new(Arc::new(Config::default()));
    conn.expect(Expected { seq: 1, head: false, connect: false }, None, Validation::Strict);
    conn
}

/// An idle connection does not pay for a large head it once had.
fn large_heads_leave_nothing_behind() {
    let value = "v".repeat(15_000);
    let mut sink = Deaf::default();
    let before = IN_USE.load(Relaxed);
    let mut conn = serving();
    for message in [format!("GET /{value} HTTP/1.1\r\n\r\n"), format!("GET / HTTP/1.1\r\na: {value}\r\n\r\n")] {
        for byte in message.as_bytes() {
            conn.receive(&[*byte], &mut sink);
        }
        conn.response_done(&mut sink);
    }
    for byte in b"GET / HTTP/1.1\r\n\r\n" {
        conn.receive(&[*byte], &mut sink);
    }
    assert_eq!(sink.requests, 3);
    let kept = IN_USE.load(Relaxed) - before;
    assert!(kept < 10_000, "{kept} bytes are kept");
}
