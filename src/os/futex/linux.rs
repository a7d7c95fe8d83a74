//! By futex(2).

use crate::os::linux::timespec;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// The kernel looks for waiters by the address, without asking what memory that is.
pub fn wait_here(word: &AtomicU32, expected: u32, time: Option<Duration>) {
    wait(word, libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG, expected, time);
}

/// The kernel looks for waiters by the memory that the word lies in.
pub fn wait_across(word: &AtomicU32, expected: u32, time: Option<Duration>) {
    wait(word, libc::FUTEX_WAIT, expected, time);
}

fn wait(word: &AtomicU32, operation: i32, expected: u32, time: Option<Duration>) {
    let timeout = time.map(timespec);
    let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the word is a live atomic, and the timeout NULL or a live timespec.
    unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), operation, expected, timeout);
    }
}

/// By the address.
pub fn wake_here(word: &AtomicU32, count: i32) {
    wake(word, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, count);
}

/// By the memory.
pub fn wake_across(word: &AtomicU32, count: i32) {
    wake(word, libc::FUTEX_WAKE, count);
}

fn wake(word: &AtomicU32, operation: i32, count: i32) {
    // SAFETY: the word is a live atomic; waking touches no memory.
    unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), operation, count);
    }
}
