//! The lock's word: who has it, who gets it next, and what whoever gives it up must know.
//!
//! | bits | meaning |
//! |---|---|
//! | 0 to 26 | the owner's [`Id`]; 0: nobody has it alone |
//! | 27 `HANDED` | it was handed to the owner, which hasn't taken note yet |
//! | 28 `READERS` | some slot may have readers; an owner beside it waits for them and has nothing |
//! | 29 `WAITERS` | somebody may sleep, or have asked for a readable descriptor |
//! | 30 `DIED` | an owner died, and nobody has had the lock alone since |
//! | 31 `READS` | whom it was handed to only wants to read |
//! | 32 to 58 | the [`Id`] that the lock must be handed to; 0: nobody has waited for long |
//! | 59 | that one only wants to read |
//!
//! Where nobody owns it nobody is next either.

use crate::object::layout::HOLDERS_MAX;
use crate::sync::{AtomicU32, Ordering};

/// Exchanges that fail in a row before a call goes on without.
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

/// One taking of a slot: the slot, and its generation then. Never 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Id(u32);

impl Id {
    /// The holder of this slot in this generation, of which the lower half counts.
    pub fn new(slot: usize, generation: u32) -> Id {
        Id((slot as u32 + 1) | (generation & 0xffff) << SLOT_BITS)
    }

    /// Its slot; None for a number that is none, as anybody may have written it.
    pub fn slot(self) -> Option<usize> {
        let slot = (self.0 & ((1 << SLOT_BITS) - 1)) as usize;
        (1..=HOLDERS_MAX).contains(&slot).then(|| slot - 1)
    }

    /// The lower half of its generation.
    pub fn generation(self) -> u32 {
        self.0 >> SLOT_BITS
    }

    /// As it stands in a word; never 0.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Changes a count that this holder keeps in the lower half of a word, beside its generation;
    /// false if `to` says so, the word is another's by now, or somebody scribbles.
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

    /// Whom a word means; None: nobody.
    pub fn read(bits: u64) -> Option<Id> {
        let id = (bits & ID) as u32;
        (id != 0).then_some(Id(id))
    }
}

/// What the lock's word said at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Word(pub u64);

impl Word {
    /// Owned, and nothing else: what a lock is while only one wants it.
    pub fn owned(by: Id) -> Word {
        Word(u64::from(by.0))
    }

    pub fn owner(self) -> Option<Id> {
        Id::read(self.0)
    }

    pub fn next(self) -> Option<Id> {
        Id::read(self.0 >> NEXT_SHIFT)
    }

    pub fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    /// Whether the owner has it for good, not only on its way there.
    pub fn is_held(self) -> bool {
        self.owner().is_some() && !self.has(HANDED | READERS)
    }

    pub fn with(self, flags: u64) -> Word {
        Word(self.0 | flags)
    }

    pub fn without(self, flags: u64) -> Word {
        Word(self.0 & !flags)
    }

    pub fn with_owner(self, owner: Option<Id>) -> Word {
        Word(self.0 & !(ID | HANDED | READS) | owner.map_or(0, |id| u64::from(id.0)))
    }

    pub fn with_next(self, next: Id, reads: bool) -> Word {
        let reads = if reads { NEXT_READS } else { 0 };
        Word(self.without_next().0 | u64::from(next.0) << NEXT_SHIFT | reads)
    }

    pub fn without_next(self) -> Word {
        self.without(ID << NEXT_SHIFT | NEXT_READS)
    }

    /// The word without its owner: the next one's if there is one that can be told, else nobody's.
    pub fn released(self) -> Word {
        match self.next().filter(|id| id.slot().is_some()) {
            Some(next) => {
                let reads = if self.has(NEXT_READS) { READS } else { 0 };
                self.without_next().with_owner(Some(next)).with(HANDED | reads)
            }
            None => self.without_next().with_owner(None),
        }
    }
}
