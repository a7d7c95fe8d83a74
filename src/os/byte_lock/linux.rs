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
    find_locked(fd, bytes).map(|found| found.is_some())
}

/// Those of these bytes that any one lock of another open file description covers.
pub fn find_locked(fd: BorrowedFd<'_>, bytes: Bytes) -> io::Result<Option<Bytes>> {
    let mut found = flock(libc::F_WRLCK, bytes);
    control(fd, libc::F_OFD_GETLK, &mut found)?;
    if found.l_type == libc::F_UNLCK as libc::c_short {
        return Ok(None);
    }
    let start = u64::try_from(found.l_start).unwrap_or(0);
    let end = match u64::try_from(found.l_len) {
        // It reaches to the end of the file, wherever that is.
        Ok(0) | Err(_) => u64::MAX,
        Ok(len) => start.saturating_add(len),
    };
    let Bytes(first, count) = bytes;
    let (start, end) = (start.max(first), end.min(first + count));
    Ok(Some(Bytes(start, end.saturating_sub(start))))
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
