//! Semaphores.

use super::status::{guard, guard_silent, tn_status};
use super::{handle, text, there, timeout, tn_fd};
use crate::error::Error;
use crate::semaphore::Semaphore;
use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;

/// tn_semaphore_create makes a semaphore with `initial` units and stores it in `*out`, which the
/// caller frees with tn_semaphore_free.
///
/// It replaces a semaphore whose holders have all died. TN_EXISTS: a live process holds a semaphore
/// of that name, or it was made with persist=1. TN_TOO_LARGE: `initial` is over 2147483647.
/// TN_NO_SPACE: /dev/shm is full, or no descriptors are left. TN_DENIED: the object of that name is
/// another user's. TN_PROTOCOL: the object is no semaphore; tn_semaphore_remove removes it, unless
/// it is a directory. TN_INVALID: the name is wrong. TN_UNSUPPORTED: there is no /dev/shm, or no
/// /proc.
///
/// # Safety
/// `name` is NULL or NUL-terminated; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_semaphore_create(
    name: *const c_char,
    initial: u32,
    out: Option<&mut MaybeUninit<*mut Semaphore>>,
) -> tn_status {
    guard(|| {
        let out = there(out, "out")?;
        // SAFETY: NULL or NUL-terminated, by this function's contract.
        let semaphore = Semaphore::create(unsafe { text(name, "name") }?, initial)?;
        out.write(Box::into_raw(Box::new(semaphore)));
        Ok(())
    })
}

/// tn_semaphore_open opens a semaphore and stores it in `*out`, which the caller frees with
/// tn_semaphore_free. TN_NOT_FOUND: no live process holds one of that name. TN_DENIED: this user
/// may not use it, or only read it. TN_NO_SPACE: 1024 handles hold it already, or no descriptors
/// are left. The rest is as for tn_semaphore_create.
///
/// # Safety
/// `name` is NULL or NUL-terminated; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_semaphore_open(
    name: *const c_char,
    out: Option<&mut MaybeUninit<*mut Semaphore>>,
) -> tn_status {
    guard(|| {
        let out = there(out, "out")?;
        // SAFETY: NULL or NUL-terminated, by this function's contract.
        let semaphore = Semaphore::open(unsafe { text(name, "name") }?)?;
        out.write(Box::into_raw(Box::new(semaphore)));
        Ok(())
    })
}

/// tn_semaphore_open_or_create opens a semaphore, or makes one with `initial` units if there is
/// none, and stores it in `*out`, which the caller frees with tn_semaphore_free. If many call it at
/// once, exactly one makes it. A semaphore that exists keeps its units, whatever `initial` says.
/// Statuses are those of tn_semaphore_create and tn_semaphore_open, without TN_EXISTS and
/// TN_NOT_FOUND.
///
/// # Safety
/// `name` is NULL or NUL-terminated; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_semaphore_open_or_create(
    name: *const c_char,
    initial: u32,
    out: Option<&mut MaybeUninit<*mut Semaphore>>,
) -> tn_status {
    guard(|| {
        let out = there(out, "out")?;
        // SAFETY: NULL or NUL-terminated, by this function's contract.
        let semaphore = Semaphore::open_or_create(unsafe { text(name, "name") }?, initial)?;
        out.write(Box::into_raw(Box::new(semaphore)));
        Ok(())
    })
}

/// tn_semaphore_acquire acquires `n` units, all at once or none. Callers that want few units can't
/// overtake one that wants many for ever: after a while it is next, and the others wait for it.
/// They wait also if there will never be so many units, or if its process is stopped. A call with
/// TN_NOWAIT is never next.
///
/// TN_AGAIN, TN_TIMED_OUT: there are fewer units. If hundreds of handles hold the semaphore, the
/// units of those that died in the last 50 ms may still be missing. TN_INVALID: `n` is 0.
/// TN_TOO_LARGE: `n` is over 2147483647.
///
/// # Safety
/// `semaphore` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_semaphore_acquire(
    semaphore: Option<&Semaphore>,
    n: u32,
    timeout_ms: i32,
) -> tn_status {
    guard(|| handle(semaphore)?.acquire(n, timeout(timeout_ms)?))
}

/// tn_semaphore_release adds `n` units, and wakes those that can now have theirs. This handle need
/// not have acquired the units: what it releases beyond those it acquired stays when it goes.
/// TN_TOO_LARGE: there would be more than 2147483647 units; nothing was changed. TN_INVALID: `n` is
/// 0.
///
/// # Safety
/// `semaphore` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_semaphore_release(semaphore: Option<&Semaphore>, n: u32) -> tn_status {
    guard(|| handle(semaphore)?.release(n))
}

/// tn_semaphore_value stores in `*out` how many units are free now. Those of dead processes come
/// back first.
///
/// # Safety
/// `semaphore` is NULL or valid; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_semaphore_value(
    semaphore: Option<&Semaphore>,
    out: Option<&mut MaybeUninit<u32>>,
) -> tn_status {
    guard(|| {
        let (semaphore, out) = (handle(semaphore)?, there(out, "out")?);
        out.write(semaphore.value()?);
        Ok(())
    })
}

/// tn_semaphore_fd stores a descriptor in `*out` that is readable at first, and while
/// tn_semaphore_acquire may succeed: wait for it, never read, write or close it. It is the same
/// number until free, and readable from close on.
///
/// When it is readable, call tn_semaphore_acquire with TN_NOWAIT. Only that makes it unreadable, by
/// TN_AGAIN, for any number of units. It becomes readable again once there are more units, or a
/// holder has gone. It shows a state: every thread that looks sees it, however long ago that was.
/// If a death may bring units back, it becomes readable now and then without a reason, and twice a
/// second if there are some units, but too few. TN_NO_SPACE: no descriptors are left, or no files
/// in /dev/shm.
///
/// # Safety
/// `semaphore` is NULL or valid; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_semaphore_fd(
    semaphore: Option<&Semaphore>,
    out: Option<&mut MaybeUninit<tn_fd>>,
) -> tn_status {
    guard(|| {
        let (semaphore, out) = (handle(semaphore)?, there(out, "out")?);
        out.write(semaphore.fd()?.as_raw_fd());
        Ok::<(), Error>(())
    })
}

/// tn_semaphore_close lets go of the semaphore. Calls on the handle return TN_CLOSED, also those
/// that wait. What the handle has acquired and not released comes back, unless it was opened with
/// undo=0. The last handle that goes removes the semaphore. Closing twice, or NULL, is fine.
///
/// # Safety
/// `semaphore` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_semaphore_close(semaphore: Option<&Semaphore>) {
    guard_silent(|| {
        if let Some(semaphore) = semaphore {
            semaphore.close();
        }
    });
}

/// tn_semaphore_free closes the semaphore and destroys it. It is the last use of the semaphore.
/// NULL is fine.
///
/// # Safety
/// `semaphore` is NULL, or came from tn_semaphore_create, tn_semaphore_open or
/// tn_semaphore_open_or_create, and no thread uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_semaphore_free(semaphore: Option<Box<Semaphore>>) {
    guard_silent(|| drop(semaphore));
}

/// tn_semaphore_remove removes the object that has this name, whether or not it is a semaphore.
/// Those that hold it keep it; the name is free at once. TN_NOT_FOUND: nothing has the name.
/// TN_DENIED: this user may not remove it. TN_PROTOCOL: it is a directory, which rmdir removes.
/// TN_IO: another process keeps the object from being opened, left or removed.
///
/// # Safety
/// `name` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_semaphore_remove(name: *const c_char) -> tn_status {
    // SAFETY: NULL or NUL-terminated, by this function's contract.
    guard(|| Semaphore::remove(unsafe { text(name, "name") }?))
}
