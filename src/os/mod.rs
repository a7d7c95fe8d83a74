//! What this library needs of the system: one folder a capability, no policy. Its `mod.rs` is the
//! contract, and `linux.rs` has the system calls; another system is one more file beside that.

pub mod clock;
mod once;

#[cfg(not(loom))]
pub mod barrier;
#[cfg(not(loom))]
pub mod byte_lock;
#[cfg(not(loom))]
pub mod directory;
#[cfg(not(loom))]
pub mod environment;
#[cfg(not(loom))]
pub mod fifo;
#[cfg(not(loom))]
pub mod fork;
#[cfg(not(loom))]
pub mod futex;
#[cfg(not(loom))]
pub mod local_socket;
#[cfg(not(loom))]
pub mod named_memory;
#[cfg(not(loom))]
pub mod pipe;
#[cfg(not(loom))]
pub mod poll;
#[cfg(not(loom))]
pub mod processors;
#[cfg(not(loom))]
pub mod sealed_memory;
#[cfg(not(loom))]
mod signal;
#[cfg(not(loom))]
pub mod thread_id;
#[cfg(not(loom))]
pub mod thread_local;
#[cfg(not(loom))]
pub mod wait_set;

#[cfg(loom)]
pub use crate::models::{barrier, futex, processors, thread_id};

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

/// A system call, or a feature of it, that tests take away to see what becomes of us without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Fault {
    /// memfd_create fails.
    NoMemfd = 1,
    /// SO_PEERPIDFD is unknown, as before Linux 6.5.
    NoPeerPidfd = 2,
    /// pidfd_open is unknown too, as before Linux 5.3.
    NoPidfd = 4,
    /// /proc is not mounted, so that pipes can't be opened anew.
    NoProc = 8,
    /// membarrier is unknown, as before Linux 4.16.
    NoMembarrier = 16,
    /// membarrier is forbidden from now on, as by a seccomp filter.
    MembarrierStops = 32,
    /// MFD_NOEXEC_SEAL is unknown, as before Linux 6.3.
    NoExecSeal = 64,
    /// SO_PASSRIGHTS is unknown, as before Linux 6.16.
    NoPassRights = 128,
}

static FAULTS: AtomicU32 = AtomicU32::new(0);

/// Sets which faults this process suffers from now on. For tests.
#[cfg(feature = "internals")]
pub fn set_faults(faults: &[Fault]) {
    FAULTS.store(faults.iter().fold(0, |bits, fault| bits | *fault as u32), Ordering::Relaxed);
}

pub(crate) fn faulty(fault: Fault) -> bool {
    FAULTS.load(Ordering::Relaxed) & fault as u32 != 0
}

/// Turns the -1 of a system call into the error that it stands for.
pub(crate) fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        value => Ok(value),
    }
}

/// The same for calls that return a count of bytes.
pub(crate) fn check_count(result: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Repeats a call that a signal interrupted.
pub(crate) fn restart<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
