//! By membarrier(2).

use crate::os::fault::{Fault, faulty};
use crate::os::fork::generation;
use std::sync::atomic::{AtomicU32, Ordering};

const REGISTER_PRIVATE: i32 = 1 << 4;
const PRIVATE: i32 = 1 << 3;
const REGISTER_GLOBAL: i32 = 1 << 2;
const GLOBAL: i32 = 1 << 1;

fn membarrier(command: i32) -> bool {
    if faulty(Fault::MembarrierStops) {
        return false;
    }
    // SAFETY: takes no memory.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// 1, with the number of forks above it: this process has registered for both kinds.
static KNOWN: AtomicU32 = AtomicU32::new(u32::MAX);

/// Both kinds are registered for at once: each takes milliseconds in a program with threads, which
/// is better spent when a channel is made than in a later call.
fn available() -> bool {
    let generation = generation() << 1;
    let known = KNOWN.load(Ordering::Relaxed);
    if known & !1 == generation {
        return known & 1 != 0 && !faulty(Fault::NoMembarrier);
    }
    let faulty = faulty(Fault::NoMembarrier);
    let yes = !faulty && membarrier(REGISTER_PRIVATE) && membarrier(REGISTER_GLOBAL);
    KNOWN.store(generation | u32::from(yes), Ordering::Relaxed);
    yes
}

/// A forked child has to register anew.
pub fn available_here() -> bool {
    available()
}

/// The same.
pub fn available_everywhere() -> bool {
    available()
}

/// False if it is refused, as by a seccomp filter.
pub fn heavy_here() -> bool {
    heavy(PRIVATE)
}

/// False if it is refused, as by a seccomp filter.
pub fn heavy_everywhere() -> bool {
    heavy(GLOBAL)
}

fn heavy(command: i32) -> bool {
    let passed = membarrier(command);
    if !passed {
        // Nobody shall come to rely on it again.
        KNOWN.store(generation() << 1, Ordering::Relaxed);
    }
    passed
}
