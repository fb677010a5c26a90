//! What leaves a connection: messages in the order of their slots, the framing around their bytes, and the account of what has been
//! flushed. Whatever the connection speaks, it knows no more of it than [`Framing`].
//!
//! RFC 9112 §9.3.2: a server "MUST send the corresponding responses in the same order that the requests were received". A
//! response that comes early waits in its slot. An upgraded stream is a response that never ends: its bytes stand in the slot of
//! the upgrade request.

use std::collections::{BTreeMap, VecDeque};
use std::io::IoSlice;

use crate::engine::layout::write_flags::{ACK, CHUNKED, CLOSE, LAST, TRAILERS};

/// Bytes; smaller writes are gathered into one buffer, larger ones are kept as they are and sent with one gathering call.
const GATHER: usize = 16 * 1024;
/// How many buffers one gathering call takes.
const MAX_SLICES: usize = 16;
/// Buffers that wait for another turn.
const POOL: usize = 64;

/// What stands around the bytes of a write. A protocol with frames of its own has a variant of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// Nothing.
    None,
    /// The payload is one chunk (RFC 9112 §7.1); the last write brings the last chunk, too.
    Chunk,
}

impl Framing {
    /// What stands before a payload of so many bytes goes to `before`; what stands behind it is returned. An empty payload has no frame:
    /// an empty chunk would end the message.
    fn around(self, length: usize, last: bool, before: impl FnOnce(&[u8])) -> &'static [u8] {
        if self == Self::None {
            return b"";
        }
        if length > 0 {
            before(format!("{length:x}\r\n").as_bytes());
        }
        match (length > 0, last) {
            (true, false) => b"\r\n",
            (true, true) => b"\r\n0\r\n\r\n",
            (false, true) => b"0\r\n\r\n",
            (false, false) => b"",
        }
    }
}

/// Which message some bytes belong to, and how they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The slot: the request that is answered, or asked, counted from 1.
    pub seq: u32,
    /// Bits of [`write_flags`](crate::engine::layout::write_flags).
    pub flags: u32,
    /// How many of the bytes, at their beginning, are the message's head: these are not framed.
    pub head: usize,
}

impl Part {
    fn is(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    fn framing(&self) -> Framing {
        if self.is(CHUNKED) && !self.is(TRAILERS) {
            Framing::Chunk
        } else {
            Framing::None
        }
    }

    /// Whether its bytes are of two kinds: some are framed, and some are not.
    pub fn has_framed_head(&self) -> bool {
        self.head > 0 && self.framing() != Framing::None
    }
}

/// Bytes that stay their owner's until they have been sent.
pub trait Payload {
    /// The bytes as they are now. Fewer than when they were handed over: the owner has taken them back, and the stream cannot go on.
    fn bytes(&self) -> &[u8];
}

/// A piece of the output.
enum Piece {
    Owned(Vec<u8>),
    Kept { payload: Box<dyn Payload>, from: usize, to: usize },
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Piece::Owned(bytes) => bytes.len(),
            Piece::Kept { from, to, .. } => to - from,
        }
    }

    /// `None` when a kept payload has shrunk.
    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Piece::Owned(bytes) => Some(bytes),
            Piece::Kept { payload, from, to } => payload.bytes().get(*from..*to),
        }
    }
}

/// A write for a response whose turn has not come.
struct Early {
    part: Part,
    data: Piece,
    mark: u64,
}

/// The output side of one connection.
pub struct OutputQueue {
    /// The request whose response is being sent, counted from 1.
    current: u32,
    /// By request, in the order they came. Whoever writes heeds its own backpressure, as for a response whose turn it is.
    early: BTreeMap<u32, Vec<Early>>,
    /// Payload bytes in `early`.
    waiting: u64,
    buffers: VecDeque<Piece>,
    /// Empty; what is gathered next goes here. A driver lends one for the length of a turn.
    spare: Vec<u8>,
    /// Bytes of the first buffer that have left.
    sent_of_first: usize,
    /// Bytes ever queued and ever flushed.
    queued: u64,
    flushed: u64,
    /// Payload bytes ever received from the caller: what acknowledgements count in.
    received: u64,
    /// Position in the output, value to report when it is flushed.
    marks: VecDeque<(u64, u64)>,
    closing: bool,
    ended: bool,
    over_high: bool,
}

impl Default for OutputQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl OutputQueue {
    /// Bytes; a queue that passes this reports when it falls below [`Self::LOW_WATER`].
    pub const HIGH_WATER: u64 = 64 * 1024;
    /// Bytes; see [`Self::HIGH_WATER`].
    pub const LOW_WATER: u64 = 16 * 1024;

    /// An empty queue that awaits the response to request 1.
    pub fn new() -> Self {
        Self {
            current: 1,
            early: BTreeMap::new(),
            waiting: 0,
            buffers: VecDeque::new(),
            spare: Vec::new(),
            sent_of_first: 0,
            queued: 0,
            flushed: 0,
            received: 0,
            marks: VecDeque::new(),
            closing: false,
            ended: false,
            over_high: false,
        }
    }

    /// An empty queue whose next bytes belong to the slot `seq` and come after `received` others.
    pub fn at(seq: u32, received: u64) -> Self {
        Self { current: seq, received, ..Self::new() }
    }

    /// Bytes that wait to be sent.
    pub fn pending(&self) -> u64 {
        self.queued - self.flushed
    }

    /// The same, and the bytes of responses whose turn has not come.
    pub fn outstanding(&self) -> u64 {
        self.pending() + self.waiting
    }

    /// Whether something waits for its turn.
    pub fn has_early(&self) -> bool {
        !self.early.is_empty()
    }

    /// Payload bytes ever received from the caller.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The last response has been queued: nothing follows it.
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    /// Queues a write. Returns how many responses this has completed. Writes for a response that is over are dropped.
    pub fn write(&mut self, part: Part, data: Vec<u8>) -> u32 {
        self.write_piece(part, Piece::Owned(data))
    }

    /// The same for a payload that stays its owner's, without a [framed head](Part::has_framed_head).
    pub fn write_kept(&mut self, part: Part, payload: Box<dyn Payload>) -> u32 {
        let to = payload.bytes().len();
        self.write_piece(part, Piece::Kept { payload, from: 0, to })
    }

    fn write_piece(&mut self, part: Part, data: Piece) -> u32 {
        let length = data.len() as u64;
        self.received += length;
        let mark = self.received;
        if self.closing || part.seq < self.current {
            if part.is(ACK) {
                self.mark(mark);
            }
            return 0;
        }
        if part.seq > self.current {
            self.waiting += length;
            self.early.entry(part.seq).or_default().push(Early { part, data, mark });
            return 0;
        }
        let mut completed = u32::from(self.append(part, data, mark));
        let mut more = completed > 0;
        while more && !self.closing {
            let Some(writes) = self.early.remove(&self.current) else { break };
            more = false;
            for early in writes {
                self.waiting -= early.data.len() as u64;
                if self.append(early.part, early.data, early.mark) {
                    completed += 1;
                    more = true;
                }
            }
        }
        completed
    }

    /// The same for a small payload that the caller keeps; on the common path it is copied once, into the output.
    pub fn write_slice(&mut self, part: Part, data: &[u8]) -> u32 {
        if part.seq != self.current || self.closing || part.is(CHUNKED) || !self.early.is_empty() {
            return self.write(part, data.to_vec());
        }
        self.received += data.len() as u64;
        self.gather(data);
        self.end_write(part, self.received) as u32
    }

    /// Whether a write for response `seq` would be the next to leave, after what is pending.
    pub fn is_turn_of(&self, seq: u32) -> bool {
        seq == self.current && !self.closing && self.early.is_empty() && self.buffers.len() < MAX_SLICES - 2
    }

    /// What stands around a payload that is sent from where it lies: what is before it is queued, what is behind it is returned. For a
    /// write whose turn it is.
    pub fn frame(&mut self, part: Part, length: usize) -> &'static [u8] {
        part.framing().around(length, part.is(LAST), |bytes| self.gather(bytes))
    }

    /// Accounts for a payload and the end of its frame of which `sent` bytes have left already, after all that was pending; keeps
    /// the rest, which `keep` turns into a payload if it is worth it. Returns how many responses this has completed.
    pub fn write_sent(
        &mut self,
        part: Part,
        data: &[u8],
        end: &'static [u8],
        sent: usize,
        keep: impl FnOnce() -> Option<Box<dyn Payload>>,
    ) -> u32 {
        self.received += data.len() as u64;
        self.queued += sent as u64;
        self.flushed += sent as u64;
        let of_data = sent.min(data.len());
        let rest = &data[of_data..];
        match (rest.len() >= GATHER).then(keep).flatten() {
            Some(payload) => {
                self.queued += rest.len() as u64;
                self.buffers.push_back(Piece::Kept { payload, from: of_data, to: data.len() });
            }
            None => self.push(Piece::Owned(rest.to_vec())),
        }
        self.gather(&end[sent - of_data..]);
        self.end_write(part, self.received) as u32
    }

    /// Nothing can leave any more: what is written from here on is dropped.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Queues bytes ahead of every response that has not begun. After the last one they follow it, unless that has left already.
    pub fn write_now(&mut self, flags: u32, data: &[u8]) {
        self.received += data.len() as u64;
        if !self.ended {
            self.push(Piece::Owned(data.to_vec()));
        }
        if flags & ACK != 0 {
            self.mark(self.received);
        }
    }

    /// Reports the flush of all that has been queued so far.
    pub fn mark_here(&mut self) {
        self.mark(self.received);
    }

    fn mark(&mut self, value: u64) {
        self.marks.push_back((self.queued, value));
    }

    /// Returns whether the response is complete.
    fn append(&mut self, part: Part, data: Piece, mark: u64) -> bool {
        let body = match data {
            Piece::Owned(mut head) if part.has_framed_head() => {
                let body = head.split_off(part.head.min(head.len()));
                self.gather(&head);
                Piece::Owned(body)
            }
            body => body,
        };
        let end = self.frame(part, body.len());
        self.push(body);
        self.gather(end);
        self.end_write(part, mark)
    }

    fn end_write(&mut self, part: Part, mark: u64) -> bool {
        if part.is(ACK) {
            self.mark(mark);
        }
        if part.is(CLOSE) {
            self.closing = true;
        }
        if self.pending() > Self::HIGH_WATER {
            self.over_high = true;
        }
        if part.is(LAST) {
            self.current = self.current.wrapping_add(1);
            return true;
        }
        false
    }

    fn push(&mut self, data: Piece) {
        match data {
            Piece::Owned(bytes) if bytes.len() < GATHER => self.gather(&bytes),
            piece if piece.len() == 0 => {}
            piece => {
                self.queued += piece.len() as u64;
                self.buffers.push_back(piece);
            }
        }
    }

    fn gather(&mut self, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        self.queued += data.len() as u64;
        match self.buffers.back_mut() {
            Some(Piece::Owned(last)) if last.len() + data.len() <= 2 * GATHER => last.extend_from_slice(data),
            _ => {
                let mut buffer = std::mem::take(&mut self.spare);
                buffer.extend_from_slice(data);
                self.buffers.push_back(Piece::Owned(buffer));
            }
        }
    }

    /// The bytes to send next, for one gathering system call. False when some are not there any more: the connection is to be
    /// closed.
    pub fn slices<'a>(&'a self, into: &mut Vec<IoSlice<'a>>) -> bool {
        for (i, piece) in self.buffers.iter().take(MAX_SLICES).enumerate() {
            let from = if i == 0 { self.sent_of_first } else { 0 };
            let Some(bytes) = piece.bytes().and_then(|bytes| bytes.get(from..)) else { return false };
            into.push(IoSlice::new(bytes));
        }
        true
    }

    /// `n` bytes have left. The largest acknowledgement that is due, if any, is returned.
    pub fn advance(&mut self, n: usize) -> Option<u64> {
        self.flushed += n as u64;
        let mut left = n;
        while left > 0 {
            let Some(first) = self.buffers.front() else { break };
            let rest = first.len() - self.sent_of_first;
            if left < rest {
                self.sent_of_first += left;
                break;
            }
            left -= rest;
            self.sent_of_first = 0;
            match self.buffers.pop_front() {
                Some(Piece::Owned(mut sent)) if sent.capacity() <= 4 * GATHER => {
                    sent.clear();
                    self.spare = sent;
                }
                _ => {}
            }
        }
        self.due()
    }

    /// The largest acknowledgement that is due, if any.
    pub fn due(&mut self) -> Option<u64> {
        let mut value = None;
        while let Some(&(position, mark)) = self.marks.front() {
            if position > self.flushed {
                break;
            }
            value = value.max(Some(mark));
            self.marks.pop_front();
        }
        if self.over_high && self.pending() <= Self::LOW_WATER {
            self.over_high = false;
            if self.pending() == 0 {
                value = Some(self.received);
            }
        }
        value
    }

    /// Lends a buffer to gather in, if there is none.
    pub fn lend(&mut self, pool: &mut Vec<Vec<u8>>) {
        if self.spare.capacity() == 0 && self.buffers.is_empty() {
            self.spare = pool.pop().unwrap_or_default();
        }
    }

    /// Takes the buffer back once everything has left: an idle connection has none.
    pub fn reclaim(&mut self, pool: &mut Vec<Vec<u8>>) {
        if self.spare.capacity() > 0 && pool.len() < POOL {
            pool.push(std::mem::take(&mut self.spare));
        }
    }

    /// Gives back the memory that an idle connection does not need.
    pub fn shrink(&mut self) {
        if self.pending() == 0 {
            self.buffers = VecDeque::new();
            self.spare = Vec::new();
            self.sent_of_first = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(seq: u32, flags: u32, head: usize) -> Part {
        Part { seq, flags, head }
    }

    /// Sends all that is queued and returns it with the acknowledgements that came due.
    fn drain(queue: &mut OutputQueue) -> (String, Vec<u64>) {
        let (mut text, mut acks) = (Vec::new(), Vec::new());
        while queue.pending() > 0 {
            let mut slices = Vec::new();
            queue.slices(&mut slices);
            let sent = slices[0].to_vec();
            text.extend_from_slice(&sent);
            acks.extend(queue.advance(sent.len()));
        }
        acks.extend(queue.due());
        (String::from_utf8(text).unwrap(), acks)
    }

    #[test]
    fn responses_leave_in_the_order_of_their_requests() {
        let mut queue = OutputQueue::new();
        assert_eq!(queue.write_slice(part(3, LAST, 0), b"three"), 0);
        assert_eq!(queue.write_slice(part(2, 0, 0), b"tw"), 0);
        assert_eq!(queue.write_slice(part(1, LAST, 0), b"one "), 1);
        assert_eq!(drain(&mut queue).0, "one tw");
        assert_eq!(queue.write_slice(part(2, LAST, 0), b"o "), 2);
        assert_eq!(drain(&mut queue).0, "o three");
    }

    #[test]
    fn keeps_every_early_write_however_many() {
        let mut queue = OutputQueue::new();
        for _ in 0..10_000 {
            queue.write_slice(part(2, 0, 0), b"2");
        }
        assert_eq!((queue.pending(), queue.outstanding()), (0, 10_000));
        queue.write_slice(part(2, LAST, 0), b"");
        assert_eq!(queue.write_slice(part(1, LAST, 0), b"1"), 2);
        assert_eq!(queue.outstanding(), 10_001);
        assert_eq!(drain(&mut queue).0, format!("1{}", "2".repeat(10_000)));
        assert_eq!(queue.outstanding(), 0);
    }

    #[test]
    fn an_early_response_goes_on_once_it_is_its_turn() {
        let mut queue = OutputQueue::new();
        queue.write_slice(part(2, CHUNKED | ACK, 1), b"Htwo");
        queue.write_slice(part(1, LAST, 0), b"one ");
        queue.write_slice(part(2, CHUNKED | LAST, 0), b"2");
        assert_eq!(drain(&mut queue).0, "one H3\r\ntwo\r\n1\r\n2\r\n0\r\n\r\n");
    }

    #[test]
    fn frames_a_chunk_behind_an_unframed_head_and_ends_with_the_last_chunk() {
        let mut queue = OutputQueue::new();
        queue.write_slice(part(1, CHUNKED, 2), b"H:abc");
        queue.write_slice(part(1, CHUNKED | LAST, 0), b"0123456789abcdef");
        assert_eq!(drain(&mut queue).0, "H:3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n");
    }

    #[test]
    fn an_empty_chunk_is_no_last_chunk_and_trailers_bring_their_own() {
        let mut queue = OutputQueue::new();
        queue.write_slice(part(1, CHUNKED, 1), b"H");
        assert_eq!(drain(&mut queue).0, "H");
        queue.write_slice(part(1, CHUNKED | LAST | TRAILERS, 0), b"0\r\nA: b\r\n\r\n");
        assert_eq!(drain(&mut queue).0, "0\r\nA: b\r\n\r\n");
    }

    #[test]
    fn nothing_that_is_sent_from_where_it_lies_ends_the_message_but_the_last() {
        for (flags, length, open, end) in [
            (CHUNKED, 3, "3\r\n", "\r\n"),
            (CHUNKED | LAST, 3, "3\r\n", "\r\n0\r\n\r\n"),
            (CHUNKED, 0, "", ""),
            (CHUNKED | LAST, 0, "", "0\r\n\r\n"),
            (CHUNKED | LAST | TRAILERS, 3, "", ""),
            (LAST, 3, "", ""),
        ] {
            let mut queue = OutputQueue::new();
            assert_eq!(queue.frame(part(1, flags, 0), length), end.as_bytes(), "{flags} {length}");
            assert_eq!(drain(&mut queue).0, open, "{flags} {length}");
        }
    }

    #[test]
    fn acknowledges_in_payload_bytes_once_flushed() {
        let mut queue = OutputQueue::new();
        queue.write_slice(part(1, CHUNKED | ACK, 0), b"abc");
        queue.write_slice(part(1, 0, 0), b"de");
        queue.write_now(ACK, b"f");
        let mut slices = Vec::new();
        queue.slices(&mut slices);
        assert_eq!(slices.len(), 1);
        assert_eq!(queue.advance(3), None);
        assert_eq!(drain(&mut queue).1, [6]);
    }

    #[test]
    fn drops_what_comes_after_close_but_acknowledges_it() {
        let mut queue = OutputQueue::new();
        queue.write_slice(part(1, LAST | CLOSE, 0), b"bye");
        assert!(queue.is_closing());
        queue.write_slice(part(2, LAST | ACK, 0), b"more");
        assert_eq!(drain(&mut queue), ("bye".to_string(), vec![7]));
    }

    #[test]
    fn a_large_payload_keeps_its_place_between_small_ones() {
        let mut queue = OutputQueue::new();
        let large = vec![b'x'; 3 * GATHER];
        queue.write_slice(part(1, 0, 0), b"a");
        queue.write(part(1, 0, 0), large.clone());
        queue.write_slice(part(1, LAST, 0), b"b");
        let (text, _) = drain(&mut queue);
        assert_eq!(text, format!("a{}b", String::from_utf8(large).unwrap()));
        assert_eq!(queue.pending(), 0);
    }

    #[test]
    fn a_partly_sent_buffer_goes_on_where_it_stopped() {
        let mut queue = OutputQueue::new();
        queue.write_slice(part(1, 0, 0), b"hello");
        queue.advance(2);
        queue.write_slice(part(1, LAST, 0), b" you");
        assert_eq!(drain(&mut queue).0, "llo you");
        queue.write_slice(part(2, LAST, 0), b"next");
        assert_eq!(drain(&mut queue).0, "next");
    }
}
