//! What is found out once.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that is found out once; never 0. Without a lock, as a child that is forked meanwhile
/// would find that held for ever: two threads may find it out twice.
pub struct Once(AtomicU64);

impl Once {
    /// It isn't known yet.
    pub const fn new() -> Once {
        Once(AtomicU64::new(0))
    }

    /// The number, which `find_out` tells where it isn't known yet.
    pub fn get(&self, find_out: impl FnOnce() -> u64) -> u64 {
        match self.0.load(Ordering::Relaxed) {
            0 => {
                let found = find_out().max(1);
                self.0.store(found, Ordering::Relaxed);
                found
            }
            known => known,
        }
    }
}
