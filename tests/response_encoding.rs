//! Responses on their way out: order, framing, acknowledgements.

use std::io::IoSlice;

use turnout::engine::h1::encode::write_flags::{ACK, CHUNKED, CLOSE, LAST, TRAILERS};
use turnout::engine::h1::encode::{Payload, ResponseQueue};

fn queue(requests: u32) -> ResponseQueue {
    let mut queue = ResponseQueue::new();
    for seq in 1..=requests {
        queue.opened(seq);
    }
    queue
}

fn write(queue: &mut ResponseQueue, seq: u32, flags: u32, head: usize, bytes: &str) -> u32 {
    queue.write(seq, flags, head, Payload::Borrowed(bytes.as_bytes()))
}

/// Takes everything, `step` bytes at a time.
fn drain(queue: &mut ResponseQueue, step: usize) -> String {
    let mut out = Vec::new();
    while queue.pending() > 0 {
        let mut slices = [IoSlice::new(&[]); 3];
        let n = queue.slices(&mut slices);
        let bytes: Vec<u8> = slices[..n].iter().flat_map(|s| s.iter().copied()).collect();
        let take = bytes.len().min(step);
        assert!(take > 0, "bytes are pending but none are offered");
        out.extend_from_slice(&bytes[..take]);
        queue.advance(take);
    }
    String::from_utf8(out).expect("the tests write text")
}

#[test]
fn frames_payload_behind_the_head_as_its_flags_ask() {
    let table = [
        ("plain", LAST, 4, "HEADbody", "HEADbody"),
        ("chunk", CHUNKED, 4, "HEADbody", "HEAD4\r\nbody\r\n"),
        ("empty chunk", CHUNKED, 4, "HEAD", "HEAD"),
        (
            "last chunk",
            CHUNKED | LAST,
            0,
            "body",
            "4\r\nbody\r\n0\r\n\r\n",
        ),
        ("only the end", CHUNKED | LAST, 0, "", "0\r\n\r\n"),
        (
            "trailers",
            CHUNKED | LAST | TRAILERS,
            9,
            "0\r\na: b\r\n",
            "0\r\na: b\r\n",
        ),
        ("head longer than payload", CHUNKED, 99, "HEAD", "HEAD"),
        (
            "two digits",
            CHUNKED,
            0,
            "0123456789abcdef!",
            "11\r\n0123456789abcdef!\r\n",
        ),
    ];
    for (name, flags, head, payload, wire) in table {
        for step in [1, 1000] {
            let mut queue = queue(1);
            write(&mut queue, 1, flags, head, payload);
            assert_eq!(drain(&mut queue, step), wire, "{name} by {step}");
        }
    }
}

#[test]
fn holds_responses_until_their_turn() {
    let mut queue = queue(3);
    assert_eq!(write(&mut queue, 3, LAST, 0, "three"), 0);
    assert_eq!(write(&mut queue, 2, 0, 0, "tw"), 0);
    assert_eq!(queue.pending(), 0);
    assert_eq!(write(&mut queue, 1, LAST, 0, "one "), 1);
    assert_eq!(drain(&mut queue, 9), "one tw");
    assert_eq!(write(&mut queue, 2, LAST, 0, "o "), 2);
    assert_eq!(drain(&mut queue, 9), "o three");
}

#[test]
fn drops_what_no_open_request_asked_for() {
    let mut queue = queue(1);
    write(&mut queue, 0, 0, 0, "zero");
    write(&mut queue, 2, LAST, 0, "two");
    write(&mut queue, u32::MAX, LAST, 0, "far");
    write(&mut queue, 1, LAST, 0, "one");
    write(&mut queue, 1, LAST, 0, "again");
    assert_eq!(drain(&mut queue, 9), "one");
}

#[test]
fn drops_what_follows_a_write_that_closes() {
    let mut queue = queue(2);
    write(&mut queue, 2, LAST, 0, "two");
    assert_eq!(write(&mut queue, 1, LAST | CLOSE, 0, "one"), 1);
    queue.write_now(0, Payload::Borrowed(b"now"));
    assert!(queue.is_closing());
    assert_eq!(drain(&mut queue, 9), "one");
}

#[test]
fn sends_raw_bytes_ahead_of_held_responses() {
    let mut queue = queue(2);
    write(&mut queue, 2, LAST, 0, "two");
    queue.write_now(0, Payload::Borrowed(b"now "));
    write(&mut queue, 1, LAST, 0, "one ");
    assert_eq!(drain(&mut queue, 9), "now one two");
}

#[test]
fn keeps_order_between_moved_and_copied_payloads() {
    let large = "x".repeat(20_000);
    for step in [777, 100_000] {
        let mut queue = queue(1);
        write(&mut queue, 1, CHUNKED, 1, "Ha");
        queue.write(1, CHUNKED, 0, Payload::Owned(large.clone().into_bytes()));
        write(&mut queue, 1, CHUNKED | LAST, 0, "z");
        let wire = format!("H1\r\na\r\n4e20\r\n{large}\r\n1\r\nz\r\n0\r\n\r\n");
        assert_eq!(drain(&mut queue, step), wire);
    }
}

#[test]
fn acknowledges_payload_once_the_flagged_bytes_have_left() {
    let mut queue = queue(1);
    write(&mut queue, 1, CHUNKED | ACK, 0, "four");
    assert_eq!(queue.acknowledge(), None);
    queue.advance(8);
    assert_eq!(queue.acknowledge(), None, "the chunk's CRLF has not left");
    queue.advance(1);
    assert_eq!(queue.acknowledge(), Some(4));
    assert_eq!(queue.acknowledge(), None);
    write(&mut queue, 1, LAST | ACK, 0, "");
    assert_eq!(
        queue.acknowledge(),
        Some(4),
        "an empty write is acknowledged too"
    );
}

#[test]
fn acknowledges_when_a_long_queue_has_become_short() {
    let mut queue = queue(1);
    queue.write(1, 0, 0, Payload::Owned(vec![b'x'; 70_000]));
    queue.advance(50_000);
    assert_eq!(queue.acknowledge(), None);
    queue.advance(10_000);
    assert_eq!(queue.acknowledge(), Some(60_000));
    queue.advance(10_000);
    assert_eq!(queue.acknowledge(), None);
}

#[test]
fn does_not_let_the_active_response_wait_for_held_bytes() {
    let mut queue = queue(2);
    write(&mut queue, 2, LAST, 0, "held");
    write(&mut queue, 1, ACK, 0, "part");
    drain(&mut queue, 9);
    assert_eq!(queue.acknowledge(), Some(8));
}
