//! Descriptors that belong to somebody else.

use std::io;
use std::os::fd::{BorrowedFd, IntoRawFd, OwnedFd};

use socket2::Socket;

use super::convert::Copied;
use crate::engine::net::connection;
use crate::engine::net::listener::Bound;

/// Another descriptor for the socket behind `fd`, ours to close.
///
/// # Errors
/// EBADF when it is not open; when the process has no descriptors left.
#[allow(unsafe_code)]
pub fn duplicate(fd: i32) -> io::Result<Socket> {
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: borrow_raw wants a descriptor that is open as long as it is borrowed. `lib/` names those of libuv's handles it has been given and
    // closes only afterwards; their owner is this thread, which is here meanwhile. Should another have been closed under its number, the
    // one system call that is made says EBADF: nothing is read, written or closed by that number.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    Ok(borrowed.try_clone_to_owned()?.into())
}

/// Another descriptor of the listening socket, the caller's to close.
///
/// # Errors
/// When the process has no descriptors left.
pub fn of_listener(bound: &Bound) -> io::Result<OwnedFd> {
    Ok(match bound.try_clone()? {
        Bound::Tcp(listener) => listener.into(),
        Bound::Unix(listener) => listener.into(),
    })
}

/// A connection as JavaScript passes it on.
pub fn passed(copied: connection::Copied) -> Copied {
    Copied { fd: copied.socket.into_raw_fd(), untold: copied.untold.into(), bytes_read: copied.bytes_read as f64 }
}
