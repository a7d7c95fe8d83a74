//! The shared bytes of a semaphore, which are its object's data: one word that says how many
//! units are free, and a ledger for each slot of what its holder has.
//!
//! The word also says which operation made it what it is. A holder plans an operation in its
//! ledger, does it by one compare-exchange of the word, and commits it in its ledger. Whoever
//! replaces the word first confirms the operation that it shows, in the ledger of that operation's
//! slot ([`Ledger::confirmed`]). So if a holder is killed in the middle of an operation, others can
//! tell whether it was done: then either the word shows it, or its ledger confirms it.
//! (A detectable compare-exchange, as in Attiya, Ben-Baruch and Hendler, "Nesting-Safe Recoverable
//! Linearizability", PODC 2018.)

use crate::object::layout::HOLDERS_MAX;
use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// Most units of a semaphore.
pub const UNITS_MAX: u32 = (1 << 31) - 1;

/// What all holders of a semaphore share; the ledgers follow.
#[repr(C)]
pub struct SharedUnits {
    /// How many are free, and which operation made them so: a [`UnitsWord`].
    pub word: AtomicU64,
    /// The [`HolderId`](crate::object::lock_word::HolderId) of a holder that has waited for long,
    /// and gets the next units; 0: none.
    pub next: AtomicU32,
    pad: [u8; 116],
}

/// What the holder of one slot has: an [`Entry`] each.
#[repr(C)]
pub struct Ledger {
    /// What the holder has if the operation that it is in the middle of was done.
    pub planned: AtomicU64,
    /// What the holder has after its last committed operation.
    pub committed: AtomicU64,
    /// The last of its operations that another holder replaced in the word, and a count of such
    /// confirmations, as [`Confirmed`] has them. Other holders write it.
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

/// The number of an operation of a slot, which goes round; 0: one without a ledger.
pub type Op = u32;

/// Which operation it is: of which slot, and its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpId {
    pub slot: usize,
    pub op: Op,
}

/// What the word says: free units in bits 0 to 30, the slot of the last operation in bits 31 to 40,
/// and that operation's number from bit 41 on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnitsWord(pub u64);

impl UnitsWord {
    pub fn new(free: u32, slot: usize, op: Op) -> UnitsWord {
        UnitsWord(
            u64::from(free & UNITS_MAX) | (slot as u64) << SLOT_SHIFT | u64::from(op) << OP_SHIFT,
        )
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

/// A line of a ledger: how many units a holder has after which of its operations.
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

/// The operation that was confirmed last, and how many confirmations there were.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Confirmed(pub u64);

impl Confirmed {
    pub fn op(self) -> Op {
        self.0 as u32 % OPS
    }

    /// The next confirmation. The count keeps one that was begun long ago from overwriting a later.
    pub fn then(self, op: Op) -> Confirmed {
        Confirmed((self.0 >> OP_BITS).wrapping_add(1) << OP_BITS | u64::from(op))
    }
}

/// The number of the operation after `last`. It is never the confirmed one, as that would confirm
/// the new operation before it is done.
pub fn op_after(last: Op, confirmed: Confirmed) -> Op {
    let after = |op: Op| op % (OPS - 1) + 1;
    match after(last) {
        op if op == confirmed.op() => after(op),
        op => op,
    }
}

impl SharedUnits {
    /// Acquires `count` units without a ledger, if they are free and nobody is next.
    #[inline]
    pub fn acquire_at_once(&self, count: u32) -> bool {
        let less = |free: u32| free.checked_sub(count).filter(|_| count > 0);
        self.next.load(Ordering::SeqCst) == 0 && self.change_at_once(less)
    }

    /// Adds `count` units without a ledger, if nothing is in the way.
    #[inline]
    pub fn release_at_once(&self, count: u32) -> bool {
        self.change_at_once(|free| more(free, count).filter(|_| count > 0))
    }

    /// Changes the free units, if the word shows no operation that must be confirmed first.
    #[inline]
    fn change_at_once(&self, to: impl FnOnce(u32) -> Option<u32>) -> bool {
        let word = UnitsWord(self.word.load(Ordering::SeqCst));
        let Some(free) = to(word.free()).filter(|_| word.op() == 0) else {
            return false;
        };
        let order = Ordering::SeqCst;
        self.word.compare_exchange(word.0, UnitsWord::new(free, 0, 0).0, order, order).is_ok()
    }
}

/// `count` more units, if that can be counted.
#[inline]
pub fn more(free: u32, count: u32) -> Option<u32> {
    free.checked_add(count).filter(|free| *free <= UNITS_MAX)
}

#[cfg(loom)]
impl SharedUnits {
    /// Ones for the model checker, whose atomics are no plain words.
    pub fn model(free: u32) -> SharedUnits {
        let word = AtomicU64::new(UnitsWord::new(free, 0, 0).0);
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
