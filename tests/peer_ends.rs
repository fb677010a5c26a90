//! The peer's FIN: when it is told, and what it waits for; and ours, which waits for the answers ahead of it.

mod support;

use support::driven::Driven;
use turnout::engine::layout::write_flags::LAST;
use turnout::engine::layout::{feed_flags, Kind, Op, Reader};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";
const BURST: usize = 16;
const EOF: Kind = Kind::Eof;
const REQUEST: Kind = Kind::Request;

/// A connection whose peer has sent all it ever will.
fn ended(bytes: &[u8]) -> Driven {
    let mut driven = Driven::new();
    {
        let mut line = driven.wire.0.borrow_mut();
        line.incoming = bytes.to_vec();
        line.fin = true;
        line.room = usize::MAX;
    }
    driven.poll();
    driven
}

#[test]
fn the_fin_is_told_after_the_requests() {
    let mut driven = ended(&GET.repeat(3));
    assert_eq!(driven.told(), [REQUEST, REQUEST, REQUEST, EOF]);
}

#[test]
fn the_fin_waits_for_requests_that_wait_for_their_burst() {
    for count in [BURST, BURST + 1, 2 * BURST, 2 * BURST + 1, 50] {
        let mut driven = ended(&GET.repeat(count));
        let mut told = 0;
        loop {
            let kinds = driven.told();
            let requests = kinds.iter().filter(|&&kind| kind == REQUEST).count();
            told += requests;
            if kinds.contains(&EOF) {
                assert_eq!((told, kinds.last()), (count, Some(&EOF)));
                break;
            }
            assert!(requests > 0, "{told} of {count} have been told, and nothing more comes");
            driven.command(Op::GoOn, 0, 0, b"");
            driven.settle();
        }
        driven.command(Op::GoOn, 0, 0, b"");
        driven.settle();
        assert!(driven.told().is_empty(), "it is told once");
    }
}

#[test]
fn the_fin_waits_for_the_decision_about_an_upgrade() {
    for accepted in [0, 1] {
        let mut driven = ended(&[UPGRADE, GET].concat());
        assert_eq!(driven.told(), [REQUEST, Kind::Upgrade]);
        driven.command(Op::Decide, accepted, 1, b"");
        driven.settle();
        assert_eq!(driven.told(), if accepted == 1 { vec![EOF] } else { vec![REQUEST, EOF] });
    }
}

#[test]
fn half_a_request_is_an_error_ahead_of_the_fin() {
    let mut driven = ended(&[GET, b"GET / HT"].concat());
    assert_eq!(driven.told(), [REQUEST, Kind::ParseError, EOF]);
}

#[test]
fn the_fin_after_what_was_refused_is_told() {
    let mut driven = ended(b"GARBAGE\r\n\r\n");
    driven.settle();
    assert_eq!(driven.told(), [Kind::ParseError, EOF]);
}

#[test]
fn what_an_upgraded_stream_has_ended_leaves_after_the_answers_ahead() {
    let mut driven = Driven::new();
    driven.wire.0.borrow_mut().room = usize::MAX;
    driven.wire.0.borrow_mut().incoming = [GET, UPGRADE].concat();
    driven.poll();
    driven.command(Op::Decide, 1, 2, b"");
    driven.command(Op::Write, 0, 2, b"switched");
    driven.command(Op::Shutdown, 0, 0, b"");
    driven.connection.flush(None, &mut driven.batch);
    assert_eq!((driven.wire.0.borrow().sent, driven.wire.0.borrow().shut), (0, false));
    driven.command(Op::Write, LAST, 1, b"one");
    driven.connection.flush(None, &mut driven.batch);
    assert_eq!((driven.wire.0.borrow().sent, driven.wire.0.borrow().shut), (11, true));
}

#[test]
fn it_does_not_wait_for_them_when_the_peer_has_gone() {
    for gone_first in [false, true] {
        let mut driven = Driven::new();
        driven.wire.0.borrow_mut().room = usize::MAX;
        driven.wire.0.borrow_mut().incoming = [GET, UPGRADE].concat();
        driven.poll();
        driven.command(Op::Decide, 1, 2, b"");
        driven.wire.0.borrow_mut().fin = gone_first;
        driven.poll();
        driven.command(Op::Write, 0, 2, b"switched");
        driven.command(Op::Shutdown, 0, 0, b"");
        driven.connection.flush(None, &mut driven.batch);
        if !gone_first {
            assert!(!driven.connection.is_closed());
            driven.wire.0.borrow_mut().fin = true;
            driven.poll_to_the_end();
        }
        assert!(driven.connection.is_closed());
    }
}

#[test]
fn what_is_there_to_read_is_told_before_our_fin_has_left() {
    let mut driven = Driven::new();
    driven.wire.0.borrow_mut().room = usize::MAX;
    driven.wire.0.borrow_mut().incoming = UPGRADE.to_vec();
    driven.poll();
    driven.command(Op::Decide, 1, 1, b"");
    driven.told();
    driven.wire.0.borrow_mut().incoming = b"more".to_vec();
    driven.command(Op::Write, 0, 1, b"said");
    driven.command(Op::Shutdown, 0, 0, b"");
    driven.connection.flush(None, &mut driven.batch);
    assert_eq!((driven.wire.0.borrow().sent, driven.wire.0.borrow().shut), (4, false));
    driven.settle();
    assert!(driven.wire.0.borrow().shut);
    assert_eq!(driven.told(), [Kind::Raw, Kind::Ack]);
}

#[test]
fn our_fin_waits_for_no_reading_that_nobody_wants() {
    let mut driven = Driven::new();
    driven.wire.0.borrow_mut().room = usize::MAX;
    driven.wire.0.borrow_mut().incoming = UPGRADE.to_vec();
    driven.poll();
    driven.command(Op::Decide, 1, 1, b"");
    driven.command(Op::Tap, 0, Reader::Nobody.number(), b"");
    driven.wire.0.borrow_mut().incoming = b"more".to_vec();
    driven.command(Op::Shutdown, 0, 0, b"");
    driven.connection.flush(None, &mut driven.batch);
    assert!(driven.wire.0.borrow().shut);
}

#[test]
fn the_fin_after_garbage_that_was_fed_to_a_connection_on_hold_is_heard() {
    let mut driven = Driven::new();
    driven.command(Op::Tap, 0, Reader::Nobody.number(), b"");
    driven.settle();
    driven.command(Op::Feed, 0, 0, b"\x00garbage\r\n\r\n");
    assert_eq!(driven.told(), [Kind::ParseError]);
    driven.wire.0.borrow_mut().fin = true;
    driven.settle();
    assert_eq!(driven.told(), [EOF]);
}

#[test]
fn what_comes_behind_an_end_that_was_fed_amid_a_message_is_not_told() {
    for reader in [Reader::Parser, Reader::Javascript, Reader::Nobody] {
        let mut driven = Driven::new();
        driven.command(Op::Tap, 0, reader.number(), b"");
        driven.command(Op::Feed, feed_flags::END, 0, b"GET / HT");
        driven.settle();
        assert_eq!(driven.told(), [Kind::ParseError, EOF], "{reader:?}");
        driven.wire.0.borrow_mut().incoming = GET.to_vec();
        driven.poll();
        driven.settle();
        assert!(driven.told().is_empty(), "{reader:?}");
        assert!(
            driven.wire.0.borrow().incoming.is_empty(),
            "{reader:?}: it is read, so that the peer's end will be noticed"
        );
    }
}
