//! The sending half of a stream.

use super::link::{BLOCK, StreamLink};
use crate::error::{Error, Result};
use crate::memory::Buffer;
use crate::readiness::interest::Interest;
use crate::transport::handshake::stage::Stage;
use crate::transport::message::{Label, Outgoing, Sent};
use crate::transport::peer::lost;
use crate::transport::ring::RingSend;
use crate::wire::{HEADER_SIZE, Header, Kind};
use std::io::IoSlice;
use std::sync::Arc;

/// The sending half.
pub struct StreamSend {
    link: Arc<StreamLink>,
    /// Where batches are put together.
    block: Buffer,
    /// The rest of a pong that is being sent.
    pong: Vec<u8>,
}

impl StreamSend {
    /// The sending half of a stream that nothing was sent on.
    pub fn new(link: &Arc<StreamLink>) -> StreamSend {
        StreamSend { link: Arc::clone(link), block: Buffer::default(), pong: Vec::new() }
    }

    /// Whether frames that are no messages must be sent.
    #[inline]
    pub fn owes(&self) -> bool {
        let is_settled = self.link.upgrade.is_at(Stage::Socket);
        self.link.owes_pong() || self.is_amid_pong() || !is_settled && self.link.upgrade.owes()
    }

    /// Sends frames that are no messages; true once there are none. Call it between messages only.
    pub fn push_owed(&mut self) -> Result<bool> {
        Ok(self.push_pongs()? && self.link.upgrade.push(&self.link.peer)?)
    }

    /// The sending half of the ring, once messages go there.
    pub fn ring(&self) -> Option<RingSend> {
        let moved = self.link.upgrade.stage().moved().has(Interest::WRITE);
        self.link.upgrade.rings().filter(|_| moved).map(RingSend::new)
    }

    /// Sends answers to pings; true if none is half out.
    fn push_pongs(&mut self) -> Result<bool> {
        loop {
            if self.pong.is_empty() {
                match self.link.next_pong() {
                    Some(pong) => self.pong = pong,
                    None => return Ok(true),
                }
            }
            let sent = self.link.send(&[IoSlice::new(&self.pong)])?;
            self.pong.drain(..sent);
            if !self.pong.is_empty() {
                return Ok(false);
            }
        }
    }

    /// Returns the end, if the receiving half has met it.
    pub fn check_end(&self) -> Result<()> {
        self.link.peer.look_sometimes();
        match self.link.end.get() {
            Some(end) => Err(end.clone()),
            None if self.link.peer.is_gone() => Err(lost()),
            None => Ok(()),
        }
    }

    /// Returns the end, if the kernel knows of it: it says so even if nothing is sent.
    pub fn look_for_end(&self) -> Result<()> {
        self.check_end()?;
        self.link.send(&[]).map(drop)
    }

    /// Whether a frame that is no message is half out.
    pub fn is_amid_pong(&self) -> bool {
        !self.pong.is_empty()
    }

    pub fn push(&mut self, out: &mut Outgoing<'_>) -> Result<bool> {
        self.check_end()?;
        let Label { tag, id, flags } = out.label;
        let header = Header { length: out.data.len() as u32, kind: Kind::Data, flags, tag, id };
        // The length is that of the whole frame. It is not used once the header is out.
        let header = header.encode();
        // A raw stream has no header.
        let header = if self.link.raw { &[] } else { &header[..] };
        loop {
            let left = &header[out.sent.header..];
            if left.is_empty() && out.data.is_empty() {
                return Ok(true);
            }
            let sent = self.push_part(left, out)?;
            if sent == 0 {
                return Ok(false);
            }
            if !out.sent.has_begun() {
                self.link.upgrade.count(out.data.len());
            }
            let of_header = sent.min(left.len());
            out.sent.header += of_header;
            out.skip(sent - of_header);
        }
    }

    fn push_part(&self, header: &[u8], out: &Outgoing<'_>) -> Result<usize> {
        const PARTS_MAX: usize = 64;
        let mut parts = [IoSlice::new(&[]); PARTS_MAX];
        let mut data = out.data.clone();
        let mut count = 0;
        if !header.is_empty() {
            parts[0] = IoSlice::new(header);
            count = 1;
        }
        while count < PARTS_MAX && !data.is_empty() {
            parts[count] = IoSlice::new(data.take(usize::MAX));
            count += 1;
        }
        self.link.send(&parts[..count])
    }

    /// Sends whole blocks of frames.
    pub fn push_many(&mut self, messages: &[&[u8]]) -> Result<(usize, Option<Sent>)> {
        self.check_end()?;
        let mut done = 0;
        while done < messages.len() {
            let count = self.fill_block(&messages[done..])?;
            if count == 0 {
                break;
            }
            let sent = self.link.send(&[IoSlice::new(self.block.bytes())])?;
            self.link.upgrade.count(sent);
            if sent < self.block.len() {
                let (whole, cut) = self.cut(&messages[done..done + count], sent);
                return Ok((done + whole, cut));
            }
            done += count;
        }
        Ok((done, None))
    }

    /// Puts frames into the block, and returns how many fit. A message larger than the block is
    /// sent on its own.
    fn fill_block(&mut self, messages: &[&[u8]]) -> Result<usize> {
        self.block.truncate(0);
        self.block.reserve(BLOCK).map_err(|_| Error::no_memory())?;
        for (index, message) in messages.iter().enumerate() {
            if self.block.len() + HEADER_SIZE + message.len() > BLOCK {
                return Ok(index);
            }
            if !self.link.raw {
                self.block.append(&Header::plain(Kind::Data, message.len()).encode());
            }
            self.block.append(message);
        }
        Ok(messages.len())
    }

    /// How many messages are whole in the first `sent` bytes, and how much of the next one is out.
    fn cut(&self, messages: &[&[u8]], mut sent: usize) -> (usize, Option<Sent>) {
        let frame = if self.link.raw { 0 } else { HEADER_SIZE };
        for (index, message) in messages.iter().enumerate() {
            let size = frame + message.len();
            if sent < size {
                let header = sent.min(frame);
                let cut = Sent { header, data: sent - header };
                return (index, cut.has_begun().then_some(cut));
            }
            sent -= size;
        }
        (messages.len(), None)
    }
}
