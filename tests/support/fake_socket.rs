//! A socket without a kernel: a pair of queues, whose ends the test holds.

use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll};

use socket2::SockRef;
use turnout::engine::net::transport::Transport;

/// What has come from the peer, and what the kernel will take.
#[derive(Default)]
pub struct Line {
    pub incoming: Vec<u8>,
    pub fin: bool,
    pub fails: bool,
    pub room: usize,
    pub sent: usize,
    pub shut: bool,
    /// How often somebody has tried to read.
    pub reads: usize,
}

#[derive(Clone, Default)]
pub struct FakeSocket(pub Rc<RefCell<Line>>);

impl FakeSocket {
    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut line = self.0.borrow_mut();
        if line.fails || line.shut {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let wanted: usize = slices.iter().map(|slice| slice.len()).sum();
        assert!(wanted > 0, "an empty write learns nothing");
        let taken = wanted.min(line.room);
        if taken == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        line.room -= taken;
        line.sent += taken;
        Ok(taken)
    }
}

impl Transport for FakeSocket {
    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut line = self.0.borrow_mut();
        line.reads += 1;
        if line.fails {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        if line.incoming.is_empty() {
            return if line.fin { Poll::Ready(Ok(0)) } else { Poll::Pending };
        }
        let taken = buffer.len().min(line.incoming.len());
        buffer[..taken].copy_from_slice(&line.incoming[..taken]);
        line.incoming.drain(..taken);
        Poll::Ready(Ok(taken))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match self.write(slices) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
            written => Poll::Ready(written),
        }
    }

    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write(slices)
    }

    fn socket(&self) -> SockRef<'_> {
        unreachable!("whatever asks for the socket is answered here")
    }

    fn is_tcp(&self) -> bool {
        false
    }

    fn shutdown_write(&self) {
        self.0.borrow_mut().shut = true;
    }

    fn has_unread(&self) -> bool {
        !self.0.borrow().incoming.is_empty()
    }
}
