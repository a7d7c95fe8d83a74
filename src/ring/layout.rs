//! The shared bytes of a channel: one control page, then two rings. Only this file says what is at
//! which offset; docs/wire-format.md has the same as a table.

use crate::sync::{AtomicU32, AtomicU64};
use crate::wire::{HEADER_SIZE, MAGIC};

/// Records begin at multiples of this many bytes.
pub const RECORD_ALIGNMENT: u64 = 16;
/// The ring from the connector to the listener.
pub const TO_LISTENER: usize = 0;
/// The ring from the listener to the connector.
pub const TO_CONNECTOR: usize = 1;
/// The first word of the control page: the magic as the machine reads it.
pub const MAGIC_WORD: u64 = u64::from_ne_bytes(MAGIC);

/// Two cache lines, as some processors fetch them in pairs.
const LINE: usize = 128;

/// The control page, which is the first page.
#[repr(C)]
pub struct ControlPage {
    pub magic: AtomicU64,
    /// [`FORMAT`]; written last.
    pub format: AtomicU32,
    pad: [u8; LINE - 12],
    pub rings: [RingControl; 2],
}

/// A wait word: its side is awake, and the other side must fence before looking at the word.
pub const AWAKE: u32 = 0;
/// A wait word: its side sleeps, or is about to, and wants to be woken.
pub const WAITS: u32 = 1;
/// A wait word: its side is busy, and will make the other side pass a barrier before it sleeps, so
/// that the other side need not fence.
pub const BUSY: u32 = 2;

/// What the two sides of one ring tell each other. Each word has one writer, except the two wait
/// words: the side that a wait word speaks of sets it, and the other side clears WAITS.
#[repr(C)]
pub struct RingControl {
    /// Bytes ever published; only grows.
    pub tail: AtomicU64,
    pad_tail: [u8; LINE - 8],
    /// AWAKE, WAITS (for room) or BUSY.
    pub writer_waits: AtomicU32,
    /// 1: nothing comes after the tail any more.
    pub writer_closed: AtomicU32,
    /// 1: the writer has registered for barriers, so the reader may be BUSY.
    pub writer_registered: AtomicU32,
    pad_refused: [u8; 4],
    /// The tail at which the writer last found no room, although the reader could make some.
    pub refused: AtomicU64,
    pad_writer: [u8; LINE - 24],
    /// Bytes ever given back; only grows.
    pub head: AtomicU64,
    pad_head: [u8; LINE - 8],
    /// AWAKE, WAITS (for records) or BUSY.
    pub reader_waits: AtomicU32,
    /// 1: the reader has registered for barriers, so the writer may be BUSY.
    pub reader_registered: AtomicU32,
    pad_reader: [u8; LINE - 8],
}

#[cfg(not(loom))]
const _: () = {
    use std::mem::{offset_of, size_of};
    assert!(offset_of!(ControlPage, magic) == 0);
    assert!(offset_of!(ControlPage, format) == 8);
    assert!(offset_of!(ControlPage, rings) == 128);
    assert!(size_of::<ControlPage>() == 1152);
    assert!(offset_of!(RingControl, tail) == 0);
    assert!(offset_of!(RingControl, writer_waits) == 128);
    assert!(offset_of!(RingControl, writer_closed) == 132);
    assert!(offset_of!(RingControl, writer_registered) == 136);
    assert!(offset_of!(RingControl, refused) == 144);
    assert!(offset_of!(RingControl, head) == 256);
    assert!(offset_of!(RingControl, reader_waits) == 384);
    assert!(offset_of!(RingControl, reader_registered) == 388);
    assert!(size_of::<RingControl>() == 512);
};

/// The ring format word: FNV-1a over every offset and size that both sides must agree on, and
/// over the byte order, so that programs built differently refuse each other.
#[cfg(not(loom))]
pub const FORMAT: u32 = {
    use std::mem::{offset_of, size_of};
    let facts = [
        1, // the version of what the fields mean
        size_of::<ControlPage>() as u32,
        offset_of!(ControlPage, rings) as u32,
        size_of::<RingControl>() as u32,
        offset_of!(RingControl, tail) as u32,
        offset_of!(RingControl, writer_waits) as u32,
        offset_of!(RingControl, writer_closed) as u32,
        offset_of!(RingControl, writer_registered) as u32,
        offset_of!(RingControl, refused) as u32,
        offset_of!(RingControl, head) as u32,
        offset_of!(RingControl, reader_waits) as u32,
        offset_of!(RingControl, reader_registered) as u32,
        RECORD_ALIGNMENT as u32,
        HEADER_SIZE as u32,
        u32::from_ne_bytes([1, 2, 3, 4]),
    ];
    let mut hash = 0x811c_9dc5u32;
    let mut index = 0;
    while index < facts.len() {
        hash = (hash ^ facts[index]).wrapping_mul(0x0100_0193);
        index += 1;
    }
    hash
};

impl ControlPage {
    /// A page of its own for the model checker, whose atomics are no plain words.
    #[cfg(loom)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> ControlPage {
        let ring = || RingControl {
            tail: AtomicU64::new(0),
            pad_tail: [0; LINE - 8],
            writer_waits: AtomicU32::new(0),
            writer_closed: AtomicU32::new(0),
            writer_registered: AtomicU32::new(0),
            pad_refused: [0; 4],
            refused: AtomicU64::new(0),
            pad_writer: [0; LINE - 24],
            head: AtomicU64::new(0),
            pad_head: [0; LINE - 8],
            reader_waits: AtomicU32::new(0),
            reader_registered: AtomicU32::new(0),
            pad_reader: [0; LINE - 8],
        };
        ControlPage {
            magic: AtomicU64::new(MAGIC_WORD),
            format: AtomicU32::new(0),
            pad: [0; LINE - 12],
            rings: [ring(), ring()],
        }
    }
}

/// The most payload that one record of a ring of `ring_size` bytes has. A record is at most half a
/// ring, so that the next one always fits once the reader has caught up.
pub const fn payload_size_max(ring_size: u64) -> u64 {
    ring_size / 2 - HEADER_SIZE as u64
}

/// Bytes that a record with this much payload takes in a ring.
#[inline]
pub const fn record_size(payload_size: u64) -> u64 {
    (HEADER_SIZE as u64 + payload_size + RECORD_ALIGNMENT - 1) & !(RECORD_ALIGNMENT - 1)
}
