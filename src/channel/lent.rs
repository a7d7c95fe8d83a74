//! What a channel has lent: the id of each loan or view, and where its bytes are.

use crate::memory::Lent;
use crate::ring::spans::SpanId;
use crate::transport::message::Head;

/// A loan or a view of one channel. One word, as it is moved often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LentId(u64);

/// Where the bytes of a loan or view are, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    InRing(SpanId),
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

    /// Where its bytes are.
    #[inline]
    pub fn place(self) -> Place {
        match self.0 & LentId::ON_HEAP {
            0 => Place::InRing(SpanId(self.0)),
            _ => Place::OnHeap(HeapId(self.0 & !LentId::ON_HEAP)),
        }
    }

    /// A number below `1 << BITS`, for the ABI.
    #[inline]
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// The id that [`LentId::to_bits`] gave these bits for.
    #[inline]
    pub fn from_bits(bits: u64) -> LentId {
        LentId(bits)
    }
}

impl From<SpanId> for LentId {
    #[inline]
    fn from(SpanId(number): SpanId) -> LentId {
        LentId(number)
    }
}

impl From<HeapId> for LentId {
    #[inline]
    fn from(HeapId(number): HeapId) -> LentId {
        LentId(number | LentId::ON_HEAP)
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
