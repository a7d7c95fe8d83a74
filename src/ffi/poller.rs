//! Pollers.

use super::status::{guard, guard_silent, tn_status};
use super::{handle, there, timeout, tn_fd};
use crate::channel::Channel;
use crate::error::{Error, Result};
use crate::listener::Listener;
use crate::poller::Poller;
use std::os::fd::{AsRawFd, BorrowedFd};

use std::mem::MaybeUninit;

/// tn_poller_new makes a poller that waits for nothing yet and stores it in `*out`, which the
/// caller frees with tn_poller_free. TN_NO_SPACE: no descriptors left.
///
/// # Safety
/// `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_poller_new(out: Option<&mut MaybeUninit<*mut Poller>>) -> tn_status {
    guard(|| {
        let out = there(out, "out")?;
        out.write(Box::into_raw(Box::new(Poller::new()?)));
        Ok(())
    })
}

/// tn_poller_add_channel adds a channel's messages and its end: tn_poller_wait gives `key` whenever
/// the descriptor of tn_channel_fd would be readable. The channel stays the caller's; when it is
/// freed, it leaves the poller by itself.
///
/// TN_EXISTS: the key, or the channel, is in this poller already. TN_NO_SPACE: no descriptor is
/// left for the channel's own.
///
/// # Safety
/// `poller` and `channel` are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_poller_add_channel(
    poller: Option<&Poller>,
    channel: Option<&Channel>,
    key: u64,
) -> tn_status {
    guard(|| handle(poller)?.add_channel(handle(channel)?, key))
}

/// tn_poller_add_channel_send adds a channel's room to send, and its end: tn_poller_wait gives
/// `key` whenever the descriptor of tn_channel_send_fd would be readable. Add it only while there
/// is something to send. `key` must differ from that of tn_poller_add_channel. TN_EXISTS,
/// TN_NO_SPACE: as for tn_poller_add_channel.
///
/// # Safety
/// `poller` and `channel` are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_poller_add_channel_send(
    poller: Option<&Poller>,
    channel: Option<&Channel>,
    key: u64,
) -> tn_status {
    guard(|| handle(poller)?.add_channel_send(handle(channel)?, key))
}

/// tn_poller_add_listener adds a listener: tn_poller_wait gives `key` whenever tn_listener_accept
/// may get further. The listener stays the caller's. TN_EXISTS: as for tn_poller_add_channel.
///
/// # Safety
/// `poller` and `listener` are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_poller_add_listener(
    poller: Option<&Poller>,
    listener: Option<&Listener>,
    key: u64,
) -> tn_status {
    guard(|| handle(poller)?.add_listener(handle(listener)?, key))
}

/// tn_poller_add_fd adds any descriptor: tn_poller_wait gives `key` whenever it is readable. The
/// descriptor stays the caller's; remove its key before you close it. TN_INVALID: it is not open,
/// or of a kind that can't be polled, such as a file. TN_EXISTS: as for tn_poller_add_channel.
///
/// # Safety
/// `poller` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_poller_add_fd(
    poller: Option<&Poller>,
    fd: tn_fd,
    key: u64,
) -> tn_status {
    guard(|| {
        let poller = handle(poller)?;
        if fd < 0 {
            return Err(Error::invalid(format!("{fd} is no descriptor; pass one that is open")));
        }
        // SAFETY: the descriptor is only handed to epoll_ctl, which refuses one that isn't open.
        poller.add_fd(&unsafe { BorrowedFd::borrow_raw(fd) }, key)
    })
}

/// tn_poller_remove removes what was added with `key`. TN_NOT_FOUND: nothing has that key.
///
/// # Safety
/// `poller` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_poller_remove(poller: Option<&Poller>, key: u64) -> tn_status {
    guard(|| handle(poller)?.remove(key))
}

/// tn_poller_wait waits until something is ready, and stores up to `max` keys at `out_keys` and
/// their number in `*out_count`.
///
/// TN_OK with no keys: tn_poller_wake was called. TN_AGAIN, TN_TIMED_OUT: nothing is ready.
///
/// # Safety
/// `poller` is NULL or valid; `out_keys` is NULL or writable for `max` keys; `out_count` is NULL
/// or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_poller_wait(
    poller: Option<&Poller>,
    timeout_ms: i32,
    out_keys: *mut u64,
    max: usize,
    out_count: Option<&mut MaybeUninit<usize>>,
) -> tn_status {
    guard(|| {
        let (poller, out_count) = (handle(poller)?, there(out_count, "out_count")?);
        there((!out_keys.is_null()).then_some(()), "out_keys")?;
        let mut keys = Vec::new();
        let count = poller.wait(&mut keys, max, timeout(timeout_ms)?)?;
        // SAFETY: writable for `max` keys, by this function's contract, and `count` is no more.
        unsafe { std::ptr::copy_nonoverlapping(keys.as_ptr(), out_keys, count) };
        out_count.write(count);
        Result::Ok(())
    })
}

/// tn_poller_wake makes the current tn_poller_wait return, or the next one if there is none. It
/// may be called from any thread, and from a signal handler.
///
/// # Safety
/// `poller` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_poller_wake(poller: Option<&Poller>) -> tn_status {
    guard(|| handle(poller)?.wake())
}

/// tn_poller_fd stores a descriptor in `*out` that is readable while tn_poller_wait would return
/// at once: wait for it, never read, write or close it. It is the same number until free.
///
/// # Safety
/// `poller` is NULL or valid; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_poller_fd(
    poller: Option<&Poller>,
    out: Option<&mut MaybeUninit<tn_fd>>,
) -> tn_status {
    guard(|| {
        let (poller, out) = (handle(poller)?, there(out, "out")?);
        out.write(poller.fd()?.as_raw_fd());
        Ok(())
    })
}

/// tn_poller_free destroys a poller. What was in it stays as it is. NULL is fine.
///
/// # Safety
/// `poller` is NULL, or came from tn_poller_new and no thread uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_poller_free(poller: Option<Box<Poller>>) {
    guard_silent(|| drop(poller));
}
