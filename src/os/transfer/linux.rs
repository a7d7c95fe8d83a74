//! By read(2) and write(2).

use crate::memory::Lent;
use crate::os::linux::{check_count, restart};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Reads into memory that is lent to the caller.
pub fn read(fd: BorrowedFd<'_>, to: Lent) -> io::Result<usize> {
    let (fd, data) = (fd.as_raw_fd(), to.as_mut_ptr());
    // SAFETY: the caller keeps the memory, `len` bytes of it, and the kernel writes no more.
    restart(|| check_count(unsafe { libc::read(fd, data.cast(), to.len()) }))
}

/// Writes memory that is lent to the caller.
pub fn write(fd: BorrowedFd<'_>, from: Lent) -> io::Result<usize> {
    let (fd, data) = (fd.as_raw_fd(), from.as_mut_ptr());
    // SAFETY: the caller keeps the memory, `len` bytes of it. What a peer changes meanwhile
    // spoils only what is written.
    restart(|| check_count(unsafe { libc::write(fd, data.cast(), from.len()) }))
}
