//! How a holder takes a slot, and what slots say of who lives.

use super::{Accounting, Holder};
use crate::error::{Error, Result, Status};
use crate::object::doorbells;
use crate::object::file::{OBSERVER_BYTES, SLOT_BYTES, byte};
use crate::object::layout::{HOLDERS_MAX, Slot};
use crate::object::lock_word::HolderId;
use crate::object::reserve;
use crate::os::byte_lock;
use crate::os::clock::ticks;
use crate::os::named_memory;
use crate::sync::Ordering;
use std::os::fd::AsFd;

/// Slots that were used before, and are tried before a fresh one is taken.
const PROBES_MAX: usize = 8;

impl Holder {
    /// Takes a slot; None: the object may only be read, and this holder has an observer's byte.
    pub(super) fn take_slot(&self) -> Result<Option<HolderId>> {
        let used = self.slots_used().len();
        // First it tries a few used slots that have doorbells, so that those of dead holders don't
        // become many; where many slots were used, a few of any; then one that never was. Only if
        // all of these are taken it tries every slot.
        let some = ticks() as usize % used.max(1);
        let probes = if used < PROBES_MAX { 0 } else { PROBES_MAX };
        let has_doorbell = |index: &usize| {
            let slot = &self.memory.slots()[*index];
            self.file.writable
                && slot.doorbells.iter().any(|doorbell| doorbell.load(Ordering::Relaxed) != 0)
        };
        let first = (some..used).chain(0..some).filter(has_doorbell).take(PROBES_MAX);
        let first = first.chain((some..used).take(probes)).chain(used..HOLDERS_MAX.min(used + 1));
        let mut full = None;
        for index in first.chain(0..HOLDERS_MAX) {
            if full.is_some() && index >= used {
                break;
            }
            if !self.take(index).map_err(|error| Error::system("locking a slot", &error))? {
                continue;
            }
            if !self.file.writable {
                return Ok(None);
            }
            match self.reserve(used, index) {
                Ok(()) => return Ok(Some(self.reclaim_slot(index))),
                Err(error) => full = Some(error),
            }
        }
        let detail = format!("{HOLDERS_MAX} handles hold it already; close some");
        Err(full.unwrap_or_else(|| Error::new(Status::NoSpace, detail)))
    }

    /// Reserves the memory of a slot that was just taken, where so many were used; or gives the
    /// slot back.
    fn reserve(&self, used: usize, index: usize) -> Result<()> {
        let fd = self.file.fd.as_fd();
        let parts = reserve::for_slot(self.kind, used, index);
        parts.iter().try_for_each(|part| named_memory::reserve(fd, part)).map_err(|error| {
            byte_lock::unlock(fd, byte(SLOT_BYTES, index));
            Error::system("reserving memory for another handle", &error)
        })
    }

    /// Locks the byte of a slot, or of an observer; whether it was free.
    fn take(&self, index: usize) -> std::io::Result<bool> {
        let fd = self.file.fd.as_fd();
        if self.file.writable {
            return byte_lock::try_lock(fd, byte(SLOT_BYTES, index), byte_lock::Kind::Exclusive);
        }
        // Two observers that come at once may share a byte.
        let observer = byte(OBSERVER_BYTES, index);
        Ok(!byte_lock::is_locked(fd, observer)?
            && byte_lock::try_lock(fd, observer, byte_lock::Kind::Shared)?)
    }

    /// Releases whatever the slot's last holder left, and begins the next generation. Whoever is
    /// killed in here leaves a slot that the next holder reclaims.
    fn reclaim_slot(&self, index: usize) -> HolderId {
        let (header, slot) = (self.header(), &self.memory.slots()[index]);
        let generation = slot.generation.load(Ordering::SeqCst);
        let last = HolderId::new(index, generation);
        self.lock_of(last).release_all();
        if let Some(semaphore) = self.units_of(last, Accounting::None) {
            semaphore.reclaim_units(index);
            semaphore.remove_next(last);
        }
        let id = HolderId::new(index, generation.wrapping_add(1));
        doorbells::remove(&self.file, slot);
        slot.subscribed.iter().for_each(|word| word.store(0, Ordering::SeqCst));
        slot.publishing.store(id.generation() << 16, Ordering::SeqCst);
        slot.readers.store(id.generation() << 16, Ordering::SeqCst);
        slot.pid.store(std::process::id(), Ordering::Relaxed);
        slot.generation.store(generation.wrapping_add(1), Ordering::SeqCst);
        let used = header.slots_used.load(Ordering::SeqCst).max(index as u32 + 1);
        header.slots_used.store(used, Ordering::SeqCst);
        id
    }

    /// The slots that were ever taken.
    pub(super) fn slots_used(&self) -> &[Slot] {
        let used = self.header().slots_used.load(Ordering::SeqCst) as usize;
        &self.memory.slots()[..used.min(HOLDERS_MAX)]
    }

    pub(super) fn own_slot(&self) -> Option<(usize, &Slot)> {
        let index = self.own.and_then(HolderId::slot)?;
        Some((index, &self.memory.slots()[index]))
    }

    /// Whether a slot is this holder's, or another live one's. Where the system can't say, it
    /// counts as taken: nothing is worse than two owners.
    pub(super) fn is_taken(&self, slot: usize) -> bool {
        let is_own = self.own.and_then(HolderId::slot) == Some(slot);
        is_own || byte_lock::is_locked(self.file.fd.as_fd(), byte(SLOT_BYTES, slot)).unwrap_or(true)
    }

    /// How many hold it now, this one among them.
    pub fn attached(&self) -> u32 {
        let fd = self.file.fd.as_fd();
        let count = |bytes, used: usize| {
            let held =
                |index: &usize| byte_lock::is_locked(fd, byte(bytes, *index)).unwrap_or(false);
            (0..used).filter(held).count() as u32
        };
        let used = self.header().slots_used.load(Ordering::Relaxed) as usize;
        let observed = byte_lock::is_locked(fd, OBSERVER_BYTES).unwrap_or(false);
        let observers = if observed { count(OBSERVER_BYTES, HOLDERS_MAX) } else { 0 };
        let this = u32::from(!self.detached.load(Ordering::SeqCst));
        this + count(SLOT_BYTES, used.min(HOLDERS_MAX)) + observers
    }
}
