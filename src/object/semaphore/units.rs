//! The shared bytes of a semaphore, which are its object's data: one word that says how many
//! units are free, and a ledger for each slot of what its holder has.
//!
//! The word also says whose act made it what it is. An act is planned in the ledger, done by one
//! compare-exchange of the word, and then booked in the ledger. Whoever replaces a word first tells
//! the one whose act it shows, in [`Ledger::confirmed`]. So of one that was killed in the middle of
//! an act it can be told whether it was done: the word shows it, or its ledger has been told. (A
//! detectable compare-exchange, as in Attiya, Ben-Baruch and Hendler, "Nesting-Safe Recoverable
//! Linearizability", PODC 2018.)

use crate::object::layout::HOLDERS_MAX;
use crate::sync::{AtomicU32, AtomicU64};

/// Most units of a semaphore.
pub const UNITS_MAX: u32 = (1 << 31) - 1;

/// What all holders of a semaphore share; the ledgers follow.
#[repr(C)]
pub struct SharedUnits {
    /// How many are free, by whose act: a [`Word`].
    pub word: AtomicU64,
    /// The [`Id`](crate::object::lock_word::Id) of who has waited for long, and gets the next
    /// units; 0: nobody.
    pub next: AtomicU32,
    pad: [u8; 116],
}

/// What the holder of one slot has: an [`Entry`] each.
#[repr(C)]
pub struct Ledger {
    /// What it has by the act that it is in the middle of, if that was done.
    pub planned: AtomicU64,
    /// What it has by the act before, or by that one once it is booked.
    pub committed: AtomicU64,
    /// The last of its acts that another replaced in the word, and a count of those tellings, as
    /// [`Confirmed`] has them; written by others.
    pub confirmed: AtomicU64,
    pad: [u8; 40],
}

/// Where the ledgers begin, in a semaphore's data.
pub const LEDGERS_OFFSET: usize = size_of::<SharedUnits>();
/// Bytes of a semaphore's data.
pub const UNITS_SIZE: usize = LEDGERS_OFFSET + HOLDERS_MAX * size_of::<Ledger>();

#[cfg(not(loom))]
const _: () = {
    use std::mem::offset_of;
    assert!(offset_of!(SharedUnits, word) == 0);
    assert!(offset_of!(SharedUnits, next) == 8);
    assert!(LEDGERS_OFFSET == 128);
    assert!(offset_of!(Ledger, planned) == 0);
    assert!(offset_of!(Ledger, committed) == 8);
    assert!(offset_of!(Ledger, confirmed) == 16);
    assert!(size_of::<Ledger>() == 64);
};

const SLOT_SHIFT: u32 = 31;
const OP_SHIFT: u32 = 41;
const OP_BITS: u32 = 64 - OP_SHIFT;
const OPS: u32 = 1 << OP_BITS;

const _: () = assert!(HOLDERS_MAX <= 1 << (OP_SHIFT - SLOT_SHIFT));

/// An act of a slot, by its number, which goes round; 0: an act that nobody keeps account of.
pub type Op = u32;

/// What the word says: free units in bits 0 to 30, the slot of the last act in 31 to 40, and from
/// 41 on its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Word(pub u64);

impl Word {
    pub fn new(free: u32, slot: usize, op: Op) -> Word {
        Word(u64::from(free & UNITS_MAX) | (slot as u64) << SLOT_SHIFT | u64::from(op) << OP_SHIFT)
    }

    pub fn free(self) -> u32 {
        self.0 as u32 & UNITS_MAX
    }

    /// Below [`HOLDERS_MAX`], whatever anybody wrote.
    pub fn slot(self) -> usize {
        (self.0 >> SLOT_SHIFT) as usize % HOLDERS_MAX
    }

    pub fn op(self) -> Op {
        (self.0 >> OP_SHIFT) as Op
    }
}

/// A line of a ledger: how many units a holder has by which of its acts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    pub op: Op,
    pub held: u32,
}

impl Entry {
    pub fn read(bits: u64) -> Entry {
        Entry { op: (bits >> 32) as u32 % OPS, held: bits as u32 & UNITS_MAX }
    }

    pub fn bits(self) -> u64 {
        u64::from(self.op) << 32 | u64::from(self.held)
    }
}

/// An act that others have seen, and how often they have told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Confirmed(pub u64);

impl Confirmed {
    pub fn op(self) -> Op {
        self.0 as u32 % OPS
    }

    /// The next telling; the count keeps one that was begun long ago from overwriting a later.
    pub fn then(self, op: Op) -> Confirmed {
        Confirmed((self.0 >> OP_BITS).wrapping_add(1) << OP_BITS | u64::from(op))
    }
}

/// The number of the act after `last`, which none is that others have seen.
pub fn op_after(last: Op, confirmed: Confirmed) -> Op {
    let after = |op: Op| op % (OPS - 1) + 1;
    match after(last) {
        op if op == confirmed.op() => after(op),
        op => op,
    }
}

#[cfg(loom)]
impl SharedUnits {
    /// Ones for the model checker, whose atomics are no plain words.
    pub fn model(free: u32) -> SharedUnits {
        let word = AtomicU64::new(Word::new(free, 0, 0).0);
        SharedUnits { word, next: AtomicU32::new(0), pad: [0; 116] }
    }
}

#[cfg(loom)]
impl Ledger {
    /// One for the model checker.
    pub fn model() -> Ledger {
        let word = || AtomicU64::new(0);
        Ledger { planned: word(), committed: word(), confirmed: word(), pad: [0; 40] }
    }
}
