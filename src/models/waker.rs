//! The model of descriptors that are readable or not: pipes, eventfds, and a thread's waker.

use crate::models::futex;
use crate::sync::{AtomicU32, Ordering};
use std::sync::Arc;

/// A descriptor.
pub struct Readable(AtomicU32);

impl Readable {
    pub fn new(readable: bool) -> Readable {
        Readable(AtomicU32::new(u32::from(readable)))
    }

    /// Makes it readable. In the kernel a lock orders this, here AcqRel does.
    pub fn signal(&self) {
        self.0.swap(1, Ordering::AcqRel);
        futex::wake(&self.0, i32::MAX);
    }

    /// Makes it readable, as the doorbell of a slot. This one can always be reached.
    pub fn ring(&self) -> bool {
        self.signal();
        true
    }

    /// Makes it unreadable; false if it was so already.
    pub fn drain(&self) -> bool {
        self.0.swap(0, Ordering::AcqRel) != 0
    }

    /// Whether it is readable now.
    pub fn is_readable(&self) -> bool {
        self.0.load(Ordering::Acquire) != 0
    }

    /// Sleeps until one of these is readable.
    pub fn poll(any: &[&Readable]) {
        let words: Vec<_> = any.iter().map(|one| (&one.0, 0)).collect();
        futex::wait_for_any(&words);
    }
}

/// A thread's own wake-up.
pub struct Waker(pub Readable);

loom::thread_local! {
    static OWN: Arc<Waker> = Arc::new(Waker(Readable::new(false)));
}

impl Waker {
    /// This thread's wake-up.
    pub fn own() -> Option<Arc<Waker>> {
        Some(OWN.with(Arc::clone))
    }

    /// Makes the thread's poll return.
    pub fn wake(&self) {
        self.0.signal();
    }

    /// Forgets the wake-ups so far.
    pub fn clear(&self) {
        self.0.drain();
    }
}
