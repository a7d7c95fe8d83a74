//! One handle's hold on a named object: its memory, its slot, and what it leaves behind.
//!
//! Each holder has an open file description of its own, with a lock on its slot's byte. The
//! kernel takes that back when the holder dies: that is how it is known who lives, across
//! containers too, and without trusting what anybody says.

use crate::endpoint::names::Kind;
use crate::error::{Error, Result, Status};
use crate::object::doorbells::{self, Doorbells};
use crate::object::file::{File, LIFECYCLE_TIME_MAX_LEAVING, OBSERVER_BYTES, SLOT_BYTES, byte};
use crate::object::layout::{HOLDERS_MAX, Header, PERSISTS, Purpose, Slot};
use crate::object::lock::{Lock, LockEnv};
use crate::object::lock_word::Id;
use crate::object::memory::{Data, Memory};
use crate::object::reserve;
use crate::object::semaphore::Units;
use crate::object::semaphore::units::{LEDGERS_OFFSET, Ledger, SharedUnits};
use crate::object::wait::wake_all;
use crate::os::byte_lock;
use crate::os::clock::ticks;
use crate::os::fork::Fd;
use crate::os::named_memory::{self, may_give_up_rights};
use crate::sync::{AtomicU32, Mutex, Ordering, lock};
use std::os::fd::AsFd;
use std::sync::atomic::AtomicBool;

mod notify;

/// Slots that were used before, and are tried before a fresh one is taken.
const PROBES_MAX: usize = 8;

/// A hold on an object.
pub struct Holder {
    kind: Kind,
    file: File,
    memory: Memory,
    /// None: it may only be read.
    own: Option<Id>,
    /// Acquired by the one thread of this handle that has the lifecycle lock, or writes its ledger.
    local_lock: Mutex<()>,
    detached: AtomicBool,
    /// Calls that may be waiting.
    waiting_calls: AtomicU32,
    doorbells: Doorbells,
    /// Whether it couldn't notify others of something, and goes on saying that it publishes.
    has_unreached: AtomicBool,
}

impl Holder {
    /// Maps an object that was checked, and takes a slot. Called under the lifecycle lock, or
    /// before anybody else can know of the object.
    pub fn new(kind: Kind, file: File, data_offset: usize, data: Data<'_>) -> Result<Holder> {
        let memory = Memory::new(&file, data_offset, data)?;
        let (detached, has_unreached) = (AtomicBool::new(false), AtomicBool::new(false));
        let mut holder = Holder {
            kind,
            file,
            memory,
            own: None,
            local_lock: Mutex::new(()),
            detached,
            waiting_calls: AtomicU32::new(0),
            doorbells: Doorbells::default(),
            has_unreached,
        };
        holder.own = holder.take_slot()?;
        if holder.own.is_some() && may_give_up_rights() {
            holder.doorbells.open_early(&holder.file, holder.slots_used());
        }
        Ok(holder)
    }

    fn take_slot(&self) -> Result<Option<Id>> {
        let used = self.slots_used().len();
        // A few that have doorbells, so that those of dead ones don't become many; where many were
        // used, a few of these; then one that never was, and all only where those are gone.
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

    /// Reserves what a slot needs that was just taken, where so many were used; or gives it back.
    fn reserve(&self, used: usize, index: usize) -> Result<()> {
        let fd = self.file.fd.as_fd();
        let parts = reserve::for_slot(self.kind, used, index);
        parts.iter().try_for_each(|part| named_memory::reserve(fd, part)).map_err(|error| {
            byte_lock::unlock(fd, byte(SLOT_BYTES, index));
            Error::system("reserving memory for another handle", &error)
        })
    }

    fn take(&self, index: usize) -> std::io::Result<bool> {
        let fd = self.file.fd.as_fd();
        if self.file.writable {
            return byte_lock::try_lock(fd, byte(SLOT_BYTES, index), byte_lock::Kind::Exclusive);
        }
        // Two that come at once may share a byte.
        let observer = byte(OBSERVER_BYTES, index);
        Ok(!byte_lock::is_locked(fd, observer)?
            && byte_lock::try_lock(fd, observer, byte_lock::Kind::Shared)?)
    }

    /// Clears away what the slot's last holder left, and begins its next generation. Whoever is
    /// killed in here leaves a slot that the next one reclaims.
    fn reclaim_slot(&self, index: usize) -> Id {
        let (header, slot) = (self.header(), &self.memory.slots()[index]);
        let generation = slot.generation.load(Ordering::SeqCst);
        let last = Id::new(index, generation);
        self.lock_of(last).release_all();
        if let Some(semaphore) = self.semaphore_of(last, false) {
            semaphore.reclaim_units(index);
            semaphore.remove_next(last);
        }
        let id = Id::new(index, generation.wrapping_add(1));
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

    /// Its bytes.
    #[inline]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What all holders share; of one that may only be read, nothing may be changed.
    #[inline]
    pub fn header(&self) -> &Header {
        self.memory.header()
    }

    /// The lock; None where the object may only be read.
    #[inline]
    pub fn lock(&self) -> Option<Lock<'_, Holder>> {
        self.own.map(|own| self.lock_of(own))
    }

    #[inline]
    fn lock_of(&self, own: Id) -> Lock<'_, Holder> {
        Lock { header: self.header(), slots: self.memory.slots(), own, env: self }
    }

    /// The semaphore, if this is one and may be written. With `undo` this holder keeps account of
    /// what it has.
    #[inline]
    pub fn semaphore(&self, undo: bool) -> Option<Units<'_, Holder>> {
        self.own.and_then(|own| self.semaphore_of(own, undo))
    }

    /// The units alone, for whoever keeps no account of them.
    #[inline]
    pub fn units(&self) -> Option<&SharedUnits> {
        let is_one = self.kind == Kind::Semaphore && self.own.is_some();
        // SAFETY: as for the ledgers.
        is_one.then(|| unsafe { self.memory.data().cast().as_ref() })
    }

    /// Whether somebody sleeps until there is a change, or units.
    #[inline]
    pub fn is_awaited(&self) -> bool {
        // SYNC awaited: SeqCst, behind the change; those that sleep set it and then look.
        self.header().awaited.load(Ordering::SeqCst) != 0
    }

    #[inline]
    fn semaphore_of(&self, own: Id, undo: bool) -> Option<Units<'_, Holder>> {
        if self.kind != Kind::Semaphore {
            return None;
        }
        // SAFETY: a semaphore's data are UNITS_SIZE bytes, as lifecycle.rs has seen to; they live
        // as long as `self` and begin page-aligned, and any bytes are valid atomics.
        let (units, ledgers) = unsafe {
            let base = self.memory.data();
            let first = base.add(LEDGERS_OFFSET).cast::<Ledger>();
            let ledgers = std::slice::from_raw_parts(first.as_ptr(), HOLDERS_MAX);
            (base.cast::<SharedUnits>().as_ref(), ledgers)
        };
        Some(Units {
            header: self.header(),
            slots: self.memory.slots(),
            units,
            ledgers,
            own,
            ledger_lock: undo.then_some(&self.local_lock),
            env: self,
        })
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

    /// Lets others come and go; as [`File::unlock_lifecycle`].
    pub fn unlock_lifecycle(&self) {
        self.file.unlock_lifecycle();
    }

    /// The object's descriptor.
    pub fn fd(&self) -> &Fd {
        &self.file.fd
    }

    /// The slots that were ever taken.
    fn slots_used(&self) -> &[Slot] {
        let used = self.header().slots_used.load(Ordering::SeqCst) as usize;
        &self.memory.slots()[..used.min(HOLDERS_MAX)]
    }

    fn own_slot(&self) -> Option<(usize, &Slot)> {
        let index = self.own.and_then(Id::slot)?;
        Some((index, &self.memory.slots()[index]))
    }

    /// Whether [`Holder::detach`] has begun.
    #[inline]
    pub fn is_detached(&self) -> bool {
        // SYNC detached: SeqCst; whoever has just taken the lock looks here, and `detach` looks at
        // the lock, so that one of them gives it up.
        self.detached.load(Ordering::SeqCst)
    }

    /// To be kept by a call as long as it may wait, so that [`Holder::detach`] wakes it.
    pub fn begin_wait(&self) -> WaitingCall<'_> {
        // SYNC waiting_calls: SeqCst, before the call looks whether this was detached.
        self.waiting_calls.fetch_add(1, Ordering::SeqCst);
        WaitingCall(self)
    }

    /// Gives up lock and slot, wakes this handle's threads, and takes the object's name away if
    /// nobody else holds it. The memory stays. False if that was done before.
    pub fn detach(&self) -> bool {
        if self.detached.swap(true, Ordering::SeqCst) {
            return false;
        }
        if let Some(lock) = self.lock() {
            lock.release_all();
        }
        let _locked = lock(&self.local_lock);
        if let Some((semaphore, own)) = self.semaphore(false).zip(self.own) {
            own.slot().map(|slot| semaphore.reclaim_units(slot));
            semaphore.remove_next(own);
        }
        // SYNC waiting_calls: SeqCst, behind `detached`; whoever comes in later finds that.
        if self.own.is_some() && self.waiting_calls.load(Ordering::SeqCst) > 0 {
            self.wake_own_threads();
        }
        if let Some((_, slot)) = self.own_slot() {
            slot.subscribed.iter().for_each(|word| word.store(0, Ordering::SeqCst));
            doorbells::remove(&self.file, slot);
        }
        let locked = self.file.lock_lifecycle(LIFECYCLE_TIME_MAX_LEAVING);
        let persists = self.header().flags.load(Ordering::Relaxed) & PERSISTS != 0;
        if locked.is_ok() && self.file.writable && !self.file.is_held() {
            self.slots_used().iter().for_each(|slot| doorbells::remove(&self.file, slot));
            if !persists {
                self.file.remove();
            }
        }
        // Not left to the descriptor's end: a child that is being started may still have it.
        self.file.unlock_all();
        true
    }

    /// Whether a slot is this holder's, or of another that lives. Whoever can't tell takes it for
    /// alive: nothing is worse than two owners.
    fn is_taken(&self, slot: usize) -> bool {
        let is_own = self.own.and_then(Id::slot) == Some(slot);
        is_own || byte_lock::is_locked(self.file.fd.as_fd(), byte(SLOT_BYTES, slot)).unwrap_or(true)
    }

    fn wake_own_threads(&self) {
        let header = self.header();
        let own = self.own_slot().map(|(_, slot)| &slot.handovers);
        let counters = [&header.releases, &header.reader_exits, &header.changes];
        for counter in counters.into_iter().chain(own) {
            wake_all(counter);
        }
    }
}

/// A call that may be waiting.
pub struct WaitingCall<'a>(&'a Holder);

impl Drop for WaitingCall<'_> {
    fn drop(&mut self) {
        self.0.waiting_calls.fetch_sub(1, Ordering::SeqCst);
    }
}

impl LockEnv for Holder {
    fn lives(&self, id: Id) -> bool {
        let Some(slot) = id.slot().filter(|slot| *slot < self.slots_used().len()) else {
            return false;
        };
        let generation = self.memory.slots()[slot].generation.load(Ordering::SeqCst);
        if generation & 0xffff != id.generation() {
            return false;
        }
        self.is_taken(slot)
    }

    fn is_closed(&self) -> bool {
        self.is_detached()
    }

    fn reclaim_dead(&self) -> bool {
        let Some(semaphore) = self.semaphore(false) else {
            return false;
        };
        let used = self.header().slots_used.load(Ordering::SeqCst) as usize;
        let left = |&slot: &usize| semaphore.has_any(slot) && !self.is_taken(slot);
        let mut dead = (0..used.min(HOLDERS_MAX)).filter(left).peekable();
        if dead.peek().is_none() {
            return false;
        }
        let _locked = lock(&self.local_lock);
        if self.is_detached() || !self.file.try_lock_lifecycle() {
            return false;
        }
        // Nobody takes a slot meanwhile; one that was taken before has been reclaimed.
        let reclaimed =
            dead.filter(|slot| !self.is_taken(*slot) && semaphore.reclaim_units(*slot)).count();
        self.file.unlock_lifecycle();
        reclaimed > 0
    }

    fn notify(&self) {
        self.notify_subscribers(Purpose::Available);
    }

    #[inline]
    fn publish<T>(&self, by: Id, act: impl FnOnce() -> T) -> T {
        self.publish_by(by, Purpose::Available, act)
    }
}
