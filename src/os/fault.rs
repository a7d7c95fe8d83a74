//! What tests take away from the system.

#[cfg(feature = "internals")]
use super::once::Once;
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

/// How many bytes a page has at least: more than here where a test says what other machines have.
#[cfg(feature = "internals")]
pub fn page_size_min() -> usize {
    static MIN: Once = Once::new();
    MIN.get(|| {
        let said = std::env::var("TREENAIL_PAGE_SIZE").ok();
        said.map_or(1, |said| said.parse().expect("TREENAIL_PAGE_SIZE is a number"))
    }) as usize
}

/// As few as the system says.
#[cfg(not(feature = "internals"))]
pub fn page_size_min() -> usize {
    1
}

/// Whether this process suffers it.
pub fn faulty(fault: Fault) -> bool {
    FAULTS.load(Ordering::Relaxed) & fault as u32 != 0
}
