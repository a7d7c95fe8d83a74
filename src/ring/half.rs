//! What the writer and the reader of a ring have in common: where its words and its bytes are.

use crate::memory::prefetch::{LINE, Prefetch};
use crate::ring::layout::{RingControl, payload_size_max};
use crate::ring::mapping::{RingBytes, Shared};
use crate::ring::own_waits::OwnWaits;
use std::sync::Arc;

/// How far in front of what is written lines are fetched: half a dozen small records, as long as
/// it takes another processor to let go of a line.
const AHEAD: u64 = 8 * LINE;

/// One half's view of a ring.
pub(super) struct Half {
    shared: Arc<Shared>,
    ring: usize,
    pub bytes: RingBytes,
    prefetch: Prefetch,
}

impl Half {
    pub fn new(shared: &Arc<Shared>, ring: usize) -> Half {
        let bytes = shared.bytes(ring);
        Half { shared: Arc::clone(shared), ring, bytes, prefetch: Prefetch::new() }
    }

    #[inline]
    pub fn control(&self) -> &RingControl {
        &self.shared.control().rings[self.ring]
    }

    #[inline]
    pub fn own_waits(&self) -> &OwnWaits {
        self.shared.own_waits(self.ring)
    }

    /// Where position `at` is; a whole ring's size of bytes follows it.
    #[inline]
    pub fn address(&self, at: u64) -> *mut u8 {
        let offset = (at & (self.bytes.size - 1)) as usize;
        // SAFETY: the offset is less than the ring's size, and the ring is mapped.
        unsafe { self.bytes.base.as_ptr().add(offset) }
    }

    /// Fetches lines that a later record is written to than the one that ended at `at`, where the
    /// reader was through with them when it was last seen at `head`. Else each store to a line
    /// that the reader had waits until it lets go, and all stores behind it do too.
    #[inline(always)]
    pub fn fetch_ahead(&self, at: u64, head: u64) {
        let ahead = at + AHEAD;
        if ahead + 2 * LINE - head <= self.bytes.size {
            self.prefetch.to_write(self.address(ahead));
            self.prefetch.to_write(self.address(ahead + LINE));
        }
    }

    /// Fetches the second line of the record at `at`, if the tail is beyond it: at the same time
    /// as the first, which says how long the record is.
    #[inline(always)]
    pub fn fetch_second(&self, at: u64, tail: u64) {
        if tail - at > LINE {
            self.prefetch.to_read(self.address(at + LINE));
        }
    }

    pub fn payload_size_max(&self) -> usize {
        payload_size_max(self.bytes.size) as usize
    }
}

// SAFETY: the ends of a ring are used by one thread at a time (their methods take `&mut self`),
// and the bytes that one touches are not touched by the other until tail or head passes them.
unsafe impl Send for Half {}
