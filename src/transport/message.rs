//! A message that goes out, and one that has come.

use crate::error::{Error, Status};
use crate::memory::Buffer;
use crate::ring::spans::SpanId;
use crate::wire::{FLAG_MORE, FLAG_REPLY, FLAG_REQUEST, Gather, Header};

/// A fragment below this size is small. Honest fragments are large, except for a message's last. A
/// peer that floods with small ones must not keep a call beyond its time.
pub const FRAGMENT_LEN_MIN: usize = 512;
/// A large fragment counts as several pieces of this size.
pub const PIECE_LEN: usize = 4096;

/// How many pieces a fragment counts as towards what one call takes.
pub fn pieces(len: usize) -> u32 {
    u32::from(len < FRAGMENT_LEN_MIN) + (len / PIECE_LEN) as u32
}

/// What a message says besides its payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Label {
    pub tag: u32,
    pub id: u32,
    pub flags: u8,
}

impl Label {
    /// The label of a message that asks for nothing and answers nothing.
    #[inline]
    pub fn tagged(tag: u32) -> Label {
        Label { tag, id: 0, flags: 0 }
    }

    /// Whether the message asks for nothing and answers nothing.
    #[inline(always)]
    pub fn is_plain(self) -> bool {
        self.id == 0 && self.flags == 0
    }
}

/// A message that goes out, and how far it has got.
#[derive(Clone)]
pub struct Outgoing<'a> {
    pub label: Label,
    /// The rest of the payload.
    pub data: Gather<'a>,
    /// How much of it is out.
    pub sent: Sent,
}

/// How much of a message is out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Bytes of the frame's header that are out; on streams.
    pub header: usize,
    /// Bytes of the payload that are out.
    pub data: usize,
}

impl Sent {
    /// Whether any of it is out: then the rest must follow.
    pub fn has_begun(self) -> bool {
        self != Sent::default()
    }
}

impl<'a> Outgoing<'a> {
    /// A message of which nothing is out.
    pub fn new(label: Label, data: Gather<'a>) -> Outgoing<'a> {
        Outgoing { label, data, sent: Sent::default() }
    }

    /// Passes over bytes of the payload that are out.
    pub fn skip(&mut self, count: usize) {
        self.data.skip(count);
        self.sent.data += count;
    }
}

/// What is known of a message besides its bytes. It consists of three whole words: smaller fields
/// would be written one by one and read together, which makes a processor wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub len: usize,
    tag_and_id: u64,
    flags: u64,
}

impl Head {
    /// The head of a message that asks for nothing and answers nothing.
    #[inline(always)]
    pub fn plain(len: usize, tag: u32) -> Head {
        Head { len, tag_and_id: tag.into(), flags: 0 }
    }

    /// The head of the message that this frame is, or is a fragment of.
    pub fn of(header: &Header) -> Head {
        Head {
            len: header.length as usize,
            tag_and_id: u64::from(header.tag) | u64::from(header.id) << 32,
            flags: (header.flags & !FLAG_MORE).into(),
        }
    }

    /// Copies the head, with `len` as the length.
    pub fn with_len(self, len: usize) -> Head {
        Head { len, ..self }
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

/// A message on the heap.
pub struct HeapMessage {
    pub head: Head,
    pub data: Buffer,
}

/// A message kept for its receiver until the receiver releases it.
pub enum Held {
    /// In the ring.
    InRing(SpanId),
    /// On the heap.
    OnHeap(Buffer),
}

/// The front message of a receiving half.
pub struct Front {
    pub head: Head,
    /// Whether the payload is in the caller's buffer already and the message is taken.
    pub delivered: bool,
}

/// The error for a message over the limit of this side.
pub fn too_long(most: usize) -> Error {
    Error::protocol(format!(
        "the peer's message is over this side's max_message of {most} bytes; raise max_message= \
         here, or let the peer send less at a time"
    ))
}

/// The error when waiting is no use, as the peer may wait for views that this program holds.
pub fn choked() -> Error {
    let detail = "open views hold more than half of the ring, so the peer may be unable to send; \
                  release some views, or raise ring=";
    Error::new(Status::NoSpace, detail)
}
