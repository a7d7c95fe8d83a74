//! Being told by the kernel of what others do to an object, and of their deaths: inotify. Nothing
//! of it is visible to them, and it ends with this process.

use super::fork::{Fd, adopt, enter};
use super::object::own_path;
use super::{check, check_count, restart};
use crate::sync::{Mutex, lock};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// What a watch has been told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Somebody closed the object: it left, or died.
    pub closed: bool,
}

/// A descriptor that is readable once somebody touches an object, or closes what could write it.
pub struct Watch {
    /// None: it is being dropped.
    inotify: Option<Fd>,
    number: i32,
}

/// Descriptors that watch nothing. They are kept, as closing one may take the kernel seconds on a
/// busy machine: it waits until it has heard of all processors.
static IDLE: Mutex<Vec<Fd>> = Mutex::new(Vec::new());
/// How many of them are kept.
const IDLE_MAX: usize = 16;

impl Watch {
    /// Watches `object`.
    pub fn new(object: BorrowedFd<'_>) -> io::Result<Watch> {
        let inotify = idle().map_or_else(make, Ok)?;
        let (path, events) =
            (own_path(object), libc::IN_ATTRIB | libc::IN_MODIFY | libc::IN_CLOSE_WRITE);
        let fd = inotify.as_raw_fd();
        // SAFETY: the path ends with a NUL.
        let number = check(unsafe { libc::inotify_add_watch(fd, path.as_ptr(), events) }).map_err(
            limited(libc::ENOSPC, "no watch is left; raise fs.inotify.max_user_watches"),
        )?;
        Ok(Watch { inotify: Some(inotify), number })
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_ref().expect("it has one until it is dropped").as_fd()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let Some(inotify) = self.inotify.take().filter(Fd::is_of_this_process) else {
            return;
        };
        // SAFETY: takes no memory.
        unsafe { libc::inotify_rm_watch(inotify.as_raw_fd(), self.number) };
        drain(inotify.as_fd());
        // No fork while the list is locked: the child would find it so for ever.
        let _gate = enter();
        let mut idle = lock(&IDLE);
        if idle.len() < IDLE_MAX {
            idle.push(inotify);
        }
    }
}

/// One that was made before, if there is any. Those of the parent are of no use.
fn idle() -> Option<Fd> {
    let _gate = enter();
    let mut idle = lock(&IDLE);
    idle.retain(Fd::is_of_this_process);
    idle.pop()
}

/// What the kernel gives the same number for.
const INSTANCES: &str = "no inotify instance is left, or no descriptor; raise \
                         fs.inotify.max_user_instances or ulimit -n";

/// Names the limit that a number stands for here.
fn limited(number: i32, limit: &'static str) -> impl Fn(io::Error) -> io::Error {
    move |error| match error.raw_os_error() {
        Some(found) if found == number => io::Error::new(io::ErrorKind::QuotaExceeded, limit),
        _ => error,
    }
}

fn make() -> io::Result<Fd> {
    adopt(|| {
        // SAFETY: takes no memory.
        let fd = check(unsafe { libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC) })
            .map_err(limited(libc::EMFILE, INSTANCES))?;
        // SAFETY: the call just made it, and nobody else has it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    })
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
