//! The receiving half of a ring. The protocol is in the table at the head of spsc.rs.

use crate::error::{Error, Result};
use crate::memory::{Buffer, Lent};
use crate::os::barrier;
use crate::ring::doorbell::{count_towards_busy, wakes};
use crate::ring::half::Half;
use crate::ring::layout::record_size;
use crate::ring::mapping::Shared;
use crate::ring::spans::{SpanId, Spans};
use crate::sync::Ordering;
use crate::wire::{HEADER_SIZE, Header};
use std::mem::MaybeUninit;
use std::sync::Arc;

/// The receiving half.
pub struct Reader {
    half: Half,
    /// Where the next record begins.
    cursor: u64,
    /// The tail that this side saw last.
    pub tail: u64,
    /// The head that the peer was told last.
    head: u64,
    records: u32,
    views: Spans,
}

impl Reader {
    /// The receiving half of ring number `ring`, which no thread has used yet.
    pub fn new(shared: &Arc<Shared>, ring: usize) -> Reader {
        let half = Half::new(shared, ring);
        let registered = u32::from(barrier::available_everywhere());
        half.control().reader_registered.store(registered, Ordering::Relaxed);
        Reader { half, cursor: 0, tail: 0, head: 0, records: 0, views: Spans::default() }
    }

    /// How many bytes open views keep from being overwritten, with what was read behind them.
    pub fn pinned(&self) -> u64 {
        if self.views.is_empty() { 0 } else { self.cursor - self.head }
    }

    /// Size of the ring in bytes.
    pub fn size(&self) -> u64 {
        self.half.bytes.size
    }

    #[inline(never)]
    fn look(&mut self) -> Result<()> {
        // SYNC tail: Acquire, pairs with Release in `Writer::publish`.
        let tail = self.half.control().tail.load(Ordering::Acquire);
        if tail < self.tail || tail - self.head > self.half.bytes.size || !tail.is_multiple_of(16) {
            return Err(Error::protocol("the peer's write position is impossible"));
        }
        self.tail = tail;
        Ok(())
    }

    /// The record at the front, if there is one. It may be padding.
    #[inline]
    pub fn front(&mut self) -> Result<Option<Header>> {
        match self.next()? {
            Some((words, _)) => Header::from_words(words).map(Some),
            None => Ok(None),
        }
    }

    /// The length and the tag of the record at the front, if it is a plain message.
    #[inline(always)]
    pub fn front_plain(&mut self) -> Result<Option<(usize, u32)>> {
        match self.next()? {
            Some((words, _)) if Header::is_plain_data(words.map(u64::from_le)) => {
                let length = u64::from_le(words[0]) as u32;
                Ok(Some((length as usize, u64::from_le(words[1]) as u32)))
            }
            _ => Ok(None),
        }
    }

    /// The header at the front, unchanged, and the size of its record, which was checked.
    #[inline(always)]
    fn next(&mut self) -> Result<Option<([u64; 2], u64)>> {
        if self.cursor == self.tail {
            self.look()?;
            if self.cursor == self.tail {
                return Ok(None);
            }
        }
        self.half.bytes.reads(self.cursor, HEADER_SIZE as u64);
        self.half.fetch_second(self.cursor, self.tail);
        let address = self.half.address(self.cursor).cast::<u64>();
        // SAFETY: the address is aligned and mapped. A hostile peer may write at the same time: the
        // read is volatile, so that the copy is made once.
        let words = unsafe { [address.read_volatile(), address.add(1).read_volatile()] };
        let size = record_size(u64::from(u64::from_le(words[0]) as u32));
        if size > self.tail - self.cursor || size > self.half.bytes.size / 2 {
            return Err(out_of_bounds());
        }
        Ok(Some((words, size)))
    }

    /// Copies the payload out of the record at the front. Its length is what `front` or
    /// `front_plain` said.
    #[inline(always)]
    pub fn copy_front(&self, len: usize, to: &mut [MaybeUninit<u8>]) {
        let record_end = record_size(len as u64);
        assert!(len <= to.len() && record_end <= self.tail - self.cursor);
        self.half.bytes.reads(self.cursor, record_end);
        // SAFETY: the assertion checks the length against what was published, and the ring is
        // mapped twice; the target is another allocation. A hostile peer that writes meanwhile
        // spoils the copied bytes, and nothing else.
        unsafe {
            let payload = self.half.address(self.cursor).add(HEADER_SIZE);
            std::ptr::copy_nonoverlapping(payload, to.as_mut_ptr().cast(), len);
        }
    }

    /// Passes over the record at the front, which has this length.
    #[inline(always)]
    pub fn skip_front(&mut self, len: usize) {
        let size = record_size(len as u64);
        assert!(size <= self.tail - self.cursor);
        self.pass(size);
    }

    /// Appends the payload of the record at the front to `to`.
    pub fn append_front(&self, len: usize, to: &mut Buffer) -> Result<()> {
        to.reserve(len).map_err(|_| Error::no_memory())?;
        self.copy_front(len, &mut to.spare()[..len]);
        // SAFETY: the line before wrote these bytes.
        unsafe { to.advance(len) };
        Ok(())
    }

    /// The first `len` bytes of the payload of the held record with this id.
    pub fn held(&self, id: SpanId, len: usize) -> Option<Lent> {
        let span = self.views.find(id)?;
        let room = (span.end - span.start) as usize - HEADER_SIZE;
        // SAFETY: a record begins with its header.
        let data = unsafe { self.half.address(span.start).add(HEADER_SIZE) };
        (len <= room).then(|| Lent::new(data, len))
    }

    #[inline]
    fn pass(&mut self, size: u64) {
        self.cursor += size;
        self.views.pass(self.cursor);
    }

    /// Passes over the record at the front, but keeps its bytes until it is released.
    pub fn hold_front(&mut self, len: usize) -> Result<SpanId> {
        let end = self.cursor + record_size(len as u64);
        let id = self.views.open(self.cursor, end).ok_or_else(Error::no_memory)?;
        self.cursor = end;
        Ok(id)
    }

    /// Gives a held record back; false if there is none with this id.
    pub fn release(&mut self, id: SpanId) -> bool {
        self.views.close(id)
    }

    /// Gives the peer back everything that was read. True if the peer waits for room, and must be
    /// woken.
    #[inline(always)]
    pub fn publish(&mut self) -> bool {
        let head = self.views.frontier(self.cursor);
        if head == self.head {
            return false;
        }
        self.head = head;
        let control = self.half.control();
        // SYNC head: Release, pairs with Acquire in `Writer::look`.
        control.head.store(head, Ordering::Release);
        let (waits, registered) = (&control.reader_waits, &control.writer_registered);
        count_towards_busy(&mut self.records, &self.half.own_waits().reader, waits, registered);
        wakes(&control.writer_waits)
    }
}

#[cold]
fn out_of_bounds() -> Error {
    Error::protocol("a record that reaches past what was written")
}
