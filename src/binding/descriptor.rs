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
    // SAFETY: borrow_raw wants a descriptor that is open as long as it is borrowed. `lib/` names those of libuv's handles it has been given and
    // closes only afterwards; their owner is this thread, which is here meanwhile. Should another have been closed under its number, the
    // one system call that is made says EBADF: nothing is read, written or closed by that number.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    Ok(borrowed.try_clone_to_owned()?.into())
}
