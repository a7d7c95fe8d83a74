//! By eventfd(2), timerfd_create(2) and epoll(7).

use crate::os::fork::{Fd, adopt};
use crate::os::linux::{check, check_count, made, restart, timespec};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

/// An eventfd that only this process has.
pub fn event() -> io::Result<Fd> {
    // SAFETY: the call makes a descriptor.
    adopt(|| unsafe { made(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK)) })
}

/// Makes an eventfd readable. Safe in a signal handler.
pub fn signal(eventfd: BorrowedFd<'_>) {
    let one = 1u64;
    // SAFETY: reads eight bytes of a live variable. It can't block, and if the count is full the
    // descriptor is readable already.
    unsafe { libc::write(eventfd.as_raw_fd(), std::ptr::from_ref(&one).cast(), 8) };
}

/// Makes an eventfd or a timerfd unreadable.
pub fn clear(fd: BorrowedFd<'_>) {
    let mut count = 0u64;
    let _ = restart(|| {
        let into = std::ptr::from_mut(&mut count).cast();
        // SAFETY: writes eight bytes of a live variable.
        check_count(unsafe { libc::read(fd.as_raw_fd(), into, 8) })
    });
}

/// A timer, not yet set.
pub fn timer() -> io::Result<Fd> {
    let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
    // SAFETY: the call makes a descriptor.
    adopt(|| unsafe { made(libc::timerfd_create(libc::CLOCK_MONOTONIC, flags)) })
}

/// Sets a timer to go off once, after `time`; None stops it.
pub fn set_timer(timer: BorrowedFd<'_>, time: Option<Duration>) {
    let zero = timespec(Duration::ZERO);
    // A time of zero would stop the timer.
    let value = time.map_or(zero, |time| timespec(time.max(Duration::from_nanos(1))));
    let setting = libc::itimerspec { it_interval: zero, it_value: value };
    // SAFETY: both structures are live or NULL.
    unsafe { libc::timerfd_settime(timer.as_raw_fd(), 0, &setting, std::ptr::null_mut()) };
}

/// A set of descriptors that are waited for together.
#[derive(Debug)]
pub struct WaitSet {
    fd: Fd,
}

/// Readable, or hung up.
pub const READABLE: u32 = libc::EPOLLIN as u32 | libc::EPOLLRDHUP as u32;
/// Writable.
pub const WRITABLE: u32 = libc::EPOLLOUT as u32;
/// Hung up, or no longer written to.
pub const HANG_UP: u32 = libc::EPOLLRDHUP as u32;

impl WaitSet {
    /// An empty set.
    pub fn new() -> io::Result<WaitSet> {
        // SAFETY: the call makes a descriptor.
        let fd = adopt(|| unsafe { made(libc::epoll_create1(libc::EPOLL_CLOEXEC)) })?;
        Ok(WaitSet { fd })
    }

    /// The set's own descriptor, readable while any in the set is ready.
    pub fn fd(&self) -> &Fd {
        &self.fd
    }

    /// Puts `fd` in, or changes what is waited for.
    pub fn set(&self, fd: BorrowedFd<'_>, events: u32, token: u64) -> io::Result<()> {
        match self.control(libc::EPOLL_CTL_ADD, fd.as_raw_fd(), events, token) {
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
                self.control(libc::EPOLL_CTL_MOD, fd.as_raw_fd(), events, token)
            }
            result => result,
        }
    }

    /// Puts `fd` in; it is an error if it is in already.
    pub fn add(&self, fd: BorrowedFd<'_>, events: u32, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd.as_raw_fd(), events, token)
    }

    /// Changes what is waited for at `fd`, which is in: this allocates nothing, so it can't fail
    /// for want of memory.
    pub fn modify(&self, fd: BorrowedFd<'_>, events: u32, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd.as_raw_fd(), events, token)
    }

    /// Takes `fd` out, if it is in; by its number, as its owner may have closed it already.
    pub fn remove(&self, fd: impl AsRawFd) {
        let _ = self.control(libc::EPOLL_CTL_DEL, fd.as_raw_fd(), 0, 0);
    }

    fn control(&self, op: i32, fd: RawFd, events: u32, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events, u64: token };
        let set = self.fd.as_raw_fd();
        // SAFETY: the event is live during the call.
        check(unsafe { libc::epoll_ctl(set, op, fd, &mut event) }).map(drop)
    }

    /// The tokens of what is ready now in a small set, as the bits of a number: each is below 64.
    pub fn ready(&self) -> u64 {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 8];
        // SAFETY: the kernel writes at most as many events as the array has.
        let result = unsafe { libc::epoll_wait(self.fd.as_raw_fd(), events.as_mut_ptr(), 8, 0) };
        match check(result) {
            Ok(count) => events[..count as usize].iter().fold(0, |bits, one| bits | 1 << one.u64),
            // It can't fail on a set of ours; if it does, everything is looked at.
            Err(_) => u64::MAX,
        }
    }

    /// The tokens of some that are ready, after waiting for `time` at most.
    pub fn wait(&self, tokens: &mut Vec<u64>, time: Option<Duration>) -> io::Result<()> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 256];
        let set = self.fd.as_raw_fd();
        // Rounded up, so that a wait never ends before its time.
        let ms = time.map_or(-1, |time| {
            i32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
        });
        // SAFETY: the kernel writes at most as many events as the array has.
        let result = unsafe { libc::epoll_wait(set, events.as_mut_ptr(), 256, ms) };
        match check(result) {
            Ok(count) => tokens.extend(events[..count as usize].iter().map(|event| event.u64)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
