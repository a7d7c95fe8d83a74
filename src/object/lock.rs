//! The lock of a named object: for one owner or many readers, fair, and never left behind by a
//! death.
//!
//! | word | written by | read by |
//! |---|---|---|
//! | `lock` | whoever takes it or gives it up; whoever waits (WAITERS, next) | all |
//! | `readers` of a slot | its holder's threads | an owner, once it has the word |
//! | `releases` | whoever gives the lock up with WAITERS | sleepers |
//! | `handovers` of a slot | whoever hands the lock to it | its thread that asked |
//! | `reader_exits` | a reader that leaves an owner waiting | that owner |
//!
//! Alone: one compare-exchange from 0 takes the lock, and one gives it back.
//!
//! Readers against an owner is Dekker's pattern: a reader counts itself, then looks for an owner;
//! an owner takes the word, then looks for readers. So all these accesses are SeqCst.
//!
//! Whoever waits sleeps on a counter that it read before it looked, in slices: what a killed
//! process didn't do any more (wake somebody, take note) costs a slice. After each slice it asks
//! whether the owner lives, and if not frees the word.
//!
//! Anybody may pass a sleeper, which keeps a busy lock fast. Who has waited for `PATIENCE` puts
//! itself down as next, and whoever gives the lock up then hands it over: a reader to whom it was
//! handed at once.

pub mod contended;
#[cfg(all(test, not(loom)))]
mod tests;

use crate::object::layout::{Header, Slot};
pub use crate::object::lock::contended::Mode;
use crate::object::lock::contended::Wait;
use crate::object::lock_word::{DIED, FAILURES_MAX, HANDED, Id, READERS, WAITERS, Word};
use crate::os::futex;
use crate::sync::{AtomicU32, Ordering};
use std::time::Duration;

/// What a lock needs of the handle that it belongs to, and of the system.
pub trait LockEnv {
    /// Whether this taking of a slot goes on.
    fn lives(&self, id: Id) -> bool;
    /// Whether this handle was closed, so that its threads wait no longer.
    fn is_closed(&self) -> bool;
    /// Notifies those whose descriptor shows that the lock may be free, or units are.
    fn notify(&self);
    /// Does what frees the lock or units, as the holder of a slot, and notifies them; where deaths
    /// are to be reckoned with, such that they are notified whoever dies meanwhile.
    fn publish<T>(&self, _by: Id, act: impl FnOnce() -> T) -> T {
        let done = act();
        self.notify();
        done
    }
    /// Makes the dead give back the units that they had; whether there were any.
    fn reclaim_dead(&self) -> bool;
}

/// How the lock was got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acquired {
    Clean,
    /// One died that had it alone, and nobody has had it alone since.
    OwnerDied,
}

impl Acquired {
    pub fn after(died: bool) -> Acquired {
        if died { Acquired::OwnerDied } else { Acquired::Clean }
    }
}

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

/// The lock, as one holder sees it.
pub struct Lock<'a, A> {
    pub header: &'a Header,
    pub slots: &'a [Slot],
    pub own: Id,
    pub env: &'a A,
}

impl<A: LockEnv> Lock<'_, A> {
    /// Takes the lock alone, if it is free, nobody waits for it, and nobody died with it.
    #[inline]
    pub fn lock_at_once(&self) -> bool {
        let (lock, taken) = (&self.header.lock, Word::owned(self.own).0);
        // SYNC lock: SeqCst, so that it comes before the looks for readers and for a close.
        lock.compare_exchange(0, taken, Ordering::SeqCst, Ordering::Relaxed).is_ok()
    }

    /// Takes the lock together with other readers, if nobody has it alone or is next.
    #[inline]
    pub fn read_at_once(&self) -> Option<Result<Acquired, WaitError>> {
        self.acquire_shared(&Wait::new())
    }

    /// Gives the lock back, if nobody waits for it.
    #[inline]
    pub fn unlock_at_once(&self) -> bool {
        let (lock, taken) = (&self.header.lock, Word::owned(self.own).0);
        // SYNC lock: Release at least, pairs with whoever takes it.
        lock.compare_exchange(taken, 0, Ordering::SeqCst, Ordering::Relaxed).is_ok()
    }

    /// Takes the lock, alone or with other readers.
    pub fn acquire(&self, mode: Mode, timeout: Option<Duration>) -> Result<Acquired, WaitError> {
        let at_once = match mode {
            Mode::Exclusive => self.lock_at_once().then_some(Ok(Acquired::Clean)),
            Mode::Shared => self.read_at_once(),
        };
        at_once.unwrap_or_else(|| self.acquire_slowly(mode, timeout))
    }

    /// Gives back what this holder has; false if that is nothing.
    pub fn unlock(&self) -> bool {
        self.unlock_at_once() || self.unlock_slowly()
    }

    #[cold]
    fn unlock_slowly(&self) -> bool {
        let word = self.load();
        if word.owner() == Some(self.own) && word.is_held() {
            self.release_word(false);
            return true;
        }
        self.remove_reader()
    }

    /// Clears away what this holder still has, or waits for: it goes, or is dead.
    pub fn release_all(&self) {
        let word = self.load();
        if word.owner() == Some(self.own) {
            self.release_word(word.is_held());
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

    pub(super) fn load(&self) -> Word {
        Word(self.header.lock.load(Ordering::SeqCst))
    }

    /// Changes the word, if `to` says how: what it was. None too where others change it all the
    /// time: each failure means that one of them got on, so many only that somebody scribbles.
    pub(super) fn change(&self, to: impl Fn(Word) -> Option<Word>) -> Option<Word> {
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

    fn replace(&self, old: Word, new: Word) -> Result<(), Word> {
        if new == old {
            return Ok(());
        }
        let lock = &self.header.lock;
        let done = lock.compare_exchange(old.0, new.0, Ordering::SeqCst, Ordering::SeqCst);
        done.map(drop).map_err(Word)
    }

    /// Gives the word up: to who is next, or to anybody.
    pub(super) fn release_word(&self, died: bool) {
        let mark = if died { DIED } else { 0 };
        let released = |word: Word| {
            let released = word.with(mark).released();
            let unmarked = if released.owner().is_none() { WAITERS } else { 0 };
            (word.owner() == Some(self.own)).then(|| released.without(unmarked))
        };
        match self.change(released) {
            Some(old) if old.next().is_some() => self.wake_next(old),
            Some(old) if old.has(WAITERS) => self.wake_waiters(),
            _ => {}
        }
    }

    /// Wakes the one to whom the lock was handed, who was next in the word before.
    pub(super) fn wake_next(&self, old: Word) {
        if let Some(slot) = old.next().and_then(Id::slot) {
            wake(&self.slots[slot].handovers, i32::MAX);
        }
    }

    /// Wakes one that sleeps, and notifies those that have a descriptor.
    pub(super) fn wake_waiters(&self) {
        wake(&self.header.releases, 1);
        self.env.notify();
    }

    /// Gives the word up in the place of an owner that is dead; whether it was, or there is none.
    /// Who is next but dead is struck off too.
    pub(super) fn release_if_dead(&self) -> bool {
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
        // A dead one comes back only once all 16 bits of its slot's generation have gone round.
        let released = self.change(|now| {
            let mark = if now.is_held() { DIED } else { 0 };
            (now.owner() == Some(owner)).then(|| now.with(mark).released())
        });
        if let Some(old) = released {
            self.wake_next(old);
        }
        true
    }

    /// Whether this handle has the lock alone.
    pub fn is_own(&self) -> bool {
        let word = self.load();
        word.owner() == Some(self.own) && word.is_held()
    }

    pub(super) fn own_slot(&self) -> &Slot {
        &self.slots[self.own.slot().expect("one's own slot is one")]
    }

    /// Counts one reader more of this holder; false if there is no room, or the slot is another's.
    pub(super) fn add_reader(&self) -> bool {
        self.count(|count| count.checked_add(1))
    }

    /// Counts one reader less; false if there was none.
    pub(super) fn remove_reader(&self) -> bool {
        let was_one = self.count(|count| count.checked_sub(1));
        if was_one {
            self.after_reader_exit();
        }
        was_one
    }

    fn count(&self, to: impl Fn(u16) -> Option<u16>) -> bool {
        self.own.count(&self.own_slot().readers, to)
    }

    /// A reader is gone: an owner may wait for that, or somebody with a descriptor.
    fn after_reader_exit(&self) {
        let word = self.load();
        if word.owner().is_some() {
            if word.has(READERS) && !word.has(HANDED) {
                wake(&self.header.reader_exits, 1);
            }
        } else if word.has(WAITERS) {
            let unmarked = |word: Word| {
                let waits = word.owner().is_none() && word.has(WAITERS);
                waits.then(|| word.without(WAITERS))
            };
            if self.change(unmarked).is_some() {
                self.wake_waiters();
            }
        }
    }
}

/// Moves a counter on, and wakes those that sleep on it.
pub(super) fn wake(counter: &AtomicU32, count: i32) {
    // SYNC releases, handovers, reader_exits: SeqCst, behind the change that is told of.
    counter.fetch_add(1, Ordering::SeqCst);
    futex::wake_across(counter, count);
}
