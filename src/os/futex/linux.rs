use crate::os::linux::timespec;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Waits while `word` holds `expected`, until it is woken or the time is over. It may return
/// early: whoever calls looks again.
///
/// The futex is not marked private, so that the same call serves words that processes share.
pub fn wait(word: &AtomicU32, expected: u32, time: Option<Duration>) {
    let timeout = time.map(timespec);
    let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the word is a live atomic, and the timeout NULL or a live timespec.
    unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, expected, timeout);
    }
}

/// Wakes up to `count` of those that wait for `word`.
pub fn wake(word: &AtomicU32, count: i32) {
    // SAFETY: the word is a live atomic; waking touches no memory.
    unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, count);
    }
}
