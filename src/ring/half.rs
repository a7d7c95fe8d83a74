//! What the writer and the reader of a ring share: where its words and its bytes are.

use crate::memory::prefetch::{LINE, Prefetch};
use crate::ring::layout::{RingControl, payload_size_max};
use crate::ring::mapping::{RingBytes, Shared};
use crate::ring::own_waits::OwnWaits;
use std::sync::Arc;

/// How far ahead of the current write cache lines are fetched: half a dozen small records, as long
/// as another processor takes to give up a line.
const AHEAD: u64 = 8 * LINE;

/// The view that one half has of a ring.
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

    /// The address of position `at`. A whole ring's size of bytes follows it.
    #[inline]
    pub fn address(&self, at: u64) -> *mut u8 {
        let offset = (at & (self.bytes.size - 1)) as usize;
        // SAFETY: the offset is less than the ring's size, and the ring is mapped.
        unsafe { self.bytes.base.as_ptr().add(offset) }
    }

    /// Fetches the cache lines of a record that comes some records after the one that ended at
    /// `at`, if the reader, last seen at `head`, has read them. Otherwise each store to a line that
    /// the reader had waits until the reader's processor gives the line up, and all later stores
    /// wait behind it.
    #[inline(always)]
    pub fn fetch_ahead(&self, at: u64, head: u64) {
        let ahead = at + AHEAD;
        if ahead + 2 * LINE - head <= self.bytes.size {
            self.prefetch.to_write(self.address(ahead));
            self.prefetch.to_write(self.address(ahead + LINE));
        }
    }

    /// Fetches the second line of the record at `at`, if the tail is beyond it. This runs at the
    /// same time as the fetch of the first line, which says how long the record is.
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

// SAFETY: one thread at a time uses each half of a ring (their methods take `&mut self`), and one
// half does not touch the bytes of the other until tail or head passes them.
unsafe impl Send for Half {}
