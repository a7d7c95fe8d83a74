//! What there is, and what nobody alive has left.

use super::status::{guard, tn_status};
use super::{give_text, text, there};
use crate::error::Result;
use crate::list::{list, sweep};
use std::ffi::c_char;
use std::mem::MaybeUninit;

/// tn_list writes what this user has on this machine to `buf`, with a NUL behind it, and stores its
/// length without the NUL in `*out_len`. Each line is a JSON object: a listener in the user's own
/// directories, a segment, a semaphore, or the lock of a native object. Each has the keys kind,
/// name, owner (a user's number), alive (whether anybody holds it), holders (how many handles),
/// bytes (of data), memory (bytes in /dev/shm), persist, mode and path. A semaphore also has units
/// (that are free), a segment has version, and both have pids (of the processes that hold it and
/// may write it, as each of them says: never rely on them). Later versions may add keys.
///
/// `pattern` is kind:name, with * for any letters, or NULL for all. The call takes no lock and
/// calls into no other program. What comes and goes meanwhile may be in the list or not.
///
/// TN_TOO_LARGE: `*out_len` is the size it needs, with the NUL; it may need more the next time.
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

/// tn_sweep removes what killed programs of this user have left: segments, semaphores and locks
/// that no live process holds and that aren't persist=1, and socket files in the user's own
/// directories at which nobody listens. It stores how many it removed in `*out_count`.
///
/// `pattern` is as for tn_list. It leaves alone what another program is just opening or leaving,
/// and what isn't this user's. TN_IO: another process keeps a directory of sockets locked.
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
