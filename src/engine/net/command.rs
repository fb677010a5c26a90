//! What JavaScript may ask of the engine. The whole vocabulary of the way down.

use crate::engine::layout::{limits, CommandWords, Prefix, Words};
use crate::engine::output::Part;

pub use crate::engine::layout::Op;

/// How many threads one JavaScript environment may have; a connection's index modulo this is the number of its thread.
pub const STRIDE: u32 = 1 << limits::STRIDE_BITS;

/// Bytes before a record's payload.
pub const HEADER: usize = Prefix::SIZE + 4 * CommandWords::COUNT;

/// A connection as JavaScript names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Its number.
    pub index: u32,
    /// Which of the number's owners it is; what is meant for another one is dropped.
    pub generation: u32,
}

impl Target {
    /// The number of its thread; 0: the inline driver.
    pub fn thread(&self) -> u32 {
        self.index % STRIDE
    }

    /// Its place among the connections of that thread.
    pub fn slot(&self) -> u32 {
        self.index / STRIDE
    }
}

/// A write whose payload does not stand in a packed record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write {
    /// The connection it is for.
    pub target: Target,
    /// WRITE_NOW: it goes before every message that has not begun, and its `part` says no more than whether to tell when it has left.
    pub ahead: bool,
    /// Its place in the connection's output.
    pub part: Part,
}

/// A command as it stands in a packed record.
#[derive(Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// What to do.
    pub op: Op,
    /// Its flags.
    pub flags: u32,
    /// The connection it is for.
    pub target: Target,
    /// Response number or argument.
    pub argument: u32,
    /// Bytes of the payload that are not framed.
    pub head_length: usize,
    /// The payload.
    pub payload: &'a [u8],
}

impl Command<'_> {
    /// Where the payload of a WRITE belongs.
    pub fn part(&self) -> Part {
        Part { seq: self.argument, flags: self.flags, head: self.head_length }
    }
}

/// Takes the first record off `records`. `None` at the end, and at a record that is no command: nothing behind it can be
/// trusted.
pub fn next<'a>(records: &mut &'a [u8]) -> Option<(Command<'a>, &'a [u8])> {
    let (prefix, mut rest) = Prefix::read(records)?;
    let words = CommandWords::take(&mut rest)?;
    let length = words.payload_length as usize;
    let record = records.get(..prefix.size)?;
    let payload = record.get(HEADER..HEADER.checked_add(length)?)?;
    let command = Command {
        op: Op::of(prefix.number)?,
        flags: prefix.flags,
        target: Target { index: prefix.index, generation: words.generation },
        argument: words.argument,
        head_length: (words.head_length as usize).min(length),
        payload,
    };
    *records = &records[prefix.size..];
    Some((command, record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::layout::{head, put};

    fn record(number: u32, flags: u32, words: CommandWords, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(&mut bytes, number, flags, 5, &words, [payload, &[]]);
        bytes
    }

    #[test]
    fn takes_records_one_by_one_and_stops_at_the_end() {
        let words = CommandWords { generation: 9, argument: 3, payload_length: 4, head_length: 2 };
        let mut bytes = record(Op::Write.number(), 2, words, b"abcd");
        bytes.extend(record(Op::Close.number(), 0, CommandWords { generation: 9, ..CommandWords::default() }, b""));
        let mut rest = &bytes[..];
        let (first, _) = next(&mut rest).unwrap();
        assert_eq!((first.op, first.flags, first.target), (Op::Write, 2, Target { index: 5, generation: 9 }));
        assert_eq!((first.argument, first.head_length, first.payload), (3, 2, &b"abcd"[..]));
        assert_eq!(next(&mut rest).unwrap().0.op, Op::Close);
        assert!(next(&mut rest).is_none());
    }

    #[test]
    fn refuses_lengths_beyond_the_record_and_unknown_commands() {
        let write = |payload_length: u32| {
            record(Op::Write.number(), 0, CommandWords { payload_length, ..CommandWords::default() }, b"")
        };
        let sized = |size: u32| {
            let mut bytes = write(0);
            bytes[4 * head::SIZE as usize..][..4].copy_from_slice(&size.to_le_bytes());
            bytes
        };
        assert!(next(&mut &write(0)[..]).is_some());
        let unknown = record(99, 0, CommandWords::default(), b"");
        for bytes in [write(4), write(u32::MAX), sized(400), sized(0), unknown] {
            assert!(next(&mut &bytes[..]).is_none(), "{bytes:?}");
        }
    }
}
