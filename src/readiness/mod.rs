//! When a channel's two descriptors are readable: one for receiving, one for sending.
//!
//! A descriptor shows a state, not an event: every caller that looks sees it, however late, and
//! whatever other callers did meanwhile. Each has a mark, and is readable while the mark is set.
//! Only a call that finds nothing to do, and may not wait, takes the mark off; then what the
//! transport sleeps on makes the descriptor readable.
//!
//! The rules that keep an event from getting lost:
//! - A call takes its mark off, drains the wake-ups, arms, and then looks once more.
//! - The wake-ups of a ring tell of both messages and room. A thread that drains them arms and
//!   looks for each descriptor whose mark is off, and sets the mark if there is something.
//! - Marks change under a lock. A thread that finds a mark set leaves it alone, and has drained
//!   before the mark is taken off: the thread that takes it off sees what the drained wake-up told
//!   of.

#[cfg(not(loom))]
pub mod descriptor;
pub mod interest;
pub mod waiters;

use crate::error::Result;
use crate::readiness::interest::Interest;
use crate::readiness::waiters::{Source, Step, Waiters};
use crate::sync::{AtomicU32, Mutex, Ordering, lock};
use std::sync::OnceLock;

/// The direction of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Messages, the end, and what the library itself must still send.
    Receive,
    /// Room to send, and the end.
    Send,
}

/// Both directions.
pub const DIRECTIONS: [Direction; 2] = [Direction::Receive, Direction::Send];

impl Direction {
    /// What a thread of this direction waits for.
    pub fn interest(self) -> Interest {
        match self {
            Direction::Receive => Interest::READ,
            Direction::Send => Interest::WRITE,
        }
    }

    /// The direction of a call with this interest.
    pub fn of(interest: Interest) -> Direction {
        if interest.has(Interest::WRITE) { Direction::Send } else { Direction::Receive }
    }

    fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Whether a descriptor's mark is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Set: the descriptor is readable.
    Set,
    /// Off: the descriptor shows what the transport sleeps on.
    Off,
}

/// A descriptor that shows a mark, and what the transport sleeps on.
pub trait Shows {
    /// Sets the mark, or takes it off.
    fn show(&self, mark: Mark);
    /// What makes it readable now, besides the mark.
    fn ready(&self) -> Ready;
}

/// What makes a descriptor readable besides its mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// There are wake-ups to drain.
    pub wake_up: bool,
    /// The peer has ended.
    pub end: bool,
    /// Anything else: looking tells what.
    pub other: bool,
}

/// A channel as its descriptors see it.
pub trait Shown: Source {
    /// Whether a call of this direction may succeed now.
    fn may(&self, direction: Direction) -> bool;
    /// Whether looking again would find nothing. The mark was just taken off; `ready` is all that
    /// makes the descriptor readable now.
    fn is_idle(&self, direction: Direction, ready: Ready) -> bool;
    /// Looks whether the peer has ended.
    fn look_at_peer(&self);
    /// Takes back the wish to be woken for room; false if there was none.
    fn disarm(&self) -> bool;
    /// Wakes the threads that sleep on this side.
    fn wake_self(&self);
}

/// The descriptors of a channel. Each is made when a program asks for it.
pub struct Readiness<D> {
    /// Bits of the directions whose descriptors were asked for.
    watched: AtomicU32,
    descriptors: [OnceLock<D>; 2],
    /// Bits of the directions that are marked.
    marked: Mutex<u32>,
    /// Bits of the directions that are not marked, to be read without the lock.
    unmarked: AtomicU32,
}

impl<D: Shows> Readiness<D> {
    /// No descriptor is watched; both directions are readable from the start.
    pub fn new() -> Readiness<D> {
        Readiness {
            watched: AtomicU32::new(0),
            descriptors: [OnceLock::new(), OnceLock::new()],
            marked: Mutex::new(Direction::Receive.bit() | Direction::Send.bit()),
            unmarked: AtomicU32::new(0),
        }
    }

    /// Whether a program watches this descriptor. If not, no call does anything for it.
    #[inline]
    pub fn is_watched(&self, direction: Direction) -> bool {
        // SeqCst: a call that misses this began before the descriptor was given out, and the
        // descriptor starts readable.
        self.watched.load(Ordering::SeqCst) & direction.bit() != 0
    }

    /// Whether a program watches either.
    #[inline]
    pub fn is_watched_at_all(&self) -> bool {
        self.watched.load(Ordering::SeqCst) != 0
    }

    /// The descriptor, if a program has asked for it.
    pub fn get(&self, direction: Direction) -> Option<&D> {
        self.descriptors[direction as usize].get()
    }

    /// Gives out a descriptor, which shows a mark. If there is one already, that one stays.
    pub fn set(&self, direction: Direction, descriptor: D) -> &D {
        // No mark is ever taken off before a descriptor is watched.
        let descriptor = self.descriptors[direction as usize].get_or_init(|| descriptor);
        self.watched.fetch_or(direction.bit(), Ordering::SeqCst);
        descriptor
    }

    /// Makes the descriptor readable until a call finds nothing to do.
    #[inline]
    pub fn mark(&self, direction: Direction) {
        if self.is_watched(direction) {
            self.change(direction, Mark::Set);
        }
    }

    /// Makes both readable: at the end, and once the channel is connected.
    #[inline]
    pub fn mark_both(&self) {
        DIRECTIONS.into_iter().for_each(|direction| self.mark(direction));
    }

    /// Takes the mark off. The caller looks once more.
    pub fn unmark(&self, direction: Direction) {
        if self.is_watched(direction) {
            self.change(direction, Mark::Off);
        }
    }

    fn change(&self, direction: Direction, mark: Mark) {
        let mut marked = lock(&self.marked);
        if (*marked & direction.bit() != 0) != (mark == Mark::Set) {
            *marked ^= direction.bit();
            self.unmarked.fetch_xor(direction.bit(), Ordering::Relaxed);
            if let Some(descriptor) = self.get(direction) {
                descriptor.show(mark);
            }
        }
    }

    /// Whether the mark may be off. A call that misses a change ran at the same time.
    #[inline]
    pub fn may_be_unmarked(&self, direction: Direction) -> bool {
        self.unmarked.load(Ordering::Relaxed) & direction.bit() != 0
    }

    /// Whether a program relies on being woken for this direction.
    pub fn is_unmarked(&self, direction: Direction) -> bool {
        self.is_watched(direction) && *lock(&self.marked) & direction.bit() == 0
    }

    /// Makes the descriptor of a call unreadable, as the call found nothing to do and may not wait,
    /// and tries once more. `interest` is what the call waits for, with everything that it does on
    /// the way.
    pub fn refuse<T>(
        &self,
        direction: Direction,
        source: &impl Shown,
        waiters: &Waiters,
        interest: Interest,
        attempt: &mut dyn FnMut() -> Result<Step<T>>,
    ) -> Result<Step<T>> {
        self.unmark(direction);
        let all = Ready { wake_up: true, end: true, other: true };
        let ready = self.get(direction).map_or(all, Shows::ready);
        if ready.wake_up && waiters.drain(source) {
            self.after_drain(source, Some(direction));
        }
        if ready.end {
            source.look_at_peer();
        }
        source.arm(interest);
        if source.is_idle(direction, ready) {
            return Ok(Step::Blocked);
        }
        let step = attempt();
        match &step {
            // The thread that holds the lock marks the descriptor when it is done.
            Ok(Step::Blocked | Step::Busy) => {}
            Ok(Step::Done(_) | Step::Choked | Step::More) => self.mark(direction),
            Err(_) => self.mark_both(),
        }
        step
    }

    /// Takes back the wish to be woken for room, as a send has waited for room and got it. The wish
    /// stays if others wait, or if `owes`.
    pub fn disarm(&self, source: &impl Shown, waiters: &Waiters, owes: impl Fn() -> bool) {
        let is_needed = || self.is_unmarked(Direction::Send) || waiters.waits_to_write() || owes();
        // A thread that began to wait in between has looked already: it is woken to look again.
        if !is_needed() && source.disarm() && is_needed() {
            source.wake_self();
        }
    }

    /// Looks for the descriptors after wake-ups were drained, as these may have been for any of
    /// them. The caller looks for the direction `but` itself.
    pub fn after_drain(&self, source: &impl Shown, but: Option<Direction>) {
        for direction in DIRECTIONS {
            if Some(direction) != but && self.is_unmarked(direction) {
                source.arm(direction.interest());
                if source.may(direction) {
                    self.mark(direction);
                }
            }
        }
    }
}
