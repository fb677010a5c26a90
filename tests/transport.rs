//! A transport that keeps what it takes until it is flushed, and has a last word to say before FIN: what JavaScript hears, and what waits.

mod support;

use support::driven::Driven;
use support::fake_socket::LAST_WORD;
use turnout::engine::layout::write_flags::{ACK, CLOSE, LAST};
use turnout::engine::layout::{Kind, Op, Reader};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 204 No\r\n\r\n";

/// A connection over such a transport, which has told of one request.
fn asked() -> Driven {
    let mut driven = Driven::new();
    {
        let mut line = driven.wire.0.borrow_mut();
        line.keeps = true;
        line.incoming = GET.to_vec();
    }
    driven.poll();
    assert_eq!(driven.told(), [Kind::Request]);
    driven
}

impl Driven {
    /// The kernel takes so many bytes more, and the driver hears of it.
    fn give_room(&mut self, bytes: usize) {
        self.wire.0.borrow_mut().room += bytes;
        self.poll();
        self.settle();
    }

    fn answer(&mut self, flags: u32) {
        self.command(Op::Write, LAST | flags, 1, ANSWER);
        self.connection.flush(None, &mut self.batch);
        self.settle();
    }

    /// Bytes kept, bytes sent, whether FIN has been sent.
    fn wire(&self) -> (usize, usize, bool) {
        let line = self.wire.0.borrow();
        (line.kept, line.sent, line.shut)
    }
}

#[test]
fn a_write_is_acknowledged_when_the_transport_has_sent_it() {
    let mut driven = asked();
    driven.answer(ACK);
    assert_eq!(driven.wire(), (ANSWER.len(), 0, false));
    assert!(driven.told().is_empty(), "nothing has left");
    driven.give_room(ANSWER.len() - 1);
    assert_eq!(driven.wire(), (1, ANSWER.len() - 1, false));
    assert!(driven.told().is_empty(), "one byte has not left");
    driven.give_room(1);
    assert_eq!(driven.told(), [Kind::Ack]);
}

#[test]
fn our_fin_waits_for_the_flush_and_for_the_last_word() {
    let mut driven = asked();
    driven.answer(0);
    driven.command(Op::Shutdown, 0, 0, b"");
    driven.connection.flush(None, &mut driven.batch);
    driven.settle();
    driven.give_room(ANSWER.len());
    assert_eq!(driven.wire(), (0, ANSWER.len(), false));
    assert!(driven.told().is_empty(), "FIN has not been sent");
    driven.give_room(LAST_WORD - 1);
    assert!(!driven.wire().2);
    driven.give_room(1);
    assert_eq!(driven.wire(), (0, ANSWER.len() + LAST_WORD, true));
    assert_eq!(driven.told(), [Kind::Ack]);
    assert!(!driven.connection.is_closed(), "the peer may go on");
}

#[test]
fn the_close_after_the_last_answer_waits_for_the_last_word() {
    let mut driven = asked();
    driven.answer(CLOSE);
    driven.give_room(ANSWER.len() + LAST_WORD - 1);
    assert!(!driven.connection.is_closed());
    driven.wire.0.borrow_mut().room = 1;
    driven.poll_to_the_end();
    assert_eq!(driven.wire().1, ANSWER.len() + LAST_WORD);
    assert_eq!(driven.told(), [Kind::Closed]);
}

#[test]
fn bytes_that_wait_unread_are_drained_while_the_last_word_waits() {
    let mut driven = asked();
    driven.command(Op::Tap, 0, Reader::Nobody.number(), b"");
    driven.wire.0.borrow_mut().incoming = vec![b'x'; 1000];
    driven.answer(CLOSE);
    driven.give_room(ANSWER.len());
    assert!(driven.connection.is_lingering());
    assert!(driven.wire.0.borrow().incoming.is_empty(), "what comes is dropped");
    assert!(!driven.connection.is_closed());
    driven.wire.0.borrow_mut().room = LAST_WORD;
    driven.wire.0.borrow_mut().fin = true;
    driven.poll_to_the_end();
    assert_eq!(driven.told(), [Kind::Closed]);
}

#[test]
fn a_connection_is_not_copied_while_the_transport_keeps_bytes() {
    let mut driven = asked();
    driven.answer(0);
    let refused = driven.connection.copy(false, &mut driven.batch).err().map(|error| error.kind());
    assert_eq!(refused, Some(std::io::ErrorKind::WouldBlock));
}

#[test]
fn a_transport_that_fails_to_flush_closes_the_connection() {
    let mut driven = asked();
    driven.answer(ACK);
    driven.wire.0.borrow_mut().fails = true;
    driven.poll_to_the_end();
    assert_eq!(driven.told(), [Kind::Closed]);
}
