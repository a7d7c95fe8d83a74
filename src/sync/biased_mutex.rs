//! The lock around one direction of a handle. Its holder never waits for anything, so the lock is
//! held as long as a copy takes.
//!
//! It differs from the standard mutex in three ways.
//! - An unlock wakes only one sleeping thread at a time (as in Go's sync.Mutex, from which the idea
//!   of a "woken" bit comes). Otherwise each unlock under contention is a system call, and eight
//!   senders on one handle are slower than one.
//! - A thread that may not wait leaves a mark when it is turned away. The holder sees the mark when
//!   it unlocks, and makes the other's descriptor readable.
//! - It is biased towards a thread that has locked it many times in a row: that thread owns it
//!   (owner.rs), and locks it without a locked instruction until another thread comes.

use crate::os::futex;
use crate::os::thread_id::this_thread;
use crate::sync::owner::{Bias, Entry};
use crate::sync::spin_loop;
use crate::sync::{AtomicU32, Ordering};
use std::cell::UnsafeCell;

/// A thread holds the lock.
const LOCKED: u32 = 1;
/// A sleeper was woken and has not tried to lock yet, so no other need be woken.
const WOKEN: u32 = 2;
/// A thread that may not wait was turned away.
const TURNED_AWAY: u32 = 4;
/// One sleeping thread. The sleepers are counted from this bit up.
const SLEEPER: u32 = 8;

/// How often a thread tries before it sleeps or is turned away.
#[cfg(not(loom))]
const LOOKS: u32 = 200;
#[cfg(loom)]
const LOOKS: u32 = 1;

/// How many times in a row a thread must lock it to own it.
#[cfg(not(loom))]
const LOCKS_TO_OWN: u32 = 256;
#[cfg(loom)]
const LOCKS_TO_OWN: u32 = 1;

/// Whether a thread sleeps until the lock is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// The thread sleeps until the lock is free.
    Wait,
    /// The thread tries for a moment only.
    Try,
}

/// Why a thread did not get the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Another thread holds it.
    Held,
    /// A holder panicked, and may have left the value half changed.
    Poisoned,
}

/// The outcome of an attempt to lock.
pub struct Attempt<R> {
    /// What the holder's closure returned.
    pub result: Result<R, Refused>,
    /// Whether a thread that may not wait was turned away meanwhile.
    pub turned_away: bool,
}

/// A value that one thread at a time can change.
pub struct BiasedMutex<T> {
    state: AtomicU32,
    /// Increases with each wake-up; sleepers wait for that.
    wakeups: AtomicU32,
    bias: Bias,
    /// Only the holder changes it.
    held: UnsafeCell<HeldState>,
    value: UnsafeCell<T>,
}

/// What the lock guards besides its value.
struct HeldState {
    /// The thread that locked it last, and how many times in a row that thread had locked it
    /// before.
    last: u64,
    in_a_row: u32,
    is_poisoned: bool,
}

// SAFETY: only the one thread that holds the lock reaches the value and the held state.
unsafe impl<T: Send> Sync for BiasedMutex<T> {}

/// The outcome of locking the word.
enum WordLock {
    Locked,
    /// Another thread holds the lock. `turned_away`: a third thread was turned away while this one
    /// held the word.
    Refused {
        turned_away: bool,
    },
}

/// How the lock was acquired.
#[derive(Clone, Copy)]
enum Via {
    /// By its owner, through this place.
    Bias(usize),
    /// By the word.
    Word,
}

/// The lock while `act` runs. It is dropped only if `act` panics.
struct Holding<'a, T> {
    mutex: &'a BiasedMutex<T>,
    via: Via,
}

impl<T> Holding<'_, T> {
    /// Whether a thread was turned away meanwhile.
    #[inline]
    fn unlock(self) -> bool {
        let turned_away = self.mutex.unlock(self.via);
        std::mem::forget(self);
        turned_away
    }
}

impl<T> Drop for Holding<'_, T> {
    #[cold]
    fn drop(&mut self) {
        // SAFETY: this thread holds the lock.
        unsafe { (*self.mutex.held.get()).is_poisoned = true };
        self.mutex.unlock(self.via);
    }
}

impl<T> BiasedMutex<T> {
    /// Guards a value, which no thread has locked.
    pub fn new(value: T) -> BiasedMutex<T> {
        BiasedMutex {
            state: AtomicU32::new(0),
            wakeups: AtomicU32::new(0),
            bias: Bias::new(),
            held: UnsafeCell::new(HeldState { last: 0, in_a_row: 0, is_poisoned: false }),
            value: UnsafeCell::new(value),
        }
    }

    /// Runs `act` with the lock held.
    #[inline]
    pub fn run<R>(&self, patience: Patience, act: impl FnOnce(&mut T) -> R) -> Attempt<R> {
        let entry = self.bias.enter();
        let via = match entry {
            Entry::Inside(place) => Via::Bias(place),
            Entry::Stranger | Entry::Revoked { .. } => match self.lock_word(patience) {
                WordLock::Locked => Via::Word,
                WordLock::Refused { turned_away } => {
                    let turned_away = turned_away | entry.asked();
                    return Attempt { result: Err(Refused::Held), turned_away };
                }
            },
        };
        let Attempt { result, turned_away } = self.run_held(via, act);
        Attempt { result, turned_away: turned_away | entry.asked() }
    }

    /// Runs `act` with the lock held, if this thread owns it: without a locked instruction.
    #[inline(always)]
    pub fn run_as_owner<R>(&self, act: impl FnOnce(&mut T) -> R) -> Attempt<R> {
        match self.bias.enter() {
            Entry::Inside(place) => self.run_held(Via::Bias(place), act),
            entry => Attempt { result: Err(Refused::Held), turned_away: entry.asked() },
        }
    }

    /// Runs `act` with the lock held if no thread holds it or sleeps for it. For a thread that does
    /// not own it, this is the short way.
    #[inline]
    pub fn run_if_free<R>(&self, act: impl FnOnce(&mut T) -> R) -> Attempt<R> {
        if !self.try_once() {
            return Attempt { result: Err(Refused::Held), turned_away: false };
        }
        self.bias.revoke();
        if !self.bias.is_empty() {
            return Attempt { result: Err(Refused::Held), turned_away: self.unlock_word() };
        }
        self.count_in_a_row();
        self.run_held(Via::Word, act)
    }

    #[inline(always)]
    fn run_held<R>(&self, via: Via, act: impl FnOnce(&mut T) -> R) -> Attempt<R> {
        let holding = Holding { mutex: self, via };
        // SAFETY: this thread holds the lock, so no other reaches the held state or the value.
        let (is_poisoned, value) =
            unsafe { ((*self.held.get()).is_poisoned, &mut *self.value.get()) };
        let result = if is_poisoned { Err(Refused::Poisoned) } else { Ok(act(value)) };
        Attempt { result, turned_away: holding.unlock() }
    }

    /// Locks the word, and takes the bias from the thread that has it.
    #[inline(never)]
    fn lock_word(&self, patience: Patience) -> WordLock {
        if !self.try_once() {
            match patience {
                Patience::Wait => self.lock_slowly(),
                Patience::Try if self.lock_or_mark() => {}
                Patience::Try => return WordLock::Refused { turned_away: false },
            }
        }
        self.bias.revoke();
        if !self.bias.is_empty() && !self.await_owner(patience) {
            // The owner tells about this thread when it unlocks.
            return WordLock::Refused { turned_away: self.unlock_word() };
        }
        self.count_in_a_row();
        WordLock::Locked
    }

    /// Waits until the last owner has unlocked.
    #[cold]
    fn await_owner(&self, patience: Patience) -> bool {
        for _ in 0..LOOKS {
            if self.bias.is_empty() {
                return true;
            }
            spin_loop();
        }
        if !self.bias.ask() {
            return true;
        }
        match patience {
            Patience::Wait => self.bias.wait(),
            Patience::Try => return false,
        }
        true
    }

    /// Makes this thread the owner, once it has locked many times in a row and no thread waits.
    fn count_in_a_row(&self) {
        // SAFETY: this thread holds the lock.
        let held = unsafe { &mut *self.held.get() };
        let own = this_thread();
        held.in_a_row = if held.last == own { held.in_a_row + 1 } else { 0 };
        held.last = own;
        if held.in_a_row >= LOCKS_TO_OWN && self.state.load(Ordering::Relaxed) == LOCKED {
            held.in_a_row = 0;
            self.bias.own();
        }
    }

    #[inline]
    fn try_once(&self) -> bool {
        let free = self.state.compare_exchange(0, LOCKED, Ordering::Acquire, Ordering::Relaxed);
        free.is_ok()
    }

    /// Locks ahead of the sleepers, unless the lock is held.
    fn barge(&self) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        if state & LOCKED != 0 {
            return false;
        }
        let locked = state | LOCKED;
        self.state.compare_exchange(state, locked, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    fn look_a_while(&self) -> bool {
        for _ in 0..LOOKS {
            if self.barge() {
                return true;
            }
            spin_loop();
        }
        false
    }

    /// Locks, or marks the lock so that its holder learns of this thread.
    #[cold]
    fn lock_or_mark(&self) -> bool {
        if self.look_a_while() {
            return true;
        }
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let (next, locked) = match state & LOCKED {
                0 => (state | LOCKED, true),
                _ => (state | TURNED_AWAY, false),
            };
            let set =
                self.state.compare_exchange(state, next, Ordering::Acquire, Ordering::Relaxed);
            match set {
                Ok(_) => return locked,
                Err(now) => state = now,
            }
        }
    }

    #[cold]
    fn lock_slowly(&self) {
        if self.look_a_while() {
            return;
        }
        // From here on this thread counts as asleep, until it holds the lock.
        self.state.fetch_add(SLEEPER, Ordering::Relaxed);
        loop {
            let seen = self.wakeups.load(Ordering::Acquire);
            let state = self.state.load(Ordering::Relaxed);
            // WOKEN is cleared in any case. The thread for which it was set may have found the lock
            // free before it slept, and then no thread would ever clear WOKEN. A needless wake-up
            // does no harm.
            let next = match state & LOCKED {
                0 => ((state | LOCKED) - SLEEPER) & !WOKEN,
                _ => state & !WOKEN,
            };
            let set =
                self.state.compare_exchange(state, next, Ordering::Acquire, Ordering::Relaxed);
            if set.is_err() {
                continue;
            }
            if state & LOCKED == 0 {
                return;
            }
            futex::wait_here(&self.wakeups, seen, None);
        }
    }

    /// Whether a thread was turned away meanwhile.
    #[inline]
    fn unlock(&self, via: Via) -> bool {
        match via {
            Via::Bias(place) => self.bias.exit(place),
            Via::Word => self.unlock_word(),
        }
    }

    #[inline]
    fn unlock_word(&self) -> bool {
        let before = self.state.fetch_sub(LOCKED, Ordering::Release);
        before != LOCKED && self.unlock_slowly(before)
    }

    /// Wakes a sleeper, if there is one and no sleeper is woken already.
    #[cold]
    fn unlock_slowly(&self, before: u32) -> bool {
        let turned_away = before & TURNED_AWAY != 0
            && self.state.fetch_and(!TURNED_AWAY, Ordering::Relaxed) & TURNED_AWAY != 0;
        let state = self.state.load(Ordering::Relaxed);
        let sleeps = state >= SLEEPER && state & (LOCKED | WOKEN) == 0;
        if sleeps {
            let woken = state | WOKEN;
            let set =
                self.state.compare_exchange(state, woken, Ordering::Relaxed, Ordering::Relaxed);
            // If the exchange failed, the thread that changed the state holds the lock, and will
            // unlock it.
            if set.is_ok() {
                self.wakeups.fetch_add(1, Ordering::Release);
                futex::wake_here(&self.wakeups, 1);
            }
        }
        turned_away
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// A poisoned lock refuses: its next holder would go on with a value that is half changed.
    #[test]
    fn a_holder_that_panicked_is_told_of() {
        let mutex = BiasedMutex::new(0);
        let half = AssertUnwindSafe(|| {
            mutex.run(Patience::Wait, |value| {
                *value = 1;
                panic!("half way");
            })
        });
        assert!(catch_unwind(half).is_err());
        let next = mutex.run(Patience::Wait, |value| *value);
        assert_eq!(next.result, Err(Refused::Poisoned));
    }

    #[test]
    fn an_owner_that_panicked_is_told_of() {
        let mutex = BiasedMutex::new(0);
        (0..=LOCKS_TO_OWN)
            .for_each(|_| assert!(mutex.run(Patience::Wait, |value| *value += 1).result.is_ok()));
        assert!(mutex.run_as_owner(|_| ()).result.is_ok(), "this thread owns it");
        let half = AssertUnwindSafe(|| mutex.run_as_owner(|_| panic!("half way")));
        assert!(catch_unwind(half).is_err());
        assert_eq!(mutex.run_as_owner(|_| ()).result, Err(Refused::Poisoned));
        assert_eq!(mutex.run(Patience::Try, |_| ()).result, Err(Refused::Poisoned));
    }
}
