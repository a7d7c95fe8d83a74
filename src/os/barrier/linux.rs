use crate::os::fault::{Fault, faulty};
use crate::os::fork::generation;
use std::sync::atomic::{AtomicU32, Ordering, compiler_fence};
use std::time::{Duration, Instant};

const REGISTER_PRIVATE: i32 = 1 << 4;
const PRIVATE: i32 = 1 << 3;
const REGISTER_GLOBAL: i32 = 1 << 2;
const GLOBAL: i32 = 1 << 1;

/// How long no processor keeps a store to itself: many times over. It is what is left where
/// membarrier is forbidden after this process had registered, as by a seccomp filter.
pub const STORES_VISIBLE_AFTER: Duration = Duration::from_millis(1);

fn membarrier(command: i32) -> bool {
    if faulty(Fault::MembarrierStops) {
        return false;
    }
    // SAFETY: takes no memory.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// 1, with the number of forks above it: this process may use light barriers.
static KNOWN: AtomicU32 = AtomicU32::new(u32::MAX);

/// Whether this process may use light barriers. Asked once, and once more in each forked
/// child, which has to register anew.
pub fn available() -> bool {
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

/// The often side's barrier: it only keeps the compiler from reordering.
#[inline]
pub fn light() {
    compiler_fence(Ordering::SeqCst);
}

/// The seldom side's barrier, against threads of this process. Without membarrier it spins until
/// there is nothing left to wait for.
pub fn heavy_here() {
    if !heavy(PRIVATE) {
        let began = Instant::now();
        while began.elapsed() < STORES_VISIBLE_AFTER {
            std::hint::spin_loop();
        }
    }
}

/// The seldom side's barrier, against every process that has registered; false if it was not to
/// be had.
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
