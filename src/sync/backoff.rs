//! Pauses of threads that get in each other's way: random, so that the threads don't come back
//! together, and longer the longer it takes.

use crate::os::clock::ticks;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// A pause is at most as long as the call has taken so far, or this long.
const PAUSE_MIN: Duration = Duration::from_micros(40);

/// The pauses of one call.
pub struct Pauses {
    begun: Instant,
    longest: Duration,
    patience: Duration,
}

impl Pauses {
    /// The pauses of a call that begins now, and gives up after `patience`.
    pub fn new(longest: Duration, patience: Duration) -> Pauses {
        Pauses { begun: Instant::now(), longest, patience }
    }

    /// Sleeps for a moment. Returns false at once if the patience is over.
    pub fn pause(&self) -> bool {
        let taken = self.begun.elapsed();
        if taken > self.patience {
            return false;
        }
        std::thread::sleep(taken.clamp(PAUSE_MIN, self.longest).mul_f64(random()));
        true
    }
}

/// A number from 0 to 1. It differs in each process: forked processes have the same state, but not
/// the same time.
pub fn random() -> f64 {
    RandomState::new().hash_one(ticks()) as f64 / u64::MAX as f64
}
