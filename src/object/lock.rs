//! The lock of a named object. It has one owner or many readers, it is fair, and a holder that dies
//! never leaves it locked.
//!
//! | word | written by | read by |
//! |---|---|---|
//! | `lock` | whoever takes it or gives it up; whoever waits (WAITERS, next) | all |
//! | `readers` of a slot | its holder's threads | an owner, once it has the word |
//! | `releases` | whoever gives the lock up with WAITERS | sleepers |
//! | `handovers` of a slot | whoever hands the lock to it | its thread that asked |
//! | `reader_exits` | a reader that leaves an owner waiting | that owner |
//!
//! A lock that nobody else wants takes one compare-exchange from 0, and one back to 0.
//!
//! Readers against an owner is Dekker's pattern: a reader counts itself, then looks for an owner;
//! an owner takes the word, then looks for readers. So all these accesses are SeqCst.
//!
//! A waiting call sleeps on a counter that it read before it looked. It sleeps in slices, so that
//! what a killed process no longer does (wake a sleeper, take note of a handover) costs one slice.
//! After each slice it asks whether the owner lives, and if not releases the word.
//!
//! Any call may overtake a sleeper, which keeps a busy lock fast. A call that has waited for
//! `PATIENCE` requests that its slot is next, and whoever releases the lock then hands it over to
//! that slot. A reader that is handed the lock releases the word at once.

pub mod contended;
#[cfg(all(test, not(loom)))]
mod tests;

use crate::object::layout::{Header, Slot};
use crate::object::lock_word::{
    DIED, FAILURES_MAX, HANDED, HolderId, LockWord, Mode, READERS, WAITERS,
};
use crate::object::wait::{Wait, WaitError, wake, wake_all};
use crate::sync::Ordering;
use std::time::Duration;

/// What a lock needs of the handle that it belongs to, and of the system.
pub trait LockEnv {
    /// Whether this holder still has its slot, and lives.
    fn lives(&self, id: HolderId) -> bool;
    /// Whether this handle was closed, so that its threads wait no longer.
    fn is_closed(&self) -> bool;
    /// Notifies the holders whose descriptors show that the lock, or units, may be free.
    fn notify(&self);
    /// Runs `act`, which frees the lock or units, for a holder, and notifies as [`LockEnv::notify`]
    /// does. An implementation that expects deaths notifies even if this process dies meanwhile.
    fn publish<T>(&self, _by: HolderId, act: impl FnOnce() -> T) -> T {
        let done = act();
        self.notify();
        done
    }
    /// Gives back the units of dead holders; whether there were any.
    fn reclaim_dead(&self) -> bool;
}

/// How the lock was acquired.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acquired {
    /// The last owner released it.
    Clean,
    /// An owner died, and nobody has owned the lock since.
    OwnerDied,
}

impl Acquired {
    /// What the word said before it was acquired.
    pub fn after(word: LockWord) -> Acquired {
        if word.has(DIED) { Acquired::OwnerDied } else { Acquired::Clean }
    }
}

/// The lock, as one holder sees it.
pub struct Lock<'a, A> {
    pub header: &'a Header,
    pub slots: &'a [Slot],
    pub own: HolderId,
    pub env: &'a A,
}

impl<A: LockEnv> Lock<'_, A> {
    /// Becomes the owner, if the lock is free, nobody waits for it, and no owner has died.
    #[inline]
    pub fn lock_at_once(&self) -> bool {
        let (lock, taken) = (&self.header.lock, LockWord::owned(self.own).0);
        // SYNC lock: SeqCst, so that it comes before the looks for readers and for a close.
        lock.compare_exchange(0, taken, Ordering::SeqCst, Ordering::Relaxed).is_ok()
    }

    /// Becomes a reader, if nobody owns the lock or is next; None: somebody does.
    #[inline]
    pub fn read_at_once(&self) -> Option<Result<Acquired, WaitError>> {
        self.acquire_shared(&Wait::new())
    }

    /// Releases the lock as its owner, if nobody waits for it.
    #[inline]
    pub fn unlock_at_once(&self) -> bool {
        let (lock, taken) = (&self.header.lock, LockWord::owned(self.own).0);
        // SYNC lock: Release at least, pairs with whoever acquires it.
        lock.compare_exchange(taken, 0, Ordering::SeqCst, Ordering::Relaxed).is_ok()
    }

    /// Acquires the lock as its owner or as a reader.
    pub fn acquire(&self, mode: Mode, timeout: Option<Duration>) -> Result<Acquired, WaitError> {
        let at_once = match mode {
            Mode::Exclusive => self.lock_at_once().then_some(Ok(Acquired::Clean)),
            Mode::Shared => self.read_at_once(),
        };
        at_once.unwrap_or_else(|| self.acquire_slowly(mode, timeout))
    }

    /// Releases what this holder has; false if it has nothing.
    pub fn unlock(&self) -> bool {
        self.unlock_at_once() || self.unlock_slowly()
    }

    #[cold]
    fn unlock_slowly(&self) -> bool {
        let word = self.load();
        if word.owner() == Some(self.own) && word.is_held() {
            self.release_word();
            return true;
        }
        self.remove_reader()
    }

    /// Releases whatever this holder has, and withdraws its requests: its handle is closed, or
    /// dead. If it owned the lock, the next owner hears that it died.
    pub fn release_all(&self) {
        let word = self.load();
        if word.owner() == Some(self.own) {
            match word.is_held() {
                true => self.release_word_with(DIED),
                false => self.release_word(),
            }
        }
        let own = self.own_slot();
        let none = self.own.generation() << 16;
        let readers = own.readers.load(Ordering::SeqCst);
        if readers != none && readers >> 16 == self.own.generation() {
            own.readers.store(none, Ordering::SeqCst);
            self.after_reader_exit();
        }
        self.change(|word| (word.next() == Some(self.own)).then(|| word.without_next()));
    }

    fn load(&self) -> LockWord {
        LockWord(self.header.lock.load(Ordering::SeqCst))
    }

    /// Changes the word to what `to` says, and returns what it was; None if `to` says None. None
    /// too after [`FAILURES_MAX`] failures: each means that another thread changed the word, and so
    /// many only happen where somebody scribbles.
    fn change(&self, to: impl Fn(LockWord) -> Option<LockWord>) -> Option<LockWord> {
        let mut word = self.load();
        for _ in 0..FAILURES_MAX {
            let new = to(word)?;
            match self.replace(word, new) {
                Ok(()) => return Some(word),
                Err(now) => word = now,
            }
        }
        None
    }

    fn replace(&self, old: LockWord, new: LockWord) -> Result<(), LockWord> {
        if new == old {
            return Ok(());
        }
        let lock = &self.header.lock;
        let done = lock.compare_exchange(old.0, new.0, Ordering::SeqCst, Ordering::SeqCst);
        done.map(drop).map_err(LockWord)
    }

    /// Releases the word: to the slot that is next, or to anybody.
    fn release_word(&self) {
        self.release_word_with(0);
    }

    /// The same, and sets these flags in the word.
    fn release_word_with(&self, flags: u64) {
        let released = |word: LockWord| {
            let released = word.with(flags).released();
            let unmarked = if released.owner().is_none() { WAITERS } else { 0 };
            (word.owner() == Some(self.own)).then(|| released.without(unmarked))
        };
        match self.change(released) {
            Some(old) if old.next().is_some() => self.wake_next(old),
            Some(old) if old.has(WAITERS) => self.wake_waiters(),
            _ => {}
        }
    }

    /// Wakes the slot that was next in the word before, to which the lock was handed over.
    fn wake_next(&self, old: LockWord) {
        if let Some(slot) = old.next().and_then(HolderId::slot) {
            wake_all(&self.slots[slot].handovers);
        }
    }

    /// Wakes one sleeper, and notifies the holders that have a descriptor.
    fn wake_waiters(&self) {
        wake(&self.header.releases, 1);
        self.env.notify();
    }

    /// Releases the word if its owner is dead, and removes the next slot if that is dead. Whether
    /// there is no live owner.
    fn release_if_dead(&self) -> bool {
        let word = self.load();
        if let Some(next) = word.next().filter(|id| !self.env.lives(*id)) {
            self.change(|now| (now.next() == Some(next)).then(|| now.without_next()));
        }
        let Some(owner) = word.owner() else {
            return true;
        };
        if self.env.lives(owner) {
            return false;
        }
        // The same owner comes back only once all 16 bits of its slot's generation have gone round.
        let released = self.change(|now| {
            let mark = if now.is_held() { DIED } else { 0 };
            (now.owner() == Some(owner)).then(|| now.with(mark).released())
        });
        if let Some(old) = released {
            self.wake_next(old);
        }
        true
    }

    /// Who has the lock: the number that its holder wrote into its slot; None: this handle. 0 where
    /// that isn't known.
    pub fn blocker(&self) -> Option<u32> {
        let pid = |slot: usize| self.slots[slot].pid.load(Ordering::Relaxed);
        if let Some(owner) = self.load().owner() {
            return (owner != self.own).then(|| owner.slot().map_or(0, pid));
        }
        let used = self.header.slots_used.load(Ordering::SeqCst) as usize;
        let reads = |slot: &usize| self.slots[*slot].readers.load(Ordering::SeqCst) & 0xffff != 0;
        let reader = (0..used.min(self.slots.len())).find(reads);
        (reader != self.own.slot() || reader.is_none()).then(|| reader.map_or(0, pid))
    }

    /// Whether this handle owns the lock.
    pub fn is_own(&self) -> bool {
        let word = self.load();
        word.owner() == Some(self.own) && word.is_held()
    }

    fn own_slot(&self) -> &Slot {
        &self.slots[self.own.slot().expect("an own id has a slot")]
    }

    /// Counts one more reader of this holder; false if there are too many, or the slot is
    /// another's.
    fn add_reader(&self) -> bool {
        self.count(|count| count.checked_add(1))
    }

    /// Counts one reader less, and wakes those that wait for it; false if there was none.
    fn remove_reader(&self) -> bool {
        let was_one = self.count(|count| count.checked_sub(1));
        if was_one {
            self.after_reader_exit();
        }
        was_one
    }

    fn count(&self, to: impl Fn(u16) -> Option<u16>) -> bool {
        self.own.count(&self.own_slot().readers, to)
    }

    /// Wakes the owner that waits for readers to leave, or holders that wait for a free lock.
    fn after_reader_exit(&self) {
        let word = self.load();
        if word.owner().is_some() {
            if word.has(READERS) && !word.has(HANDED) {
                wake(&self.header.reader_exits, 1);
            }
        } else if word.has(WAITERS) {
            let unmarked = |word: LockWord| {
                let waits = word.owner().is_none() && word.has(WAITERS);
                waits.then(|| word.without(WAITERS))
            };
            if self.change(unmarked).is_some() {
                self.wake_waiters();
            }
        }
    }
}
