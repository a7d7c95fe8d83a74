//! A semaphore's units: any number at a time, and what a dead holder had comes back.
//!
//! | word | written by | read by |
//! |---|---|---|
//! | `word` | whoever acquires or releases | all |
//! | `next` | who has waited for long; whoever finds that one dead | all |
//! | `planned`, `committed` of a slot | its holder, under a lock in its process | who reclaims it |
//! | `confirmed` of a slot | whoever replaces the word that shows its act | its holder; who reclaims it |
//! | `awaited` | who sleeps; whoever releases | whoever releases |
//! | `releases`, `handovers` of a slot | whoever releases with `awaited` | sleepers |
//!
//! One compare-exchange acquires or releases; units.rs says how a death in the middle of it is
//! told. Whoever waits announces that, looks once more, and sleeps in slices on a counter that it
//! read before it looked, as for the lock. After a slice one of them looks for dead ones that have
//! units. So does whoever is refused; but looking at each of a thousand takes milliseconds, so that
//! it is done every 50 at most, for all that are refused.
//!
//! Anybody may pass a sleeper. Who has waited for long, or needs more units than there are, puts
//! itself down as next: until it has them, nobody else acquires any.

pub mod units;

use crate::object::layout::{Header, Slot};
use crate::object::lock::LockEnv;
use crate::object::lock_word::Id;
use crate::object::semaphore::units::{
    Confirmed, Entry, Ledger, SharedUnits, UNITS_MAX, Word, op_after,
};
use crate::object::wait::{Wait, WaitError, is_scan_due, scan_spacing, wake, wake_all};
use crate::sync::{Mutex, Ordering, lock};
use crate::timeout::Deadline;
use std::time::Duration;

/// Tries to tell one whose act is about to be replaced. Each that fails but the last means that
/// another has told it, or has replaced the word; only a word that anybody scribbles over takes
/// more.
const CONFIRM_TRIES_MAX: u32 = 100;

/// Exchanges of the word that fail before it is replaced whatever it is. Each means that another
/// got on: so many in a row only happen where somebody scribbles, and has spoilt the count.
const FAILURES_MAX: u32 = 1 << 16;

/// A semaphore's units, as one holder sees them.
pub struct Units<'a, A> {
    pub header: &'a Header,
    pub slots: &'a [Slot],
    pub units: &'a SharedUnits,
    pub ledgers: &'a [Ledger],
    pub own: Id,
    /// Keeps this handle's threads out of each other's way in its ledger; None: it keeps none.
    pub ledger_lock: Option<&'a Mutex<()>>,
    pub env: &'a A,
}

impl SharedUnits {
    /// Acquires `count` units for one that keeps no account, if nothing is in the way.
    #[inline]
    pub fn acquire_at_once(&self, count: u32) -> bool {
        let less = |free: u32| free.checked_sub(count).filter(|_| count > 0);
        self.next.load(Ordering::SeqCst) == 0 && self.change_at_once(less)
    }

    /// Adds `count` units for one that keeps no account, if nothing is in the way.
    #[inline]
    pub fn release_at_once(&self, count: u32) -> bool {
        self.change_at_once(|free| more(free, count).filter(|_| count > 0))
    }

    /// No act is to be told of if the word shows none that is kept account of.
    #[inline]
    fn change_at_once(&self, to: impl FnOnce(u32) -> Option<u32>) -> bool {
        let word = Word(self.word.load(Ordering::SeqCst));
        let Some(free) = to(word.free()).filter(|_| word.op() == 0) else {
            return false;
        };
        let order = Ordering::SeqCst;
        self.word.compare_exchange(word.0, Word::new(free, 0, 0).0, order, order).is_ok()
    }
}

#[inline]
fn more(free: u32, count: u32) -> Option<u32> {
    free.checked_add(count).filter(|free| *free <= UNITS_MAX)
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

    /// The same, if they are there and nobody is next.
    #[inline]
    pub fn acquire_at_once(&self, count: u32) -> bool {
        self.units.next.load(Ordering::SeqCst) == 0 && self.take(count)
    }

    /// Adds `count` units; [`WaitError::Overflow`] if they would be more than can be counted.
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

    /// Takes `count` units if they are there.
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

    /// Changes the free units as the next act of a slot, which then has `held`; false if `to` says
    /// that it can't be.
    #[inline(always)]
    fn apply(&self, slot: usize, held: u32, to: impl Fn(u32) -> Option<u32>) -> bool {
        let ledger = &self.ledgers[slot];
        let seen = Confirmed(ledger.confirmed.load(Ordering::SeqCst));
        let committed = Entry::read(ledger.committed.load(Ordering::Relaxed));
        let entry = Entry { op: op_after(committed.op, seen), held };
        // SYNC planned: Release, behind what the last act booked, and before the word that shows
        // this one; pairs with `reclaim_units`.
        ledger.planned.store(entry.bits(), Ordering::Release);
        let done = self.replace(Some((slot, entry.op)), to);
        if done {
            ledger.committed.store(entry.bits(), Ordering::Release);
        }
        done
    }

    #[inline(always)]
    fn replace(&self, by: Option<(usize, u32)>, to: impl Fn(u32) -> Option<u32>) -> bool {
        let (shared, order) = (&self.units.word, Ordering::SeqCst);
        let (slot, op) = by.unwrap_or((0, 0));
        let mut word = self.word();
        for failures in 0..=FAILURES_MAX {
            let Some(free) = to(word.free()) else {
                return false;
            };
            // What one has done before is booked.
            if word.op() != 0 && by.is_none_or(|(slot, _)| slot != word.slot()) {
                self.confirm(word);
            }
            let new = Word::new(free, slot, op).0;
            if failures == FAILURES_MAX {
                shared.store(new, order);
                break;
            }
            // SYNC word: SeqCst, before the looks for those that wait; they announce themselves
            // and then look at it.
            match shared.compare_exchange(word.0, new, order, order) {
                Ok(_) => break,
                Err(now) => word = Word(now),
            }
        }
        true
    }

    /// Tells a slot's ledger that its act was done, as the word is about to show it no more.
    #[inline(never)]
    fn confirm(&self, word: Word) {
        let Some(ledger) = self.ledgers.get(word.slot()) else {
            return;
        };
        for _ in 0..CONFIRM_TRIES_MAX {
            // Read before the word: if that still shows the act, it was the last, and whatever is
            // told later finds another count here.
            let seen = ledger.confirmed.load(Ordering::SeqCst);
            if Confirmed(seen).op() == word.op() || self.word() != word {
                return;
            }
            let confirmed = Confirmed(seen).then(word.op()).0;
            let order = Ordering::SeqCst;
            if ledger.confirmed.compare_exchange(seen, confirmed, order, order).is_ok() {
                return;
            }
        }
    }

    /// Makes a slot give back what it has: its holder is dead, or goes. Nobody else may act for
    /// the slot meanwhile. Whoever is killed in here leaves a slot that can be reclaimed again.
    pub fn reclaim_units(&self, slot: usize) -> bool {
        let ledger = &self.ledgers[slot];
        let planned = Entry::read(ledger.planned.load(Ordering::SeqCst));
        let committed = Entry::read(ledger.committed.load(Ordering::SeqCst));
        // SYNC word, confirmed: in this order; whoever replaces the word tells first.
        let word = self.word();
        let is_shown = word.slot() == slot && word.op() == planned.op;
        let is_done =
            is_shown || Confirmed(ledger.confirmed.load(Ordering::SeqCst)).op() == planned.op;
        let was_begun = planned.op != 0 && planned.op != committed.op;
        let last = if was_begun && is_done { planned } else { committed };
        ledger.committed.store(last.bits(), Ordering::Release);
        if last.held > 0 {
            self.env.publish(self.own, || {
                self.apply(slot, 0, |free| Some(free.saturating_add(last.held).min(UNITS_MAX)));
                self.wake_waiters(last.held);
            });
        }
        last.held > 0
    }

    /// Whether a death may bring units back, or let others at those that there are.
    pub fn waits_for_others(&self) -> bool {
        let used = self.header.slots_used.load(Ordering::SeqCst) as usize;
        let mut others = (0..used.min(self.ledgers.len())).filter(|slot| *slot != self.own_slot());
        self.units.next.load(Ordering::SeqCst) != 0 || others.any(|slot| self.has_any(slot))
    }

    /// Whether a slot may have anything to give back.
    pub fn has_any(&self, slot: usize) -> bool {
        let ledger = &self.ledgers[slot];
        let planned = Entry::read(ledger.planned.load(Ordering::SeqCst));
        let committed = Entry::read(ledger.committed.load(Ordering::SeqCst));
        committed.held > 0 || planned.held > 0 && planned.op != committed.op
    }

    /// Strikes a holder off that was to be next: it goes, or is dead.
    pub fn remove_next(&self, id: Id) {
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
                // Look again: what was released before went to others.
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

    /// Puts this holder down as next, where nobody is.
    fn request_next(&self) -> bool {
        let order = Ordering::SeqCst;
        self.units.next.compare_exchange(0, self.own.bits(), order, order).is_ok()
    }

    /// Ends a call's waiting. One that slept may have been woken in another's stead, and for more
    /// than it took.
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

    /// Strikes off who is next but dead; whether it was.
    fn remove_dead_next(&self) -> bool {
        let next = Id::read(self.units.next.load(Ordering::SeqCst).into());
        let dead = next.filter(|id| !self.env.lives(*id));
        dead.inspect(|id| self.remove_next(*id)).is_some()
    }

    /// Looks for dead ones before a call is refused, unless another has just done so where that
    /// takes long; whether there were any.
    fn finds_dead(&self) -> bool {
        let is_time = || is_scan_due(self.header, scan_spacing(self.header));
        self.remove_dead_next() | (is_time() && self.env.reclaim_dead())
    }

    /// Wakes those that `count` units may be enough for, and notifies those that have a descriptor.
    pub fn wake_waiters(&self, count: u32) {
        let header = self.header;
        let awaited = &header.awaited;
        if awaited.load(Ordering::SeqCst) != 0 && awaited.swap(0, Ordering::SeqCst) != 0 {
            let next = Id::read(self.units.next.load(Ordering::SeqCst).into());
            match next.and_then(Id::slot).and_then(|slot| self.slots.get(slot)) {
                Some(next) => wake_all(&next.handovers),
                None => wake(&header.releases, i32::try_from(count).unwrap_or(i32::MAX)),
            }
        }
        self.env.notify();
    }

    fn word(&self) -> Word {
        Word(self.units.word.load(Ordering::SeqCst))
    }

    fn own_slot(&self) -> usize {
        self.own.slot().expect("one's own slot is one")
    }

    fn own_held(&self) -> u32 {
        let committed = &self.ledgers[self.own_slot()].committed;
        Entry::read(committed.load(Ordering::Relaxed)).held
    }
}
