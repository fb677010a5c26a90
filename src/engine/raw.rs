//! A stream of bytes that nobody here understands: what an accepted upgrade or a CONNECT has made of a connection (RFC 9110 §7.8, §9.3.6).

/// Who gets the bytes, in order.
pub trait Sink {
    /// Bytes of the stream.
    fn raw(&mut self, bytes: &[u8]);
}

/// One such connection. It keeps nothing, and can always be read.
#[derive(Debug, Default)]
pub struct Stream;

impl Stream {
    /// Takes what one read returned.
    pub fn receive(&mut self, bytes: &mut [u8], sink: &mut impl Sink) {
        if !bytes.is_empty() {
            sink.raw(bytes);
        }
    }
}
