//! A semaphore's units: any number at a time, and what a dead holder had comes back.
//!
//! | word | written by | read by |
//! |---|---|---|
//! | `word` | whoever acquires or releases | all |
//! | `next` | a holder that has waited for long; whoever finds it dead | all |
//! | `planned`, `committed` of a slot | its holder, under a lock in its process | a reclaimer |
//! | `confirmed` of a slot | who replaces its operation in the word | its holder; a reclaimer |
//! | `awaited` | who sleeps; whoever releases | whoever releases |
//! | `releases`, `handovers` of a slot | whoever releases with `awaited` | sleepers |
//!
//! One compare-exchange acquires or releases. units.rs says how others can tell whether a killed
//! holder had done its operation. A waiting call announces itself in `awaited`, looks once more,
//! and sleeps in slices on a counter that it read before it looked, as for the lock. After a slice
//! one of the sleepers scans for dead holders that have units. A call that is refused scans too. As
//! a scan of a thousand holders takes milliseconds, all calls together make one in 50 ms at most.
//!
//! Any call may overtake a sleeper. A call that has waited for long, or needs more units than are
//! free, requests that its holder is next. Until that has its units, no other holder acquires any.

pub mod operations;
pub mod units;

use crate::object::layout::{Header, Slot};
use crate::object::lock::LockEnv;
use crate::object::lock_word::HolderId;
use crate::object::semaphore::units::{Entry, Ledger, SharedUnits, UNITS_MAX, UnitsWord, more};
use crate::object::wait::{Wait, WaitError, is_scan_due, scan_spacing, wake, wake_all};
use crate::sync::{Mutex, Ordering, lock};
use crate::timeout::Deadline;
use std::time::Duration;

/// A semaphore's units, as one holder sees them.
pub struct Units<'a, A> {
    pub header: &'a Header,
    pub slots: &'a [Slot],
    pub units: &'a SharedUnits,
    pub ledgers: &'a [Ledger],
    pub own: HolderId,
    /// Excludes this handle's threads from each other in its ledger; None: it keeps no ledger.
    pub ledger_lock: Option<&'a Mutex<()>>,
    pub env: &'a A,
}

impl<A: LockEnv> Units<'_, A> {
    /// Acquires `count` units, or none.
    #[inline]
    pub fn acquire(&self, count: u32, timeout: Option<Duration>) -> Result<(), WaitError> {
        match self.acquire_at_once(count) {
            true => Ok(()),
            false => self.acquire_slowly(count, timeout),
        }
    }

    /// The same, if they are free and nobody is next.
    #[inline]
    pub fn acquire_at_once(&self, count: u32) -> bool {
        self.units.next.load(Ordering::SeqCst) == 0 && self.take(count)
    }

    /// Adds `count` units; [`WaitError::Overflow`] if there would be more than can be counted.
    #[inline]
    pub fn release(&self, count: u32) -> Result<(), WaitError> {
        self.env.publish(self.own, || {
            let more = |free| more(free, count);
            let done = match self.ledger_lock {
                None => self.replace(None, more),
                Some(ledger_lock) => {
                    let _locked = lock(ledger_lock);
                    if self.env.is_closed() {
                        return Err(WaitError::Closed);
                    }
                    let held = self.own_held().saturating_sub(count);
                    self.apply(self.own_slot(), held, more)
                }
            };
            match done {
                true => self.wake_waiters(count),
                false => return Err(WaitError::Overflow),
            }
            Ok(())
        })
    }

    /// How many units are free.
    pub fn free(&self) -> u32 {
        self.word().free()
    }

    /// Takes `count` units if they are free.
    #[inline]
    fn take(&self, count: u32) -> bool {
        let less = |free: u32| free.checked_sub(count);
        let Some(ledger_lock) = self.ledger_lock else {
            return !self.env.is_closed() && self.replace(None, less);
        };
        let _locked = lock(ledger_lock);
        if self.env.is_closed() || self.free() < count {
            return false;
        }
        let held = self.own_held().saturating_add(count).min(UNITS_MAX);
        self.apply(self.own_slot(), held, less)
    }

    /// Whether a death may bring units back, or let others acquire those that are free.
    pub fn waits_for_others(&self) -> bool {
        let used = self.header.slots_used.load(Ordering::SeqCst) as usize;
        let mut others = (0..used.min(self.ledgers.len())).filter(|slot| *slot != self.own_slot());
        self.units.next.load(Ordering::SeqCst) != 0 || others.any(|slot| self.has_any(slot))
    }

    /// Who has units: the number that another holder wrote into its slot; None: this handle alone.
    /// 0 where nobody is known to have some.
    pub fn blocker(&self) -> Option<u32> {
        let used = self.header.slots_used.load(Ordering::SeqCst) as usize;
        let has_any = |slot: &usize| self.has_any(*slot);
        let mut all = (0..used.min(self.ledgers.len())).filter(has_any);
        match all.clone().find(|slot| *slot != self.own_slot()) {
            Some(other) => Some(self.slots[other].pid.load(Ordering::Relaxed)),
            None => all.next().is_none().then_some(0),
        }
    }

    /// Makes a holder no longer the next one: it is dead, or its handle is closed.
    pub fn remove_next(&self, id: HolderId) {
        let (next, order) = (&self.units.next, Ordering::SeqCst);
        if next.compare_exchange(id.bits(), 0, order, order).is_ok() {
            self.wake_waiters(UNITS_MAX);
        }
    }

    #[cold]
    fn acquire_slowly(&self, count: u32, timeout: Option<Duration>) -> Result<(), WaitError> {
        let (deadline, mut wait) = (Deadline::after(timeout), Wait::new());
        let own_handovers = &self.slots[self.own_slot()].handovers;
        loop {
            // Before the look, so that no change falls between it and the sleep.
            let releases = self.header.releases.load(Ordering::SeqCst);
            let handovers = own_handovers.load(Ordering::SeqCst);
            if self.may_acquire(&wait) && self.take(count) {
                self.end_wait(&wait);
                return Ok(());
            }
            if self.env.is_closed() {
                self.end_wait(&wait);
                return Err(WaitError::Closed);
            }
            if !matches!(deadline, Deadline::Now) && wait.spin() {
                continue;
            }
            if deadline.passed() {
                wait.late_looks = wait.late_looks.saturating_sub(1);
                if wait.late_looks > 0 && self.finds_dead() {
                    continue;
                }
                self.end_wait(&wait);
                return Err(WaitError::TimedOut);
            }
            if !wait.requested && (wait.starves() || self.free() > 0) && self.request_next() {
                // Looks again, as units that were released before may have gone to others.
                wait.requested = true;
                continue;
            }
            // SYNC awaited: SeqCst, before the look that follows.
            if self.header.awaited.swap(1, Ordering::SeqCst) == 0 {
                continue;
            }
            let due = match wait.requested {
                true => wait.sleep(own_handovers, handovers, deadline),
                false => wait.sleep(&self.header.releases, releases, deadline),
            };
            if due {
                self.remove_dead_next();
                if wait.is_first_to_scan(self.header, scan_spacing(self.header)) {
                    self.env.reclaim_dead();
                }
            }
        }
    }

    /// Whether this call may take units now.
    fn may_acquire(&self, wait: &Wait) -> bool {
        let next = self.units.next.load(Ordering::SeqCst);
        next == 0 || wait.requested && next == self.own.bits()
    }

    /// Requests that this holder is next, if nobody is; whether it is.
    fn request_next(&self) -> bool {
        let order = Ordering::SeqCst;
        self.units.next.compare_exchange(0, self.own.bits(), order, order).is_ok()
    }

    /// Ends a call's waiting, and wakes others: a call that slept may have been woken instead of
    /// another, and for more units than it took.
    fn end_wait(&self, wait: &Wait) {
        if wait.requested {
            let (next, order) = (&self.units.next, Ordering::SeqCst);
            let _ = next.compare_exchange(self.own.bits(), 0, order, order);
        }
        if wait.requested || wait.has_slept() {
            self.header.awaited.store(1, Ordering::SeqCst);
            if self.free() > 0 {
                self.wake_waiters(self.free());
            }
        }
    }

    /// Removes the next holder if it is dead; whether it was.
    fn remove_dead_next(&self) -> bool {
        let next = HolderId::read(self.units.next.load(Ordering::SeqCst).into());
        let dead = next.filter(|id| !self.env.lives(*id));
        dead.inspect(|id| self.remove_next(*id)).is_some()
    }

    /// Scans for dead holders before a call is refused, if a scan is due; whether there were any.
    fn finds_dead(&self) -> bool {
        let is_time = || is_scan_due(self.header, scan_spacing(self.header));
        self.remove_dead_next() | (is_time() && self.env.reclaim_dead())
    }

    /// Wakes the sleepers that `count` units may be enough for, and notifies the holders that have
    /// a descriptor.
    pub fn wake_waiters(&self, count: u32) {
        let header = self.header;
        let awaited = &header.awaited;
        if awaited.load(Ordering::SeqCst) != 0 && awaited.swap(0, Ordering::SeqCst) != 0 {
            let next = HolderId::read(self.units.next.load(Ordering::SeqCst).into());
            match next.and_then(HolderId::slot).and_then(|slot| self.slots.get(slot)) {
                Some(next) => wake_all(&next.handovers),
                None => wake(&header.releases, i32::try_from(count).unwrap_or(i32::MAX)),
            }
        }
        self.env.notify();
    }

    fn word(&self) -> UnitsWord {
        UnitsWord(self.units.word.load(Ordering::SeqCst))
    }

    fn own_slot(&self) -> usize {
        self.own.slot().expect("one's own slot is one")
    }

    fn own_held(&self) -> u32 {
        let committed = &self.ledgers[self.own_slot()].committed;
        Entry::read(committed.load(Ordering::Relaxed)).held
    }
}
