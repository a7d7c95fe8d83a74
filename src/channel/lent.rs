//! What a channel has lent: the id of each loan or view, and where its bytes are.

use crate::memory::Lent;
use crate::ring::spans::SpanId;
use crate::transport::message::Head;

/// A loan or a view of one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LentId {
    /// Its bytes are in the ring.
    InRing(SpanId),
    /// Its bytes are on the heap.
    OnHeap(HeapId),
}

/// The number of a loan or view whose bytes are on the heap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct HeapId(u64);

impl HeapId {
    /// The number after this one.
    pub fn next(self) -> HeapId {
        HeapId(self.0 + 1)
    }
}

impl LentId {
    /// How many bits [`LentId::to_bits`] uses.
    pub const BITS: u32 = 48;
    const ON_HEAP: u64 = 1 << (LentId::BITS - 1);

    /// A number below `1 << BITS`, for the ABI.
    pub fn to_bits(self) -> u64 {
        match self {
            LentId::InRing(SpanId(number)) => number,
            LentId::OnHeap(HeapId(number)) => number | LentId::ON_HEAP,
        }
    }

    /// The id that [`LentId::to_bits`] gave these bits for.
    pub fn from_bits(bits: u64) -> LentId {
        match bits & LentId::ON_HEAP {
            0 => LentId::InRing(SpanId(bits)),
            _ => LentId::OnHeap(HeapId(bits & !LentId::ON_HEAP)),
        }
    }
}

/// A message that was lent to its receiver.
#[derive(Clone, Copy)]
pub struct ViewParts {
    pub head: Head,
    pub id: LentId,
    pub bytes: Lent,
}

/// A message that is being written in place.
pub struct LoanParts {
    pub id: LentId,
    pub bytes: Lent,
}
