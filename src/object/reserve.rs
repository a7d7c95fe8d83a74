//! Which bytes of an object are reserved: those that its holders need now, so that using it never
//! fails by SIGBUS, and little more. As the slots of a thousand holders take more pages than a few
//! holders need, whoever takes a slot that was never used first reserves the missing pages.

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

/// What a holder in slot `index` needs and isn't reserved yet, if so many slots were used.
pub fn for_slot(kind: Kind, used: usize, index: usize) -> [Part; 2] {
    // The pages for the first slot are always reserved.
    let (from, to) = (used.max(1), index + 1);
    let ledgers = match kind {
        Kind::Segment => 0..0,
        Kind::Semaphore => ledgers_end(from)..ledgers_end(to),
    };
    [part(slots_end(from)..slots_end(to)), part(ledgers)]
}

/// The end of the page with the last of so many slots.
fn slots_end(count: usize) -> usize {
    (SLOTS_OFFSET + count * size_of::<Slot>()).next_multiple_of(granule())
}

/// The end of the page with the last of so many ledgers, or of the object.
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

    /// Each byte that a holder uses is reserved before it is used, whatever slots were used before.
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
