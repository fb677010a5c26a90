//! What the engine tells JavaScript, as packed records. The whole vocabulary of the way up.

use super::blocks::{Room, VIEW};
use super::command::Target;
use crate::engine::error::ParseError;
use crate::engine::h1::{self, RequestHead, ResponseHead};
use crate::engine::layout::places::{GIVEN, IN_GIVEN, IN_RECORD};
use crate::engine::layout::record::{
    Ack, Body, Closed, Connected, Demand, End, Eof, Moved, Raw, Request, Response, Timeout, Upgrade,
};
use crate::engine::layout::{self, closed_flags, connection_flags, demand_flags, moved_flags, record, upgrade_flags};
use crate::engine::layout::{Ends, Expired, Family, Line, Payload, Prefix, Record, Words};
use crate::engine::raw;

pub use crate::engine::layout::Kind;

/// Bytes; a payload from here on stays where it was read and is named by block and offset, so that it is not copied into the records
/// and out again.
pub const BLOB: usize = 8 * 1024;

/// Records of one or more turns on their way to JavaScript, and the blocks with large payloads that they name by number.
#[derive(Debug, Default)]
pub struct Batch {
    /// The records.
    pub records: Vec<u8>,
    /// Blocks that travel with the records; empty where the driver reads into memory of JavaScript's.
    pub blocks: Vec<Vec<u8>>,
}

impl Batch {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Appends `other`, whose blocks get new numbers.
    pub fn append(&mut self, other: &mut Batch) {
        if self.is_empty() {
            std::mem::swap(self, other);
            return;
        }
        let shift = self.blocks.len() as u32;
        if shift > 0 && !other.blocks.is_empty() {
            shift_blocks(&mut other.records, shift);
        }
        self.records.append(&mut other.records);
        self.blocks.append(&mut other.blocks);
    }

    /// Whether one of its records brings bytes that belong to no message of the connection, see [`has_stream_of`].
    pub fn has_stream_of(&self, index: u32) -> bool {
        has_stream_of(&self.records, index)
    }

    /// Appends a record: its words, then its bytes.
    fn put<R: Record>(&mut self, index: u32, flags: u32, record: &R, bytes: [&[u8]; 2]) {
        layout::put(&mut self.records, R::KIND.number(), flags, index, record, bytes);
    }

    /// A connection has been accepted. `held`: it is not read before JavaScript has said how.
    pub fn connection(&mut self, target: Target, server: u32, peer: &Peer, held: bool) {
        let Target { index, generation } = target;
        let flags = peer.family.number() | if held { connection_flags::HELD } else { 0 };
        let record = record::Connection { generation, server, ends: peer.ends() };
        self.put(index, flags, &record, [peer.remote.as_bytes(), peer.local.as_bytes()]);
    }

    /// What came of an attempt to connect, named by its `token`: a connection, or why there is none.
    pub fn connected(&mut self, token: u32, outcome: Result<(Target, &Peer), i32>) {
        let nowhere = Peer::default();
        let (index, generation, errno, peer) = match outcome {
            Ok((Target { index, generation }, peer)) => (index, generation, 0, peer),
            Err(errno) => (0, 0, errno, &nowhere),
        };
        let record = Connected { generation, token, ends: peer.ends(), errno };
        self.put(index, peer.family.number(), &record, [peer.remote.as_bytes(), peer.local.as_bytes()]);
    }

    /// The peer has sent its FIN.
    pub fn eof(&mut self, index: u32) {
        self.put(index, 0, &Eof {}, NOTHING);
    }

    /// A limit has passed.
    pub fn timeout(&mut self, index: u32, expired: Expired) {
        self.put(index, expired.number(), &Timeout {}, NOTHING);
    }

    /// Commands have been flushed up to `total` payload bytes.
    pub fn ack(&mut self, index: u32, total: u64) {
        self.put(index, 0, &Ack { flushed: total }, NOTHING);
    }

    /// The connection is gone.
    pub fn closed(&mut self, index: u32, errno: i32, writing: bool) {
        let flags = if writing { closed_flags::WRITING } else { 0 };
        self.put(index, flags, &Closed { errno }, NOTHING);
    }

    /// The last record of a connection that another driver goes on with. `ended`: the peer's FIN has come.
    pub fn moved(&mut self, index: u32, ended: bool) {
        let flags = if ended { moved_flags::ENDED } else { 0 };
        self.put(index, flags, &Moved {}, NOTHING);
    }

    /// Whether JavaScript is to give more bytes of a stream that it moves itself.
    pub fn demand(&mut self, index: u32, more: bool) {
        let flags = if more { demand_flags::MORE } else { 0 };
        self.put(index, flags, &Demand {}, NOTHING);
    }
}

/// A record without bytes.
const NOTHING: [&[u8]; 2] = [&[], &[]];

/// Where a connection's ends are.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// What sort of socket it is.
    pub family: Family,
    /// Textual address.
    pub remote: String,
    /// Port of the peer.
    pub remote_port: u16,
    /// Textual address.
    pub local: String,
    /// Our port.
    pub local_port: u16,
}

impl Peer {
    fn ends(&self) -> Ends {
        Ends {
            remote_port: u32::from(self.remote_port),
            local_port: u32::from(self.local_port),
            remote_length: self.remote.len() as u32,
            local_length: self.local.len() as u32,
        }
    }
}

/// Whether the place of a payload is a block that travels with its record.
fn is_block(place: u32) -> bool {
    place as i32 >= 0
}

/// Where in the record, in bytes, it says which block its payload is in, if it may be in one; and what it says of its payload.
fn payload_of(record: &[u8]) -> Option<(usize, Payload)> {
    let (prefix, _) = Prefix::read(record)?;
    let at = Kind::of(prefix.number)?.payload()?;
    let payload = Payload::take(&mut record.get(at..)?)?;
    Some((at + PLACE_AT, payload))
}

/// Where a payload's place stands, in bytes behind where the payload's words begin.
const PLACE_AT: usize = layout::offset_of(Payload::FIELDS, "place");

fn shift_blocks(records: &mut [u8], shift: u32) {
    for_each_record(records, |record| {
        let Some((at, Payload { place, .. })) = payload_of(record).filter(|(_, payload)| is_block(payload.place))
        else {
            return;
        };
        record[at..at + 4].copy_from_slice(&(place + shift).to_le_bytes());
    });
}

fn for_each_record(records: &mut [u8], mut visit: impl FnMut(&mut [u8])) {
    let mut at = 0;
    while let Some(size) = records.get(at..).and_then(Prefix::size_of) {
        let end = at + size;
        if size < Prefix::SIZE || end > records.len() {
            break;
        }
        visit(&mut records[at..end]);
        at = end;
    }
}

/// A payload in a block that travels with its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where its record begins, and where the word is that names the block.
    pub record: usize,
    /// See `record`.
    pub word: usize,
    /// The block, and which of its bytes.
    pub block: usize,
    /// See `block`.
    pub offset: usize,
    /// See `block`.
    pub length: usize,
}

/// The payloads of these records that stand in blocks which travel with them, in their order.
pub fn places(records: &[u8]) -> impl Iterator<Item = Place> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(size) = records.get(at..).and_then(Prefix::size_of) {
            let record = at;
            at += size.max(Prefix::SIZE);
            let Some((word, payload)) = payload_of(&records[record..]) else { continue };
            if is_block(payload.place) {
                return Some(Place {
                    record,
                    word: record + word,
                    block: payload.place as usize,
                    offset: (payload.offset & !(GIVEN as u32)) as usize,
                    length: payload.length as usize,
                });
            }
        }
        None
    })
}

/// Whether a record of connection `index` brings bytes that belong to no message, but to whoever has its stream.
pub fn has_stream_of(mut records: &[u8], index: u32) -> bool {
    while let Some((prefix, _)) = Prefix::read(records) {
        if prefix.index == index && Kind::of(prefix.number).is_some_and(Kind::is_stream) {
            return true;
        }
        records = &records[first_record(records).len()..];
    }
    false
}

/// The part of a batch that a consumer with a buffer of `room` bytes can take at once: whole records, at least one.
pub fn take_records(records: &[u8], room: usize) -> usize {
    let mut at = 0;
    while let Some(size) = records.get(at..).and_then(Prefix::size_of) {
        let end = at + size;
        if size < Prefix::SIZE || end > records.len() || end > room {
            break;
        }
        at = end;
    }
    at
}

/// The first record, whatever its size; all of it when it does not say.
pub fn first_record(records: &[u8]) -> &[u8] {
    let size = Prefix::size_of(records).unwrap_or(records.len());
    records.get(..size.max(Prefix::SIZE)).unwrap_or(records)
}

/// Packs what the protocol core recognises on connection `index`.
pub struct RecordSink<'a> {
    /// Where records go.
    pub batch: &'a mut Batch,
    /// The connection.
    pub index: u32,
    /// Bytes read from the connection so far.
    pub bytes_read: u64,
    /// Payload bytes handed on that JavaScript has not credited.
    pub uncredited: &'a mut usize,
    /// What is being parsed lies here.
    pub read: Option<Read>,
}

/// The place of a read, and how much of it records have named.
#[derive(Clone, Copy, Debug)]
pub struct Read {
    address: usize,
    length: usize,
    block: u32,
    offset: u32,
    /// Bytes; a payload from here on is not copied out of its place.
    least: usize,
    /// Whether a block may go with a payload.
    lends: bool,
    /// Bytes from the beginning that must be kept.
    pub named: usize,
    /// A payload that is large enough for a view reaches to the end: the block goes with it.
    pub viewed: bool,
}

impl Read {
    /// The first `length` bytes of `room` have been read; nothing of them has been named yet.
    pub fn new(room: &Room<'_>, length: usize) -> Self {
        Self {
            address: room.bytes.as_ptr() as usize,
            length,
            block: room.block,
            offset: room.offset,
            least: BLOB,
            lends: true,
            named: 0,
            viewed: false,
        }
    }

    /// `bytes` are those that JavaScript has given, or a copy: it has them all, so that nothing need be copied for it.
    pub fn given(bytes: &[u8]) -> Self {
        Self {
            address: bytes.as_ptr() as usize,
            length: bytes.len(),
            block: IN_GIVEN as u32,
            offset: 0,
            least: 0,
            lends: false,
            named: 0,
            viewed: false,
        }
    }
}

impl RecordSink<'_> {
    /// Where a payload is, and what of it must follow in the record: all, when it is small, or does not lie in this read, because the
    /// protocol core has kept it back.
    fn payload<'b>(&mut self, bytes: &'b [u8]) -> (Payload, [&'b [u8]; 2]) {
        let length = bytes.len() as u32;
        // A payload that is given its block must be the last one that names it.
        if let Some(read) = self.read.as_mut().filter(|read| bytes.len() >= read.least && !read.viewed) {
            let from = (bytes.as_ptr() as usize).wrapping_sub(read.address);
            if from < read.length && bytes.len() <= read.length - from {
                let end = from + bytes.len();
                read.named = read.named.max(end);
                read.viewed = read.lends && bytes.len() >= VIEW && end == read.length;
                let given = if read.viewed { GIVEN as u32 } else { 0 };
                let offset = (read.offset + from as u32) | given;
                return (Payload { length, place: read.block, offset }, NOTHING);
            }
        }
        (Payload { length, place: IN_RECORD as u32, offset: 0 }, [bytes, &[]])
    }
}

impl h1::Sink for RecordSink<'_> {
    fn request(&mut self, seq: u32, head: &RequestHead<'_>) {
        let record = Request {
            seq,
            line: Line { code: u16::from(head.method.0), version: head.version },
            target_length: head.target.len() as u32,
            fields_length: head.fields.len() as u32,
            bytes_read: self.bytes_read,
        };
        self.batch.put(self.index, head.flags, &record, [head.target, head.fields]);
    }

    fn response(&mut self, seq: u32, head: &ResponseHead<'_>) {
        let record = Response {
            seq,
            line: Line { code: head.status, version: head.version },
            reason_length: head.reason.len() as u32,
            fields_length: head.fields.len() as u32,
            field_count: head.field_count,
            bytes_read: self.bytes_read,
        };
        self.batch.put(self.index, head.flags, &record, [head.reason, head.fields]);
    }

    fn body(&mut self, _: u32, bytes: &[u8]) {
        *self.uncredited += bytes.len();
        let (payload, rest) = self.payload(bytes);
        self.batch.put(self.index, 0, &Body { payload }, rest);
    }

    fn end(&mut self, _: u32, trailers: &[u8]) {
        let record = End { trailers_length: trailers.len() as u32, bytes_read: self.bytes_read };
        self.batch.put(self.index, 0, &record, [trailers, &[]]);
    }

    fn upgrade(&mut self, seq: u32, complete: bool, head: &[u8]) {
        let flags = if complete { upgrade_flags::COMPLETE } else { 0 };
        let (payload, rest) = self.payload(head);
        self.batch.put(self.index, flags, &Upgrade { seq, payload, bytes_read: self.bytes_read }, rest);
    }

    /// JavaScript is told of them as RAW, as of all bytes that belong to no message.
    fn unasked(&mut self, bytes: &[u8]) {
        raw::Sink::raw(self, bytes);
    }

    fn parse_error(&mut self, error: ParseError, bytes_parsed: usize, packet: &[u8]) {
        let (payload, rest) = self.payload(packet);
        let record = record::ParseError { index: error.index(), bytes_parsed: bytes_parsed as u32, payload };
        self.batch.put(self.index, 0, &record, rest);
    }
}

impl raw::Sink for RecordSink<'_> {
    fn raw(&mut self, bytes: &[u8]) {
        *self.uncredited += bytes.len();
        let (payload, rest) = self.payload(bytes);
        self.batch.put(self.index, 0, &Raw { payload }, rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::h1::Sink as _;
    use crate::engine::net::blocks::{Blocks, OwnedBlocks};
    use crate::engine::raw::Sink as _;

    /// Where the bytes of a RAW begin.
    const RAW_BYTES: usize = Prefix::SIZE + 4 * Raw::COUNT;

    fn sink<'a>(batch: &'a mut Batch, uncredited: &'a mut usize, read: Option<Read>) -> RecordSink<'a> {
        RecordSink { batch, index: 7, bytes_read: 1 << 33, uncredited, read }
    }

    /// One read of `length` bytes, all of them raw payload.
    fn raw_read(blocks: &mut OwnedBlocks, batch: &mut Batch, length: usize) -> usize {
        let mut n = 0;
        let room = blocks.room().unwrap();
        let read = Read::new(&room, length);
        let mut sink = sink(batch, &mut n, Some(read));
        sink.raw(&room.bytes[..length]);
        let Read { named, viewed, .. } = sink.read.unwrap();
        if named > 0 {
            blocks.keep(named, viewed);
        }
        n
    }

    #[test]
    fn large_payloads_stay_in_their_block_and_appended_blocks_get_new_numbers() {
        let (mut first, mut second) = (Batch::default(), Batch::default());
        let (mut a, mut b) = (OwnedBlocks::default(), OwnedBlocks::default());
        assert_eq!(raw_read(&mut a, &mut first, BLOB), BLOB);
        raw_read(&mut b, &mut second, 5);
        raw_read(&mut b, &mut second, 2 * BLOB);
        raw_read(&mut b, &mut second, 3 * BLOB);
        first.blocks.append(&mut a.kept);
        second.blocks.append(&mut b.kept);
        first.append(&mut second);
        assert_eq!(first.blocks.len(), 3);
        let mut seen = Vec::new();
        for_each_record(&mut first.records, |record| {
            let Payload { length, place, .. } = Raw::read(record).unwrap().payload;
            seen.push((length, place, record.len()));
        });
        let blob = BLOB as u32;
        let (large, small) = (RAW_BYTES, (RAW_BYTES + 5).next_multiple_of(4));
        assert_eq!(seen, [(blob, 0, large), (5, IN_RECORD as u32, small), (2 * blob, 1, large), (3 * blob, 2, large)]);
    }

    #[test]
    fn every_kind_that_may_name_a_block_names_another_when_blocks_get_new_numbers() {
        for kind in Kind::ALL {
            let words: usize = kind.fields().iter().map(|field| field.words).sum();
            let mut records = Vec::new();
            layout::put(&mut records, kind.number(), 0, 0, &Eof {}, [&vec![0; 4 * words], &[]]);
            let mut expected = records.clone();
            let mut at = Prefix::SIZE;
            for field in kind.fields() {
                if field.is_payload {
                    expected[at + PLACE_AT] = 5;
                    assert_eq!(places(&records).count(), 1, "{kind:?}");
                }
                at += 4 * field.words;
            }
            shift_blocks(&mut records, 5);
            assert_eq!(records, expected, "{kind:?}");
        }
    }

    #[test]
    fn a_payload_from_elsewhere_travels_in_its_record() {
        let (mut batch, mut n, mut blocks) = (Batch::default(), 0, OwnedBlocks::default());
        let room = blocks.room().unwrap();
        let read = Read::new(&room, 100);
        let mut sink = sink(&mut batch, &mut n, Some(read));
        sink.raw(&[1; 2 * BLOB]);
        assert_eq!(sink.read.unwrap().named, 0);
        assert_eq!(Raw::read(&batch.records).unwrap().payload.place, IN_RECORD as u32);
        assert_eq!(batch.records.len(), RAW_BYTES + 2 * BLOB);
    }

    #[test]
    fn bytes_of_a_stream_are_found_behind_other_records() {
        let (mut batch, mut n) = (Batch::default(), 0);
        sink(&mut batch, &mut n, None).body(1, b"of a message");
        batch.ack(7, 3);
        batch.eof(9);
        assert!(!batch.has_stream_of(7));
        sink(&mut batch, &mut n, None).raw(b"of the stream");
        assert!(batch.has_stream_of(7));
        assert!(!batch.has_stream_of(9));
    }

    #[test]
    fn every_kind_is_the_streams_or_is_not() {
        for &kind in Kind::ALL {
            let mut records = Vec::new();
            layout::put(&mut records, kind.number(), 0, 7, &0_u64, [&[0; 64], &[]]);
            let is_stream = matches!(kind, Kind::Raw | Kind::Upgrade);
            assert_eq!((has_stream_of(&records, 7), has_stream_of(&records, 8)), (is_stream, false), "{kind:?}");
        }
    }

    #[test]
    fn take_records_never_splits_one() {
        let (mut batch, mut n) = (Batch::default(), 0);
        sink(&mut batch, &mut n, None).raw(&[1; 100]);
        let one = batch.records.len();
        sink(&mut batch, &mut n, None).raw(&[1; 100]);
        assert_eq!(take_records(&batch.records, 2 * one - 1), one);
        assert_eq!(take_records(&batch.records, 2 * one), 2 * one);
        assert_eq!(take_records(&batch.records, one - 1), 0);
        assert_eq!(first_record(&batch.records).len(), one);
    }

    #[test]
    fn a_block_goes_with_a_large_payload_at_the_end_of_its_read_alone() {
        // From, to, length of the read; whether the block is given.
        for (from, to, length, given) in [
            (0, VIEW, VIEW, true),
            (100, 100 + VIEW, 100 + VIEW, true),
            (0, VIEW, VIEW + 1, false),
            (0, VIEW - 1, VIEW - 1, false),
        ] {
            let (mut batch, mut n, mut blocks) = (Batch::default(), 0, OwnedBlocks::default());
            let room = blocks.room().unwrap();
            let mut sink = sink(&mut batch, &mut n, Some(Read::new(&room, length)));
            sink.body(1, &room.bytes[from..to]);
            assert_eq!(sink.read.unwrap().viewed, given, "{from}..{to} of {length}");
            let offset = (from as u32) | if given { GIVEN as u32 } else { 0 };
            assert_eq!(Body::read(&batch.records).unwrap().payload.offset, offset, "{from}..{to} of {length}");
        }
    }

    #[test]
    fn nothing_names_a_block_that_has_been_given_away() {
        let (mut batch, mut n, mut blocks) = (Batch::default(), 0, OwnedBlocks::default());
        let room = blocks.room().unwrap();
        let mut sink = sink(&mut batch, &mut n, Some(Read::new(&room, 2 * VIEW)));
        sink.body(1, &room.bytes[..VIEW]);
        sink.body(2, &room.bytes[VIEW..2 * VIEW]);
        sink.parse_error(ParseError::ALL[0], 0, &room.bytes[..2 * VIEW]);
        let named: Vec<_> = places(&batch.records).map(|place| (place.block, place.offset, place.length)).collect();
        assert_eq!(named, [(0, 0, VIEW), (0, VIEW, VIEW)]);
        let last = batch.records.len() - 2 * VIEW - 4 * record::ParseError::COUNT - Prefix::SIZE;
        assert_eq!(record::ParseError::read(&batch.records[last..]).unwrap().payload.place, IN_RECORD as u32);
    }

    #[test]
    fn places_are_those_of_travelling_blocks_wherever_their_records_stand() {
        let (mut batch, mut blocks) = (Batch::default(), OwnedBlocks::default());
        batch.eof(1);
        raw_read(&mut blocks, &mut batch, 5);
        let record = batch.records.len();
        raw_read(&mut blocks, &mut batch, BLOB);
        batch.closed(1, 0, false);
        let (word, length) = (record + Kind::Raw.payload().unwrap() + PLACE_AT, BLOB);
        let expected = Place { record, word, block: 0, offset: 0, length };
        assert_eq!(places(&batch.records).collect::<Vec<_>>(), [expected]);
        for cut in 0..batch.records.len() {
            assert!(places(&batch.records[..cut]).count() <= 1, "cut at {cut}");
        }
    }
}
