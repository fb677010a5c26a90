//! What the engine tells JavaScript, as packed records. Layouts: docs/architecture.md, "The seam".

use crate::engine::error::ParseError;
use crate::engine::h1::RequestHead;

/// Kinds of records.
pub mod kind {
    #![allow(missing_docs)]
    pub const CONNECTION: u32 = 1;
    pub const REQUEST: u32 = 2;
    pub const BODY: u32 = 3;
    pub const END: u32 = 4;
    pub const UPGRADE: u32 = 5;
    pub const RAW: u32 = 6;
    pub const EOF: u32 = 7;
    pub const PARSE_ERROR: u32 = 8;
    pub const TIMEOUT: u32 = 9;
    pub const ACK: u32 = 10;
    pub const CLOSED: u32 = 11;
}

/// Bytes; payloads from here on travel beside the records, moved instead of copied.
pub const BLOB: usize = 8 * 1024;
/// Bytes a record may have at most, so that it always fits into the inbound buffer of 256 KiB.
pub const MAX_RECORD: usize = 248 * 1024;

/// Both ends of a connection, as text.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// 4, 6, or 0 for a Unix socket.
    pub(super) family: u32,
    pub(super) remote_port: u16,
    pub(super) local_port: u16,
    pub(super) remote: String,
    pub(super) local: String,
}

/// Records in the order of what happened, and the payloads they name.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Whole records.
    pub bytes: Vec<u8>,
    /// Large payloads, in the order of their records.
    pub blobs: Vec<Vec<u8>>,
}

impl Outbox {
    fn begin(&mut self, kind: u32, flags: u32, connection: u32) -> usize {
        let at = self.bytes.len();
        self.words(&[kind | flags << 8, 0, connection]);
        at
    }

    fn words(&mut self, words: &[u32]) {
        for word in words {
            self.bytes.extend_from_slice(&word.to_le_bytes());
        }
    }

    /// Pads the record that began at `at` and writes its size.
    fn end(&mut self, at: usize) {
        let size = (self.bytes.len() - at).next_multiple_of(4);
        self.bytes.resize(at + size, 0);
        if let Some(field) = self.bytes.get_mut(at + 4..at + 8) {
            field.copy_from_slice(&(size as u32).to_le_bytes());
        }
    }

    /// Index of the blob that takes `payload`, or -1 when it goes into the record.
    fn blob(&mut self, payload: &[u8]) -> u32 {
        if payload.len() < BLOB {
            return u32::MAX;
        }
        self.blobs.push(payload.to_vec());
        self.blobs.len() as u32 - 1
    }

    pub(super) fn connection(
        &mut self,
        connection: u32,
        generation: u32,
        server: u32,
        ends: &Ends,
    ) {
        let at = self.begin(kind::CONNECTION, ends.family, connection);
        self.words(&[
            generation,
            server,
            u32::from(ends.remote_port),
            u32::from(ends.local_port),
            ends.remote.len() as u32,
            ends.local.len() as u32,
        ]);
        self.bytes.extend_from_slice(ends.remote.as_bytes());
        self.bytes.extend_from_slice(ends.local.as_bytes());
        self.end(at);
    }

    /// Returns false, and packs nothing, when the head is larger than a record may be.
    pub(super) fn request(
        &mut self,
        connection: u32,
        seq: u32,
        head: &RequestHead<'_>,
        read: u64,
    ) -> bool {
        if head.target.len() + head.fields.len() > MAX_RECORD - 64 {
            return false;
        }
        let at = self.begin(kind::REQUEST, head.flags, connection);
        let (major, minor) = head.version;
        self.words(&[
            seq,
            u32::from(head.method.0) | u32::from(minor) << 8 | u32::from(major) << 16,
            head.target.len() as u32,
            head.fields.len() as u32,
            head.field_count,
            read as u32,
            (read >> 32) as u32,
        ]);
        self.bytes.extend_from_slice(head.target);
        self.bytes.extend_from_slice(head.fields);
        self.end(at);
        true
    }

    pub(super) fn body(&mut self, connection: u32, seq: u32, payload: &[u8]) {
        let blob = self.blob(payload);
        let at = self.begin(kind::BODY, 0, connection);
        self.words(&[seq, payload.len() as u32, blob]);
        self.payload(blob, payload);
        self.end(at);
    }

    fn payload(&mut self, blob: u32, payload: &[u8]) {
        if blob == u32::MAX {
            self.bytes.extend_from_slice(payload);
        }
    }

    /// Returns false, and packs nothing, when the trailers are larger than a record may be.
    pub(super) fn message_end(
        &mut self,
        connection: u32,
        seq: u32,
        trailers: &[u8],
        read: u64,
    ) -> bool {
        if trailers.len() > MAX_RECORD - 64 {
            return false;
        }
        let at = self.begin(kind::END, 0, connection);
        self.words(&[seq, trailers.len() as u32, read as u32, (read >> 32) as u32]);
        self.bytes.extend_from_slice(trailers);
        self.end(at);
        true
    }

    pub(super) fn upgrade(
        &mut self,
        connection: u32,
        seq: u32,
        complete: bool,
        head: &[u8],
        read: u64,
    ) {
        let blob = self.blob(head);
        let at = self.begin(kind::UPGRADE, u32::from(complete), connection);
        self.words(&[
            seq,
            head.len() as u32,
            blob,
            read as u32,
            (read >> 32) as u32,
        ]);
        self.payload(blob, head);
        self.end(at);
    }

    pub(super) fn raw(&mut self, connection: u32, payload: &[u8]) {
        let blob = self.blob(payload);
        let at = self.begin(kind::RAW, 0, connection);
        self.words(&[payload.len() as u32, blob]);
        self.payload(blob, payload);
        self.end(at);
    }

    pub(super) fn eof(&mut self, connection: u32) {
        let at = self.begin(kind::EOF, 0, connection);
        self.end(at);
    }

    pub(super) fn parse_error(
        &mut self,
        connection: u32,
        error: ParseError,
        parsed: usize,
        packet: &[u8],
    ) {
        let blob = self.blob(packet);
        let at = self.begin(kind::PARSE_ERROR, 0, connection);
        self.words(&[error.index(), parsed as u32, packet.len() as u32, blob]);
        self.payload(blob, packet);
        self.end(at);
    }

    pub(super) fn timeout(&mut self, connection: u32, which: u32) {
        let at = self.begin(kind::TIMEOUT, which, connection);
        self.end(at);
    }

    pub(super) fn ack(&mut self, connection: u32, total: u64) {
        let at = self.begin(kind::ACK, 0, connection);
        self.words(&[total as u32, (total >> 32) as u32]);
        self.end(at);
    }

    pub(super) fn closed(&mut self, connection: u32, errno: i32, writing: bool) {
        let at = self.begin(kind::CLOSED, u32::from(writing), connection);
        self.words(&[errno as u32]);
        self.end(at);
    }
}

/// Word of a record, counted from its beginning, that names its blob.
pub(super) fn blob_word(kind: u32) -> Option<usize> {
    match kind {
        kind::BODY | kind::UPGRADE => Some(5),
        kind::RAW => Some(4),
        kind::PARSE_ERROR => Some(6),
        _ => None,
    }
}
