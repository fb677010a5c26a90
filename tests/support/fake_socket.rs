//! A socket without a kernel: a pair of queues, whose ends the test holds. It may stand for TLS over a socket as well.

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
    /// It keeps what it takes until it is flushed, and has a last word of its own to say.
    pub keeps: bool,
    pub kept: usize,
    /// Bytes of the last word that have not left; `None`: it has not begun.
    pub last_word: Option<usize>,
    /// How often somebody has tried to read.
    pub reads: usize,
}

/// Bytes that a transport keeps at most, and those of its last word.
pub const KEPT: usize = 16 * 1024;
pub const LAST_WORD: usize = 24;

impl Line {
    /// The kernel takes what there is room for; the rest is returned.
    fn send(&mut self, bytes: usize) -> usize {
        let taken = bytes.min(self.room);
        self.room -= taken;
        self.sent += taken;
        bytes - taken
    }
}

#[derive(Clone, Default)]
pub struct FakeSocket(pub Rc<RefCell<Line>>);

impl FakeSocket {
    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut line = self.0.borrow_mut();
        if line.fails || line.shut || line.last_word.is_some() {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let wanted: usize = slices.iter().map(|slice| slice.len()).sum();
        assert!(wanted > 0, "an empty write learns nothing");
        let taken = wanted.min(if line.keeps { KEPT - line.kept } else { line.room });
        if taken == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        if line.keeps {
            line.kept += taken;
        } else {
            line.send(taken);
        }
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

    fn socket(&self) -> Option<SockRef<'_>> {
        None
    }

    fn is_tcp(&self) -> bool {
        false
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>, closes: bool) -> Poll<io::Result<()>> {
        let mut line = self.0.borrow_mut();
        if line.keeps {
            assert_eq!(line.kept, 0, "all is flushed before the end");
            let left = line.last_word.unwrap_or(LAST_WORD);
            let left = line.send(left);
            line.last_word = Some(left);
            if left > 0 {
                return Poll::Pending;
            }
        }
        line.shut |= !closes;
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut line = self.0.borrow_mut();
        if line.kept > 0 && line.fails {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let kept = line.kept;
        line.kept = line.send(kept);
        if line.kept > 0 {
            Poll::Pending
        } else {
            Poll::Ready(Ok(()))
        }
    }

    fn has_unread(&self) -> bool {
        !self.0.borrow().incoming.is_empty()
    }
}
