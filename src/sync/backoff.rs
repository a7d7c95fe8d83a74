//! Pauses of many that get in each other's way: random, so that they don't come back together,
//! and longer the longer it takes.

use crate::os::clock::ticks;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// A pause is up to as long as it has taken so far, or this.
const PAUSE_MIN: Duration = Duration::from_micros(40);

/// The pauses of one call.
pub struct Pauses {
    begun: Instant,
    longest: Duration,
    patience: Duration,
}

impl Pauses {
    /// For a call that begins now, and gives up when its patience is over.
    pub fn new(longest: Duration, patience: Duration) -> Pauses {
        Pauses { begun: Instant::now(), longest, patience }
    }

    /// Sleeps for a moment; false, and at once, if the patience is over.
    pub fn pause(&self) -> bool {
        let taken = self.begun.elapsed();
        if taken > self.patience {
            return false;
        }
        std::thread::sleep(taken.clamp(PAUSE_MIN, self.longest).mul_f64(random()));
        true
    }
}

/// A number from 0 to 1, another one in each process: forked ones have the same state, but not
/// the same time.
pub fn random() -> f64 {
    RandomState::new().hash_one(ticks()) as f64 / u64::MAX as f64
}
