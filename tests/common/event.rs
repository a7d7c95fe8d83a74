//! Event loops as a user writes them: an epoll that never waits by time. The watchdog only tells
//! that a wake-up was lost.

use super::WATCHDOG;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// A level-triggered epoll.
pub struct Events(OwnedFd);

impl Default for Events {
    fn default() -> Events {
        Events::new()
    }
}

impl Events {
    /// An empty one.
    pub fn new() -> Events {
        // SAFETY: takes no memory.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        assert!(fd >= 0, "a descriptor for the test's own epoll");
        // SAFETY: the call just made it.
        Events(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// One that waits for `fd`, under key 0.
    pub fn of(fd: impl AsFd) -> Events {
        let events = Events::new();
        events.add(fd.as_fd(), 0);
        events
    }

    /// Waits for `fd` too.
    pub fn add(&self, fd: impl AsFd, key: u64) {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: key };
        let (set, fd) = (self.0.as_raw_fd(), fd.as_fd().as_raw_fd());
        // SAFETY: the event is live during the call.
        let result = unsafe { libc::epoll_ctl(set, libc::EPOLL_CTL_ADD, fd, &mut event) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    }

    /// The keys of what is ready, after waiting as long as it takes.
    pub fn wait(&self) -> Vec<u64> {
        let keys = self.wait_for(WATCHDOG);
        assert!(!keys.is_empty(), "a wake-up was lost: no event");
        keys
    }

    /// The keys of what is ready within `time`.
    pub fn wait_for(&self, time: Duration) -> Vec<u64> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 64];
        let (set, ms) = (self.0.as_raw_fd(), time.as_millis() as i32);
        // SAFETY: the kernel writes at most as many events as the array has.
        let count = unsafe { libc::epoll_wait(set, events.as_mut_ptr(), 64, ms) };
        assert!(count >= 0, "{}", std::io::Error::last_os_error());
        events[..count as usize].iter().map(|event| event.u64).collect()
    }
}

/// Whether a descriptor is readable now.
pub fn is_readable(fd: impl AsFd) -> bool {
    readable_within(fd.as_fd(), Duration::ZERO)
}

/// Whether a call that is refused makes a descriptor unreadable. One that looks by itself now and
/// then may be readable again before a busy machine lets the test see it.
pub fn is_hidden_by(fd: impl AsFd, refused: impl Fn()) -> bool {
    (0..100).any(|_| {
        refused();
        !is_readable(fd.as_fd())
    })
}

/// Whether a descriptor becomes readable within `time`.
pub fn readable_within(fd: BorrowedFd<'_>, time: Duration) -> bool {
    let mut wanted = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one live structure.
    unsafe { libc::poll(&mut wanted, 1, time.as_millis() as i32) > 0 }
}

/// An eventfd that tells loops to end.
pub struct Flag(OwnedFd);

impl Default for Flag {
    fn default() -> Flag {
        Flag::new()
    }
}

impl Flag {
    /// Not raised yet.
    pub fn new() -> Flag {
        // SAFETY: takes no memory.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        assert!(fd >= 0, "a descriptor for the test's own flag");
        // SAFETY: the call just made it.
        Flag(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// Makes it readable for good.
    pub fn raise(&self) {
        let one = 1u64;
        // SAFETY: eight live bytes.
        unsafe { libc::write(self.0.as_raw_fd(), (&raw const one).cast(), 8) };
    }
}

impl AsFd for Flag {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
