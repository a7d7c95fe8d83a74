//! The wait words: which side sleeps on a ring and must be woken, and which barrier that takes. The
//! protocol is in the table at the head of spsc.rs.

use crate::os::barrier;
use crate::ring::layout::{AWAKE, BUSY, WAITS};
use crate::ring::mapping::Shared;
use crate::ring::own_waits::OwnWait;
use crate::sync::{AtomicU32, Ordering, fence, lock};
use std::time::Instant;

/// After this many records a side says that it is busy.
const RECORDS_TO_BUSY: u32 = if cfg!(loom) { 1 } else { 64 };

/// Runs after a position was published: true if the other side waits for it, and must be woken.
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

/// Runs after a writer has found no room behind `tail`, although the reader could make some: true
/// if the reader waits, and must be woken to learn of it. Open views of the reader's may be in the
/// way.
#[cold]
pub fn refuse(shared: &Shared, ring: usize, tail: u64) -> bool {
    let control = &shared.control().rings[ring];
    // SYNC refused: the barrier in `wakes`, pairs with the one in `arm`.
    control.refused.store(tail, Ordering::Relaxed);
    wakes(&control.reader_waits)
}

/// The tail at which the writer last found no room.
pub fn refused_at(shared: &Shared, ring: usize) -> u64 {
    // Relaxed is enough: a thread that has armed is woken to look again.
    shared.control().rings[ring].refused.load(Ordering::Relaxed)
}

/// Says that this side is busy, if it has moved some records since it last came here and the other
/// side is registered.
#[inline]
pub(super) fn count_towards_busy(
    count: &mut u32,
    own: &OwnWait,
    waits: &AtomicU32,
    registered: &AtomicU32,
) {
    *count += 1;
    if *count >= RECORDS_TO_BUSY {
        *count = 0;
        // A side that sleeps more often than that would pay more than the other side saves.
        let sleeps = own.armed.load(Ordering::Relaxed);
        own.armed.store(false, Ordering::Relaxed);
        let fit =
            !sleeps && registered.load(Ordering::Relaxed) == 1 && barrier::available_everywhere();
        if fit && waits.load(Ordering::Relaxed) == AWAKE {
            own.said_busy.store(1, Ordering::Relaxed);
            // A wait that another thread of this side announces meanwhile must not get lost.
            // SYNC said_busy: Release, pairs with Acquire in `arm`.
            let (awake, busy) = (AWAKE, BUSY);
            let _ = waits.compare_exchange(awake, busy, Ordering::Release, Ordering::Relaxed);
        }
    }
}

/// Whether the peer has closed its sending half of `ring`.
#[inline]
pub fn is_closed(shared: &Shared, ring: usize) -> bool {
    // SYNC writer_closed: Acquire, pairs with Release in `Writer::close`.
    shared.control().rings[ring].writer_closed.load(Ordering::Acquire) != 0
}

/// Says that this side waits for records of `ring`. The caller must look once more. If the result
/// is false, it must look again and again until the result is true: there was no barrier, so that
/// what the peer did before may become visible a little later.
#[must_use]
pub fn arm_reader(shared: &Shared, ring: usize) -> bool {
    arm(&shared.control().rings[ring].reader_waits, &shared.own_waits(ring).reader)
}

/// Says that this side waits for room in `ring`. The caller must look, as for records.
#[must_use]
pub fn arm_writer(shared: &Shared, ring: usize) -> bool {
    arm(&shared.control().rings[ring].writer_waits, &shared.own_waits(ring).writer)
}

fn arm(waits: &AtomicU32, own: &OwnWait) -> bool {
    own.armed.store(true, Ordering::Relaxed);
    let mut unfenced = lock(&own.unfenced);
    // SYNC said_busy: Acquire, pairs with Release in `count_towards_busy`. For the look that
    // follows Relaxed would be enough: the barrier orders it.
    let before = waits.swap(WAITS, Ordering::Acquire);
    // SYNC waits: fence, pairs with the fence in `wakes`.
    fence(Ordering::SeqCst);
    match before {
        // The peer has answered an earlier wait, and fenced before: what it did without is seen.
        AWAKE => *unfenced = None,
        BUSY if own.said_busy.load(Ordering::Relaxed) != 0 => {
            // SYNC waits: heavy, pairs with the light barrier in `wakes`.
            let passed = barrier::heavy_everywhere();
            *unfenced = (!passed).then(Instant::now);
        }
        _ => {}
    }
    let is_recent = |since: &Instant| since.elapsed() < barrier::STORES_VISIBLE_AFTER;
    *unfenced = unfenced.filter(is_recent);
    unfenced.is_none()
}

/// Takes back what `arm_writer` said; false if the peer has answered it, or nothing was said. The
/// caller must look afterwards whether another thread of this side has begun to wait.
pub fn disarm_writer(shared: &Shared, ring: usize) -> bool {
    let waits = &shared.control().rings[ring].writer_waits;
    // SYNC unfenced: the lock orders what a thread noted before it armed before what follows here.
    let unfenced = lock(&shared.own_waits(ring).writer.unfenced);
    // If there was no barrier, AWAKE must mean that the peer has answered.
    let disarms = unfenced.is_none();
    let (waiting, awake) = (WAITS, AWAKE);
    let disarmed = disarms
        && waits.compare_exchange(waiting, awake, Ordering::Relaxed, Ordering::Relaxed).is_ok();
    drop(unfenced);
    fence(Ordering::SeqCst);
    disarmed
}

/// How far the peer has got with both rings. A spinning side watches this.
#[inline]
pub fn positions(shared: &Shared, incoming: usize, outgoing: usize) -> (u64, u64) {
    let rings = &shared.control().rings;
    // Relaxed is enough: a change only makes the caller look properly.
    let tail = rings[incoming].tail.load(Ordering::Relaxed);
    (tail, rings[outgoing].head.load(Ordering::Relaxed))
}
