//! What the `linux.rs` of several capabilities have in common: how calls are made and answered.

use std::ffi::{CStr, CString, c_int};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// Turns the -1 of a system call into the error that it stands for.
pub fn check(result: c_int) -> io::Result<c_int> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        value => Ok(value),
    }
}

/// The same for calls that return a count of bytes.
pub fn check_count(result: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Repeats a call that a signal interrupted.
pub fn restart<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// The descriptor that a system call has made, or the error that its -1 stands for.
///
/// # Safety
/// The call makes a descriptor, and nobody else has it.
pub unsafe fn made(result: c_int) -> io::Result<OwnedFd> {
    // SAFETY: by this function's contract.
    check(result).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Opens a file. No program that this process runs inherits it.
pub fn open(path: &CStr, flags: c_int, mode: libc::mode_t) -> io::Result<OwnedFd> {
    let flags = flags | libc::O_CLOEXEC;
    // SAFETY: the path ends with a NUL, and the call makes a descriptor.
    restart(|| unsafe { made(libc::open(path.as_ptr(), flags, mode)) })
}

/// The path of what a descriptor is of, whatever its name is.
pub fn own_path(fd: BorrowedFd<'_>) -> CString {
    CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd())).expect("it has no NUL")
}

/// What a call says of a file.
pub fn stat_of(ask: impl FnOnce(&mut libc::stat) -> c_int) -> io::Result<libc::stat> {
    // SAFETY: all zeros are valid, and the kernel overwrites them.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    check(ask(&mut stat))?;
    Ok(stat)
}

/// A time as system calls take it.
pub fn timespec(time: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: time.as_secs().min(i32::MAX as u64) as _,
        tv_nsec: time.subsec_nanos() as libc::c_long,
    }
}

/// Reads of a pipe or FIFO in one go: together they take as much as the largest page holds. It has
/// one page, unless somebody means harm.
const READS_MAX: u32 = 16;

/// Empties a pipe or FIFO; whether there was anything in it.
pub fn drain(fd: BorrowedFd<'_>) -> bool {
    let mut bytes = [MaybeUninit::<u8>::uninit(); 4096];
    let (fd, into, size) = (fd.as_raw_fd(), bytes.as_mut_ptr().cast(), bytes.len());
    // SAFETY: the kernel writes at most as many bytes as the array has.
    let read = || restart(|| check_count(unsafe { libc::read(fd, into, size) })).unwrap_or(0);
    let first = read();
    let mut last = first;
    for _ in 1..READS_MAX {
        if last < size {
            break;
        }
        last = read();
    }
    first > 0
}
