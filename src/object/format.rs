//! Whether a file is an object that this program can use: the format word, and a header that is
//! checked before anything is mapped.

use crate::endpoint::names::Kind;
use crate::error::{Error, Result};
use crate::object::file::File;
use crate::object::layout::{HOLDERS_MAX, Header, MAGIC_WORD, PERSISTS, SLOTS_OFFSET, Slot};
use crate::object::reserve::data_offset;
use crate::object::semaphore::units::{LEDGERS_OFFSET, Ledger, SharedUnits, UNITS_SIZE};
use crate::os::named_memory;
use std::mem::offset_of;
use std::os::fd::AsFd;

/// Bytes of data at most: 1 TiB.
pub const OBJECT_SIZE_MAX: u64 = 1 << 40;

/// Whether an object may have so many bytes of data, which have to fit into addresses too; one that
/// only has a lock has none.
pub fn is_possible(size: u64) -> bool {
    size <= OBJECT_SIZE_MAX.min(isize::MAX as u64)
}

/// The format word of objects: FNV-1a over every offset and size that all holders must agree on,
/// and over the byte order, so that programs built differently refuse each other's.
pub const FORMAT: u32 = {
    let facts = [
        3, // the version of what the fields mean
        offset_of!(Header, kind) as u32,
        offset_of!(Header, size) as u32,
        offset_of!(Header, data_offset) as u32,
        offset_of!(Header, flags) as u32,
        offset_of!(Header, slots_used) as u32,
        offset_of!(Header, lock) as u32,
        offset_of!(Header, releases) as u32,
        offset_of!(Header, reader_exits) as u32,
        offset_of!(Header, awaited) as u32,
        offset_of!(Header, changes) as u32,
        offset_of!(Header, subscribed) as u32,
        offset_of!(Header, version) as u32,
        offset_of!(Header, last_scan) as u32,
        SLOTS_OFFSET as u32,
        size_of::<Slot>() as u32,
        HOLDERS_MAX as u32,
        offset_of!(Slot, readers) as u32,
        offset_of!(Slot, handovers) as u32,
        offset_of!(Slot, publishing) as u32,
        offset_of!(Slot, subscribed) as u32,
        offset_of!(Slot, doorbells) as u32,
        offset_of!(Slot, pid) as u32,
        LEDGERS_OFFSET as u32,
        size_of::<Ledger>() as u32,
        offset_of!(SharedUnits, next) as u32,
        offset_of!(Ledger, committed) as u32,
        offset_of!(Ledger, confirmed) as u32,
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

/// What a header says of an object.
pub struct ObjectInfo {
    /// Bytes of data.
    pub size: usize,
    /// Whether the object stays when nobody holds it.
    pub persists: bool,
}

/// Reads and checks what never changes in a header. The header isn't mapped for this, as the file
/// may be shorter than a header.
pub fn read_header(file: &File, kind: Kind) -> Result<ObjectInfo> {
    let mut bytes = [0; 64];
    let count = named_memory::read_at(file.fd.as_fd(), &mut bytes, 0);
    if count.map_err(|error| Error::system("reading the object", &error))? < bytes.len() {
        return Err(Error::protocol(
            "what has the object's name is shorter than its header; choose another name",
        ));
    }
    let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let long = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    if long(offset_of!(Header, magic)) != MAGIC_WORD {
        return Err(Error::protocol(
            "what has the object's name is none of this library's; choose another name",
        ));
    }
    let format = word(offset_of!(Header, format));
    if format != FORMAT {
        let detail = format!(
            "the object is of format {format:#010x}, not {FORMAT:#010x}; use the same version of \
             treenail in all its programs, or choose another name"
        );
        return Err(Error::protocol(detail));
    }
    if word(offset_of!(Header, kind)) != kind as u32 {
        return Err(Error::protocol("the object is of another kind; choose another name"));
    }
    let (size, offset) = (long(offset_of!(Header, size)), long(offset_of!(Header, data_offset)));
    let whole = is_possible(size)
        && (kind == Kind::Segment || size == UNITS_SIZE as u64)
        && offset == data_offset() as u64
        && file.facts.size == offset + size;
    if !whole {
        let length = file.facts.size;
        let detail = format!(
            "the object has {length} bytes, which its header contradicts: somebody has spoilt it; \
             choose another name, or let its owner call remove"
        );
        return Err(Error::protocol(detail));
    }
    let persists = word(offset_of!(Header, flags)) & PERSISTS != 0;
    Ok(ObjectInfo { size: size as usize, persists })
}
