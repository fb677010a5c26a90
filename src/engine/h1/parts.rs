//! A head that comes in parts, as it came. The scanner keeps what it means; another process that is to go on with the connection must have the
//! bytes themselves.

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Parts {
    bytes: Vec<u8>,
    /// Where in the present read the head begins, or goes on.
    from: usize,
    /// There were more bytes than are kept: no other process can have the head.
    lost: bool,
}

impl Parts {
    /// A read begins.
    pub(super) fn read(&mut self) {
        self.from = 0;
    }

    /// A head begins there in the present read.
    pub(super) fn begin(&mut self, from: usize) {
        self.from = from;
    }

    /// The read is over and the head is not. No more than `most` bytes are kept: white space and line ends count towards no limit of a head.
    pub(super) fn keep(&mut self, read: &[u8], most: usize) {
        let part = read.get(self.from..).unwrap_or_default();
        self.lost |= self.bytes.len().saturating_add(part.len()) > most;
        if self.lost {
            self.bytes = Vec::new();
        } else {
            self.bytes.extend_from_slice(part);
        }
    }

    /// The head is over.
    pub(super) fn forget(&mut self) {
        if !self.bytes.is_empty() || self.lost {
            *self = Parts::default();
        }
    }

    /// What has come of the head; `None` when it is not known any more.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        (!self.lost).then_some(&self.bytes)
    }
}
