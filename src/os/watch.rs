//! Being told by the kernel of what others do to an object, and of their deaths: inotify. Nothing
//! of it is visible to them, and it ends with this process.

use super::fork::{Fd, adopt};
use super::object::own_path;
use super::{check, check_count, restart};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// What a watch has been told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Somebody closed the object: it left, or died.
    pub closed: bool,
}

/// A descriptor that is readable once somebody touches `object`, or closes what could write it.
pub fn watch(object: BorrowedFd<'_>) -> io::Result<Fd> {
    let fd = adopt(|| {
        // SAFETY: takes no memory.
        let fd = check(unsafe { libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC) })?;
        // SAFETY: the call just made it, and nobody else has it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    })?;
    let (path, events) = (own_path(object), libc::IN_ATTRIB | libc::IN_CLOSE_WRITE);
    // SAFETY: the path ends with a NUL.
    check(unsafe { libc::inotify_add_watch(fd.as_raw_fd(), path.as_ptr(), events) })?;
    Ok(fd)
}

/// Makes a watch unreadable, and tells why it was readable.
pub fn drain(watch: BorrowedFd<'_>) -> Told {
    /// An event without a name, as those of a file are: 16 bytes, the mask behind the first four.
    const EVENT: usize = 16;
    let mut told = Told::default();
    let mut bytes = [0u8; 64 * EVENT];
    // What comes while this reads is left for the next time: it can't be kept here for ever.
    for _ in 0..DRAINED_MAX {
        let (fd, into) = (watch.as_raw_fd(), bytes.as_mut_ptr().cast());
        // SAFETY: the kernel writes at most as many bytes as the array has.
        let read = || check_count(unsafe { libc::read(fd, into, 64 * EVENT) });
        let Ok(count) = restart(read) else {
            break;
        };
        for event in bytes[..count].chunks_exact(EVENT) {
            let mask = u32::from_ne_bytes([event[4], event[5], event[6], event[7]]);
            // An overflow may have swallowed anything.
            told.closed |= mask & (libc::IN_CLOSE_WRITE | libc::IN_Q_OVERFLOW) != 0;
        }
        if count < bytes.len() {
            break;
        }
    }
    told
}

/// Reads of events in one go.
const DRAINED_MAX: u32 = 1024;
