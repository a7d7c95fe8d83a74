use crate::os::linux::{check, restart};
use std::io;
use std::mem::MaybeUninit;
use std::ptr;

/// Makes a file larger, which raises SIGXFSZ in this thread where it becomes larger than
/// RLIMIT_FSIZE. The limit may change at any time, so that looking at it before wouldn't do. Where
/// the signal wasn't blocked, none of it was pending.
pub fn enlarging<T>(enlarge: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let mut signal = MaybeUninit::uninit();
    let (mut before, mut pending) = (signal, signal);
    // SAFETY: the sets are live during the calls, and each is filled in before it is read. None of
    // the calls can fail.
    let was_pending = unsafe {
        libc::sigemptyset(signal.as_mut_ptr());
        libc::sigaddset(signal.as_mut_ptr(), libc::SIGXFSZ);
        libc::pthread_sigmask(libc::SIG_BLOCK, signal.as_ptr(), before.as_mut_ptr());
        libc::sigismember(before.as_ptr(), libc::SIGXFSZ) == 1
            && libc::sigpending(pending.as_mut_ptr()) == 0
            && libc::sigismember(pending.as_ptr(), libc::SIGXFSZ) == 1
    };
    let result = enlarge();
    if result.is_err() && !was_pending {
        let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the set and the time are live during the call, which doesn't wait.
        let take = || check(unsafe { libc::sigtimedwait(signal.as_ptr(), ptr::null_mut(), &now) });
        let _ = restart(take);
    }
    // SAFETY: it was filled in above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    result
}
