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

/// The system's time since some moment in the past, the same for all processes, in milliseconds
/// that go round.
pub fn milliseconds() -> u32 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is live during the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    (time.tv_sec as u32).wrapping_mul(1000).wrapping_add(time.tv_nsec as u32 / 1_000_000)
}

/// A count that grows steadily while the machine runs; see [`ticks_a_millisecond`].
#[inline]
pub fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has the instruction. Processors may disagree by a little,
    // which only moves a check that is made about once a millisecond.
    return unsafe { std::arch::x86_64::_rdtsc() };
    #[cfg(target_arch = "aarch64")]
    {
        let count: u64;
        // SAFETY: reads the virtual counter, which Linux lets user programs read.
        unsafe { std::arch::asm!("mrs {}, cntvct_el0", out(reg) count, options(nomem, nostack)) };
        return count;
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed().as_nanos() as u64
    }
}

/// About how far [`ticks`] gets in a millisecond; measured once, for twenty microseconds.
pub fn ticks_a_millisecond() -> u64 {
    static RATE: AtomicU64 = AtomicU64::new(0);
    known(&RATE, || {
        let (start, first) = (Instant::now(), ticks());
        while start.elapsed() < Duration::from_micros(20) {
            std::hint::spin_loop();
        }
        let nanos = start.elapsed().as_nanos().max(1) as u64;
        ticks().saturating_sub(first) * 1_000_000 / nanos
    })
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
