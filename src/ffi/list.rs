//! What there is, and what nobody alive has left.

use super::status::{guard, tn_status};
use super::{give_text, text, there};
use crate::error::Result;
use crate::list::{list, sweep};
use std::ffi::c_char;
use std::mem::MaybeUninit;

/// tn_list writes what this user has on this machine to `buf`, with a NUL behind it, and stores its
/// length without that in `*out_len`. It is a JSON object a line: listeners in the user's own
/// directories, segments, semaphores, and locks of native objects. Each has the keys kind, name,
/// owner (a user's number), alive (whether anybody holds it), holders (how many handles), bytes (of
/// data), memory (bytes in /dev/shm), persist, mode and path; a semaphore units (that are free), a
/// segment version, and both pids (of the processes that hold it and may write it, as each of them
/// says: never rely on them). There may be more one day.
///
/// `pattern` is kind:name, with * for any letters, or NULL for all. It takes no lock and calls into
/// no other program; what comes and goes meanwhile may be there or not.
///
/// TN_TOO_LARGE: `*out_len` is the size it needs, with the NUL; that may be more the next time.
/// TN_INVALID: there is no such kind, or no colon.
///
/// # Safety
/// `pattern` is NULL or NUL-terminated; `buf` is NULL or writable for `cap` bytes; `out_len` is
/// NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_list(
    pattern: *const c_char,
    buf: *mut c_char,
    cap: usize,
    out_len: Option<&mut MaybeUninit<usize>>,
) -> tn_status {
    guard(|| {
        let out_len = there(out_len, "out_len")?;
        there((!buf.is_null() || cap == 0).then_some(()), "buf")?;
        // SAFETY: NULL or NUL-terminated, by this function's contract.
        let listed = list(unsafe { pattern_of(pattern) }?)?;
        // SAFETY: NULL or writable for `cap` bytes, by this function's contract.
        unsafe { give_text(&listed, buf, cap, out_len) }
    })
}

/// tn_sweep removes what killed programs have left of this user's: segments, semaphores and locks
/// that nobody alive holds and that aren't persist=1, and socket files in the user's own
/// directories at which nobody listens. It stores how many in `*out_count`.
///
/// `pattern` is as for tn_list. What somebody is just taking or leaving is left alone, and what
/// isn't this user's. TN_IO: another process keeps a directory of sockets locked.
///
/// # Safety
/// `pattern` is NULL or NUL-terminated; `out_count` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_sweep(
    pattern: *const c_char,
    out_count: Option<&mut MaybeUninit<usize>>,
) -> tn_status {
    guard(|| {
        let out_count = there(out_count, "out_count")?;
        // SAFETY: NULL or NUL-terminated, by this function's contract.
        out_count.write(sweep(unsafe { pattern_of(pattern) }?)?);
        Ok(())
    })
}

/// # Safety
/// `pattern` is NULL or NUL-terminated, and lives as long as the result.
unsafe fn pattern_of<'a>(pattern: *const c_char) -> Result<Option<&'a str>> {
    match pattern.is_null() {
        true => Ok(None),
        // SAFETY: by this function's contract.
        false => unsafe { text(pattern, "pattern") }.map(Some),
    }
}
