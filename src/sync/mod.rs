//! How threads of this process wait for and exclude each other, and the atomics of the code that is
//! model checked: the standard ones, or loom's.

#[cfg(not(loom))]
pub mod backoff;
pub mod biased_mutex;
pub mod owner;
#[cfg(not(loom))]
pub mod waker;

#[cfg(loom)]
pub use crate::models::waker;

#[cfg(not(loom))]
pub use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
#[cfg(not(loom))]
pub use std::sync::{Mutex, MutexGuard};

#[cfg(loom)]
pub use crate::models::barrier::fence;
#[cfg(loom)]
pub use crate::models::death::{AtomicU32, AtomicU64};
#[cfg(loom)]
pub use loom::sync::atomic::Ordering;
#[cfg(loom)]
pub use loom::sync::{Mutex, MutexGuard};

#[cfg(not(loom))]
pub use std::hint::spin_loop;

/// Lets another thread of the model run.
#[cfg(loom)]
pub fn spin_loop() {
    loom::thread::yield_now();
}

/// Locks the mutex, even if a thread that held it has panicked.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
