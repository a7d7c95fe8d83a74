//! What is there of an object's bytes: what those need that hold it now, so that using it never
//! fails (by SIGBUS), and little more. The slots of a thousand holders are far apart from what few
//! need: who takes one that was never used first reserves the pages that are missing.

use crate::endpoint::names::Kind;
use crate::object::layout::{CONTROL_SIZE, SLOTS_OFFSET, Slot};
use crate::object::semaphore::units::{LEDGERS_OFFSET, Ledger, UNITS_SIZE};
use crate::os::mapping::granule;
use std::ops::Range;

/// Bytes of a file.
pub type Part = Range<u64>;

/// Where an object's data begin.
pub fn data_offset() -> usize {
    CONTROL_SIZE.next_multiple_of(granule())
}

/// What a new object of so many bytes of data needs, for its first holder.
pub fn at_first(kind: Kind, size: usize) -> [Part; 2] {
    let data = match kind {
        Kind::Segment => data_offset()..data_offset() + size,
        Kind::Semaphore => data_offset()..ledgers_end(1),
    };
    [part(0..slots_end(1)), part(data)]
}

/// What is missing for a holder in slot `index`, of an object of which so many slots were used.
pub fn for_slot(kind: Kind, used: usize, index: usize) -> [Part; 2] {
    // That of the first one always is there.
    let (from, to) = (used.max(1), index + 1);
    let ledgers = match kind {
        Kind::Segment => 0..0,
        Kind::Semaphore => ledgers_end(from)..ledgers_end(to),
    };
    [part(slots_end(from)..slots_end(to)), part(ledgers)]
}

/// Where the page ends that has the last of so many slots.
fn slots_end(count: usize) -> usize {
    (SLOTS_OFFSET + count * size_of::<Slot>()).next_multiple_of(granule())
}

/// Where the page ends that has the last of so many ledgers, or the object.
fn ledgers_end(count: usize) -> usize {
    let len = (LEDGERS_OFFSET + count * size_of::<Ledger>()).next_multiple_of(granule());
    data_offset() + len.min(UNITS_SIZE)
}

fn part(bytes: Range<usize>) -> Part {
    bytes.start as u64..bytes.end as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::layout::HOLDERS_MAX;

    /// Each byte that a holder uses is reserved before, whatever slots were used.
    #[test]
    fn whatever_a_holder_uses_is_there() {
        for kind in [Kind::Segment, Kind::Semaphore] {
            let mut there = at_first(kind, 10).map(|part| part.end);
            for index in 0..HOLDERS_MAX {
                for (end, part) in there.iter_mut().zip(for_slot(kind, index, index)) {
                    assert!(part.is_empty() || part.start == *end, "{kind:?}, slot {index}");
                    *end = (*end).max(part.end);
                }
                let slots = SLOTS_OFFSET + (index + 1) * size_of::<Slot>();
                assert!(there[0] as usize >= slots && there[0] as usize <= data_offset());
                if kind == Kind::Semaphore {
                    let ledgers = LEDGERS_OFFSET + (index + 1) * size_of::<Ledger>();
                    assert!(there[1] as usize >= data_offset() + ledgers);
                }
            }
        }
        assert_eq!(
            for_slot(Kind::Semaphore, 0, HOLDERS_MAX - 1)[1].end,
            part(0..data_offset() + UNITS_SIZE).end
        );
    }
}
