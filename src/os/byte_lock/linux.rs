//! By F_OFD_SETLK (fcntl_locking(2)).

use super::{Bytes, Kind};
use crate::os::linux::{check, restart};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Locks bytes, all of them or none; false if another open file description is in the way.
pub fn try_lock(fd: BorrowedFd<'_>, bytes: Bytes, kind: Kind) -> io::Result<bool> {
    let kind = match kind {
        Kind::Shared => libc::F_RDLCK,
        Kind::Exclusive => libc::F_WRLCK,
    };
    match control(fd, libc::F_OFD_SETLK, &mut flock(kind, bytes)) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Gives bytes back. In a forked child this would be the parent's lock: never called there.
pub fn unlock(fd: BorrowedFd<'_>, bytes: Bytes) {
    let _ = control(fd, libc::F_OFD_SETLK, &mut flock(libc::F_UNLCK, bytes));
}

/// Whether another open file description has a lock on any of these bytes.
pub fn is_locked(fd: BorrowedFd<'_>, bytes: Bytes) -> io::Result<bool> {
    let mut found = flock(libc::F_WRLCK, bytes);
    control(fd, libc::F_OFD_GETLK, &mut found)?;
    Ok(found.l_type != libc::F_UNLCK as libc::c_short)
}

fn flock(kind: libc::c_int, Bytes(start, len): Bytes) -> libc::flock {
    // SAFETY: all zeros are valid; l_pid must be 0.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = start as libc::off_t;
    lock.l_len = len as libc::off_t;
    lock
}

fn control(fd: BorrowedFd<'_>, command: i32, lock: &mut libc::flock) -> io::Result<()> {
    // SAFETY: the structure is live during the call.
    restart(|| check(unsafe { libc::fcntl(fd.as_raw_fd(), command, &raw mut *lock) })).map(drop)
}
