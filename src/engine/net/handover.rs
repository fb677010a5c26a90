//! The way of an upgraded stream from its thread to the JavaScript thread's own driver. A thread is worth having where there is something to
//! parse, or many small pieces to send. In a stream of large pieces all work is copying: with a thread the bytes are copied twice more, and
//! the JavaScript thread's share of that costs as much as reading and writing them itself.

use std::io;
use std::sync::Mutex;

use super::lock::lock;
use super::std_stream::StdStream;

/// What another thread than its owner's may do with a socket.
pub trait Duplicate: Send {
    /// Another descriptor of the socket.
    ///
    /// # Errors
    /// When the process has no descriptors left.
    fn duplicate(&self) -> io::Result<StdStream>;
}

/// What both threads know of a connection that may change hands.
pub struct Handover {
    state: Mutex<State>,
}

struct State {
    /// `None` once the connection is closed, or has gone over.
    socket: Option<Box<dyn Duplicate>>,
    /// How many bytes the connection had been told to write when its queue was last found empty. If more than that have been handed
    /// over, they stand in the queue or are on their way to it.
    clear_at: Option<u64>,
}

impl Handover {
    /// It cannot be taken before the first [`Self::clear`].
    pub fn new(socket: Box<dyn Duplicate>) -> Self {
        Self { state: Mutex::new(State { socket: Some(socket), clear_at: None }) }
    }

    /// The queue is empty after `told` bytes.
    pub fn clear(&self, told: u64) {
        lock(&self.state).clear_at = Some(told);
    }

    /// The socket closes: nobody else may take it.
    pub fn close(&self) {
        lock(&self.state).socket = None;
    }

    /// Takes the stream over if nothing of the `handed` bytes waits to be sent. From then on the thread that takes it writes; it reads
    /// when the former owner has said that it does not any more.
    pub fn take(&self, handed: u64) -> Option<StdStream> {
        let mut state = lock(&self.state);
        if state.clear_at != Some(handed) {
            return None;
        }
        let stream = state.socket.as_ref()?.duplicate().ok()?;
        state.socket = None;
        Some(stream)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    struct Listener(TcpListener);

    impl Duplicate for Listener {
        fn duplicate(&self) -> io::Result<StdStream> {
            Ok(StdStream::Tcp(TcpStream::connect(self.0.local_addr()?)?))
        }
    }

    fn handover() -> Handover {
        Handover::new(Box::new(Listener(TcpListener::bind("127.0.0.1:0").unwrap())))
    }

    #[test]
    fn is_taken_once_and_only_when_nothing_waits() {
        let handover = handover();
        assert!(handover.take(0).is_none(), "not before the queue is known to be empty");
        handover.clear(7);
        assert!(handover.take(9).is_none(), "two bytes are on their way");
        handover.clear(9);
        assert!(handover.take(9).is_some());
        assert!(handover.take(9).is_none(), "it has gone");
    }

    #[test]
    fn a_closed_one_is_not_taken() {
        let handover = handover();
        handover.clear(0);
        handover.close();
        assert!(handover.take(0).is_none());
    }
}
