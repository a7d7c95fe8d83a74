//! One direction of a channel: a ring of records with one writer and one reader, in two
//! processes that need not trust each other.
//!
//! | field         | written by | read by | ordering                                             |
//! |---------------|------------|---------|------------------------------------------------------|
//! | tail          | writer     | reader  | Release / Acquire: records before it are whole       |
//! | head          | reader     | writer  | Release / Acquire: records before it are read        |
//! | reader_waits  | reader     | writer  | Dekker with tail: store, barrier, load               |
//! |               | writer, 0  |         | taken by swap, so that one wake-up answers one wait  |
//! | writer_waits  | writer     | reader  | Dekker with head, in the same way                    |
//! |               | reader, 0  |         |                                                      |
//! | refused       | writer     | reader  | Dekker with reader_waits, as tail                    |
//! | writer_closed | writer     | reader  | Release / Acquire: no record comes after the tail    |
//! | …_registered  | its side   | other   | Relaxed: set before the ring is used, never changed  |
//! | record bytes  | writer     | reader  | plain; published by tail, given back by head         |
//!
//! Why Release/Acquire isn't enough for waiting: the writer stores `tail` and then loads
//! `reader_waits`; the reader stores `reader_waits` and then loads `tail`. Without a barrier
//! between its store and its load each could miss the other's store, and the reader would sleep
//! although there is a record.
//!
//! Which barrier: both sides fence (SeqCst), unless the wait word says BUSY. Then the side that
//! publishes does not fence, and the side that wants to sleep first sets WAITS and makes every
//! processor that runs the other side pass a barrier (membarrier). A side says BUSY after some
//! records between which it didn't arm, so a side that sleeps often never pays for that.
//!
//! If membarrier is forbidden from the start no side says BUSY. If it is forbidden later, it fails
//! at most once for each wait word, as no side says BUSY any more. Then time has to do: stores
//! become visible within [`STORES_VISIBLE_AFTER`](crate::os::barrier::STORES_VISIBLE_AFTER), or
//! with the peer's next answer, as that comes after a fence. Until then a thread that has armed
//! looks again and again.
//!
//! Every number from shared memory is checked against what this side knows, each time. A record's
//! header is copied once, and only the copy is used.

mod reader;

pub use reader::Reader;

use crate::error::{Error, Result};
use crate::memory::Lent;
use crate::os::barrier;
use crate::ring::doorbell::{count_towards_busy, wakes};
use crate::ring::half::Half;
use crate::ring::layout::{AWAKE, WAITS, record_size};
use crate::ring::mapping::Shared;
use crate::ring::spans::{Span, SpanId, Spans};
use crate::sync::{Ordering, fence};
use crate::wire::{Gather, HEADER_SIZE, Header, Kind};
use std::sync::Arc;

/// The sending half.
pub struct Writer {
    half: Half,
    /// Where the next record goes.
    cursor: u64,
    /// The tail that the peer was shown last.
    tail: u64,
    /// The head that this side saw last.
    head: u64,
    used_max: u64,
    records: u32,
    loans: Spans,
}

impl Writer {
    /// The sending half of ring number `ring`, which no thread has used yet.
    pub fn new(shared: &Arc<Shared>, ring: usize) -> Writer {
        let half = Half::new(shared, ring);
        let registered = u32::from(barrier::available_everywhere());
        half.control().writer_registered.store(registered, Ordering::Relaxed);
        let loans = Spans::default();
        Writer { half, cursor: 0, tail: 0, head: 0, used_max: 0, records: 0, loans }
    }

    /// The most payload that a record has.
    pub fn payload_size_max(&self) -> usize {
        self.half.payload_size_max()
    }

    /// Whether records are held back behind an open loan. The loan itself does not count.
    pub fn is_held_back(&self) -> bool {
        self.loans.holds_back()
    }

    /// Size of the ring in bytes.
    pub fn size(&self) -> u64 {
        self.half.bytes.size
    }

    /// Reads how far the peer has read.
    #[inline(never)]
    fn look(&mut self) -> Result<()> {
        // SYNC head: Acquire, pairs with Release in `Reader::publish`.
        let head = self.half.control().head.load(Ordering::Acquire);
        if head < self.head || head > self.tail || !head.is_multiple_of(16) {
            return Err(Error::protocol("the peer's read position is impossible"));
        }
        self.head = head;
        self.used_max = self.used_max.max(self.cursor - head);
        Ok(())
    }

    /// Bytes of the ring in use, and the most that was ever found in use at a look.
    pub fn fill_level(&mut self) -> (u64, u64) {
        // The next send reports a broken peer.
        let _ = self.look();
        (self.cursor - self.head, self.used_max)
    }

    #[inline]
    fn has_room(&mut self, size: u64) -> Result<bool> {
        if self.cursor + size - self.head <= self.half.bytes.size {
            return Ok(true);
        }
        self.look()?;
        Ok(self.cursor + size - self.head <= self.half.bytes.size)
    }

    /// Whether a record with this much payload can be written now.
    pub fn has_room_for(&mut self, len: usize) -> Result<bool> {
        self.has_room(record_size(len as u64))
    }

    /// The tail that the peer was shown last, unless the peer has given everything before it back.
    pub fn shown(&self) -> Option<u64> {
        (self.head < self.tail).then_some(self.tail)
    }

    /// Writes the header's record with the next `header.length` bytes of `data`, if there is room.
    /// It is not published yet.
    #[inline(always)]
    pub fn write(&mut self, header: &Header, data: &mut Gather<'_>) -> Result<bool> {
        debug_assert!(header.length as usize <= self.payload_size_max());
        let size = record_size(u64::from(header.length));
        if !self.has_room(size)? {
            return Ok(false);
        }
        self.half.bytes.writes(self.cursor, size);
        let mut to = self.put_header(self.cursor, header);
        let mut left = header.length as usize;
        while left > 0 {
            let part = data.take(left);
            assert!(!part.is_empty(), "a header announces no more than there is");
            // SAFETY: the record's room was checked above, and the reader does not look past the
            // tail; the source is another allocation.
            unsafe {
                std::ptr::copy_nonoverlapping(part.as_ptr(), to, part.len());
                to = to.add(part.len());
            }
            left -= part.len();
        }
        self.cursor += size;
        self.loans.pass(self.cursor);
        self.half.fetch_ahead(self.cursor, self.head);
        Ok(true)
    }

    /// Writes a header at a position that belongs to this half, and returns where the payload goes.
    #[inline]
    fn put_header(&mut self, at: u64, header: &Header) -> *mut u8 {
        let address = self.half.address(at);
        // SAFETY: a record begins 16-byte aligned with room for a header, and belongs to this half
        // until the tail passes it.
        unsafe {
            address.cast::<[u64; 2]>().write(header.words());
            address.add(HEADER_SIZE)
        }
    }

    /// Shows the peer all whole records. True if the peer waits, and must be woken.
    #[inline(always)]
    pub fn publish(&mut self) -> bool {
        let tail = self.loans.frontier(self.cursor);
        if tail == self.tail {
            return false;
        }
        self.tail = tail;
        let control = self.half.control();
        // SYNC tail: Release, pairs with Acquire in `Reader::look`.
        control.tail.store(tail, Ordering::Release);
        let (waits, registered) = (&control.writer_waits, &control.reader_registered);
        count_towards_busy(&mut self.records, &self.half.own_waits().writer, waits, registered);
        wakes(&control.reader_waits)
    }

    /// Reserves a record to be written in place, if there is room for it.
    pub fn reserve(&mut self, len: usize) -> Result<Option<SpanId>> {
        let size = record_size(len as u64);
        if !self.has_room(size)? {
            return Ok(None);
        }
        self.half.bytes.writes(self.cursor, size);
        let opened = self.loans.open(self.cursor, self.cursor + size);
        let id = opened.ok_or_else(Error::no_memory)?;
        self.cursor += size;
        Ok(Some(id))
    }

    /// The room for the payload of a reserved record.
    pub fn reserved(&self, id: SpanId) -> Option<Lent> {
        let Span { start, end, .. } = self.loans.find(id)?;
        // SAFETY: the room of a record begins with its header.
        let data = unsafe { self.half.address(start).add(HEADER_SIZE) };
        Some(Lent::new(data, (end - start) as usize - HEADER_SIZE))
    }

    /// Makes a reserved record whole with `header`, or skips it. The room that it doesn't use
    /// becomes padding. False if there is none with this id.
    pub fn fill(&mut self, id: SpanId, header: Option<&Header>) -> bool {
        let Some(Span { start, end, .. }) = self.loans.find(id) else {
            return false;
        };
        let used = header.map_or(0, |header| record_size(u64::from(header.length)));
        debug_assert!(start + used <= end);
        if let Some(header) = header {
            self.put_header(start, header);
        }
        if start + used < end {
            let rest = (end - start - used) as usize - HEADER_SIZE;
            self.put_header(start + used, &Header::plain(Kind::Pad, rest));
        }
        self.loans.close(id)
    }

    /// Skips all records that are still reserved.
    pub fn discard_loans(&mut self) {
        while let Some(id) = self.loans.first_open() {
            self.fill(id, None);
        }
    }

    /// Tells the peer that nothing comes any more. This needs no room.
    pub fn close(shared: &Shared, ring: usize) -> bool {
        let control = &shared.control().rings[ring];
        // SYNC writer_closed: Release, pairs with Acquire in `is_closed`.
        control.writer_closed.store(1, Ordering::Release);
        fence(Ordering::SeqCst);
        control.reader_waits.swap(AWAKE, Ordering::Relaxed) == WAITS
    }
}
