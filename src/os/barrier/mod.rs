//! Asymmetric barriers: where one side runs often and the other seldom, the often one pays nothing
//! ([`light`]), and the seldom one pays for both, by making every processor that runs the other
//! side pass a barrier ([`heavy_here`], [`heavy_everywhere`]). In pairs they order like two SeqCst
//! fences. Against threads of this process, and against other processes, are two capabilities: a
//! system may have the one without the other.
//!
//! - [`available_here`] and [`available_everywhere`] tell whether this process may rely on them:
//!   asked once, and once more in a forked child. The first call may take milliseconds in a program
//!   with threads; none blocks longer, or fails. They may turn false later.
//! - [`light`] is the often side's. It costs nothing.
//! - [`heavy_here`] is the seldom side's, against threads of this process. It can't fail: where the
//!   system refuses, it spins for [`STORES_VISIBLE_AFTER`].
//! - [`heavy_everywhere`] is the seldom side's, against every process to which
//!   [`available_everywhere`] has said yes; false if it was not to be had. Then whoever calls waits
//!   for [`STORES_VISIBLE_AFTER`], or does without.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

use std::sync::atomic::{Ordering, compiler_fence};
use std::time::{Duration, Instant};

pub use system::{available_everywhere, available_here, heavy_everywhere};

/// How long no processor keeps a store to itself: many times over. It is what is left where
/// barriers are refused after this process has begun to rely on them.
pub const STORES_VISIBLE_AFTER: Duration = Duration::from_millis(1);

/// The often side's barrier: it only keeps the compiler from reordering.
#[inline]
pub fn light() {
    compiler_fence(Ordering::SeqCst);
}

/// The seldom side's barrier, against threads of this process.
pub fn heavy_here() {
    if !system::heavy_here() {
        let began = Instant::now();
        while began.elapsed() < STORES_VISIBLE_AFTER {
            std::hint::spin_loop();
        }
    }
}
