//! What the writer and the reader of a ring have in common: where its words and its bytes are.

use super::layout::{RingControl, payload_size_max};
use super::mapping::{RingBytes, Shared};
use super::waits::OwnWaits;
use std::sync::Arc;

/// One end's view of a ring.
pub(super) struct End {
    shared: Arc<Shared>,
    ring: usize,
    pub bytes: RingBytes,
}

impl End {
    pub fn new(shared: &Arc<Shared>, ring: usize) -> End {
        End { shared: Arc::clone(shared), ring, bytes: shared.bytes(ring) }
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

    pub fn payload_size_max(&self) -> usize {
        payload_size_max(self.bytes.size) as usize
    }
}

// SAFETY: the ends of a ring are used by one thread at a time (their methods take `&mut self`),
// and the bytes that one touches are not touched by the other until tail or head passes them.
unsafe impl Send for End {}
