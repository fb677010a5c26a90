//! What the engine tells JavaScript, as packed records. The whole vocabulary of the way up.

use super::blocks::{Room, VIEW};
use crate::engine::error::ParseError;
use crate::engine::h1::{self, RequestHead, ResponseHead};
use crate::engine::raw;

/// Kinds of records; the numbers JavaScript knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[allow(missing_docs)]
pub enum Kind {
    Connection = 1,
    Request = 2,
    Body = 3,
    End = 4,
    Upgrade = 5,
    Raw = 6,
    Eof = 7,
    ParseError = 8,
    Timeout = 9,
    Ack = 10,
    Closed = 11,
    Response = 12,
    Connected = 13,
    Moved = 14,
}

/// Bytes; a payload from here on stays where it was read and is named by block and offset, so that it is not copied into the records
/// and out again.
pub const BLOB: usize = 8 * 1024;
/// The block of a payload that stands in its record.
const INLINE: u32 = u32::MAX;
/// In the offset of a payload: nothing behind it in its read will be named, so whoever gets it may have its block.
pub const GIVEN: u32 = 1 << 31;
/// Bytes of the words every record begins with.
const PREFIX: usize = 12;

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

    /// Whether something of it brings the connection's user bytes of the stream.
    pub fn has_stream_of(&self, index: u32) -> bool {
        has_stream_of(&self.records, index)
    }

    /// Starts a record; returns where, for [`Self::finish`].
    fn start(&mut self, kind: Kind, flags: u32, index: u32) -> usize {
        let at = self.records.len();
        self.word(kind as u32 | flags << 8);
        self.word(0);
        self.word(index);
        at
    }

    fn word(&mut self, word: u32) {
        self.records.extend_from_slice(&word.to_le_bytes());
    }

    fn words53(&mut self, value: u64) {
        self.word(value as u32);
        self.word((value >> 32) as u32);
    }

    fn finish(&mut self, at: usize) {
        while !self.records.len().is_multiple_of(4) {
            self.records.push(0);
        }
        let size = (self.records.len() - at) as u32;
        self.records[at + 4..at + 8].copy_from_slice(&size.to_le_bytes());
    }

    /// A connection has been accepted. `held`: it is not read before JavaScript has said how.
    pub fn connection(&mut self, index: u32, generation: u32, server: u32, peer: &Peer, held: bool) {
        let at = self.start(Kind::Connection, peer.family | u32::from(held) << 3, index);
        self.word(generation);
        self.word(server);
        self.word(u32::from(peer.remote_port));
        self.word(u32::from(peer.local_port));
        self.word(peer.remote.len() as u32);
        self.word(peer.local.len() as u32);
        self.records.extend_from_slice(peer.remote.as_bytes());
        self.records.extend_from_slice(peer.local.as_bytes());
        self.finish(at);
    }

    /// What came of an attempt to connect, named by its `token`: a connection, or why there is none.
    pub fn connected(&mut self, token: u32, outcome: Result<(u32, u32, &Peer), i32>) {
        let nowhere = Peer::default();
        let (index, generation, errno, peer) = match outcome {
            Ok((index, generation, peer)) => (index, generation, 0, peer),
            Err(errno) => (0, 0, errno, &nowhere),
        };
        let at = self.start(Kind::Connected, peer.family, index);
        self.word(generation);
        self.word(token);
        self.word(u32::from(peer.remote_port));
        self.word(u32::from(peer.local_port));
        self.word(peer.remote.len() as u32);
        self.word(peer.local.len() as u32);
        self.word(errno as u32);
        self.records.extend_from_slice(peer.remote.as_bytes());
        self.records.extend_from_slice(peer.local.as_bytes());
        self.finish(at);
    }

    /// The peer has sent its FIN.
    pub fn eof(&mut self, index: u32) {
        let at = self.start(Kind::Eof, 0, index);
        self.finish(at);
    }

    /// A limit has passed.
    pub fn timeout(&mut self, index: u32, expired: u32) {
        let at = self.start(Kind::Timeout, expired, index);
        self.finish(at);
    }

    /// Commands have been flushed up to `total` payload bytes.
    pub fn ack(&mut self, index: u32, total: u64) {
        let at = self.start(Kind::Ack, 0, index);
        self.words53(total);
        self.finish(at);
    }

    /// The connection is gone.
    pub fn closed(&mut self, index: u32, errno: i32, writing: bool) {
        let at = self.start(Kind::Closed, u32::from(writing), index);
        self.word(errno as u32);
        self.finish(at);
    }

    /// The last record of a connection that another driver goes on with. `ended`: the peer's FIN has come.
    pub fn moved(&mut self, index: u32, ended: bool) {
        let at = self.start(Kind::Moved, u32::from(ended), index);
        self.finish(at);
    }
}

/// Where a connection's ends are.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// 4, 6, or 0 for a Unix socket.
    pub family: u32,
    /// Textual address.
    pub remote: String,
    /// Port of the peer.
    pub remote_port: u16,
    /// Textual address.
    pub local: String,
    /// Our port.
    pub local_port: u16,
}

/// Offset in bytes of the block word of a kind that has one.
fn block_word(kind: u32) -> Option<usize> {
    match kind {
        3 | 5 => Some(20),
        6 => Some(16),
        8 => Some(24),
        _ => None,
    }
}

fn read_word(records: &[u8], at: usize) -> Option<u32> {
    records.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes)
}

fn shift_blocks(records: &mut [u8], shift: u32) {
    for_each_record(records, |record| {
        let Some(offset) = read_word(record, 0).and_then(|word| block_word(word & 0xff)) else { return };
        match read_word(record, offset) {
            Some(block) if block != INLINE => {
                record[offset..offset + 4].copy_from_slice(&(block + shift).to_le_bytes())
            }
            _ => {}
        }
    });
}

fn for_each_record(records: &mut [u8], mut visit: impl FnMut(&mut [u8])) {
    let mut at = 0;
    while let Some(size) = read_word(records, at + 4) {
        let end = at + size as usize;
        if size < PREFIX as u32 || end > records.len() {
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
        while let Some(size) = read_word(records, at + 4) {
            let record = at;
            at += size.max(PREFIX as u32) as usize;
            let Some(word) = block_word(read_word(records, record)? & 0xff).map(|offset| record + offset) else {
                continue;
            };
            let block = read_word(records, word)?;
            if block < INLINE / 2 {
                // The length stands before the block, the offset behind it.
                let (length, offset) = (read_word(records, word - 4)?, read_word(records, word + 4)? & !GIVEN);
                let (block, offset, length) = (block as usize, offset as usize, length as usize);
                return Some(Place { record, word, block, offset, length });
            }
        }
        None
    })
}

/// Whether a record of connection `index` brings bytes of the stream for whoever uses it, not for a message: RAW, or UPGRADE.
pub fn has_stream_of(mut records: &[u8], index: u32) -> bool {
    const RAW: u32 = Kind::Raw as u32;
    const UPGRADE: u32 = Kind::Upgrade as u32;
    while !records.is_empty() {
        let record = first_record(records);
        let kind = read_word(record, 0).map(|word| word & 0xff);
        if matches!(kind, Some(RAW | UPGRADE)) && read_word(record, 8) == Some(index) {
            return true;
        }
        records = &records[record.len()..];
    }
    false
}

/// The part of a batch that a consumer with a buffer of `room` bytes can take at once: whole records, at least one.
pub fn take_records(records: &[u8], room: usize) -> usize {
    let mut at = 0;
    while let Some(size) = read_word(records, at + 4) {
        let end = at + size as usize;
        if size < PREFIX as u32 || end > records.len() || end > room {
            break;
        }
        at = end;
    }
    at
}

/// The first record, whatever its size; all of it when it does not say.
pub fn first_record(records: &[u8]) -> &[u8] {
    let size = read_word(records, 4).map_or(records.len(), |size| size as usize);
    records.get(..size.max(PREFIX)).unwrap_or(records)
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
            named: 0,
            viewed: false,
        }
    }
}

impl RecordSink<'_> {
    /// A message's head: what of the start line is a number, its text, and the fields.
    #[allow(clippy::too_many_arguments)]
    fn head(&mut self, kind: Kind, flags: u32, seq: u32, line: u32, text: &[u8], fields: &[u8], field_count: u32) {
        let batch = &mut *self.batch;
        let at = batch.start(kind, flags, self.index);
        batch.word(seq);
        batch.word(line);
        batch.word(text.len() as u32);
        batch.word(fields.len() as u32);
        batch.word(field_count);
        batch.words53(self.bytes_read);
        batch.records.extend_from_slice(text);
        batch.records.extend_from_slice(fields);
        batch.finish(at);
    }

    /// The two words that say where a payload is. Returns whether it must follow in the record: it is small, or it does not lie
    /// in this read, because the protocol core has held it back.
    fn place(&mut self, bytes: &[u8]) -> bool {
        // Behind the payload that the block goes with none may name it.
        if let Some(read) = self.read.as_mut().filter(|read| bytes.len() >= BLOB && !read.viewed) {
            let from = (bytes.as_ptr() as usize).wrapping_sub(read.address);
            if from < read.length && bytes.len() <= read.length - from {
                let end = from + bytes.len();
                read.named = read.named.max(end);
                read.viewed = bytes.len() >= VIEW && end == read.length;
                self.batch.word(read.block);
                let given = if read.viewed { GIVEN } else { 0 };
                self.batch.word((read.offset + from as u32) | given);
                return false;
            }
        }
        self.batch.word(INLINE);
        self.batch.word(0);
        true
    }
}

impl h1::Sink for RecordSink<'_> {
    fn request(&mut self, seq: u32, head: &RequestHead<'_>) {
        let line = u32::from(head.method.0) | u32::from(head.version.1) << 8 | u32::from(head.version.0) << 16;
        self.head(Kind::Request, head.flags, seq, line, head.target, head.fields, head.field_count);
    }

    fn response(&mut self, seq: u32, head: &ResponseHead<'_>) {
        let line = u32::from(head.status) | u32::from(head.version.1) << 16 | u32::from(head.version.0) << 24;
        self.head(Kind::Response, head.flags, seq, line, head.reason, head.fields, head.field_count);
    }

    fn body(&mut self, seq: u32, bytes: &[u8]) {
        *self.uncredited += bytes.len();
        let at = self.batch.start(Kind::Body, 0, self.index);
        self.batch.word(seq);
        self.batch.word(bytes.len() as u32);
        if self.place(bytes) {
            self.batch.records.extend_from_slice(bytes);
        }
        self.batch.finish(at);
    }

    fn end(&mut self, seq: u32, trailers: &[u8]) {
        let batch = &mut *self.batch;
        let at = batch.start(Kind::End, 0, self.index);
        batch.word(seq);
        batch.word(trailers.len() as u32);
        batch.words53(self.bytes_read);
        batch.records.extend_from_slice(trailers);
        batch.finish(at);
    }

    fn upgrade(&mut self, seq: u32, complete: bool, head: &[u8]) {
        let at = self.batch.start(Kind::Upgrade, u32::from(complete), self.index);
        self.batch.word(seq);
        self.batch.word(head.len() as u32);
        let follows = self.place(head);
        self.batch.words53(self.bytes_read);
        if follows {
            self.batch.records.extend_from_slice(head);
        }
        self.batch.finish(at);
    }

    /// To JavaScript these are bytes like any other that are no message's.
    fn unasked(&mut self, bytes: &[u8]) {
        raw::Sink::raw(self, bytes);
    }

    fn parse_error(&mut self, error: ParseError, bytes_parsed: usize, packet: &[u8]) {
        let at = self.batch.start(Kind::ParseError, 0, self.index);
        self.batch.word(error.index());
        self.batch.word(bytes_parsed as u32);
        self.batch.word(packet.len() as u32);
        if self.place(packet) {
            self.batch.records.extend_from_slice(packet);
        }
        self.batch.finish(at);
    }
}

impl raw::Sink for RecordSink<'_> {
    fn raw(&mut self, bytes: &[u8]) {
        *self.uncredited += bytes.len();
        let at = self.batch.start(Kind::Raw, 0, self.index);
        self.batch.word(bytes.len() as u32);
        if self.place(bytes) {
            self.batch.records.extend_from_slice(bytes);
        }
        self.batch.finish(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::h1::Sink as _;
    use crate::engine::net::blocks::{Blocks, OwnedBlocks};
    use crate::engine::raw::Sink as _;

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
            let kind = read_word(record, 0).unwrap() & 0xff;
            let at = block_word(kind).unwrap();
            seen.push((read_word(record, 12).unwrap(), read_word(record, at).unwrap(), record.len()));
        });
        let (large, blob) = (24, BLOB as u32);
        assert_eq!(seen, [(blob, 0, large), (5, INLINE, 32), (2 * blob, 1, large), (3 * blob, 2, large)]);
    }

    #[test]
    fn a_payload_from_elsewhere_travels_in_its_record() {
        let (mut batch, mut n, mut blocks) = (Batch::default(), 0, OwnedBlocks::default());
        let room = blocks.room().unwrap();
        let read = Read::new(&room, 100);
        let mut sink = sink(&mut batch, &mut n, Some(read));
        sink.raw(&[1; 2 * BLOB]);
        assert_eq!(sink.read.unwrap().named, 0);
        assert_eq!(read_word(&batch.records, 16), Some(INLINE));
        assert_eq!(batch.records.len(), 24 + 2 * BLOB);
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

    /// The offset word of a batch's only record.
    fn offset_of(batch: &Batch, kind: Kind) -> u32 {
        read_word(&batch.records, block_word(kind as u32).unwrap() + 4).unwrap()
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
            let offset = (from as u32) | if given { GIVEN } else { 0 };
            assert_eq!(offset_of(&batch, Kind::Body), offset, "{from}..{to} of {length}");
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
        let last = batch.records.len() - 2 * VIEW - 32;
        assert_eq!(read_word(&batch.records, last + 24), Some(INLINE));
    }

    #[test]
    fn places_are_those_of_travelling_blocks_wherever_their_records_stand() {
        let (mut batch, mut blocks) = (Batch::default(), OwnedBlocks::default());
        batch.eof(1);
        raw_read(&mut blocks, &mut batch, 5);
        let record = batch.records.len();
        raw_read(&mut blocks, &mut batch, BLOB);
        batch.closed(1, 0, false);
        let (word, length) = (record + 16, BLOB);
        let expected = Place { record, word, block: 0, offset: 0, length };
        assert_eq!(places(&batch.records).collect::<Vec<_>>(), [expected]);
        for cut in 0..batch.records.len() {
            assert!(places(&batch.records[..cut]).count() <= 1, "cut at {cut}");
        }
    }
}
