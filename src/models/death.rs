//! The model of kill -9: a thread that ends between two of its steps. A step is an access to an
//! atomic, or a call to the system.

use loom::sync::atomic::{self, Ordering};
use std::cell::Cell;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

pub type AtomicU32 = Stepped<atomic::AtomicU32>;
pub type AtomicU64 = Stepped<atomic::AtomicU64>;

/// loom lets a SeqCst load see values older than the last SeqCst store, if the older value was not
/// stored with SeqCst: as the first value is not.
const FIRST: Ordering = Ordering::SeqCst;

/// An atomic, before each use of which its thread may be killed.
pub struct Stepped<T>(T);

impl AtomicU32 {
    pub fn new(value: u32) -> AtomicU32 {
        let atomic = atomic::AtomicU32::new(value);
        atomic.store(value, FIRST);
        Stepped(atomic)
    }
}

impl AtomicU64 {
    pub fn new(value: u64) -> AtomicU64 {
        let atomic = atomic::AtomicU64::new(value);
        atomic.store(value, FIRST);
        Stepped(atomic)
    }
}

impl<T> Stepped<T> {
    /// The atomic as the kernel uses it within one call.
    pub fn within_a_call(&self) -> &T {
        &self.0
    }
}

impl<T> Deref for Stepped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        step();
        &self.0
    }
}

loom::thread_local! {
    /// How many steps this thread still has.
    static LEFT: Cell<usize> = Cell::new(usize::MAX);
}

/// The payload with which a killed thread unwinds.
struct Killed;

/// Counts one step of the calling thread. The thread dies before the step if it has none left.
pub fn step() {
    LEFT.with(|left| match left.get() {
        0 => resume_unwind(Box::new(Killed)),
        usize::MAX => {}
        steps => left.set(steps - 1),
    });
}

/// Runs `life` for at most this many steps. Returns its result, or None if it was killed.
pub fn dies_after<T>(steps: usize, life: impl FnOnce() -> T) -> Option<T> {
    LEFT.with(|left| left.set(steps));
    let given = catch_unwind(AssertUnwindSafe(life));
    LEFT.with(|left| left.set(usize::MAX));
    match given {
        Ok(given) => Some(given),
        Err(payload) if payload.is::<Killed>() => None,
        Err(payload) => resume_unwind(payload),
    }
}
