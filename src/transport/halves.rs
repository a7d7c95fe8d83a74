//! The two halves of a channel: one sends, one receives. Each goes through its socket or its ring.
//!
//! What every way of sending must provide. No call blocks; a half is used by one thread at a
//! time.
//!
//! | verb | promise |
//! |---|---|
//! | `push` | sends as much as there is room for; what has begun goes on before all else |
//! | `push_owed` | sends frames that are no messages, between two messages |
//! | `push_many` | sends whole messages, and may cut the last one |
//! | `has_room_for` | may say true too often, and never false for ever |
//! | `look_for_end` | finds the end without sending anything |
//!
//! What every way of receiving must provide.
//!
//! | verb | promise |
//! |---|---|
//! | `front` | shows the next message, after a bounded piece of work, and leaves it in front |
//! | `has_more` | tells that `front` ended before all that is there was looked at |
//! | `copy_front` | copies what `front` showed |
//! | `drop_front` | takes it |
//! | `hold_front` | takes it, and owns its bytes, or a span of the ring until it is released |
//! | `give_back` | lets the peer have the room of what was taken |
//! | `has_read_ahead` | tells of what no descriptor shows any more |
//!
//! Both give TN_CLOSED and TN_PEER_LOST at the end, TN_PROTOCOL for a peer that does not keep to
//! the format, and TN_NO_SPACE where there is no memory. After the last one nothing is lost, and
//! the call may be made again.

use super::message::{Front, Held, Outgoing, Sent};
use super::ring::{RingRecv, RingSend};
use super::stream::{BLOCK, StreamRecv, StreamSend};
use crate::endpoint::Views;
use crate::error::{Error, Result};
use std::mem::MaybeUninit;

/// The sending half of a channel.
pub enum SendHalf {
    Ring(RingSend),
    Stream(StreamSend),
}

impl SendHalf {
    /// Sends frames that are no messages; true once none is owed. These frames may move this half
    /// into its ring. Call it between messages only.
    #[inline(always)]
    pub fn push_owed(&mut self) -> Result<bool> {
        match self {
            SendHalf::Stream(end) if end.owes() => self.push_owed_frames(),
            _ => Ok(true),
        }
    }

    #[cold]
    fn push_owed_frames(&mut self) -> Result<bool> {
        let SendHalf::Stream(end) = self else {
            return Ok(true);
        };
        let is_out = end.push_owed()?;
        if let Some(ring) = end.ring() {
            *self = SendHalf::Ring(ring);
        }
        Ok(is_out)
    }

    /// Sends as much as there is room for; true once all of it is out.
    #[inline]
    pub fn push(&mut self, out: &mut Outgoing<'_>) -> Result<bool> {
        match self {
            SendHalf::Ring(end) => end.push(out),
            SendHalf::Stream(end) => end.push(out),
        }
    }

    /// The longest message that goes out whole or not at all.
    #[inline]
    pub fn whole_max(&self) -> usize {
        match self {
            SendHalf::Ring(end) => end.writer.payload_size_max(),
            SendHalf::Stream(_) => 0,
        }
    }

    /// The longest message that may be cut by [`SendHalf::push_many`].
    pub fn cut_max(&self) -> usize {
        match self {
            SendHalf::Ring(_) => 0,
            SendHalf::Stream(_) => BLOCK,
        }
    }

    /// Sends as many whole messages as there is room for. On a stream the last one may be cut: the
    /// second value says how much of it is out.
    pub fn push_many(&mut self, messages: &[&[u8]]) -> Result<(usize, Option<Sent>)> {
        match self {
            SendHalf::Ring(end) => end.push_many(messages).map(|count| (count, None)),
            SendHalf::Stream(end) => end.push_many(messages),
        }
    }

    /// Whether there may be room for a message of this length, or for its next piece.
    pub fn has_room_for(&mut self, len: usize) -> bool {
        match self {
            SendHalf::Ring(end) => end.has_room_for(len),
            // The kernel reports that.
            SendHalf::Stream(_) => true,
        }
    }

    /// Drops what is being written in place, so that the messages sent after it go out.
    pub fn discard_loans(&mut self) {
        if let SendHalf::Ring(end) = self {
            end.discard_loans();
        }
    }

    /// Returns the end, if a message that was sent now would meet it.
    pub fn look_for_end(&self) -> Result<()> {
        match self {
            SendHalf::Ring(end) => end.check_peer(),
            SendHalf::Stream(end) => end.look_for_end(),
        }
    }

    /// Whether messages that were taken are still held back in this process.
    pub fn is_held_back(&self) -> bool {
        match self {
            SendHalf::Ring(end) => end.writer.is_held_back(),
            SendHalf::Stream(_) => false,
        }
    }
}

/// The receiving half of a channel.
pub enum RecvHalf {
    Ring(RingRecv),
    Stream(StreamRecv),
}

impl RecvHalf {
    /// The message at the front, if a whole one is there. A stream may put the payload of a large
    /// message straight `into` the caller's buffer; then it is delivered.
    #[inline(always)]
    pub fn front(&mut self, into: Option<&mut [MaybeUninit<u8>]>) -> Result<Option<Front>> {
        match self {
            RecvHalf::Ring(end) => end.front(),
            RecvHalf::Stream(end) => match end.front(into)? {
                None => self.front_after_socket(),
                front => Ok(front),
            },
        }
    }

    /// Moves on if the socket brings nothing now: what follows may be in the ring.
    #[cold]
    fn front_after_socket(&mut self) -> Result<Option<Front>> {
        self.move_if_due();
        match self {
            RecvHalf::Ring(end) => end.front(),
            RecvHalf::Stream(_) => Ok(None),
        }
    }

    fn move_if_due(&mut self) {
        if let RecvHalf::Stream(end) = self
            && let Some(ring) = end.ring()
        {
            *self = RecvHalf::Ring(ring);
        }
    }

    /// Takes the frames in front of the next message, and leaves the message where it is. This is
    /// for a call that only sends. True if the message stands before what the handshake still
    /// brings.
    pub fn take_handshake(&mut self) -> Result<bool> {
        let RecvHalf::Stream(end) = self else {
            return Ok(false);
        };
        let is_behind = end.take_handshake()?;
        self.move_if_due();
        Ok(is_behind)
    }

    /// Why the peer ended, if it said so behind what is still to be received. A sender that found
    /// the connection broken asks this.
    pub fn end_seen_ahead(&mut self) -> Option<Error> {
        match self {
            RecvHalf::Ring(end) => end.end_seen_ahead(),
            RecvHalf::Stream(end) => end.end_seen_ahead(),
        }
    }

    /// Copies the front message's payload from its first byte, as much as there is room for.
    #[inline(always)]
    pub fn copy_front(&self, to: &mut [MaybeUninit<u8>]) {
        match self {
            RecvHalf::Ring(end) => end.copy_front(to),
            RecvHalf::Stream(end) => end.copy_front(to),
        }
    }

    /// Drops the front message.
    #[inline(always)]
    pub fn drop_front(&mut self) {
        match self {
            RecvHalf::Ring(end) => end.drop_front(),
            RecvHalf::Stream(end) => end.drop_front(usize::MAX),
        }
    }

    /// Tells the peer how much room there is now. A call does it once, after its messages.
    #[inline(always)]
    pub fn give_back(&mut self) {
        if let RecvHalf::Ring(end) = self {
            end.give_back();
        }
    }

    /// Takes the front message, in place if that is possible and wanted.
    pub fn hold_front(&mut self, views: Views) -> Result<Held> {
        match self {
            RecvHalf::Ring(end) => end.hold_front(views),
            RecvHalf::Stream(end) => end.take_front().map(Held::OnHeap),
        }
    }

    /// Whether the last look for a message ended before it had looked at everything.
    pub fn has_more(&self) -> bool {
        match self {
            RecvHalf::Ring(end) => end.has_more(),
            RecvHalf::Stream(end) => end.has_more(),
        }
    }

    /// Whether open views keep the peer from sending more.
    pub fn is_choked(&self) -> bool {
        matches!(self, RecvHalf::Ring(end) if end.is_choked())
    }

    /// Whether messages were read ahead, which no descriptor shows.
    pub fn has_read_ahead(&self) -> bool {
        match self {
            RecvHalf::Ring(_) => false,
            RecvHalf::Stream(end) => end.has_read_ahead(),
        }
    }
}
