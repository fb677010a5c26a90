//! CLOSE that depends on what the connection does: whether anything is left to send, whether a request has begun.

mod support;

use support::driven::Driven;
use turnout::engine::layout::close_flags::{UNLESS_BUSY, UNLESS_SENT};
use turnout::engine::layout::write_flags::LAST;
use turnout::engine::layout::{Kind, Op};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\na";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const CLOSED: Kind = Kind::Closed;

/// A connection that has received so much, and whose kernel takes `room` bytes.
fn received(bytes: &[u8], room: usize) -> Driven {
    let mut driven = Driven::new();
    {
        let mut line = driven.wire.0.borrow_mut();
        line.incoming = bytes.to_vec();
        line.room = room;
    }
    driven.poll();
    driven.settle();
    driven.told();
    driven
}

#[test]
fn what_has_been_sent_keeps_the_connection() {
    let mut driven = received(GET, usize::MAX);
    driven.command(Op::Write, LAST, 1, ANSWER);
    driven.command(Op::Close, UNLESS_SENT, 0, b"");
    assert_eq!(driven.wire.0.borrow().sent, ANSWER.len());
    assert!(!driven.told().contains(&CLOSED));
}

#[test]
fn what_the_kernel_has_not_taken_goes_with_the_connection() {
    for room in [0, 1, ANSWER.len() - 1] {
        let mut driven = received(GET, room);
        driven.command(Op::Write, LAST, 1, ANSWER);
        driven.command(Op::Close, UNLESS_SENT, 0, b"");
        assert_eq!(driven.wire.0.borrow().sent, room);
        assert!(driven.told().contains(&CLOSED), "{room} of {} were sent", ANSWER.len());
    }
}

#[test]
fn an_answer_that_waits_for_its_turn_is_not_in_the_way() {
    let mut driven = received(&GET.repeat(2), usize::MAX);
    driven.command(Op::Write, LAST, 2, ANSWER);
    driven.command(Op::Write, LAST, 1, ANSWER);
    driven.command(Op::Close, UNLESS_SENT, 0, b"");
    assert!(!driven.told().contains(&CLOSED));
    assert_eq!(driven.wire.0.borrow().sent, 2 * ANSWER.len());
}

#[test]
fn a_connection_on_which_a_request_has_begun_is_busy() {
    for (bytes, is_busy) in
        [(&b""[..], false), (b"\r\n", false), (b"G", true), (&GET[..20], true), (GET, true), (POST, true)]
    {
        let mut driven = received(bytes, usize::MAX);
        driven.command(Op::Close, UNLESS_BUSY, 0, b"");
        assert_eq!(driven.told().contains(&CLOSED), !is_busy, "{:?}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn a_connection_whose_requests_have_been_answered_is_not() {
    let mut driven = received(GET, usize::MAX);
    driven.command(Op::Write, LAST, 1, ANSWER);
    driven.command(Op::Close, UNLESS_BUSY, 0, b"");
    assert!(driven.told().contains(&CLOSED));
}
