//! Time, the same for all processes: the system's clock, and a counter that is cheap enough to be
//! read for each message. No verb blocks, or fails.
//!
//! - [`nanoseconds`] gives the time since some moment in the past; it never goes back.
//! - [`ticks`] gives a count that grows steadily while the machine runs; that of two processors may
//!   differ by a little. It costs a few nanoseconds.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

use super::once::Once;

pub use system::{nanoseconds, ticks};

/// The system's time in milliseconds that go round.
pub fn milliseconds() -> u32 {
    (nanoseconds() / 1_000_000) as u32
}

/// About how far [`ticks`] gets in a millisecond; measured once, for twenty microseconds.
pub fn ticks_a_millisecond() -> u64 {
    static RATE: Once = Once::new();
    RATE.get(|| rate(ticks, nanoseconds))
}

/// How many ticks a million nanoseconds have.
fn rate(ticks: impl Fn() -> u64, nanoseconds: impl Fn() -> u64) -> u64 {
    let (began, first) = both(&ticks, &nanoseconds);
    while nanoseconds() - began < 20_000 {
        std::hint::spin_loop();
    }
    let (ended, last) = both(&ticks, &nanoseconds);
    last.saturating_sub(first) * 1_000_000 / (ended - began)
}

/// What both clocks say at one moment: of some attempts the one that took least time, as the
/// thread may lose its processor between looking at the one and at the other.
fn both(ticks: impl Fn() -> u64, nanoseconds: impl Fn() -> u64) -> (u64, u64) {
    let attempt = |_| {
        let (before, now, after) = (ticks(), nanoseconds(), ticks());
        (after.saturating_sub(before), now, before)
    };
    let quickest = (0..5).map(attempt).min();
    quickest.map_or((0, 0), |(took, now, before)| (now, before + took / 2))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::cell::Cell;

    const TICKS_A_NANOSECOND: u64 = 3;
    /// How long looking at a clock takes, and losing the processor, in nanoseconds.
    const LOOK: u64 = 20;
    const PREEMPTION: u64 = 4_000_000;

    /// What is measured where the thread loses its processor before these looks at a clock; how
    /// many of them there were.
    fn measured(lost: [u64; 2]) -> (u64, u64) {
        let (time, looks) = (Cell::new(0), Cell::new(0));
        let look = || {
            let preempted = if lost.contains(&looks.get()) { PREEMPTION } else { 0 };
            looks.set(looks.get() + 1);
            time.set(time.get() + LOOK + preempted);
            time.get()
        };
        (rate(|| look() * TICKS_A_NANOSECOND, look), looks.get())
    }

    #[test]
    fn the_rate_survives_losing_the_processor() {
        let (_, looks) = measured([u64::MAX; 2]);
        for first in 0..looks {
            for second in [u64::MAX, first + 1, first + 2, looks - 1 - first] {
                let (rate, _) = measured([first, second]);
                let off = rate.abs_diff(TICKS_A_NANOSECOND * 1_000_000) * 100 / rate;
                assert!(off <= 1, "{rate} ticks where the looks {first}, {second} were late");
            }
        }
    }

    #[test]
    fn the_rate_is_that_of_the_system_s_clock() {
        let limit = ticks_a_millisecond() / 5;
        let attempt = |_| {
            let (began, first) = (nanoseconds(), ticks());
            while ticks() - first < limit {
                std::hint::spin_loop();
            }
            nanoseconds() - began
        };
        // Where others have the processor at its end it takes longer.
        let took = (0..200).map(attempt).min().expect("there are some");
        assert!(took.abs_diff(200_000) < 10_000, "{took} ns for a fifth of a millisecond of ticks");
    }
}
