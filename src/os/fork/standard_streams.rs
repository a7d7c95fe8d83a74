//! The numbers 0, 1 and 2 are the program's: its standard input, output and error. Where they are
//! closed, as in many daemons, the kernel would give them to the descriptors that are made next,
//! and the program's next printf would speak into a channel. No descriptor of ours has one.

use crate::os::linux::{check, made, open};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The first number that is nobody's.
const FIRST: RawFd = 3;

/// Whether any of the three was found closed. Else making a descriptor costs nothing more.
static SOME_CLOSED: AtomicBool = AtomicBool::new(false);

/// One thread at a time keeps the numbers, so that none takes another's keeping for the program's
/// own descriptor.
static KEEPING: Mutex<()> = Mutex::new(());

/// Keeps the numbers that are closed from being given out, until it is dropped.
pub struct Kept {
    _descriptors: Vec<OwnedFd>,
    _alone: MutexGuard<'static, ()>,
}

/// Looks once whether the program was started with any of them closed.
pub fn look() {
    // SAFETY: takes no memory.
    let is_closed = |fd| check(unsafe { libc::fcntl(fd, libc::F_GETFD) }).is_err();
    if (0..FIRST).any(is_closed) {
        SOME_CLOSED.store(true, Ordering::Relaxed);
    }
}

/// Keeps the numbers, while descriptors are made and no fork can fall between; None where they
/// are in use. What keeps them can be neither read nor written (O_PATH), like what is closed.
pub fn keep() -> Option<Kept> {
    if !SOME_CLOSED.load(Ordering::Relaxed) {
        return None;
    }
    let alone = KEEPING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut descriptors = Vec::new();
    // The kernel gives out the lowest number that is free. Where there is none, `lift` is left.
    while let Ok(fd) = open(c"/", libc::O_PATH, 0) {
        if fd.as_raw_fd() >= FIRST {
            break;
        }
        descriptors.push(fd);
    }
    Some(Kept { _descriptors: descriptors, _alone: alone })
}

/// Gives a new descriptor another number if it has one of the three: the program has closed that
/// since this process looked last.
pub fn lift<T: AsFd + From<OwnedFd>>(fresh: T) -> io::Result<T>
where
    OwnedFd: From<T>,
{
    if fresh.as_fd().as_raw_fd() >= FIRST {
        return Ok(fresh);
    }
    SOME_CLOSED.store(true, Ordering::Relaxed);
    let low = OwnedFd::from(fresh);
    // SAFETY: the call makes a descriptor.
    let high = unsafe { made(libc::fcntl(low.as_raw_fd(), libc::F_DUPFD_CLOEXEC, FIRST)) };
    high.map(T::from)
}
