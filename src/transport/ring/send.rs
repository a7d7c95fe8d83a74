//! The sending half of two rings.

use super::link::RingLink;
use crate::error::Result;
use crate::ring::doorbell;
use crate::ring::spans::SpanId;
use crate::ring::spsc::Writer;
use crate::transport::message::{Label, Outgoing};
use crate::wire::{FLAG_MORE, Gather, Header, Kind};
use std::sync::Arc;

/// After this many bytes of a batch the peer is shown them, so that it works at the same time.
const BATCH_SHOWN: u64 = 16 << 10;

/// The sending half.
pub struct RingSend {
    link: Arc<RingLink>,
    pub writer: Writer,
}

impl RingSend {
    /// Makes the sending half. This happens once.
    pub fn new(link: &Arc<RingLink>) -> RingSend {
        RingSend { writer: Writer::new(&link.shared, link.outgoing), link: Arc::clone(link) }
    }

    #[inline]
    pub fn push(&mut self, out: &mut Outgoing<'_>) -> Result<bool> {
        self.link.check_peer()?;
        let left = out.data.len();
        if left > self.writer.payload_size_max() || out.sent.has_begun() {
            return self.push_fragments(out);
        }
        let header = data_header(out, left, 0);
        let written = self.writer.write(&header, &mut out.data)?;
        self.show();
        if !written {
            self.tell_refused();
        }
        Ok(written)
    }

    /// Sends a plain message that fits as one record. False if nothing was done; `push` then says
    /// why.
    #[inline(always)]
    pub fn push_plain(&mut self, tag: u32, data: &[u8]) -> bool {
        let header = Header { tag, ..Header::plain(Kind::Data, data.len()) };
        let written = data.len() <= self.writer.payload_size_max()
            && self.link.check_peer().is_ok()
            && matches!(self.writer.write(&header, &mut Gather::new(&[data])), Ok(true));
        if written {
            self.show();
        }
        written
    }

    /// Sends fragments of a quarter of a ring, so that both sides work at the same time.
    #[cold]
    fn push_fragments(&mut self, out: &mut Outgoing<'_>) -> Result<bool> {
        let most = self.writer.payload_size_max() / 2;
        while !out.data.is_empty() {
            let len = out.data.len().min(most);
            let more = if len < out.data.len() { FLAG_MORE } else { 0 };
            if !self.writer.write(&data_header(out, len, more), &mut out.data)? {
                self.tell_refused();
                return Ok(false);
            }
            out.sent.data += len;
            self.show();
        }
        Ok(true)
    }

    pub fn push_many(&mut self, messages: &[&[u8]]) -> Result<usize> {
        self.link.check_peer()?;
        let most = self.writer.payload_size_max();
        let (mut count, mut hidden, mut full) = (0, 0, false);
        for message in messages {
            if message.len() > most {
                break;
            }
            let header = Header::plain(Kind::Data, message.len());
            if !self.writer.write(&header, &mut Gather::new(&[message]))? {
                full = true;
                break;
            }
            count += 1;
            hidden += message.len() as u64;
            if hidden > BATCH_SHOWN {
                self.show();
                hidden = 0;
            }
        }
        self.show();
        if full {
            self.tell_refused();
        }
        Ok(count)
    }

    /// Notes that there is no room. Open views of the reader may be in the way, so the reader must
    /// learn of it.
    #[cold]
    fn tell_refused(&self) {
        let (shared, ring) = (&self.link.shared, self.link.outgoing);
        if self.writer.shown().is_some_and(|tail| doorbell::refuse(shared, ring, tail)) {
            self.link.wake_peer();
        }
    }

    /// Shows the peer the whole records, and wakes it if it waits.
    #[inline]
    pub fn show(&mut self) {
        if self.writer.publish() {
            self.link.wake_peer();
        }
    }

    /// Returns the peer's end, if it has come.
    pub fn check_peer(&self) -> Result<()> {
        self.link.check_peer()
    }

    /// Whether there is room for a message of this length, or for its next piece.
    pub fn has_room_for(&mut self, len: usize) -> bool {
        let most = self.writer.payload_size_max();
        let piece = if len > most { most / 2 } else { len };
        // The next send reports a broken peer.
        self.writer.has_room_for(piece).unwrap_or(true)
    }

    /// Drops what is being written in place, so that the messages sent after it go out.
    pub fn discard_loans(&mut self) {
        self.writer.discard_loans();
        self.show();
    }

    /// Reserves a record to be written in place.
    pub fn reserve(&mut self, len: usize) -> Result<Option<SpanId>> {
        self.link.check_peer()?;
        let id = self.writer.reserve(len)?;
        if id.is_none() {
            self.tell_refused();
        }
        Ok(id)
    }
}

#[inline]
fn data_header(out: &Outgoing<'_>, len: usize, more: u8) -> Header {
    let Label { tag, id, flags } = out.label;
    Header { length: len as u32, kind: Kind::Data, flags: flags | more, tag, id }
}
