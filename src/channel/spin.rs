//! Spinning: nothing is faster than not to sleep, as long as what is waited for comes soon.

use super::core::{Core, Open};
use crate::endpoint::Spin;
use crate::error::Result;
use crate::os::clock::{Deadline, processors, processors_allowed, ticks, ticks_a_millisecond};
use crate::readiness::waiters::Step;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long `spin=auto` spins at most: about what it costs to wake a sleeper.
const SPIN_MAX: Duration = Duration::from_micros(50);
/// How many waits go without spinning, at most, between two tries whether it pays off again.
const SPINLESS_MAX: u32 = 63;

/// Looks for a while whether a handshake gets on: its peer is awake, if it is honest.
pub fn spin_on_handshake<T>(
    spin: Spin,
    mut attempt: impl FnMut() -> Result<Step<T>>,
) -> Result<Option<T>> {
    let limit = match spin {
        Spin::For(Duration::ZERO) => 0,
        _ if processors() == 1 => 0,
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

/// Whether spinning has paid off lately. After it was in vain, ever more waits go without, so
/// that two programs on one processor lose next to nothing.
pub struct Spinner {
    /// Waits that are still to go without.
    skip: AtomicU32,
    /// How many go without after the next time in vain.
    backoff: AtomicU32,
}

impl Spinner {
    pub fn new() -> Spinner {
        Spinner { skip: AtomicU32::new(0), backoff: AtomicU32::new(0) }
    }

    /// How long to spin this time, in ticks. Races between threads only blur the count.
    fn limit(&self) -> u64 {
        let skip = self.skip.load(Ordering::Relaxed);
        if skip > 0 {
            self.skip.store(skip - 1, Ordering::Relaxed);
            return 0;
        }
        in_ticks(SPIN_MAX)
    }

    fn paid_off(&self) {
        self.backoff.store(0, Ordering::Relaxed);
    }

    fn in_vain(&self) {
        let backoff = (self.backoff.load(Ordering::Relaxed) * 2 + 1).min(SPINLESS_MAX);
        self.backoff.store(backoff, Ordering::Relaxed);
        self.skip.store(backoff, Ordering::Relaxed);
    }
}

impl Core {
    /// Looks for a while, as nothing is faster than not to sleep.
    pub fn spin<T>(
        &self,
        open: &Open,
        deadline: Deadline,
        attempt: &mut dyn FnMut() -> Result<Step<T>>,
    ) -> Result<Option<T>> {
        let limit = match deadline {
            Deadline::At(_) => in_ticks(deadline.left().unwrap_or_default()),
            _ => u64::MAX,
        };
        self.spin_within(open, limit, attempt)
    }

    /// Looks for a short while whether there is something to receive, and leaves it there.
    pub fn busy_poll(&self) -> Result<bool> {
        self.alive()?;
        let Some(open) = self.get_open() else {
            return Ok(false);
        };
        let mut attempt = || {
            self.receive(open, false, |state| match state.has_something() {
                true => Ok(Step::Done(())),
                false => Ok(Step::Blocked),
            })
        };
        // What is there already says nothing about whether spinning pays off.
        let found = match attempt()? {
            Step::Done(()) => Some(()),
            _ => self.spin_within(open, in_ticks(SPIN_MAX), &mut attempt)?,
        };
        Ok(found.is_some())
    }

    /// Looks for as long as `spin=` says, and at most for `limit` ticks.
    fn spin_within<T>(
        &self,
        open: &Open,
        limit: u64,
        attempt: &mut dyn FnMut() -> Result<Step<T>>,
    ) -> Result<Option<T>> {
        let limit = limit.min(match self.endpoint.spin {
            Spin::Forever => u64::MAX,
            Spin::For(_) if processors_allowed() == 1 => 0,
            Spin::For(time) => in_ticks(time),
            // A program may be alone on one processor while its peer runs on another.
            Spin::Auto if processors() == 1 => 0,
            Spin::Auto => open.spinner.limit(),
        });
        if limit == 0 {
            return Ok(None);
        }
        let began = ticks();
        loop {
            let glance = open.link.glance();
            // What the peer's positions don't tell of is looked for again at once.
            let glance = match attempt()? {
                Step::Done(value) => {
                    open.spinner.paid_off();
                    return Ok(Some(value));
                }
                Step::Blocked => glance,
                Step::InTurn | Step::Choked | Step::More => None,
            };
            let over = ticks().wrapping_sub(began) >= limit;
            if over || !self.watch(open, glance, began, limit) {
                open.spinner.in_vain();
                break;
            }
        }
        Ok(None)
    }

    /// Watches the shared positions until one moves; false once the time for it is over.
    fn watch(&self, open: &Open, glance: Option<(u64, u64)>, began: u64, limit: u64) -> bool {
        loop {
            for _ in 0..32 {
                if glance.is_some() && open.link.glance() != glance {
                    return true;
                }
                std::hint::spin_loop();
            }
            if ticks().wrapping_sub(began) >= limit {
                return false;
            }
            open.link.peer().look_sometimes();
            if glance.is_none() || self.alive().is_err() {
                return true;
            }
            if limit == u64::MAX && processors_allowed() == 1 {
                std::thread::yield_now();
            }
        }
    }
}

fn in_ticks(time: Duration) -> u64 {
    (time.as_nanos() as u64).saturating_mul(ticks_a_millisecond()) / 1_000_000
}
