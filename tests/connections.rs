//! The numbers of one driver's connections, and when they are used again.

mod support;

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use support::fake_socket::FakeSocket;
use turnout::engine::layout::Op;
use turnout::engine::net::blocks::OwnedBlocks;
use turnout::engine::net::connections::{Connections, STRIDE};
use turnout::engine::net::event::{Batch, Peer};
use turnout::engine::net::port::Port;

type Table = Connections<FakeSocket>;

fn table() -> Table {
    Connections::new(0, Arc::new(Port::new(Box::new(|| {}))))
}

fn admit(table: &mut Table) -> u32 {
    table.admit_outgoing(FakeSocket::default(), &Peer::default(), 1)
}

/// Closes the first owner of slot `at`.
fn close(table: &mut Table, at: u32) {
    table.apply_records(&support::command_record(Op::Close, 0, (at * STRIDE, 1), 0, 0, b""));
    table.flush_dirty();
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(table.poll(at, &mut cx, &mut OwnedBlocks::default()), Poll::Ready(()));
}

/// The number of a stream that another driver had.
fn take_over(table: &mut Table) -> u32 {
    table.next_slot_told();
    table.admit_taken(FakeSocket::default(), 1, 0).slot()
}

#[test]
fn a_stream_taken_over_gets_no_number_that_records_on_their_way_name() {
    let mut table = table();
    let leaving = admit(&mut table);
    close(&mut table, leaving);
    assert_eq!(table.next_slot(), leaving, "whom a record announces may have it at once");
    assert_eq!(take_over(&mut table), 1, "its last record stands in the outbox");
    table.give_outbox(&mut Batch::default());
    assert_eq!(take_over(&mut table), 2, "JavaScript is being told");
    table.give_outbox(&mut Batch::default());
    assert_eq!(take_over(&mut table), leaving, "it has been told");
}
