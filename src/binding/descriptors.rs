//! Descriptors that libuv or another process has, too. Elsewhere than on Unix there are none, so `Port` has no `adopt` and no `copyDescriptor`, and a
//! listener's is -1.

use std::io::{self, ErrorKind};
use std::os::fd::{BorrowedFd, IntoRawFd};

use napi::bindgen_prelude::{Buffer, Either};
use napi::{Env, Result};
use napi_derive::napi;
use socket2::Socket;

use super::convert::negative;
use super::crossing::Crossing;
use super::engine::{Engine, On};
use super::port::Port;
use crate::engine::net::command::Target;
use crate::engine::net::connection;
use crate::engine::net::std_stream::StdStream;

/// Another descriptor for the socket behind `fd`, ours to close.
///
/// # Errors
/// EBADF when it is not open; when the process has no descriptors left.
#[allow(unsafe_code)]
fn duplicate(fd: i32) -> io::Result<Socket> {
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: borrow_raw wants a descriptor that is open as long as it is borrowed. `lib/` names those of libuv's handles it has been given and
    // closes only afterwards; their owner is this thread, which is here meanwhile. Should the program have closed one by its number all the same, the
    // one system call that is made says EBADF, or copies what has the number now: nothing is read, written or closed by it.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    Ok(borrowed.try_clone_to_owned()?.into())
}

/// A connection as another process is to have it.
#[napi(object)]
pub struct Copied {
    /// A descriptor of the socket, the caller's to close.
    pub fd: i32,
    /// What has been read and not been told.
    pub untold: Buffer,
    /// Bytes that have been read at all.
    pub bytes_read: f64,
}

/// A connection as JavaScript passes it on.
fn passed(copied: connection::Copied) -> Copied {
    Copied { fd: copied.socket.into_raw_fd(), untold: copied.untold.into(), bytes_read: copied.bytes_read as f64 }
}

#[napi]
impl Port {
    /// Takes in a copy of the connection `fd`, which stays the caller's to close, for the server `id` that `serve()` has made. A
    /// negative errno when that cannot be, else 0.
    #[napi(catch_unwind)]
    pub fn adopt(&self, env: Env, id: u32, fd: i32, threads: u32) -> Result<i32> {
        self.crossing.enter(|| {
            let outcome = duplicate(fd)
                .and_then(StdStream::of)
                .and_then(|accepted| self.engine.adopt(threads, id, accepted, fd as u32));
            self.crossing.sent(env);
            outcome.map_or_else(|error| negative(&error), |()| 0)
        })
    }

    /// A descriptor of a connection for another process, once what it has been told is done. Unless it `stays` with this one as well, it is read
    /// no more, and RELEASE is to follow. 0 when that cannot be now: something waits to be sent, or to be given to JavaScript. A negative
    /// errno when it cannot be at all.
    #[napi(catch_unwind)]
    pub fn copy_descriptor(&self, env: Env, index: u32, generation: u32, stays: bool) -> Result<Either<Copied, i32>> {
        self.crossing.enter(|| {
            if !stays && self.crossing.has_stream_of(index) {
                return Either::B(0);
            }
            let target = Target { index, generation };
            let copied = match target.thread() {
                0 => self.engine.inline().as_mut().map(|inline| inline.copy(target, stays)),
                number => self.engine.shard(number).map(|shard| shard.copy(target, stays)),
            };
            self.crossing.sent(env);
            match copied {
                Some(Ok(copied)) => Either::A(passed(copied)),
                Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => Either::B(0),
                Some(Err(error)) => Either::B(negative(&error)),
                None => Either::B(-libc::EINVAL),
            }
        })
    }
}

impl Crossing {
    /// Whether JavaScript has yet to be given bytes of the connection's stream that have been taken from a driver.
    fn has_stream_of(&self, index: u32) -> bool {
        self.delivery.borrow().has_stream_of(index)
    }
}

impl Engine {
    /// Takes in a connection that somebody else has accepted, for a server of [`Self::serve`] with as many `threads`; `by` chooses the thread.
    ///
    /// # Errors
    /// When the kernel cannot watch the socket, or the system gives no thread.
    fn adopt(&self, threads: u32, id: u32, accepted: StdStream, by: u32) -> io::Result<()> {
        match (threads, &mut *self.inline()) {
            (0, Some(inline)) => inline.adopt(id, accepted),
            _ => {
                self.pick(On::Threads(threads), by)?.adopt(id, accepted);
                Ok(())
            }
        }
    }
}
