//! A pipe of one page. Not an eventfd, as its O_NONBLOCK flag and its count are shared with the
//! peer, so that a hostile one could make our write block for ever. Each side opens the pipe anew,
//! which gives it an open description of its own; and for reading and writing at once (fifo(7)), so
//! that the peer's death never raises SIGPIPE here, and a side can wake itself.

use crate::os::fault::{Fault, faulty};
use crate::os::fork::{Fd, adopt, enter};
use crate::os::linux::{self, check, open, own_path};
use crate::os::mapping::granule;
use crate::os::process::user;
use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Both ends of a new pipe: for reading, for writing. Another user can open it anew as anybody
/// could, but only once it was handed over.
pub fn make(for_user: u32) -> io::Result<(Fd, Fd)> {
    let _gate = enter();
    let mut ends = [-1; 2];
    // SAFETY: the kernel writes two descriptors.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) })?;
    // SAFETY: the call just made them, and nobody else has them.
    let [read, write] = ends.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    // SAFETY: takes no memory. Both calls may fail: then the pipe is larger than it need be, or
    // a peer that is another user falls back to the socket.
    unsafe {
        libc::fcntl(read.as_raw_fd(), libc::F_SETPIPE_SZ, granule() as c_int);
        if for_user != user() {
            libc::fchmod(read.as_raw_fd(), 0o666);
        }
    }
    Ok((Fd::register(read)?, Fd::register(write)?))
}

/// Opens the pipe behind `fd` anew.
pub fn reopen(fd: BorrowedFd<'_>) -> io::Result<Fd> {
    // Not fstat: the descriptor is a peer's choice, and a file system may keep fstat waiting.
    // SAFETY: takes no memory; on what isn't a pipe it fails.
    if check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETPIPE_SZ) }).is_err() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a wake-up that is not a pipe"));
    }
    if faulty(Fault::NoProc) {
        return Err(io::Error::from_raw_os_error(libc::ENOENT));
    }
    adopt(|| open(&own_path(fd), libc::O_RDWR | libc::O_NONBLOCK, 0))
}

/// Makes the pipe readable. A full pipe is readable already.
pub fn signal(pipe: &Fd) {
    // SAFETY: reads one byte of a constant.
    unsafe { libc::write(pipe.as_raw_fd(), c"!".as_ptr().cast(), 1) };
}

/// Empties the pipe; whether there was anything in it.
pub fn drain(pipe: &Fd) -> bool {
    linux::drain(pipe.as_fd())
}
