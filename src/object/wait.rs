//! How a call waits for what other processes do: it spins, then sleeps on a shared counter in
//! slices, and after a slice looks whether anybody has died. Locks, units and changes wait so.

use crate::object::layout::{HOLDERS_MAX, Header};
use crate::os::clock::milliseconds;
use crate::os::{futex, processors};
use crate::sync::{AtomicU32, Ordering, spin_loop};
use crate::timeout::Deadline;
use std::time::{Duration, Instant};

/// How long a call sleeps at first, and at most, before it looks whether the owner lives.
const SLICE_MIN: Duration = Duration::from_millis(1);
const SLICE_MAX: Duration = Duration::from_millis(50);
/// How long it sleeps at first where another waiting call has just looked.
const SLICE_BESIDE_MIN: Duration = Duration::from_millis(5);
/// A slice is this part of the time that the call has waited so far.
const SLICE_PART: u32 = 200;
/// The time from one scan of all holders to the next, for each holder that there may be: scans
/// take a twentieth of the time at most.
const LOOK_EACH_MIN: Duration = Duration::from_micros(50);
/// How long others may overtake a call before it requests to be next.
const PATIENCE: Duration = Duration::from_millis(1);
/// Looks before the first sleep.
const LOOKS_MAX: u32 = 100;
/// How often a call whose time is over looks again because the lock seemed free.
const LATE_LOOKS_MAX: u32 = 8;

/// Why a call ended without what it was for: the lock, units, or a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitError {
    /// The time is over.
    TimedOut,
    /// The handle was closed.
    Closed,
    /// More than can be counted: readers of this handle, or units.
    Overflow,
}

/// Moves a counter on, and wakes at most `count` of those that sleep on it.
pub fn wake(counter: &AtomicU32, count: i32) {
    // SYNC releases, handovers, reader_exits: SeqCst, behind the change that is announced.
    counter.fetch_add(1, Ordering::SeqCst);
    futex::wake_across(counter, count);
}

/// Moves a counter on, and wakes all that sleep on it.
pub fn wake_all(counter: &AtomicU32) {
    wake(counter, i32::MAX);
}

/// How often a call looks before its first sleep.
pub fn looks_before_sleep() -> u32 {
    // On one processor nothing changes while this thread looks.
    if processors::allowed() < 2 { 0 } else { LOOKS_MAX }
}

/// Lets a moment pass between two looks.
pub fn pause() {
    (0..8).for_each(|_| spin_loop());
}

/// How long a call that has waited for so long may go on before it looks whether others live.
pub fn slice_after(waited: Duration, least: Duration) -> Duration {
    (waited / SLICE_PART).max(least).min(SLICE_MAX)
}

/// The time from one scan of all holders to the next.
pub fn scan_spacing(header: &Header) -> Duration {
    let used = header.slots_used.load(Ordering::Relaxed);
    LOOK_EACH_MIN * used.min(HOLDERS_MAX as u32)
}

/// Whether this call is the one to scan for dead holders: of all waiting calls one does so in each
/// period. Models have no time, so there every call scans.
pub fn is_scan_due(header: &Header, every: Duration) -> bool {
    if cfg!(loom) {
        return true;
    }
    let (last, now) = (header.last_scan.load(Ordering::Relaxed), milliseconds());
    let is_due = u128::from(now.wrapping_sub(last)) >= every.as_millis();
    let order = Ordering::Relaxed;
    let is_first = || header.last_scan.compare_exchange(last, now, order, order).is_ok();
    is_due && (is_first() || every.as_millis() == 0)
}

/// What one call knows of its waiting.
pub struct Wait {
    looks: u32,
    pub late_looks: u32,
    /// None: it has not slept yet.
    slept: Option<Slept>,
    /// How long it sleeps at least, and how long it slept last.
    least: Duration,
    slice: Duration,
    /// Whether this call requested that its slot is next.
    pub requested: bool,
}

/// The sleeps of a call.
#[derive(Clone, Copy)]
struct Slept {
    /// When the first one began.
    since: Instant,
    /// When the call last looked whether the owner lives.
    looked: Instant,
}

impl Wait {
    pub(crate) fn new() -> Wait {
        Wait {
            looks: looks_before_sleep(),
            late_looks: LATE_LOOKS_MAX,
            slept: None,
            least: SLICE_MIN,
            slice: SLICE_MIN,
            requested: false,
        }
    }

    /// One that sleeps for so long at least, as looking takes that much longer.
    pub fn with_slices_from(least: Duration) -> Wait {
        Wait { least: SLICE_MIN.max(least), ..Wait::new() }
    }

    /// Lets a moment pass, if the call may still look without sleeping.
    pub fn spin(&mut self) -> bool {
        if self.looks == 0 {
            return false;
        }
        self.looks -= 1;
        pause();
        true
    }

    /// Whether the call has slept: then another may have woken it, and has woken nobody else.
    pub fn has_slept(&self) -> bool {
        self.slept.is_some()
    }

    /// Whether others have overtaken the call for long. Models have no time: there one sleep is
    /// long.
    pub fn starves(&self) -> bool {
        self.slept.is_some_and(|slept| cfg!(loom) || slept.since.elapsed() >= PATIENCE)
    }

    /// Sleeps while `counter` is as it was `seen`; whether it is time to look who lives.
    pub fn sleep(&mut self, counter: &AtomicU32, seen: u32, deadline: Deadline) -> bool {
        let now = Instant::now();
        let slept = self.slept.get_or_insert(Slept { since: now, looked: now });
        if cfg!(loom) {
            futex::wait_across(counter, seen, None);
            return true;
        }
        self.slice = slice_after(now - slept.since, self.least);
        let slice = deadline.left().map_or(self.slice, |left| left.min(self.slice));
        futex::wait_across(counter, seen, Some(slice));
        let is_due = slept.looked.elapsed() >= self.slice;
        if is_due {
            slept.looked = Instant::now();
        }
        is_due
    }

    /// Whether this call is the one to look, of those whose slice is over. Where looking takes
    /// long, none is before some time has passed.
    pub fn is_first_to_scan(&mut self, header: &Header, spacing: Duration) -> bool {
        let is_first = is_scan_due(header, self.slice.max(spacing));
        self.least = if is_first { SLICE_MIN } else { SLICE_BESIDE_MIN };
        is_first
    }
}
