//! Segments.

use super::status::{guard, guard_silent, guard_value, tn_status};
use super::{buffer, bytes, handle, text, there, timeout, tn_fd};
use crate::error::Error;
use crate::segment::Segment;
use std::ffi::{c_char, c_void};
use std::os::fd::AsRawFd;

use std::mem::MaybeUninit;

/// tn_segment_create makes a segment of `size` zero bytes and stores it in `*out`, which the
/// caller frees with tn_segment_free.
///
/// It replaces a segment whose holders have all died. TN_EXISTS: a live process holds a segment of
/// that name, or it was made with persist=1. TN_NO_SPACE: /dev/shm is full, and was so for half a
/// second; no later use of the data can fail for that reason. TN_DENIED: the object of that name is
/// another user's. TN_PROTOCOL: the object is no segment; tn_segment_remove removes it, unless it
/// is a directory. TN_INVALID: the name is wrong, or the size 0. TN_TOO_LARGE: the size is over 1
/// TiB. TN_UNSUPPORTED: there is no /dev/shm, or no /proc.
///
/// # Safety
/// `name` is NULL or NUL-terminated; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_create(
    name: *const c_char,
    size: usize,
    out: Option<&mut MaybeUninit<*mut Segment>>,
) -> tn_status {
    guard(|| {
        let out = there(out, "out")?;
        // SAFETY: NULL or NUL-terminated, by this function's contract.
        let segment = Segment::create(unsafe { text(name, "name") }?, size)?;
        out.write(Box::into_raw(Box::new(segment)));
        Ok(())
    })
}

/// tn_segment_open opens a segment and stores it in `*out`, which the caller frees with
/// tn_segment_free.
///
/// TN_NOT_FOUND: no live process holds a segment of that name, and none was made with persist=1.
/// TN_DENIED, TN_PROTOCOL: as for tn_segment_create. TN_NO_SPACE: 1024 handles hold it already, or
/// no descriptors are left. A user that may only read the object may use its data,
/// tn_segment_version and tn_segment_wait; every other call returns TN_DENIED. TN_DENIED also means
/// a native: object of another user that this user doesn't hold with treenail: only its owner can
/// make its lock.
///
/// # Safety
/// `name` is NULL or NUL-terminated; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_open(
    name: *const c_char,
    out: Option<&mut MaybeUninit<*mut Segment>>,
) -> tn_status {
    guard(|| {
        let out = there(out, "out")?;
        // SAFETY: NULL or NUL-terminated, by this function's contract.
        let segment = Segment::open(unsafe { text(name, "name") }?)?;
        out.write(Box::into_raw(Box::new(segment)));
        Ok(())
    })
}

/// tn_segment_open_or_create opens a segment, or makes one of `size` zero bytes if there is none,
/// and stores it in `*out`, which the caller frees with tn_segment_free. If many call it at once,
/// exactly one makes it. A segment that exists keeps its size, which is `size` or more;
/// tn_segment_size returns it. TN_TOO_LARGE: the segment that exists is smaller, and tn_last_error
/// says both sizes; or `size` is over 1 TiB.
///
/// With size 0 it opens a segment of any size, and makes none: TN_NOT_FOUND if there is none. It
/// doesn't make native: objects either: TN_INVALID. The rest is as for tn_segment_create and
/// tn_segment_open.
///
/// # Safety
/// `name` is NULL or NUL-terminated; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_open_or_create(
    name: *const c_char,
    size: usize,
    out: Option<&mut MaybeUninit<*mut Segment>>,
) -> tn_status {
    guard(|| {
        let out = there(out, "out")?;
        // SAFETY: NULL or NUL-terminated, by this function's contract.
        let segment = Segment::open_or_create(unsafe { text(name, "name") }?, size)?;
        out.write(Box::into_raw(Box::new(segment)));
        Ok(())
    })
}

/// tn_segment_data returns the address of the data, page-aligned. It is the same until free, also
/// after close. With access=ro, writing there ends the program. NULL for NULL.
///
/// # Safety
/// `segment` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_data(segment: Option<&Segment>) -> *mut c_void {
    guard_value(std::ptr::null_mut(), || {
        handle(segment).map(|segment| segment.data().as_ptr().cast())
    })
}

/// tn_segment_size returns the size in bytes that the segment was made with. 0 for NULL.
///
/// # Safety
/// `segment` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_size(segment: Option<&Segment>) -> usize {
    guard_value(0, || handle(segment).map(Segment::size))
}

/// tn_segment_lock takes the lock exclusively. The lock belongs to the handle: it excludes other
/// threads of the same handle too, any thread may unlock, and locking twice waits.
///
/// TN_OK, TN_OWNER_DIED: this handle has the lock, so test with `< 0`. TN_OWNER_DIED: a handle that
/// had the lock exclusively died, or was freed or closed, and nobody has had it exclusively since;
/// the data may be half-written. The death of a handle that had it shared doesn't count, as it
/// wrote nothing. TN_AGAIN, TN_TIMED_OUT: others have the lock.
///
/// # Safety
/// `segment` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_lock(segment: Option<&Segment>, timeout_ms: i32) -> tn_status {
    guard(|| handle(segment)?.lock(timeout(timeout_ms)?))
}

/// tn_segment_lock_shared takes the lock shared with other readers: nobody has it exclusively
/// meanwhile. TN_OWNER_DIED: the data may be half-written; this stays until somebody has had the
/// lock exclusively. The rest is as for tn_segment_lock.
///
/// # Safety
/// `segment` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_lock_shared(
    segment: Option<&Segment>,
    timeout_ms: i32,
) -> tn_status {
    guard(|| handle(segment)?.lock_shared(timeout(timeout_ms)?))
}

/// tn_segment_unlock gives the lock back, however it was taken. TN_INVALID: this handle doesn't
/// hold it.
///
/// # Safety
/// `segment` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_unlock(segment: Option<&Segment>) -> tn_status {
    guard(|| handle(segment)?.unlock())
}

/// tn_segment_write copies `len` bytes to the data at `offset`, under the lock, and announces the
/// change as tn_segment_notify does. Statuses are those of tn_segment_lock: with TN_OWNER_DIED the
/// bytes are written, and the data around them may be half-written. TN_INVALID: the bytes don't lie
/// within the data. TN_DENIED: the data are open for reading only.
///
/// # Safety
/// `segment` is NULL or valid; `data` is NULL or readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_write(
    segment: Option<&Segment>,
    offset: usize,
    data: *const c_void,
    len: usize,
    timeout_ms: i32,
) -> tn_status {
    guard(|| {
        let segment = handle(segment)?;
        there((!data.is_null() || len == 0).then_some(()), "data")?;
        // SAFETY: NULL or readable for `len` bytes, by this function's contract.
        let data = unsafe { bytes(data, len) };
        let data = data.map_err(|_| segment.refusal_of("write", offset, len))?;
        segment.write(offset, data, timeout(timeout_ms)?)
    })
}

/// tn_segment_read copies `len` bytes of the data at `offset` to `buf`, under the shared lock: what
/// tn_segment_write wrote in one call is there whole. Statuses are those of tn_segment_lock_shared:
/// with TN_OWNER_DIED the bytes are read, and may be half-written. TN_INVALID: the bytes don't lie
/// within the data.
///
/// # Safety
/// `segment` is NULL or valid; `buf` is NULL or writable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_read(
    segment: Option<&Segment>,
    offset: usize,
    buf: *mut c_void,
    len: usize,
    timeout_ms: i32,
) -> tn_status {
    guard(|| {
        let segment = handle(segment)?;
        there((!buf.is_null() || len == 0).then_some(()), "buf")?;
        // SAFETY: NULL or writable for `len` bytes, by this function's contract.
        let buf = unsafe { buffer(buf, len) };
        let buf = buf.map_err(|_| segment.refusal_of("read", offset, len))?;
        segment.read_uninit(offset, buf, timeout(timeout_ms)?)
    })
}

/// tn_segment_notify announces a change: it adds one to the version, and wakes whoever waits for
/// that. If nobody waits, it makes no system call.
///
/// # Safety
/// `segment` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_notify(segment: Option<&Segment>) -> tn_status {
    guard(|| handle(segment)?.notify())
}

/// tn_segment_version returns how many changes were announced. 0 for NULL.
///
/// # Safety
/// `segment` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_version(segment: Option<&Segment>) -> u64 {
    guard_value(0, || handle(segment).map(Segment::version))
}

/// tn_segment_wait waits until the version differs from `seen`, and stores the version in
/// `*out_version`. TN_AGAIN, TN_TIMED_OUT: it still is `seen`.
///
/// # Safety
/// `segment` is NULL or valid; `out_version` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_wait(
    segment: Option<&Segment>,
    seen: u64,
    timeout_ms: i32,
    out_version: Option<&mut MaybeUninit<u64>>,
) -> tn_status {
    guard(|| {
        let (segment, out_version) = (handle(segment)?, there(out_version, "out_version")?);
        out_version.write(segment.wait(seen, timeout(timeout_ms)?)?);
        Ok(())
    })
}

/// tn_segment_fd stores a descriptor in `*out` that is readable at first, and while the version may
/// differ from what tn_segment_wait with TN_NOWAIT last found: wait for it, never read, write or
/// close it. It is the same number until free, and readable from close on.
///
/// When it is readable, call tn_segment_wait with TN_NOWAIT. Only that makes it unreadable, by
/// TN_AGAIN, until the next change. It shows a state: every thread that looks sees it, however long
/// ago the change was. TN_NO_SPACE: no descriptors are left, or no files in /dev/shm.
///
/// # Safety
/// `segment` is NULL or valid; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_fd(
    segment: Option<&Segment>,
    out: Option<&mut MaybeUninit<tn_fd>>,
) -> tn_status {
    guard(|| {
        let (segment, out) = (handle(segment)?, there(out, "out")?);
        out.write(segment.fd()?.as_raw_fd());
        Ok::<(), Error>(())
    })
}

/// tn_segment_lock_fd stores a descriptor in `*out` that is readable at first, and while the lock
/// may be free. It is another descriptor than that of tn_segment_fd, and used in the same way.
///
/// When it is readable, take the lock with TN_NOWAIT. Only that makes it unreadable, by TN_AGAIN.
/// It becomes readable again once somebody has unlocked, or died. No event tells of a death, so
/// while others have the lock it becomes readable now and then without a reason: every 5 ms at
/// first, and every 50 ms in the end. A call with TN_NOWAIT doesn't queue for the lock: others that
/// wait, and readers that come and go, can be faster many times. Statuses are those of
/// tn_segment_fd.
///
/// # Safety
/// `segment` is NULL or valid; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_lock_fd(
    segment: Option<&Segment>,
    out: Option<&mut MaybeUninit<tn_fd>>,
) -> tn_status {
    guard(|| {
        let (segment, out) = (handle(segment)?, there(out, "out")?);
        out.write(segment.lock_fd()?.as_raw_fd());
        Ok::<(), Error>(())
    })
}

/// tn_segment_attached returns how many handles hold the segment now, this one among them. Those of
/// dead processes don't count. 0 for NULL.
///
/// # Safety
/// `segment` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_attached(segment: Option<&Segment>) -> u32 {
    guard_value(0, || handle(segment).map(Segment::attached))
}

/// tn_segment_close lets go of the segment. Calls on the handle return TN_CLOSED, also those that
/// wait. If the handle has the lock, the next owner gets it, with TN_OWNER_DIED if it was
/// exclusive. The last handle that goes removes the segment. The data stay mapped until free.
/// Closing twice, or NULL, is fine.
///
/// # Safety
/// `segment` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_close(segment: Option<&Segment>) {
    guard_silent(|| {
        if let Some(segment) = segment {
            segment.close();
        }
    });
}

/// tn_segment_free closes the segment and unmaps its data. It is the last use of both. NULL is
/// fine.
///
/// # Safety
/// `segment` is NULL, or came from tn_segment_create, tn_segment_open or
/// tn_segment_open_or_create, and no thread uses it or its data any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_free(segment: Option<Box<Segment>>) {
    guard_silent(|| drop(segment));
}

/// tn_segment_remove removes the object that has this name, whether or not it is a segment. Those
/// that hold it keep it; the name is free at once. TN_NOT_FOUND: nothing has the name. TN_DENIED:
/// this user may not remove it. TN_PROTOCOL: it is a directory, which rmdir removes. TN_IO: another
/// process keeps the object from being opened, left or removed.
///
/// # Safety
/// `name` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_remove(name: *const c_char) -> tn_status {
    // SAFETY: NULL or NUL-terminated, by this function's contract.
    guard(|| Segment::remove(unsafe { text(name, "name") }?))
}
