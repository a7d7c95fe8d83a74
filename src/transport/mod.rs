//! Ways across: one enum a direction, one match a verb. How the two sides meet is in local.rs, what
//! they say first in handshake.rs, how they get from the socket into rings in upgrade.rs, and then
//! each way has a file of its own.

mod assemble;
mod carrier;
pub mod handshake;
pub mod link;
pub mod meet;
pub mod peer;
pub mod ring;
pub mod stream;

use crate::endpoint::Views;
use crate::error::{Error, Result, Status};
use crate::memory::Buffer;
use crate::ring::spans::SpanId;
use crate::wire::{FLAG_MORE, FLAG_REPLY, FLAG_REQUEST, Gather, Header};
use std::mem::MaybeUninit;

/// A fragment below this size is small: honest ones are large, but for a message's last. A peer
/// that floods with small ones must not keep a call beyond its time.
const FRAGMENT_LEN_MIN: usize = 512;
/// A large one counts as so many of this size.
const PIECE_LEN: usize = 4096;

/// As how much a fragment counts towards what one call takes.
fn pieces(len: usize) -> u32 {
    u32::from(len < FRAGMENT_LEN_MIN) + (len / PIECE_LEN) as u32
}

/// What a program is to the other: the one that listened, or the one that connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Listener,
    Connector,
}

/// What a message says besides its payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Label {
    pub tag: u32,
    pub id: u32,
    pub flags: u8,
}

impl Label {
    /// Of a message that asks for nothing and answers nothing.
    #[inline]
    pub fn tagged(tag: u32) -> Label {
        Label { tag, id: 0, flags: 0 }
    }
}

/// A message on its way out, and how far it has got.
#[derive(Clone)]
pub struct Outgoing<'a> {
    pub label: Label,
    /// What is left of the payload.
    pub data: Gather<'a>,
    /// How much of it is out.
    pub sent: Sent,
}

/// How much of a message is out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Bytes of the frame's header; on streams.
    pub header: usize,
    /// Bytes of the payload.
    pub data: usize,
}

impl Sent {
    /// Whether any of it is out: then all of it must follow.
    pub fn has_begun(self) -> bool {
        self != Sent::default()
    }
}

impl<'a> Outgoing<'a> {
    /// A message of which nothing is out.
    pub fn new(label: Label, data: Gather<'a>) -> Outgoing<'a> {
        Outgoing { label, data, sent: Sent::default() }
    }

    /// Bytes of the payload are out.
    fn skip(&mut self, count: usize) {
        self.data.skip(count);
        self.sent.data += count;
    }
}

/// What is known of a message besides its bytes. Three whole words: smaller fields would be
/// written one by one and read together, for which a processor has to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub len: usize,
    tag_and_id: u64,
    flags: u64,
}

impl Head {
    /// A message that asks for nothing and answers nothing.
    #[inline(always)]
    pub fn plain(len: usize, tag: u32) -> Head {
        Head { len, tag_and_id: tag.into(), flags: 0 }
    }

    /// The message that a frame is, or is a fragment of.
    pub fn of(header: &Header) -> Head {
        Head {
            len: header.length as usize,
            tag_and_id: u64::from(header.tag) | u64::from(header.id) << 32,
            flags: (header.flags & !FLAG_MORE).into(),
        }
    }

    pub fn tag(&self) -> u32 {
        self.tag_and_id as u32
    }

    pub fn id(&self) -> u32 {
        (self.tag_and_id >> 32) as u32
    }

    pub fn flags(&self) -> u32 {
        self.flags as u32
    }

    #[inline(always)]
    pub fn is_request(&self) -> bool {
        self.flags & u64::from(FLAG_REQUEST) != 0
    }

    #[inline(always)]
    pub fn is_reply(&self) -> bool {
        self.flags & u64::from(FLAG_REPLY) != 0
    }
}

/// A message that lies on the heap.
pub struct HeapMessage {
    pub head: Head,
    pub data: Buffer,
}

/// A message kept for its receiver until that releases it.
pub enum Held {
    /// In the ring.
    InRing(SpanId),
    /// On the heap.
    OnHeap(Buffer),
}

/// The front message of a receiving half.
pub struct Front {
    pub head: Head,
    /// The payload is in the caller's buffer already, and the message taken.
    pub delivered: bool,
}

/// The sending end of a channel.
pub enum SendHalf {
    Ring(ring::RingSend),
    Stream(stream::StreamSend),
}

impl SendHalf {
    /// Sends frames that are no messages; true once none is owed. By them this end may move into
    /// its ring. Only between messages.
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
            SendHalf::Stream(_) => stream::BLOCK,
        }
    }

    /// Sends as many whole messages as there is room for. On a stream the last may be cut: how
    /// much of it is out is in the second value.
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
            // The kernel tells of that.
            SendHalf::Stream(_) => true,
        }
    }

    /// Drops what is being written in place, so that what was sent behind it goes out.
    pub fn discard_loans(&mut self) {
        if let SendHalf::Ring(end) = self {
            end.discard_loans();
        }
    }

    /// The end, if a message that was sent now would meet it.
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

/// The receiving end of a channel.
pub enum RecvHalf {
    Ring(ring::RingRecv),
    Stream(stream::StreamRecv),
}

impl RecvHalf {
    /// The message at the front, if a whole one is there. A stream may put the payload of a
    /// large one straight `into` the caller's buffer; then it is delivered.
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

    /// The socket brings nothing now: perhaps what follows is in the ring.
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

    /// Takes what stands in front of the next message, and leaves that where it is: for a call that
    /// only sends. Whether it stands before what the handshake still brings.
    pub fn take_handshake(&mut self) -> Result<bool> {
        let RecvHalf::Stream(end) = self else {
            return Ok(false);
        };
        let is_behind = end.take_handshake()?;
        self.move_if_due();
        Ok(is_behind)
    }

    /// Why the peer ended, if it said so behind what is still to be received: for a sender that
    /// found the connection broken.
    pub fn end_seen_ahead(&mut self) -> Option<Error> {
        match self {
            RecvHalf::Ring(end) => end.end_seen_ahead(),
            RecvHalf::Stream(end) => end.end_seen_ahead(),
        }
    }

    /// Copies the front message's payload, from its first byte, as much as there is room for.
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

    /// Tells the peer of the room that there is now; once after a call's messages.
    #[inline(always)]
    pub fn give_back(&mut self) {
        if let RecvHalf::Ring(end) = self {
            end.give_back();
        }
    }

    /// Takes the front message, in place if that is possible and wished.
    pub fn hold_front(&mut self, views: Views) -> Result<Held> {
        match self {
            RecvHalf::Ring(end) => end.hold_front(views),
            RecvHalf::Stream(end) => end.take_front().map(Held::OnHeap),
        }
    }

    /// Whether the last look for a message ended before all that is there was looked at.
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

    /// Whether messages were read ahead, so that no descriptor shows them.
    pub fn has_read_ahead(&self) -> bool {
        match self {
            RecvHalf::Ring(_) => false,
            RecvHalf::Stream(end) => end.has_read_ahead(),
        }
    }
}

/// A message over what this side takes.
pub fn too_long(most: usize) -> Error {
    Error::protocol(format!("the peer's message is over this side's max_message of {most} bytes"))
}

/// Waiting is no use, as the peer may wait for views that this program holds.
pub fn choked() -> Error {
    let detail = "open views hold more than half of the ring, so the peer may be unable to send; \
                  release some views, or raise ring=";
    Error::new(Status::NoSpace, detail)
}
