use crate::os::linux::{check, restart};
use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;

/// Makes a file larger, which raises SIGXFSZ in this thread where it becomes larger than
/// RLIMIT_FSIZE. The limit may change at any time, so that looking at it before wouldn't do.
pub fn enlarging<T>(enlarge: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    without([libc::SIGXFSZ], enlarge)
}

/// Writes to whatever it is, which may raise SIGPIPE, SIGXFSZ, and (in the background of a
/// terminal) SIGTTOU.
pub fn writing<T>(write: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    without([libc::SIGPIPE, libc::SIGXFSZ, libc::SIGTTOU], write)
}

/// Runs a call that may raise these signals in this thread, and takes them back. Where a signal
/// wasn't blocked, none of it was pending.
fn without<T, const N: usize>(
    signals: [c_int; N],
    call: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let mut all = MaybeUninit::uninit();
    let (mut before, mut pending) = (all, all);
    // SAFETY: the sets are live during the calls, and each is filled in before it is read. None of
    // the calls can fail.
    unsafe {
        libc::sigemptyset(all.as_mut_ptr());
        for one in signals {
            libc::sigaddset(all.as_mut_ptr(), one);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), before.as_mut_ptr());
        libc::sigemptyset(pending.as_mut_ptr());
        libc::sigpending(pending.as_mut_ptr());
        for one in signals {
            let has = |set: &MaybeUninit<_>| libc::sigismember(set.as_ptr(), one) == 1;
            if has(&before) && has(&pending) {
                libc::sigdelset(all.as_mut_ptr(), one);
            }
        }
    }
    let result = call();
    if result.is_err() {
        let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the set and the time are live during the call, which doesn't wait.
        let take = || check(unsafe { libc::sigtimedwait(all.as_ptr(), ptr::null_mut(), &now) });
        let _ = restart(take);
    }
    // SAFETY: it was filled in above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    result
}
