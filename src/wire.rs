//! The frame: its bytes, how they are made and how they are read. The same sixteen bytes precede a
//! message in a ring and on a socket (docs/wire-format.md).

use crate::error::{Error, Result, Status};

/// Bytes of a frame's header.
pub const HEADER_SIZE: usize = 16;
/// Most bytes that the payload of a HELLO may have.
pub const HELLO_SIZE_MAX: usize = 1024;
/// Fewest bytes that the payload of a HELLO has, and how many this version sends.
pub const HELLO_SIZE: usize = 32;
/// The most bytes that come back in a PONG.
pub const PING_SIZE_MAX: usize = 64;
/// The most bytes of a CLOSE's reason that are read.
pub const CLOSE_SIZE_MAX: usize = 1024;
/// Bytes of the listener's SHARE.
pub const SHARE_SIZE: usize = 48;
/// Bytes of the connector's answer to a SHARE.
pub const SHARE_ANSWER_SIZE: usize = 4;

/// The first bytes of HELLO and of shared memory.
pub const MAGIC: [u8; 8] = *b"TREENAIL";
/// The major version that this library speaks. It refuses any other.
pub const VERSION_MAJOR: u16 = 1;
/// The minor version that this library speaks.
pub const VERSION_MINOR: u16 = 0;
/// HELLO's feature bit for rings in shared memory, format 1.
pub const FEATURE_RING: u64 = 1;
/// HELLO's feature bit of the side that takes the listener's part. It is no feature that both must
/// have: it lets two sides notice that they are alike.
pub const FEATURE_LISTENER: u64 = 2;
/// The largest message, in bytes, that may be sent before the peer's HELLO has come.
pub const EARLY_SIZE_MAX: usize = 64 << 10;

/// DATA: this message asks for a reply.
pub const FLAG_REQUEST: u8 = 1;
/// DATA: this message is a reply.
pub const FLAG_REPLY: u8 = 2;
/// DATA: another fragment of the same message follows.
pub const FLAG_MORE: u8 = 4;

/// The kind of a frame.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The first frame of both sides.
    Hello = 1,
    /// A message, or a fragment of one.
    Data = 2,
    /// Asks for its payload back.
    Ping = 3,
    /// Brings a ping's payload back.
    Pong = 4,
    /// The sender sends nothing more.
    Close = 5,
    /// Unused room in a ring.
    Pad = 6,
    /// Hands over shared memory, or answers that.
    Share = 7,
}

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of payload after the header.
    pub length: u32,
    /// The kind of the frame.
    pub kind: Kind,
    /// Flags of a DATA frame.
    pub flags: u8,
    /// The user's message type.
    pub tag: u32,
    /// The number of the request that this is, or answers.
    pub id: u32,
}

impl Header {
    /// A header with neither flags, tag nor id.
    pub fn plain(kind: Kind, length: usize) -> Header {
        Header { length: length as u32, kind, flags: 0, tag: 0, id: 0 }
    }

    /// The sixteen bytes, as two little-endian words.
    #[inline]
    pub fn words(&self) -> [u64; 2] {
        let kind = u64::from(self.kind as u8) << 32;
        let first = u64::from(self.length) | kind | (u64::from(self.flags) << 40);
        [first.to_le(), (u64::from(self.tag) | (u64::from(self.id) << 32)).to_le()]
    }

    /// The sixteen bytes.
    #[inline]
    pub fn encode(&self) -> [u8; HEADER_SIZE] {
        let [first, second] = self.words();
        let mut bytes = [0; HEADER_SIZE];
        bytes[..8].copy_from_slice(&first.to_ne_bytes());
        bytes[8..].copy_from_slice(&second.to_ne_bytes());
        bytes
    }

    /// Whether two words are the header of a message that is whole, asks for nothing and answers
    /// nothing. Nearly all are, so one comparison finds this out.
    #[inline(always)]
    pub fn is_plain_data(words: [u64; 2]) -> bool {
        words[0] >> 32 == Kind::Data as u64 && words[1] >> 32 == 0
    }

    /// Reads a header from two words, and checks everything that can be checked of it alone.
    #[inline]
    pub fn from_words(words: [u64; 2]) -> Result<Header> {
        let (first, second) = (u64::from_le(words[0]), u64::from_le(words[1]));
        let flags = (first >> 40) as u8;
        let kind = kind_of((first >> 32) as u8)?;
        if first >> 48 != 0 {
            return Err(Error::protocol("a frame whose zero field is not zero"));
        }
        let header = Header {
            length: first as u32,
            kind,
            flags,
            tag: second as u32,
            id: (second >> 32) as u32,
        };
        header.check()?;
        Ok(header)
    }

    /// Reads a header from its sixteen bytes.
    #[inline]
    pub fn decode(bytes: &[u8; HEADER_SIZE]) -> Result<Header> {
        let [first, second] = Header::split(bytes);
        Header::from_words([first.to_le(), second.to_le()])
    }

    /// The sixteen bytes as two words.
    #[inline(always)]
    pub fn split(bytes: &[u8; HEADER_SIZE]) -> [u64; 2] {
        let (first, second) = bytes.split_at(8);
        let word = |half: &[u8]| u64::from_le_bytes(half.try_into().expect("eight bytes"));
        [word(first), word(second)]
    }

    #[inline]
    fn check(&self) -> Result<()> {
        if self.flags == 0 && (self.id == 0 || self.kind == Kind::Pad) {
            return Ok(());
        }
        let asks = self.flags & (FLAG_REQUEST | FLAG_REPLY);
        let fits = self.kind == Kind::Data
            && self.flags <= (FLAG_REQUEST | FLAG_REPLY | FLAG_MORE)
            && asks != (FLAG_REQUEST | FLAG_REPLY)
            && (asks != 0) == (self.id != 0);
        match fits {
            true => Ok(()),
            false => Err(Error::protocol("a frame whose flags and id do not go together")),
        }
    }
}

#[inline]
fn kind_of(byte: u8) -> Result<Kind> {
    Ok(match byte {
        1 => Kind::Hello,
        2 => Kind::Data,
        3 => Kind::Ping,
        4 => Kind::Pong,
        5 => Kind::Close,
        6 => Kind::Pad,
        7 => Kind::Share,
        other => {
            return Err(Error::protocol(format!("a frame of the unknown kind {other}")));
        }
    })
}

/// What a side says about itself before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The largest message this side takes, in bytes.
    pub message_size_max: u32,
    /// What this side can do. Both sides use what both can do.
    pub features: u64,
    /// The ring size in bytes that this side asks for in its sending direction; 0 if it asks for
    /// none.
    pub ring_wish: u32,
    /// The sender's process id, for people to read.
    pub pid: u32,
}

impl Hello {
    /// The whole HELLO frame.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Header::plain(Kind::Hello, HELLO_SIZE).encode().to_vec();
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION_MAJOR.to_le_bytes());
        bytes.extend_from_slice(&VERSION_MINOR.to_le_bytes());
        bytes.extend_from_slice(&self.message_size_max.to_le_bytes());
        bytes.extend_from_slice(&self.features.to_le_bytes());
        bytes.extend_from_slice(&self.ring_wish.to_le_bytes());
        bytes.extend_from_slice(&self.pid.to_le_bytes());
        bytes
    }

    /// Reads a HELLO's payload.
    pub fn decode(payload: &[u8]) -> Result<Hello> {
        if payload.len() < HELLO_SIZE || payload[..8] != MAGIC {
            return Err(Error::protocol(FOREIGN_PEER));
        }
        let major = u16::from_le_bytes([payload[8], payload[9]]);
        if major != VERSION_MAJOR {
            let text = format!(
                "wire format {major} was offered, and this side speaks {VERSION_MAJOR}; \
                 use the same major version of treenail on both sides"
            );
            return Err(Error::protocol(text));
        }
        let hello = Hello {
            message_size_max: u32_at(payload, 12),
            features: u64_at(payload, 16),
            ring_wish: u32_at(payload, 24),
            pid: u32_at(payload, 28),
        };
        if hello.message_size_max == 0 {
            return Err(Error::protocol("the peer takes no messages (max_message is 0)"));
        }
        Ok(hello)
    }
}

/// The shared memory that a listener hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The ring format word, computed from the layout.
    pub format: u32,
    /// Bytes of the memfd.
    pub size: u64,
    /// Offset and size of the ring from the connector to the listener.
    pub to_listener: (u64, u64),
    /// Offset and size of the ring from the listener to the connector.
    pub to_connector: (u64, u64),
}

impl Share {
    /// The whole SHARE frame.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Header::plain(Kind::Share, SHARE_SIZE).encode().to_vec();
        bytes.extend_from_slice(&self.format.to_le_bytes());
        bytes.extend_from_slice(&0u32.to_le_bytes());
        let (to_listener, to_connector) = (self.to_listener, self.to_connector);
        let words = [self.size, to_listener.0, to_listener.1, to_connector.0, to_connector.1];
        words.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        bytes
    }

    /// Reads a SHARE's payload.
    pub fn decode(payload: &[u8]) -> Result<Share> {
        if payload.len() != SHARE_SIZE {
            return Err(Error::protocol("a SHARE frame of the wrong size"));
        }
        Ok(Share {
            format: u32_at(payload, 0),
            size: u64_at(payload, 8),
            to_listener: (u64_at(payload, 16), u64_at(payload, 24)),
            to_connector: (u64_at(payload, 32), u64_at(payload, 40)),
        })
    }
}

const FOREIGN_PEER: &str = "the peer does not speak treenail's wire format: it is another \
                            program's server or client; check the name, and that \
                            both sides use treenail";

/// A CLOSE frame with a reason that begins with the name of a status, so that both people and
/// programs can read it.
pub fn refusal(error: &Error) -> Vec<u8> {
    let mut text = format!("{}: {error}", error.status().name());
    text.truncate(text.floor_char_boundary(CLOSE_SIZE_MAX));
    let mut bytes = Header::plain(Kind::Close, text.len()).encode().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// The error that a refusing CLOSE means on the side that reads it.
pub fn refused(reason: &[u8]) -> Error {
    let text = String::from_utf8_lossy(reason);
    let text = text.replace(|c: char| c.is_control(), " ");
    let ends = |status: &Status| {
        (*status as i32) < 0 && !matches!(status, Status::Again | Status::TimedOut)
    };
    let status = Status::opening(&text).filter(ends);
    let said = if text.is_empty() { "no reason was given" } else { text.as_str() };
    let advice = if said.contains("; ") { "" } else { "; ask whoever runs it" };
    let detail = format!("the other side refused: {said}{advice}");
    Error::new(status.unwrap_or(Status::Closed), detail)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// The payload of a message that goes out: separate parts, read from front to back.
#[derive(Clone)]
pub struct Gather<'a> {
    parts: &'a [&'a [u8]],
    /// Bytes of the first part that were passed over.
    skipped: usize,
    left: usize,
}

impl<'a> Gather<'a> {
    /// All bytes of `parts`.
    #[inline]
    pub fn new(parts: &'a [&'a [u8]]) -> Gather<'a> {
        let left = parts.iter().fold(0usize, |sum, part| sum.saturating_add(part.len()));
        Gather { parts, skipped: 0, left }
    }

    /// Bytes that are left.
    #[inline]
    pub fn len(&self) -> usize {
        self.left
    }

    /// Whether none is left.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// Passes over the next `count` bytes.
    pub fn skip(&mut self, mut count: usize) {
        while count > 0 {
            let taken = self.take(count).len();
            assert!(taken > 0, "no more is skipped than there is");
            count -= taken;
        }
    }

    /// The next contiguous bytes, at most `max` of them; empty once nothing is left.
    #[inline]
    pub fn take(&mut self, max: usize) -> &'a [u8] {
        while let Some((part, others)) = self.parts.split_first() {
            let rest = &part[self.skipped..];
            if rest.len() > max {
                self.skipped += max;
                self.left -= max;
                return &rest[..max];
            }
            (self.parts, self.skipped) = (others, 0);
            self.left -= rest.len();
            if !rest.is_empty() {
                return rest;
            }
        }
        &[]
    }
}
