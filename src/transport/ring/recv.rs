//! The receiving half of two rings.

use super::link::RingLink;
use crate::endpoint::Views;
use crate::error::{Error, Result};
use crate::memory::{Buffer, Lent, write};
use crate::ring::doorbell;
use crate::ring::spans::SpanId;
use crate::ring::spsc::Reader;
use crate::transport::assemble::Assembler;
use crate::transport::message::{Front, Head, Held, pieces, too_long};
use crate::transport::peer::closed_by_peer;
use crate::wire::{FLAG_MORE, Header, Kind};
use std::mem::MaybeUninit;
use std::sync::Arc;

/// How much padding, small fragments and pieces of large ones a call takes in one go.
const SMALL_MAX: u32 = 1024;

/// The receiving half.
pub struct RingRecv {
    link: Arc<RingLink>,
    reader: Reader,
    /// Bytes of the message in the front record, as `front` has read it.
    front_len: usize,
    /// The front message, if it comes in fragments.
    assembler: Assembler,
    /// Padding, small fragments and pieces of large ones, since the last call.
    small: u32,
    message_size_max: usize,
}

impl RingRecv {
    /// The receiving half of a ring that nothing was read from.
    pub fn new(link: &Arc<RingLink>, message_size_max: usize) -> RingRecv {
        RingRecv {
            reader: Reader::new(&link.shared, link.incoming),
            link: Arc::clone(link),
            front_len: 0,
            assembler: Assembler::default(),
            small: 0,
            message_size_max,
        }
    }

    #[inline(always)]
    pub fn front(&mut self) -> Result<Option<Front>> {
        if !self.assembler.is_idle() {
            return self.front_slowly();
        }
        match self.reader.front_plain()? {
            Some((len, tag)) if len <= self.message_size_max => {
                self.front_len = len;
                let head = Head::plain(len, tag);
                Ok(Some(Front { head, delivered: false }))
            }
            _ => self.front_slowly(),
        }
    }

    #[inline(never)]
    fn front_slowly(&mut self) -> Result<Option<Front>> {
        if let Some(whole) = self.assembler.whole() {
            return Ok(Some(Front { head: whole.head, delivered: false }));
        }
        self.small = 0;
        loop {
            if self.has_more() {
                return Ok(None);
            }
            let Some(header) = self.reader.front()? else {
                match self.end()? {
                    true => continue,
                    false => return Ok(None),
                }
            };
            if header.kind == Kind::Pad {
                self.small += 1;
                self.reader.skip_front(header.length as usize);
                continue;
            }
            let single = self.assembler.is_idle() && header.flags & FLAG_MORE == 0;
            if header.kind != Kind::Data {
                return Err(Error::protocol("a frame in a ring that is neither DATA nor PAD"));
            }
            if single && header.length as usize <= self.message_size_max {
                self.front_len = header.length as usize;
                return Ok(Some(Front { head: Head::of(&header), delivered: false }));
            }
            if let Some(front) = self.collect(&header)? {
                return Ok(Some(front));
            }
        }
    }

    /// Whether the last look ended before it had looked at everything.
    pub fn has_more(&self) -> bool {
        self.small >= SMALL_MAX
    }

    /// The ring is empty. False: it is so far. True: look once more, as the end has come since.
    #[cold]
    fn end(&mut self) -> Result<bool> {
        let closed = self.link.is_closed_by_peer();
        if !closed && !self.link.peer.is_gone() {
            return Ok(false);
        }
        // What was sent before the end is still handed out.
        if self.reader.front()?.is_some() {
            return Ok(true);
        }
        // A close that was written before the hang-up counts more than it.
        match self.link.is_closed_by_peer() {
            true => Err(closed_by_peer()),
            false => Err(self.link.peer.loss()),
        }
    }

    /// The end, if the peer has said so. A sender that found the connection broken asks this.
    pub fn end_seen_ahead(&self) -> Option<Error> {
        self.link.is_closed_by_peer().then(closed_by_peer)
    }

    /// Whether open views pin so much that the peer was unable to send more.
    pub fn is_choked(&self) -> bool {
        self.pins_much()
            && doorbell::refused_at(&self.link.shared, self.link.incoming) == self.reader.tail
    }

    fn pins_much(&self) -> bool {
        self.reader.pinned() > self.reader.size() / 2
    }

    /// Adds a fragment. Returns the message's front once it is whole.
    #[cold]
    fn collect(&mut self, header: &Header) -> Result<Option<Front>> {
        let len = header.length as usize;
        let so_far = self.assembler.len();
        let data = self.assembler.fragment(header)?;
        if so_far + len > self.message_size_max {
            return Err(too_long(self.message_size_max));
        }
        self.small += pieces(len);
        // The message and the fragment both stay until there is memory.
        self.reader.append_front(len, data)?;
        self.reader.skip_front(len);
        self.give_back();
        if header.flags & FLAG_MORE != 0 {
            return Ok(None);
        }
        Ok(self.assembler.complete().map(|head| Front { head, delivered: false }))
    }

    #[inline]
    pub fn copy_front(&self, to: &mut [MaybeUninit<u8>]) {
        match self.assembler.whole() {
            Some(whole) => write(to, whole.data.bytes()),
            None => self.reader.copy_front(self.front_len, to),
        }
    }

    #[inline]
    pub fn drop_front(&mut self) {
        if self.assembler.take_whole().is_none() {
            self.reader.skip_front(self.front_len);
        }
    }

    /// Takes the front message. If open views pin more than half the ring it copies the message, so
    /// that the pinned part does not grow.
    pub fn hold_front(&mut self, views: Views) -> Result<Held> {
        if let Some(whole) = self.assembler.take_whole() {
            return Ok(Held::OnHeap(whole.data));
        }
        if views == Views::Direct && !self.pins_much() {
            return self.reader.hold_front(self.front_len).map(Held::InRing);
        }
        let mut data = Buffer::default();
        self.reader.append_front(self.front_len, &mut data)?;
        self.reader.skip_front(self.front_len);
        self.give_back();
        Ok(Held::OnHeap(data))
    }

    /// The payload of a held record.
    pub fn held(&self, id: SpanId, len: usize) -> Option<Lent> {
        self.reader.held(id, len)
    }

    /// Gives a held record back; false if there is none with this id.
    pub fn release(&mut self, id: SpanId) -> bool {
        let released = self.reader.release(id);
        self.give_back();
        released
    }

    #[inline]
    pub fn give_back(&mut self) {
        if self.reader.publish() {
            self.link.wake_peer();
        }
    }
}
