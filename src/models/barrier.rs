//! The model of barriers. A heavy barrier orders with every light one, before or after
//! it; two light ones, or a light one and a fence, are not ordered. So each thread has a word:
//! its light barriers change that, and a heavy one changes those of all threads.

use loom::sync::atomic::{AtomicU32, Ordering};
use std::cell::Cell;
use std::time::Duration;

/// There is always a barrier in a model.
pub const STORES_VISIBLE_AFTER: Duration = Duration::ZERO;

/// As many threads as loom has at most.
const THREADS: usize = 5;

loom::lazy_static! {
    /// Changed by each SeqCst fence.
    static ref FENCES: AtomicU32 = AtomicU32::new(0);
    /// Changed by each light barrier of its thread.
    static ref PASSED: [AtomicU32; THREADS] = std::array::from_fn(|_| AtomicU32::new(0));
}

std::thread_local! {
    /// How many threads of this execution have a number. All of loom's threads are one of the
    /// system's.
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

/// A fence. loom's own SeqCst fence is not a step of its own, so that not all orders of two are
/// tried: here each changes a word, which makes them steps in one order.
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
