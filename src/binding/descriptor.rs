//! Descriptors that belong to somebody else.

use std::io;
use std::os::fd::BorrowedFd;

use socket2::Socket;

/// Another descriptor for the socket behind `fd`, ours to close.
///
/// # Errors
/// EBADF when it is not open; when the process has no descriptors left.
#[allow(unsafe_code)]
pub fn duplicate(fd: i32) -> io::Result<Socket> {
    /// The same number on every Unix.
    const EBADF: i32 = 9;
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(EBADF));
    }
    // SAFETY: it is not -1, and it is borrowed for this one system call, which fails on a descriptor that is not open. Nothing else runs
    // on the JavaScript thread meanwhile, which is where its owner lives.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    Ok(borrowed.try_clone_to_owned()?.into())
}
