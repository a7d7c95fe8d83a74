//! The memory of a channel: the listener makes it, the connector checks and maps it.
//!
//! Each ring is mapped twice in a row, so that a record that wraps around is still contiguous.

use crate::error::{Error, Result};
use crate::os::fork::Fd;
use crate::os::mapping::{Mapping, Part, granule};
use crate::os::sealed_memory;
use crate::ring::layout::{ControlPage, FORMAT, MAGIC_WORD, TO_CONNECTOR, TO_LISTENER};
use crate::ring::own_waits::OwnWaits;
use crate::wire::Share;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The control page and the two rings, in this process' address space.
pub struct Shared {
    control: NonNull<ControlPage>,
    rings: [RingBytes; 2],
    own_waits: [OwnWaits; 2],
    _mapping: Mapping,
}

// SAFETY: the control page consists of atomics. The halves of a ring argue for their accesses to
// the ring's bytes (spsc.rs, reader.rs, half.rs).
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

/// The bytes of one ring: `size` of them, mapped twice in a row.
#[derive(Clone, Copy)]
pub struct RingBytes {
    pub base: NonNull<u8>,
    pub size: u64,
}

/// What the model checker is told: it sees no plain accesses.
impl RingBytes {
    /// The caller reads `len` bytes at position `at`.
    #[inline(always)]
    pub fn reads(&self, _at: u64, _len: u64) {}

    /// The caller writes `len` bytes at position `at`.
    #[inline(always)]
    pub fn writes(&self, _at: u64, _len: u64) {}
}

/// The ring size that a listener grants: the larger one of its own size and the size that the peer
/// asks for, within `max`, rounded up to a power of two, and at least a page.
pub fn granted_ring_size(own: u64, wish: u64, max: u64) -> u64 {
    let floor = granule() as u64;
    let largest = if max.is_power_of_two() { max } else { max.next_power_of_two() / 2 };
    own.max(wish).min(largest).next_power_of_two().max(floor)
}

impl Shared {
    /// Makes the memory of a channel: a ring of each size, to the listener and to the connector.
    /// The memfd and the description of it in SHARE go to the peer.
    pub fn create(to_listener: u64, to_connector: u64) -> Result<(Arc<Shared>, Fd, Share)> {
        let page = granule() as u64;
        let size = page + to_listener + to_connector;
        let share = Share {
            format: FORMAT,
            size,
            to_listener: (page, to_listener),
            to_connector: (page + to_listener, to_connector),
        };
        let failed = |what| move |error| Error::system(what, &error);
        let memfd = sealed_memory::make(size).map_err(failed("making shared memory"))?;
        let shared = map(memfd.as_fd(), &share).map_err(failed("mapping shared memory"))?;
        let control = shared.control();
        control.magic.store(MAGIC_WORD, Ordering::Relaxed);
        // SYNC format: Release, pairs with Acquire in `open`.
        control.format.store(FORMAT, Ordering::Release);
        Ok((Arc::new(shared), memfd, share))
    }

    /// Maps what a listener handed over, after checking everything that the listener says about it.
    pub fn open(memfd: BorrowedFd<'_>, share: &Share) -> Result<Arc<Shared>> {
        check_share(share)?;
        sealed_memory::check(memfd, share.size).map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidData => Error::protocol(error.to_string()),
            _ => Error::system("checking the peer's shared memory", &error),
        })?;
        let failed = |error| Error::system("mapping the peer's shared memory", &error);
        let shared = map(memfd, share).map_err(failed)?;
        let control = shared.control();
        // SYNC format: Acquire, pairs with Release in `create`.
        let format = control.format.load(Ordering::Acquire);
        if format != FORMAT || control.magic.load(Ordering::Relaxed) != MAGIC_WORD {
            return Err(Error::protocol("the peer's shared memory is of another format"));
        }
        Ok(Arc::new(shared))
    }

    /// The words that the two sides share.
    #[inline]
    pub fn control(&self) -> &ControlPage {
        // SAFETY: the mapping lives as long as `self`, begins page-aligned with a whole page,
        // and any bytes are valid atomics.
        unsafe { self.control.as_ref() }
    }

    /// This side's private part of its wait words of one ring.
    #[inline]
    pub(crate) fn own_waits(&self, ring: usize) -> &OwnWaits {
        &self.own_waits[ring]
    }

    /// The bytes of one ring; valid while `self` lives.
    pub fn bytes(&self, ring: usize) -> RingBytes {
        self.rings[ring]
    }
}

/// Checks everything in a SHARE that can be wrong before anything is mapped.
fn check_share(share: &Share) -> Result<()> {
    let page = granule() as u64;
    if share.format != FORMAT {
        let detail = format!("ring format {:#010x} was offered, not {FORMAT:#010x}", share.format);
        return Err(Error::protocol(detail));
    }
    let ends = |(offset, size): (u64, u64)| {
        let fits = size.is_power_of_two()
            && (page..=crate::endpoint::RING_SIZE_MAX).contains(&size)
            && offset.is_multiple_of(page)
            && offset >= page;
        let end = offset.checked_add(size).filter(|end| fits && *end <= share.size);
        end.ok_or_else(|| Error::protocol("a ring that does not lie within its shared memory"))
    };
    let (first, second) = (share.to_listener, share.to_connector);
    let (first_end, second_end) = (ends(first)?, ends(second)?);
    if first.0 < second_end && second.0 < first_end {
        return Err(Error::protocol("two rings that overlap"));
    }
    Ok(())
}

fn map(memfd: BorrowedFd<'_>, share: &Share) -> std::io::Result<Shared> {
    let page = granule();
    let mut parts = vec![Part { file_offset: 0, len: page, at: 0 }];
    let mut at = page;
    let mut starts = [0; 2];
    for (ring, (file_offset, size)) in [share.to_listener, share.to_connector].iter().enumerate() {
        let (file_offset, len) = (*file_offset, *size as usize);
        starts[ring] = at;
        for _ in 0..2 {
            add_part(&mut parts, Part { file_offset, len, at });
            at += len;
        }
    }
    let mapping = Mapping::new(memfd, at, &parts)?;
    let base = mapping.base();
    // SAFETY: both offsets are within the mapping.
    let bytes = |ring: usize, size| RingBytes { base: unsafe { base.add(starts[ring]) }, size };
    let rings =
        [bytes(TO_LISTENER, share.to_listener.1), bytes(TO_CONNECTOR, share.to_connector.1)];
    let own_waits = [OwnWaits::new(), OwnWaits::new()];
    Ok(Shared { control: base.cast(), rings, own_waits, _mapping: mapping })
}

/// Adds a part. If it follows the last part in the file too, the two become one, which saves a
/// system call.
fn add_part(parts: &mut Vec<Part>, part: Part) {
    if let Some(last) = parts.last_mut()
        && last.file_offset + last.len as u64 == part.file_offset
    {
        last.len += part.len;
        return;
    }
    parts.push(part);
}
