//! Whether to spin, and how long: what a channel remembers for this.

use crate::endpoint::Spin;
use crate::error::Result;
use crate::os::clock::{ticks, ticks_a_millisecond};
use crate::os::processors;
use crate::readiness::waiters::Step;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long `spin=auto` spins at most: about as long as it takes to wake a sleeper.
pub const SPIN_MAX: Duration = Duration::from_micros(50);
/// The most waits without spinning before it tries again whether spinning pays off.
const SPINLESS_MAX: u32 = 63;

/// Looks for a while whether a handshake goes on: the peer is awake, if it is honest.
pub fn spin_on_handshake<T>(
    spin: Spin,
    mut attempt: impl FnMut() -> Result<Step<T>>,
) -> Result<Option<T>> {
    let limit = match spin {
        Spin::For(Duration::ZERO) => 0,
        _ if processors::online() == 1 => 0,
        _ => in_ticks(SPIN_MAX),
    };
    let began = ticks();
    while ticks().wrapping_sub(began) < limit {
        if let Step::Done(value) = attempt()? {
            return Ok(Some(value));
        }
        std::hint::spin_loop();
    }
    Ok(None)
}

/// Whether spinning has paid off lately. After each failure more waits go without spinning, so that
/// two programs on one processor lose next to nothing.
pub struct Spinner {
    /// How many waits still go without spinning.
    skip: AtomicU32,
    /// How many waits go without spinning after the next failure.
    backoff: AtomicU32,
}

impl Spinner {
    pub fn new() -> Spinner {
        Spinner { skip: AtomicU32::new(0), backoff: AtomicU32::new(0) }
    }

    /// How long to spin this time, in ticks. Races between threads only blur the count.
    pub fn limit(&self) -> u64 {
        let skip = self.skip.load(Ordering::Relaxed);
        if skip > 0 {
            self.skip.store(skip - 1, Ordering::Relaxed);
            return 0;
        }
        in_ticks(SPIN_MAX)
    }

    /// Spinning paid off: the awaited event came meanwhile.
    pub fn paid_off(&self) {
        self.backoff.store(0, Ordering::Relaxed);
    }

    /// Spinning failed: the event did not come.
    pub fn in_vain(&self) {
        let backoff = (self.backoff.load(Ordering::Relaxed) * 2 + 1).min(SPINLESS_MAX);
        self.backoff.store(backoff, Ordering::Relaxed);
        self.skip.store(backoff, Ordering::Relaxed);
    }
}

/// Converts a time to ticks.
pub fn in_ticks(time: Duration) -> u64 {
    (time.as_nanos() as u64).saturating_mul(ticks_a_millisecond()) / 1_000_000
}
