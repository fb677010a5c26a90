//! What JavaScript may ask of a connection, taken from packed records. Layouts: docs/architecture.md, "The seam".

/// Operations.
pub mod op {
    #![allow(missing_docs)]
    pub const WRITE: u32 = 1;
    pub const WRITE_NOW: u32 = 2;
    pub const DECIDE: u32 = 3;
    pub const CREDIT: u32 = 4;
    pub const SHUTDOWN: u32 = 5;
    pub const CLOSE: u32 = 6;
    pub const RESET: u32 = 7;
    pub const NO_DELAY: u32 = 8;
    pub const KEEP_ALIVE: u32 = 9;
    pub const DISCARD_READS: u32 = 10;
}

/// Bytes of a record ahead of its payload.
pub const HEADER_SIZE: usize = 28;

/// One record, still packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// One of [`op`].
    pub op: u32,
    /// The operation's flags.
    pub flags: u32,
    /// Index of the connection.
    pub connection: u32,
    /// Which owner of that index is meant.
    pub generation: u32,
    /// Number of the request, or the operation's argument.
    pub argument: u32,
    /// How many bytes of the payload go as they are.
    pub head_length: usize,
    /// The bytes to write.
    pub payload: &'a [u8],
    /// All of the record, header and padding included.
    pub packed: &'a [u8],
}

/// Walks packed records. It ends at the first that is not whole: what follows has no beginning.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    /// Over `bytes`, which begin with a record.
    pub fn new(bytes: &'a [u8]) -> Records<'a> {
        Records { rest: bytes }
    }

    fn take(&mut self) -> Option<Record<'a>> {
        let header = self.rest.first_chunk::<HEADER_SIZE>()?;
        let word = |n: usize| {
            let mut bytes = [0; 4];
            bytes.copy_from_slice(&header[n * 4..n * 4 + 4]);
            u32::from_le_bytes(bytes)
        };
        let size = word(1) as usize;
        let length = word(5) as usize;
        if !size.is_multiple_of(4) || size < HEADER_SIZE || length > size - HEADER_SIZE {
            return None;
        }
        let (packed, rest) = self.rest.split_at_checked(size)?;
        self.rest = rest;
        Some(Record {
            op: word(0) & 0xff,
            flags: word(0) >> 8,
            connection: word(2),
            generation: word(3),
            argument: word(4),
            head_length: (word(6) as usize).min(length),
            payload: packed.get(HEADER_SIZE..HEADER_SIZE + length)?,
            packed,
        })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let record = self.take();
        if record.is_none() {
            self.rest = &[];
        }
        record
    }
}

/// A payload too large for the outbound buffer's records, copied once and moved from there on.
#[derive(Debug)]
pub struct LargeWrite {
    /// [`op::WRITE`] or [`op::WRITE_NOW`].
    pub op: u32,
    /// Index of the connection.
    pub connection: u32,
    /// Which owner of that index is meant.
    pub generation: u32,
    /// Number of the request.
    pub seq: u32,
    /// Flags of the write.
    pub flags: u32,
    /// How many bytes of `data` go as they are.
    pub head_length: usize,
    /// The bytes to write.
    pub data: Vec<u8>,
}
