//! The lock's word: who owns it, who is next, and what whoever releases it must do.
//!
//! | bits | meaning |
//! |---|---|
//! | 0 to 26 | the owner's [`HolderId`]; 0: nobody owns it |
//! | 27 `HANDED` | it was handed over to the owner, which hasn't taken note yet |
//! | 28 `READERS` | some slot may have readers; an owner waits until they have left |
//! | 29 `WAITERS` | somebody may sleep, or have subscribed a descriptor |
//! | 30 `DIED` | an owner died, and nobody has owned the lock since |
//! | 31 `READS` | it was handed over to a reader |
//! | 32 to 58 | the [`HolderId`] that is next: whoever releases the lock hands it over; 0: none |
//! | 59 | the next one is a reader |
//!
//! If nobody owns the lock, nobody is next.

use crate::object::layout::HOLDERS_MAX;
use crate::sync::{AtomicU32, Ordering};

/// Exchanges that fail in a row before a call gives up changing a word.
pub const FAILURES_MAX: u32 = 1 << 16;

pub const HANDED: u64 = 1 << 27;
pub const READERS: u64 = 1 << 28;
pub const WAITERS: u64 = 1 << 29;
pub const DIED: u64 = 1 << 30;
pub const READS: u64 = 1 << 31;

const SLOT_BITS: u32 = 11;
const ID: u64 = (1 << 27) - 1;
const NEXT_SHIFT: u32 = 32;
const NEXT_READS: u64 = 1 << 59;

const _: () = assert!(HOLDERS_MAX < 1 << SLOT_BITS);

/// What the lock is acquired for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// To own it.
    Exclusive,
    /// To be one of the readers.
    Shared,
}

/// One holder: a slot, and the slot's generation while that holder has it. Never 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HolderId(u32);

impl HolderId {
    /// The holder of this slot in this generation, of which the lower 16 bits count.
    pub fn new(slot: usize, generation: u32) -> HolderId {
        HolderId((slot as u32 + 1) | (generation & 0xffff) << SLOT_BITS)
    }

    /// Its slot; None for a number that is no slot's, as any process may have written it.
    pub fn slot(self) -> Option<usize> {
        let slot = (self.0 & ((1 << SLOT_BITS) - 1)) as usize;
        (1..=HOLDERS_MAX).contains(&slot).then(|| slot - 1)
    }

    /// The lower half of its generation.
    pub fn generation(self) -> u32 {
        self.0 >> SLOT_BITS
    }

    /// What a word says of it; never 0.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Changes a count that this holder keeps in the lower half of a word, beside its generation.
    /// False if `to` says None, another holder has the slot by now, or somebody scribbles.
    pub fn count(self, word: &AtomicU32, to: impl Fn(u16) -> Option<u16>) -> bool {
        let mut now = word.load(Ordering::SeqCst);
        for _ in 0..FAILURES_MAX {
            let own = now >> 16 == self.generation();
            let Some(count) = to(now as u16).filter(|_| own) else {
                return false;
            };
            let new = now & 0xffff_0000 | u32::from(count);
            match word.compare_exchange(now, new, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return true,
                Err(other) => now = other,
            }
        }
        false
    }

    /// The holder that a word names; None: nobody.
    pub fn read(bits: u64) -> Option<HolderId> {
        let id = (bits & ID) as u32;
        (id != 0).then_some(HolderId(id))
    }
}

/// What the lock's word said at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LockWord(pub u64);

impl LockWord {
    /// Owned, and nothing else: what the word says while only one holder wants the lock.
    pub fn owned(by: HolderId) -> LockWord {
        LockWord(u64::from(by.0))
    }

    pub fn owner(self) -> Option<HolderId> {
        HolderId::read(self.0)
    }

    pub fn next(self) -> Option<HolderId> {
        HolderId::read(self.0 >> NEXT_SHIFT)
    }

    pub fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    /// Whether the owner has taken note of a handover, and no longer waits for readers.
    pub fn is_held(self) -> bool {
        self.owner().is_some() && !self.has(HANDED | READERS)
    }

    pub fn with(self, flags: u64) -> LockWord {
        LockWord(self.0 | flags)
    }

    pub fn without(self, flags: u64) -> LockWord {
        LockWord(self.0 & !flags)
    }

    pub fn with_owner(self, owner: Option<HolderId>) -> LockWord {
        LockWord(self.0 & !(ID | HANDED | READS) | owner.map_or(0, |id| u64::from(id.0)))
    }

    pub fn with_next(self, next: HolderId, mode: Mode) -> LockWord {
        let reads = if mode == Mode::Shared { NEXT_READS } else { 0 };
        LockWord(self.without_next().0 | u64::from(next.0) << NEXT_SHIFT | reads)
    }

    pub fn without_next(self) -> LockWord {
        self.without(ID << NEXT_SHIFT | NEXT_READS)
    }

    /// The word after its owner has released it: the next one's if that has a valid slot, else
    /// nobody's.
    pub fn released(self) -> LockWord {
        match self.next().filter(|id| id.slot().is_some()) {
            Some(next) => {
                let reads = if self.has(NEXT_READS) { READS } else { 0 };
                self.without_next().with_owner(Some(next)).with(HANDED | reads)
            }
            None => self.without_next().with_owner(None),
        }
    }
}
