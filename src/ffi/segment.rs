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
/// One whose holders have all died is replaced. TN_EXISTS: somebody alive holds a segment of that
/// name, or it was made with persist=1. TN_NO_SPACE: /dev/shm is full, and was so for half a
/// second; no later use of the data can fail for that. TN_DENIED: what has the name is another
/// user's. TN_PROTOCOL: it is no segment; tn_segment_remove removes it, unless it is a directory.
/// TN_INVALID: the name is wrong, or the size 0. TN_TOO_LARGE: the size is over 1 TiB.
/// TN_UNSUPPORTED: there is no /dev/shm, or no /proc.
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
/// TN_NOT_FOUND: there is none that somebody alive holds, nor one made with persist=1.
/// TN_DENIED, TN_PROTOCOL as for tn_segment_create. TN_NO_SPACE: 1024 handles hold it already, or
/// no descriptors are left. Who may only read the object may use its data, tn_segment_version and
/// tn_segment_wait; all else is TN_DENIED then. TN_DENIED too: a native: object of another user,
/// which that user doesn't hold with treenail, as only its owner can make its lock.
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
/// and stores it in `*out`, which the caller frees with tn_segment_free. Of many that call it at
/// once exactly one makes it. One that is there keeps its size: tn_segment_size tells, and it is
/// `size` or more. TN_TOO_LARGE: it is less, and tn_last_error says both; or `size` is over 1 TiB.
///
/// With size 0 it opens one of whatever size, and makes none: TN_NOT_FOUND if there is none. What
/// native: names isn't made either: TN_INVALID. The rest is as for tn_segment_create and
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

/// tn_segment_data returns where the data begin, page-aligned; the same until free, also after
/// close. With access=ro, writing there ends the program. NULL for NULL.
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

/// tn_segment_lock takes the lock, alone. It belongs to the handle: it excludes other threads of
/// the same handle too, any thread may unlock, and locking twice waits.
///
/// TN_OK, TN_OWNER_DIED: it is held, so test with `< 0`. TN_OWNER_DIED: one died that had it alone,
/// or was freed or closed with it, and nobody has had it so since; the data may be half-written.
/// Who dies with it shared is none of these, as it wrote nothing. TN_AGAIN, TN_TIMED_OUT: others
/// have it.
///
/// # Safety
/// `segment` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_lock(segment: Option<&Segment>, timeout_ms: i32) -> tn_status {
    guard(|| handle(segment)?.lock(timeout(timeout_ms)?))
}

/// tn_segment_lock_shared takes the lock together with others that take it so: nobody has it alone
/// meanwhile. TN_OWNER_DIED, which stays until somebody has had the lock alone: the data may be
/// half-written. The rest is as for tn_segment_lock.
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

/// tn_segment_write copies `len` bytes to the data at `offset`, under the lock, and makes the
/// change known as tn_segment_notify does. Statuses as for tn_segment_lock: with TN_OWNER_DIED
/// the bytes are written, and what is around them may be half-written. TN_INVALID: they don't lie
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
/// tn_segment_write wrote in one call is there whole. Statuses as for tn_segment_lock_shared: with
/// TN_OWNER_DIED the bytes are read, and may be half-written. TN_INVALID: they don't lie within
/// the data.
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

/// tn_segment_notify makes a change known: the version moves on by one, and whoever waits for that
/// wakes. If nobody waits it makes no system call.
///
/// # Safety
/// `segment` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_notify(segment: Option<&Segment>) -> tn_status {
    guard(|| handle(segment)?.notify())
}

/// tn_segment_version returns how many changes were made known. 0 for NULL.
///
/// # Safety
/// `segment` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_version(segment: Option<&Segment>) -> u64 {
    guard_value(0, || handle(segment).map(Segment::version))
}

/// tn_segment_wait waits until the version is another than `seen`, and stores it in
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

/// tn_segment_fd stores a descriptor in `*out` that is readable while the version may be another
/// than tn_segment_wait with TN_NOWAIT last found, and at first: wait for it, never read, write or
/// close it. It is the same number until free, and readable from close on.
///
/// When it is readable, call tn_segment_wait with TN_NOWAIT. Only that makes it unreadable, by
/// TN_AGAIN, until the next change. It shows a state: how long ago the change was and which thread
/// looks makes no difference. TN_NO_SPACE: no descriptors are left, or no files in /dev/shm.
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

/// tn_segment_lock_fd stores a descriptor in `*out` that is readable while the lock may be free,
/// and at first: another than that of tn_segment_fd, and used in the same way.
///
/// When it is readable, call what takes the lock with TN_NOWAIT. Only that makes it unreadable, by
/// TN_AGAIN; it is readable again once somebody has unlocked, or died. While others have the lock
/// it is now and then readable for nothing, as nobody hears of a death: each 5 ms at first, and
/// each 50 in the end. Who tries the lock with TN_NOWAIT doesn't stand in line: others that wait,
/// and readers that come and go, can be faster many times. Statuses as for tn_segment_fd.
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

/// tn_segment_attached returns how many handles hold the segment now, this one among them; dead
/// ones don't count. 0 for NULL.
///
/// # Safety
/// `segment` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_attached(segment: Option<&Segment>) -> u32 {
    guard_value(0, || handle(segment).map(Segment::attached))
}

/// tn_segment_close ends the handle's hold on the segment: its calls are TN_CLOSED, whoever waits
/// wakes with that, and a lock that it has is handed on, as TN_OWNER_DIED if it has it alone. The
/// last to go removes the segment. The data stay mapped until free. Closing twice, or NULL, is
/// fine.
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

/// tn_segment_free closes the segment and unmaps its data: the last use of both. NULL is fine.
///
/// # Safety
/// `segment` is NULL, or came from tn_segment_create, tn_segment_open or
/// tn_segment_open_or_create, and no thread uses it or its data any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_free(segment: Option<Box<Segment>>) {
    guard_silent(|| drop(segment));
}

/// tn_segment_remove takes the name of a segment away, and of whatever else has its name. Those
/// that hold it keep it; the name is free at once. TN_NOT_FOUND: nothing has the name. TN_DENIED:
/// this user may not take it away. TN_PROTOCOL: it is a directory, which rmdir removes. TN_IO:
/// another process keeps the object from being opened, left or removed.
///
/// # Safety
/// `name` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_segment_remove(name: *const c_char) -> tn_status {
    // SAFETY: NULL or NUL-terminated, by this function's contract.
    guard(|| Segment::remove(unsafe { text(name, "name") }?))
}
