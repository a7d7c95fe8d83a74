//! The lock around one direction of a handle: threads take turns. Its holder never waits for
//! anything, so a turn is as long as a copy.
//!
//! It differs from the standard mutex in two ways. Only one sleeping thread is woken at a time
//! (as in Go's sync.Mutex, where the idea of a "woken" bit is from): else each unlock under
//! contention is a system call, and eight senders on one handle are slower than one. And a
//! thread that may not wait leaves a mark, so that the holder knows that somebody went away
//! empty-handed. A thread that has taken many turns in a row owns the door (owner.rs), until
//! another thread comes.

use crate::os::futex;
use crate::os::thread_id::this_thread;
use crate::sync::owner::Bias;
use crate::sync::spin_loop;
use crate::sync::{AtomicU32, Ordering};
use std::cell::UnsafeCell;

/// Somebody has the turn.
const HELD: u32 = 1;
/// A sleeper was woken and has not tried yet: no need to wake another.
const WOKEN: u32 = 2;
/// Somebody who could not wait was turned away.
const LEFT: u32 = 4;
/// One sleeping thread; counted from this bit up.
const SLEEPER: u32 = 8;

/// How often a thread looks before it sleeps or leaves.
#[cfg(not(loom))]
const LOOKS: u32 = 200;
#[cfg(loom)]
const LOOKS: u32 = 1;

/// After how many turns in a row a thread owns the door.
#[cfg(not(loom))]
const TURNS_TO_OWN: u32 = 256;
#[cfg(loom)]
const TURNS_TO_OWN: u32 = 1;

/// A value that one thread at a time can change.
pub struct Turn<T> {
    state: AtomicU32,
    /// Changes with each wake-up; sleepers wait for that.
    wakeups: AtomicU32,
    bias: Bias,
    /// How many turns the last thread took in a row, and which one it was; changed by the holder.
    row: UnsafeCell<(u32, u64)>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is only reached by the one thread that set HELD.
unsafe impl<T: Send> Sync for Turn<T> {}

/// The turn; it ends when this is dropped.
pub struct Guard<'a, T> {
    turn: &'a Turn<T>,
    left: Option<&'a mut bool>,
    /// Through which place it came in as the owner of the door.
    place: Option<usize>,
}

impl<T> Turn<T> {
    /// A value that nobody has the turn for.
    pub fn new(value: T) -> Turn<T> {
        Turn {
            state: AtomicU32::new(0),
            wakeups: AtomicU32::new(0),
            bias: Bias::new(),
            row: UnsafeCell::new((0, 0)),
            value: UnsafeCell::new(value),
        }
    }

    /// Waits for the turn. Who is turned away meanwhile is not heard of.
    #[cfg(any(loom, test))]
    #[cfg_attr(not(loom), allow(dead_code))]
    pub fn take(&self) -> Guard<'_, T> {
        let mut left = false;
        let place = self.bias.enter(&mut left);
        if place.is_none() {
            self.take_lock(true, &mut left);
        }
        Guard { turn: self, left: None, place }
    }

    /// Runs `act` with the turn, or comes back without if another thread has it for long and
    /// `wait` is false. `left` becomes true when somebody else came back without meanwhile.
    #[inline]
    pub fn run<R>(&self, wait: bool, left: &mut bool, act: impl FnOnce(&mut T) -> R) -> Option<R> {
        let place = self.bias.enter(left);
        if place.is_none() && !self.take_lock(wait, left) {
            return None;
        }
        let mut guard = Guard { turn: self, left: Some(left), place };
        Some(act(&mut guard))
    }

    /// Runs `act` with the turn if this thread owns the door: without a locked instruction. Else
    /// nothing is done but what `left` tells.
    #[inline(always)]
    pub fn run_as_owner<R>(&self, left: &mut bool, act: impl FnOnce(&mut T) -> R) -> Option<R> {
        let place = Some(self.bias.enter(left)?);
        let mut guard = Guard { turn: self, left: Some(left), place };
        Some(act(&mut guard))
    }

    /// Takes the lock, and the door from who owns it.
    #[inline(never)]
    fn take_lock(&self, wait: bool, left: &mut bool) -> bool {
        if !self.try_once() {
            if wait {
                self.take_slowly();
            } else if !self.take_or_leave() {
                return false;
            }
        }
        self.bias.revoke();
        if !self.bias.is_empty() && !self.empty_the_room(wait) {
            // Whoever is inside tells of this thread on the way out.
            *left |= self.end();
            return false;
        }
        self.count_in_a_row();
        true
    }

    /// Waits for the last owner to come out.
    #[cold]
    fn empty_the_room(&self, wait: bool) -> bool {
        for _ in 0..LOOKS {
            if self.bias.is_empty() {
                return true;
            }
            spin_loop();
        }
        if !self.bias.ask() {
            return true;
        }
        if wait {
            self.bias.wait();
        }
        wait
    }

    /// Makes this thread the owner, once it has taken many turns in a row and nobody waits.
    fn count_in_a_row(&self) {
        // SAFETY: this thread has the turn.
        let row = unsafe { &mut *self.row.get() };
        let own = this_thread();
        *row = if row.1 == own { (row.0 + 1, own) } else { (0, own) };
        if row.0 >= TURNS_TO_OWN && self.state.load(Ordering::Relaxed) == HELD {
            row.0 = 0;
            self.bias.own();
        }
    }

    #[inline]
    fn try_once(&self) -> bool {
        let free = self.state.compare_exchange(0, HELD, Ordering::Acquire, Ordering::Relaxed);
        free.is_ok()
    }

    /// Takes the turn though others sleep for it, unless it is held.
    fn barge(&self) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        if state & HELD != 0 {
            return false;
        }
        let taken =
            self.state.compare_exchange(state, state | HELD, Ordering::Acquire, Ordering::Relaxed);
        taken.is_ok()
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

    /// Takes the turn, or marks it so that its holder hears of this.
    #[cold]
    fn take_or_leave(&self) -> bool {
        if self.look_a_while() {
            return true;
        }
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let (next, taken) = match state & HELD {
                0 => (state | HELD, true),
                _ => (state | LEFT, false),
            };
            let set =
                self.state.compare_exchange(state, next, Ordering::Acquire, Ordering::Relaxed);
            match set {
                Ok(_) => return taken,
                Err(now) => state = now,
            }
        }
    }

    #[cold]
    fn take_slowly(&self) {
        if self.look_a_while() {
            return;
        }
        // From here on this thread counts as asleep, until it has the turn.
        self.state.fetch_add(SLEEPER, Ordering::Relaxed);
        loop {
            let seen = self.wakeups.load(Ordering::Acquire);
            let state = self.state.load(Ordering::Relaxed);
            // WOKEN goes in any case: whom it was set for may have found the turn free before it
            // slept, and then nobody would ever take it off. One wake-up too many does no harm.
            let next = if state & HELD == 0 { (state | HELD) - SLEEPER } else { state } & !WOKEN;
            let set =
                self.state.compare_exchange(state, next, Ordering::Acquire, Ordering::Relaxed);
            if set.is_err() {
                continue;
            }
            if state & HELD == 0 {
                return;
            }
            futex::wait(&self.wakeups, seen, None);
        }
    }

    #[inline]
    fn end(&self) -> bool {
        let before = self.state.fetch_sub(HELD, Ordering::Release);
        before != HELD && self.end_slowly(before)
    }

    /// Wakes a sleeper, if there is one and none was woken already; whether somebody left.
    #[cold]
    fn end_slowly(&self, before: u32) -> bool {
        let left = before & LEFT != 0 && self.state.fetch_and(!LEFT, Ordering::Relaxed) & LEFT != 0;
        let state = self.state.load(Ordering::Relaxed);
        let sleeps = state >= SLEEPER && state & (HELD | WOKEN) == 0;
        if sleeps {
            let set = self.state.compare_exchange(
                state,
                state | WOKEN,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            // Where it failed, whoever changed the state has the turn, and will end it.
            if set.is_ok() {
                self.wakeups.fetch_add(1, Ordering::Release);
                futex::wake(&self.wakeups, 1);
            }
        }
        left
    }
}

impl<T> std::ops::Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: this thread set HELD and no other can reach the value.
        unsafe { &*self.turn.value.get() }
    }
}

impl<T> std::ops::DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and the guard is borrowed alone.
        unsafe { &mut *self.turn.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let somebody_left = match self.place {
            Some(place) => self.turn.bias.exit(place),
            None => self.turn.end(),
        };
        if let Some(left) = self.left.as_deref_mut() {
            *left |= somebody_left;
        }
    }
}
