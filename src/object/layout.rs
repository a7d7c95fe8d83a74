//! The shared bytes of a named object: a header, the slots of those that hold it, and from the
//! next page on its data. Whatever is at which offset is said here and nowhere else.

use crate::sync::{AtomicU32, AtomicU64};

/// What an object begins with, as the machine reads it.
pub const MAGIC_WORD: u64 = u64::from_ne_bytes(*b"treenail");
/// Handles that can hold one object at a time.
pub const HOLDERS_MAX: usize = 1024;
/// [`Header::flags`]: it stays when nobody holds it.
pub const PERSISTS: u32 = 1;

/// What a descriptor shows. Each purpose has a doorbell of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Another version.
    Change = 0,
    /// The lock, or units, may be free.
    Available = 1,
}

/// How many purposes there are.
pub const PURPOSES: usize = 2;

/// Two cache lines, as some processors fetch them in pairs.
const LINE: usize = 128;

/// What all holders of an object share. The fields before the lock never change once the object
/// has its name.
#[repr(C)]
pub struct Header {
    pub magic: AtomicU64,
    /// [`FORMAT`].
    pub format: AtomicU32,
    /// What it is used as: [`Kind`](crate::endpoint::names::Kind).
    pub kind: AtomicU32,
    /// Bytes of data, as asked for.
    pub size: AtomicU64,
    /// Where in the object they begin.
    pub data_offset: AtomicU64,
    pub flags: AtomicU32,
    /// No slot from this one on was ever taken. Changed under the lifecycle lock.
    pub slots_used: AtomicU32,
    pad: [u8; LINE - 40],
    /// Who owns the lock, and who is next: [`LockWord`](crate::object::lock_word::LockWord).
    pub lock: AtomicU64,
    pad_lock: [u8; LINE - 8],
    /// Moves on when the lock or units were released and somebody may sleep. Sleepers sleep on it.
    pub releases: AtomicU32,
    /// Moves on when a reader leaves that an owner waits for. The owner sleeps on it.
    pub reader_exits: AtomicU32,
    /// 1: somebody sleeps on `changes`.
    pub awaited: AtomicU32,
    /// Moves on with `version` when somebody sleeps.
    pub changes: AtomicU32,
    /// By [`Purpose`]: whether any slot may be subscribed, and a count, as subscriptions.rs says.
    pub subscribed: [AtomicU32; PURPOSES],
    /// How many changes were made known.
    pub version: AtomicU64,
    /// When a waiting call last scanned for dead holders: milliseconds, which go round.
    pub last_scan: AtomicU32,
    pad_version: [u8; LINE - 36],
}

/// What others see of one holder. The lock on its byte says whether it lives.
#[repr(C)]
pub struct Slot {
    /// How often the slot was taken; changed under the lifecycle lock, by whoever takes it.
    pub generation: AtomicU32,
    /// How many of the holder's threads have the lock for reading, in the lower half, and the
    /// generation that they belong to.
    pub readers: AtomicU32,
    /// Moves on when the lock is handed over to this slot. The thread that requested it sleeps on
    /// it.
    pub handovers: AtomicU32,
    /// How many of the holder's threads publish, in the lower half, and the generation that they
    /// belong to.
    pub publishing: AtomicU32,
    /// By [`Purpose`]: whether the holder's doorbell is to be signalled, and a count.
    pub subscribed: [AtomicU32; PURPOSES],
    /// By [`Purpose`]: the number in the name of the holder's doorbell; 0: it has none.
    pub doorbells: [AtomicU32; PURPOSES],
    /// The holder's process number, as that process sees it. It is only shown.
    pub pid: AtomicU32,
    pad: [u8; 4],
}

/// Where the slots begin.
pub const SLOTS_OFFSET: usize = 512;
/// Where the slots end: the data begin with the next page.
pub const CONTROL_SIZE: usize = SLOTS_OFFSET + HOLDERS_MAX * size_of::<Slot>();

#[cfg(not(loom))]
const _: () = {
    use std::mem::offset_of;
    assert!(offset_of!(Header, magic) == 0);
    assert!(offset_of!(Header, format) == 8);
    assert!(offset_of!(Header, kind) == 12);
    assert!(offset_of!(Header, size) == 16);
    assert!(offset_of!(Header, data_offset) == 24);
    assert!(offset_of!(Header, flags) == 32);
    assert!(offset_of!(Header, slots_used) == 36);
    assert!(offset_of!(Header, lock) == 128);
    assert!(offset_of!(Header, releases) == 256);
    assert!(offset_of!(Header, reader_exits) == 260);
    assert!(offset_of!(Header, awaited) == 264);
    assert!(offset_of!(Header, changes) == 268);
    assert!(offset_of!(Header, subscribed) == 272);
    assert!(offset_of!(Header, version) == 280);
    assert!(offset_of!(Header, last_scan) == 288);
    assert!(size_of::<Header>() <= SLOTS_OFFSET);
    assert!(offset_of!(Slot, generation) == 0);
    assert!(offset_of!(Slot, readers) == 4);
    assert!(offset_of!(Slot, handovers) == 8);
    assert!(offset_of!(Slot, publishing) == 12);
    assert!(offset_of!(Slot, subscribed) == 16);
    assert!(offset_of!(Slot, doorbells) == 24);
    assert!(offset_of!(Slot, pid) == 32);
    assert!(size_of::<Slot>() == 40);
};

#[cfg(loom)]
impl Header {
    /// One for the model checker, whose atomics are no plain words.
    pub fn model(slots: usize) -> Header {
        let word = || AtomicU32::new(0);
        Header {
            magic: AtomicU64::new(MAGIC_WORD),
            format: word(),
            kind: AtomicU32::new(1),
            size: AtomicU64::new(0),
            data_offset: AtomicU64::new(0),
            flags: word(),
            slots_used: AtomicU32::new(slots as u32),
            pad: [0; LINE - 40],
            lock: AtomicU64::new(0),
            pad_lock: [0; LINE - 8],
            releases: word(),
            reader_exits: word(),
            awaited: word(),
            changes: word(),
            subscribed: [word(), word()],
            version: AtomicU64::new(0),
            last_scan: word(),
            pad_version: [0; LINE - 36],
        }
    }
}

#[cfg(loom)]
impl Slot {
    /// One for the model checker.
    pub fn model() -> Slot {
        let word = || AtomicU32::new(0);
        Slot {
            generation: word(),
            readers: word(),
            handovers: word(),
            publishing: word(),
            subscribed: [word(), word()],
            doorbells: [word(), word()],
            pid: word(),
            pad: [0; 4],
        }
    }
}
