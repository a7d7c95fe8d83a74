//! Operations on a semaphore's word, and what becomes of one whose holder was killed in the middle
//! of it. How that works is said at the head of units.rs.
//!
//! A thread that panics can't leave an operation half done: nothing here calls code that may panic
//! between the plan and the commit. So the lock on a ledger may ignore that a thread has panicked.

use crate::object::lock::LockEnv;
use crate::object::semaphore::Units;
use crate::object::semaphore::units::{Confirmed, Entry, OpId, UNITS_MAX, UnitsWord, op_after};
use crate::sync::Ordering;

/// How often it is tried to confirm an operation that is about to be replaced. Each failure but the
/// last means that another thread has confirmed it, or has replaced the word. Only a word that
/// somebody scribbles over takes more.
const CONFIRM_TRIES_MAX: u32 = 100;

/// Exchanges of the word that fail before it is replaced whatever it is. Each failure means that
/// another thread has changed it: so many in a row only happen where somebody scribbles, and has
/// spoilt the count.
const FAILURES_MAX: u32 = 1 << 16;

impl<A: LockEnv> Units<'_, A> {
    /// Changes the free units as the next operation of a slot, whose holder then has `held`; false
    /// if `to` says None.
    #[inline(always)]
    pub(super) fn apply(&self, slot: usize, held: u32, to: impl Fn(u32) -> Option<u32>) -> bool {
        let ledger = &self.ledgers[slot];
        let confirmed = Confirmed(ledger.confirmed.load(Ordering::SeqCst));
        let committed = Entry::read(ledger.committed.load(Ordering::Relaxed));
        let entry = Entry { op: op_after(committed.op, confirmed), held };
        // SYNC planned: Release, behind what the last operation committed, and before the word that
        // shows this one; pairs with `reclaim_units`.
        ledger.planned.store(entry.bits(), Ordering::Release);
        let done = self.replace(Some(OpId { slot, op: entry.op }), to);
        if done {
            ledger.committed.store(entry.bits(), Ordering::Release);
        }
        done
    }

    /// Changes the free units in the word, by an operation or without a ledger; false if `to` says
    /// None.
    #[inline(always)]
    pub(super) fn replace(&self, by: Option<OpId>, to: impl Fn(u32) -> Option<u32>) -> bool {
        let (shared, order) = (&self.units.word, Ordering::SeqCst);
        let OpId { slot, op } = by.unwrap_or(OpId { slot: 0, op: 0 });
        let mut word = self.word();
        for failures in 0..=FAILURES_MAX {
            let Some(free) = to(word.free()) else {
                return false;
            };
            // What the same slot has done before is committed.
            if word.op() != 0 && by.is_none_or(|by| by.slot != word.slot()) {
                self.confirm(word);
            }
            let new = UnitsWord::new(free, slot, op).0;
            if failures == FAILURES_MAX {
                shared.store(new, order);
                break;
            }
            // SYNC word: SeqCst, before the looks for waiting calls, which announce themselves and
            // then look at it.
            match shared.compare_exchange(word.0, new, order, order) {
                Ok(_) => break,
                Err(now) => word = UnitsWord(now),
            }
        }
        true
    }

    /// Confirms in a slot's ledger that its operation was done, as the word will no longer show it.
    #[inline(never)]
    fn confirm(&self, word: UnitsWord) {
        let Some(ledger) = self.ledgers.get(word.slot()) else {
            return;
        };
        for _ in 0..CONFIRM_TRIES_MAX {
            // Read before the word. If the word still shows the operation, it was the slot's last,
            // and any later confirmation finds another count here.
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

    /// Gives back the units of a slot, whose holder is dead or closes its handle; whether there
    /// were any. Nobody else may operate for the slot meanwhile. Whoever is killed in here leaves a
    /// slot that can be reclaimed again.
    pub fn reclaim_units(&self, slot: usize) -> bool {
        let ledger = &self.ledgers[slot];
        let planned = Entry::read(ledger.planned.load(Ordering::SeqCst));
        let committed = Entry::read(ledger.committed.load(Ordering::SeqCst));
        // SYNC word, confirmed: in this order; whoever replaces the word confirms first.
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

    /// Whether a slot may have anything to give back.
    pub fn has_any(&self, slot: usize) -> bool {
        let ledger = &self.ledgers[slot];
        let planned = Entry::read(ledger.planned.load(Ordering::SeqCst));
        let committed = Entry::read(ledger.committed.load(Ordering::SeqCst));
        committed.held > 0 || planned.held > 0 && planned.op != committed.op
    }
}
