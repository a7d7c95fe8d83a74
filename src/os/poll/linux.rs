use crate::os::linux::{check, timespec};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// One descriptor to wait for.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Wanted(libc::pollfd);

impl Wanted {
    /// Waits for `fd` to be readable, or hung up.
    pub fn readable(fd: BorrowedFd<'_>) -> Wanted {
        let events = libc::POLLIN | libc::POLLRDHUP;
        Wanted(libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 })
    }

    /// Waits for room to write to `fd`, or its hanging up.
    pub fn writable(fd: BorrowedFd<'_>) -> Wanted {
        Wanted(libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLOUT, revents: 0 })
    }

    /// Waits for `fd` to be hung up, whatever there is to read.
    pub fn hung_up(fd: BorrowedFd<'_>) -> Wanted {
        Wanted(libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLRDHUP, revents: 0 })
    }

    /// A place in a list that waits for nothing.
    pub fn nothing() -> Wanted {
        Wanted(libc::pollfd { fd: -1, events: 0, revents: 0 })
    }

    /// Waits for room to write too.
    pub fn or_writable(mut self) -> Wanted {
        self.0.events |= libc::POLLOUT;
        self
    }

    /// Whether it is readable, hung up or broken.
    pub fn is_readable(&self) -> bool {
        self.0.revents & !libc::POLLOUT != 0
    }
}

/// Waits until one is ready, the time is over, or a signal came; fills in what each is.
pub fn poll(wanted: &mut [Wanted], time: Option<Duration>) -> io::Result<()> {
    let timeout = time.map(timespec);
    let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let (list, count) = (wanted.as_mut_ptr().cast(), wanted.len() as libc::nfds_t);
    // SAFETY: the list is as long as said, and its elements are pollfds (repr(transparent)).
    let result = unsafe { libc::ppoll(list, count, timeout, std::ptr::null()) };
    match check(result) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            wanted.iter_mut().for_each(|one| one.0.revents = 0);
            Ok(())
        }
        result => result.map(drop),
    }
}
