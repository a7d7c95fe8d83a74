//! The wait words: who sleeps on a ring, who must be woken, and which barrier that takes. The
//! protocol is in the table at the head of ring.rs.

use super::layout::{AWAKE, BUSY, WAITS};
use super::mapping::Shared;
use crate::os::barrier;
use crate::sync::{AtomicU32, Ordering, fence};

/// After how many records a side says that it is busy.
const RECORDS_TO_BUSY: u32 = if cfg!(loom) { 1 } else { 64 };

/// After a position was published: whether the other side waits for it, and must be woken.
#[inline]
pub fn wakes(waits: &AtomicU32) -> bool {
    // SYNC waits: light, pairs with the heavy barrier in `arm`.
    barrier::light();
    if waits.load(Ordering::Relaxed) == BUSY {
        return false;
    }
    // SYNC waits: fence, pairs with the fence in `arm`.
    fence(Ordering::SeqCst);
    // Relaxed is enough behind the fence, and the swap makes a wait count once.
    waits.load(Ordering::Relaxed) == WAITS && waits.swap(AWAKE, Ordering::Relaxed) == WAITS
}

/// Says that this side is busy, if it has moved some records since it last said so and the other
/// side is registered.
#[inline]
pub fn count_towards_busy(count: &mut u32, waits: &AtomicU32, registered: &AtomicU32) {
    *count += 1;
    if *count >= RECORDS_TO_BUSY {
        *count = 0;
        let fit = registered.load(Ordering::Relaxed) == 1 && barrier::available();
        if fit && waits.load(Ordering::Relaxed) == AWAKE {
            // A wait that another thread of this side announces meanwhile must not get lost.
            let (awake, busy) = (AWAKE, BUSY);
            let _ = waits.compare_exchange(awake, busy, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

/// Whether the peer has closed its sending end of `ring`.
#[inline]
pub fn is_closed(shared: &Shared, ring: usize) -> bool {
    // SYNC writer_closed: Acquire, pairs with Release in `Writer::close`.
    shared.control().rings[ring].writer_closed.load(Ordering::Acquire) != 0
}

/// Says that this side waits for records of `ring`. Whoever calls must look once more.
pub fn arm_reader(shared: &Shared, ring: usize) {
    arm(&shared.control().rings[ring].reader_waits);
}

/// Says that this side waits for room in `ring`. Whoever calls must look once more.
pub fn arm_writer(shared: &Shared, ring: usize) {
    arm(&shared.control().rings[ring].writer_waits);
}

fn arm(waits: &AtomicU32) {
    // The barrier orders it before the look that follows.
    // SYNC waits: Release, pairs with Acquire in `disarm_writer`.
    let before = waits.swap(WAITS, Ordering::Release);
    // SYNC waits: fence, pairs with the fence in `wakes`.
    fence(Ordering::SeqCst);
    // Not for BUSY alone: another thread of this side may have set WAITS just now, and not be
    // through with its own barrier.
    if before != AWAKE {
        // SYNC waits: heavy, pairs with the light barrier in `wakes`.
        barrier::heavy_everywhere();
    }
}

/// Takes back what `arm_writer` said; false if the peer has answered it, or nothing was said.
/// Whoever calls must look afterwards whether somebody else of this side has come to wait.
pub fn disarm_writer(shared: &Shared, ring: usize) -> bool {
    let waits = &shared.control().rings[ring].writer_waits;
    // SYNC waits: Acquire, pairs with Release in `arm`: that this side waits was noted before.
    let disarmed = waits.compare_exchange(WAITS, AWAKE, Ordering::Acquire, Ordering::Relaxed);
    fence(Ordering::SeqCst);
    disarmed.is_ok()
}

/// How far the peer has got with both rings: what a spinning side watches.
#[inline]
pub fn positions(shared: &Shared, incoming: usize, outgoing: usize) -> (u64, u64) {
    let rings = &shared.control().rings;
    // Relaxed is enough: a change only makes the caller look properly.
    let tail = rings[incoming].tail.load(Ordering::Relaxed);
    (tail, rings[outgoing].head.load(Ordering::Relaxed))
}
