//! The frames on a stream that are no messages: HELLO, SHARE, PING, PONG and CLOSE.

use super::link::closed_because;
use super::recv::StreamRecv;
use crate::error::{Error, Result, Status};
use crate::os::local_socket;
use crate::readiness::interest::Interest;
use crate::transport::handshake::stage::Stage;
use crate::transport::message::too_long;
use crate::transport::peer::closed_by_peer;
use crate::transport::ring::RingRecv;
use crate::wire::{
    CLOSE_SIZE_MAX, EARLY_SIZE_MAX, HEADER_SIZE, HELLO_SIZE_MAX, Header, Hello, Kind,
    PING_SIZE_MAX, SHARE_SIZE, refused,
};
use std::io::ErrorKind;
use std::mem::take;
use std::os::fd::AsFd;

impl StreamRecv {
    /// Takes a frame that is no message; false if part of it is missing.
    pub(super) fn control(&mut self, header: &Header) -> Result<bool> {
        self.controls += 1;
        let len = header.length as usize;
        if len > self.control_size_max(header.kind)? {
            return Err(Error::protocol("a frame that is no message, and too long"));
        }
        let at = self.start + HEADER_SIZE;
        let Some(payload) = self.ahead.bytes().get(at..at + len) else {
            return Ok(false);
        };
        match header.kind {
            Kind::Hello => self.link.upgrade.on_hello(&self.link.peer, &Hello::decode(payload)?)?,
            Kind::Share => {
                let fds = (!self.has_dropped_fds).then(|| take(&mut self.fds));
                let taken = self.link.upgrade.on_share(&self.link.peer, payload, fds);
                taken.map_err(|error| self.ended_by(error))?;
            }
            Kind::Ping => self.link.owe_pong(payload),
            Kind::Close => {
                let end = self.end_by_close(payload);
                return Err(self.ended(end));
            }
            _ => {}
        }
        if !self.fds.is_empty() {
            return Err(Error::protocol("descriptors with a frame that brings none"));
        }
        self.start += HEADER_SIZE + len;
        self.is_settled = self.link.upgrade.is_at(Stage::Socket);
        if self.has_moved() && self.has_bytes() {
            // What is in the ring is received first.
            self.link.peer.note_stray();
        }
        Ok(true)
    }

    /// The longest payload that a frame of this kind may have here and now.
    fn control_size_max(&self, kind: Kind) -> Result<usize> {
        let is_first = self.link.upgrade.stage() == Stage::AwaitsHello;
        match kind {
            Kind::Hello if is_first => Ok(HELLO_SIZE_MAX),
            Kind::Close => Ok(CLOSE_SIZE_MAX),
            _ if is_first => Err(Error::protocol("the first frame is not a HELLO")),
            Kind::Ping | Kind::Pong => Ok(PING_SIZE_MAX),
            Kind::Share if self.assembler.is_idle() => Ok(SHARE_SIZE),
            _ => Err(Error::protocol("a frame that does not belong on this connection")),
        }
    }

    /// Refuses DATA before HELLO, and DATA with descriptors.
    pub(super) fn check_data(&self) -> Result<()> {
        if self.is_settled {
            return Ok(());
        }
        if self.link.upgrade.stage() == Stage::AwaitsHello {
            return Err(Error::protocol("the first frame is not a HELLO"));
        }
        match self.fds.len() {
            0 => Ok(()),
            _ => Err(Error::protocol("descriptors with a frame that brings none")),
        }
    }

    /// Ends a channel that must have rings and has none.
    fn ended_by(&self, error: Error) -> Error {
        match error.status() {
            Status::Unsupported => self.ended(error),
            _ => error,
        }
    }

    /// The error that a CLOSE means. One that opens with a status refuses.
    pub(super) fn end_by_close(&self, reason: &[u8]) -> Error {
        let error = refused(reason);
        let is_early = matches!(self.link.upgrade.stage(), Stage::AwaitsHello | Stage::AwaitsShare);
        match error.status() {
            Status::Closed | Status::Protocol if !is_early => {
                let reason = String::from_utf8_lossy(reason);
                match reason.replace(|c: char| c.is_control(), " ") {
                    reason if reason.is_empty() => closed_by_peer(),
                    reason => closed_because(&reason),
                }
            }
            Status::Closed if reason.is_empty() => closed_by_peer(),
            _ => error,
        }
    }

    /// The error for a message over the limit of this side. A peer that could not know the limit is
    /// told.
    pub(super) fn too_long(&self, len: usize) -> Error {
        let most = self.message_size_max;
        if len <= EARLY_SIZE_MAX {
            let detail =
                format!("a message of {len} bytes, where max_message is {most}; send it in parts");
            let _ = self.link.refusal.set(Error::new(Status::TooLarge, detail));
        }
        too_long(most)
    }

    /// Whether the peer sends through its ring.
    pub(super) fn has_moved(&self) -> bool {
        !self.is_settled && self.link.upgrade.stage().moved().has(Interest::READ)
    }

    /// The receiving half of the ring, once messages come there.
    pub fn ring(&self) -> Option<RingRecv> {
        let rings = self.link.upgrade.rings().filter(|_| self.has_moved());
        rings.map(|rings| RingRecv::new(rings, self.message_size_max))
    }

    /// How many bytes are missing of the header in front, or of its frame: nothing is read beyond
    /// them.
    pub(super) fn frame_left(&self) -> usize {
        let bytes = self.ahead.bytes();
        let header = bytes.first_chunk::<HEADER_SIZE>().map(Header::decode);
        match header {
            // The next reader of a broken header meets it again.
            Some(Ok(header)) => {
                (HEADER_SIZE + header.length as usize - bytes.len()).clamp(1, super::BLOCK)
            }
            Some(Err(_)) => 1,
            None => HEADER_SIZE - bytes.len(),
        }
    }

    /// Takes the frames of the handshake in front, and the end. True if something else is in front,
    /// which stays there.
    pub fn take_handshake(&mut self) -> Result<bool> {
        while self.link.upgrade.stage().listens() {
            if !self.assembler.is_idle() {
                return Ok(true);
            }
            let Some(header) = self.peek_header()? else {
                return Ok(false);
            };
            if !matches!(header.kind, Kind::Hello | Kind::Share | Kind::Close) {
                self.check_data()?;
                return Ok(true);
            }
            if !self.control(&header)? && !self.read()? {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// The header in front. It stays in the socket if it is still there.
    fn peek_header(&mut self) -> Result<Option<Header>> {
        let bytes = &self.ahead.bytes()[self.start..];
        if let Some(header) = bytes.first_chunk::<HEADER_SIZE>() {
            return Header::decode(header).map(Some);
        }
        if bytes.is_empty() {
            match local_socket::peek(self.link.peer.socket.as_fd()) {
                Ok(Some(header)) => return Header::decode(&header).map(Some),
                Err(error)
                    if error.kind() == ErrorKind::WouldBlock && !self.link.peer.is_gone() =>
                {
                    return Ok(None);
                }
                _ => {}
            }
        }
        // The header comes in pieces, or this is the end.
        match self.read()? {
            true => self.peek_header(),
            false => Ok(None),
        }
    }
}
