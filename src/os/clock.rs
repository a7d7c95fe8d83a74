//! Time: deadlines, a counter that is cheap enough to be read for each message, and how many
//! processors there are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// When a call has waited long enough. A time out that is beyond the clock is never.
#[derive(Clone, Copy, Debug)]
pub enum Deadline {
    /// The call does not wait at all.
    Now,
    /// The call waits until then.
    At(Instant),
    /// The call waits for ever.
    Never,
}

impl Deadline {
    /// The deadline of a call that begins now.
    #[inline]
    pub fn after(timeout: Option<Duration>) -> Deadline {
        match timeout {
            None => Deadline::Never,
            Some(Duration::ZERO) => Deadline::Now,
            Some(time) => Instant::now().checked_add(time).map_or(Deadline::Never, Deadline::At),
        }
    }

    /// What is left; None is for ever.
    pub fn left(self) -> Option<Duration> {
        match self {
            Deadline::Now => Some(Duration::ZERO),
            Deadline::At(end) => Some(end.saturating_duration_since(Instant::now())),
            Deadline::Never => None,
        }
    }

    /// What is left, for a call of its own: that one must not take "no time left" for "may not
    /// wait at all".
    pub fn timeout_left(self) -> Option<Duration> {
        match self {
            Deadline::Now => Some(Duration::ZERO),
            _ => self.left().map(|left| left.max(Duration::from_nanos(1))),
        }
    }

    /// Whether the time has passed.
    pub fn passed(self) -> bool {
        self.left() == Some(Duration::ZERO)
    }
}

/// The system's time since some moment in the past, the same for all processes.
fn monotonic() -> libc::timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is live during the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time
}

/// That time in milliseconds that go round.
pub fn milliseconds() -> u32 {
    let time = monotonic();
    (time.tv_sec as u32).wrapping_mul(1000).wrapping_add(time.tv_nsec as u32 / 1_000_000)
}

/// That time in nanoseconds.
fn nanoseconds() -> u64 {
    let time = monotonic();
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// A count that grows steadily while the machine runs; see [`ticks_a_millisecond`].
#[inline]
pub fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has the instruction. Processors may disagree by a little,
    // which only moves a check that is made about once a millisecond.
    return unsafe { std::arch::x86_64::_rdtsc() };
    #[cfg(all(target_os = "linux", target_arch = "aarch64"))]
    {
        let count: u64;
        // SAFETY: reads the virtual counter, which Linux lets user programs read.
        unsafe { std::arch::asm!("mrs {}, cntvct_el0", out(reg) count, options(nomem, nostack)) };
        return count;
    }
    #[cfg(not(any(target_arch = "x86_64", all(target_os = "linux", target_arch = "aarch64"))))]
    nanoseconds()
}

/// About how far [`ticks`] gets in a millisecond; measured once, for twenty microseconds.
pub fn ticks_a_millisecond() -> u64 {
    static RATE: AtomicU64 = AtomicU64::new(0);
    known(&RATE, || rate(ticks, nanoseconds))
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

/// How many processors this process may run on.
pub fn processors_allowed() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    known(&COUNT, || {
        let _gate = keep_forks_out();
        std::thread::available_parallelism().map_or(1, |count| count.get() as u64)
    })
}

/// How many processors the machine has.
pub fn processors() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    known(&COUNT, || {
        let _gate = keep_forks_out();
        // SAFETY: takes no memory.
        let count = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
        u64::try_from(count).unwrap_or(1)
    })
}

/// The system's libraries read files for this, which no child shall inherit.
fn keep_forks_out() -> impl Drop {
    #[cfg(not(loom))]
    return super::fork::enter();
    #[cfg(loom)]
    Vec::<u8>::new()
}

/// What is found out once; never 0. Without a lock, as a child that is forked meanwhile would
/// find that held for ever: two threads may find it out twice.
fn known(value: &AtomicU64, find_out: impl FnOnce() -> u64) -> u64 {
    match value.load(Ordering::Relaxed) {
        0 => {
            let found = find_out().max(1);
            value.store(found, Ordering::Relaxed);
            found
        }
        known => known,
    }
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
