//! A connection whose peer asks for more than it reads, over a socket that takes exactly as much as the test lets it.

mod support;

use support::driven::Driven;
use support::Random;
use turnout::engine::deadline::Waiting;
use turnout::engine::layout::write_flags::LAST;
use turnout::engine::layout::Op;

/// As [`Driven::requests`], and acknowledges a burst as JavaScript does: answers of up to `largest` bytes, then GO_ON.
fn answer(driven: &mut Driven, answered: &mut usize, random: &mut Random, largest: usize) {
    let told = driven.requests();
    if told == 0 {
        return;
    }
    for _ in 0..told {
        *answered += 1;
        driven.command(Op::Write, LAST, *answered as u32, &vec![b'x'; 1 + random.below(largest)]);
    }
    driven.command(Op::GoOn, 0, 0, b"");
    driven.connection.flush(None, &mut driven.batch);
}

const BURST: usize = 16;
const ANSWER: usize = 20_000;
/// As many bytes of a queue may wait as do not hold anything up.
const HIGH_WATER: usize = 64 * 1024;

/// Two bursts in one packet, the first of which has been answered and not read.
fn answered(driven: &mut Driven) {
    driven.wire.0.borrow_mut().incoming = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2 * BURST);
    driven.poll();
    assert_eq!(driven.requests(), BURST);
    for seq in 1..=BURST {
        driven.command(Op::Write, LAST, seq as u32, &[b'x'; ANSWER]);
    }
    driven.command(Op::GoOn, 0, 0, b"");
    driven.connection.flush(None, &mut driven.batch);
    assert_eq!(driven.requests(), 0, "the answers to the first burst wait");
}

#[test]
fn the_next_burst_comes_when_the_answers_leave_at_once() {
    let mut driven = Driven::new();
    answered(&mut driven);
    driven.wire.0.borrow_mut().room = BURST * ANSWER;
    driven.poll();
    assert_eq!(driven.requests(), BURST);
}

#[test]
fn the_next_burst_comes_when_they_leave_in_pieces_of_any_size() {
    for piece in [1000, 10_000, HIGH_WATER - 1, HIGH_WATER, HIGH_WATER + 1, 100_000, BURST * ANSWER - 1] {
        let mut driven = Driven::new();
        answered(&mut driven);
        let (mut sent, mut told) = (0, 0);
        while sent < BURST * ANSWER {
            driven.wire.0.borrow_mut().room = piece;
            driven.poll();
            sent += piece - driven.wire.0.borrow().room;
            let waits = BURST * ANSWER - sent;
            told += driven.requests();
            assert_eq!(told, if waits > HIGH_WATER { 0 } else { BURST }, "{waits} bytes wait, taken by {piece}");
        }
        assert!(!matches!(driven.connection.waiting, Waiting::KeepAlive(_)), "requests are open");
    }
}

#[test]
fn reading_goes_on_when_they_have_left_in_pieces() {
    let mut driven = Driven::new();
    answered(&mut driven);
    // After what has been read: the kernel says so once, while nobody may read.
    driven.wire.0.borrow_mut().incoming = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
    driven.poll();
    let reads = driven.wire.0.borrow().reads;
    driven.settle();
    assert_eq!(driven.wire.0.borrow().reads, reads, "it reads although answers wait");
    driven.wire.0.borrow_mut().room = BURST * ANSWER - 1000;
    driven.poll();
    driven.wire.0.borrow_mut().room = 1000;
    driven.poll();
    assert_eq!(driven.requests(), BURST);
    for seq in BURST + 1..=2 * BURST {
        driven.command(Op::Write, LAST, seq as u32, b"x");
    }
    driven.command(Op::GoOn, 0, 0, b"");
    driven.wire.0.borrow_mut().room = 1 << 20;
    driven.connection.flush(None, &mut driven.batch);
    assert!(driven.connection.take_woken());
    driven.poll();
    assert_eq!(driven.requests(), 1);
}

#[test]
fn what_goes_on_is_not_idle() {
    let mut driven = Driven::new();
    answered(&mut driven);
    driven.wire.0.borrow_mut().room = BURST * ANSWER - 1000;
    driven.poll();
    assert_eq!(driven.requests(), BURST);
    driven.wire.0.borrow_mut().room = 1000;
    driven.poll();
    assert!(matches!(driven.connection.waiting, Waiting::Nothing), "{:?}", driven.connection.waiting);
    for seq in BURST + 1..=2 * BURST {
        driven.command(Op::Write, LAST, seq as u32, b"x");
    }
    driven.wire.0.borrow_mut().room = 1 << 20;
    driven.connection.flush(None, &mut driven.batch);
    assert!(matches!(driven.connection.waiting, Waiting::KeepAlive(_)));
}

/// However the bytes come and leave: as long as the driver polls when the connection asks, when bytes have come and when a full kernel takes
/// more, every request is told.
#[test]
fn nothing_is_left_behind_in_whatever_pieces_it_comes_and_leaves() {
    const REQUESTS: usize = 100;
    for seed in 1..=300_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut driven = Driven::new();
        let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(REQUESTS);
        let (mut given, mut answered) = (0, 0);
        let largest = [100, 5_000, 40_000, 150_000][random.below(4)];
        let mut rounds = 0;
        while answered < REQUESTS {
            rounds += 1;
            assert!(
                rounds < 100_000,
                "seed {seed}: {answered} of {REQUESTS} answered, {given} of {} bytes given",
                text.len()
            );
            match random.below(3) {
                0 if given < text.len() => {
                    let piece = (1 + random.below(2000)).min(text.len() - given);
                    driven.wire.0.borrow_mut().incoming.extend_from_slice(&text[given..given + piece]);
                    given += piece;
                    driven.poll();
                }
                1 if driven.wire.0.borrow().room == 0 => {
                    driven.wire.0.borrow_mut().room = 1 + random.below(2 * largest);
                    driven.poll();
                }
                _ => {}
            }
            answer(&mut driven, &mut answered, &mut random, largest);
            while driven.connection.take_woken() {
                driven.poll();
                answer(&mut driven, &mut answered, &mut random, largest);
            }
        }
    }
}
