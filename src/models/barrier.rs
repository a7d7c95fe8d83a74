//! The model of barriers. A heavy barrier is ordered with every light one, before or after it. Two
//! light ones, or a light one and a fence, are not ordered. So each thread has a word: its light
//! barriers change that word, and a heavy barrier changes the words of all threads.

use loom::sync::atomic::{AtomicU32, Ordering};
use std::cell::Cell;
use std::time::Duration;

/// In a model there is always a barrier.
pub const STORES_VISIBLE_AFTER: Duration = Duration::ZERO;

/// The most threads that loom has.
const THREADS: usize = 5;

loom::lazy_static! {
    /// Each SeqCst fence changes it.
    static ref FENCES: AtomicU32 = AtomicU32::new(0);
    /// Each light barrier of a thread changes that thread's word.
    static ref PASSED: [AtomicU32; THREADS] = std::array::from_fn(|_| AtomicU32::new(0));
}

std::thread_local! {
    /// How many threads of this execution have a number. All of loom's threads are one thread of
    /// the system.
    static NUMBERED: Cell<usize> = const { Cell::new(0) };
}

loom::thread_local! {
    static OWN: usize = NUMBERED.replace(NUMBERED.get() + 1);
}

/// Begins an execution, in its first thread.
pub fn begin() {
    NUMBERED.set(0);
    let _ = (FENCES.load(Ordering::Relaxed), PASSED.len());
}

/// A fence. loom's own SeqCst fence is not a step of its own, so that loom doesn't try all orders
/// of two fences. Here each fence changes a word, which makes the fences steps in one order.
pub fn fence(ordering: Ordering) {
    if ordering != Ordering::SeqCst {
        return loom::sync::atomic::fence(ordering);
    }
    loom::sync::atomic::fence(Ordering::AcqRel);
    FENCES.fetch_add(1, Ordering::AcqRel);
    loom::sync::atomic::fence(Ordering::AcqRel);
}

pub fn available_here() -> bool {
    true
}

pub fn available_everywhere() -> bool {
    true
}

pub fn light() {
    OWN.with(|own| PASSED[*own].fetch_add(1, Ordering::AcqRel));
}

pub fn heavy_here() {
    fence(Ordering::SeqCst);
    for thread in PASSED.iter() {
        thread.fetch_add(1, Ordering::AcqRel);
    }
    fence(Ordering::SeqCst);
}

pub fn heavy_everywhere() -> bool {
    heavy_here();
    true
}
