//! One handle's hold on a named object: its memory, its slot, and what it leaves behind.
//!
//! Each holder has an open file description of its own, with a lock on its slot's byte. The
//! kernel takes that back when the holder dies: that is how it is known who lives, across
//! containers too, and without trusting what anybody says.

use super::file::{File, HELD_BYTES, OBSERVER_BYTES, SLOT_BYTES, byte};
use super::ledger::{LEDGERS_OFFSET, Ledger, Units};
use super::lock::{Around, Lock};
use super::object::{HOLDERS_MAX, Header, PERSISTS, SLOTS_OFFSET, Slot};
use super::semaphore::Semaphore;
use super::word::Id;
use crate::endpoint::object::Kind;
use crate::error::{Error, Result, Status};
use crate::os::clock::ticks;
use crate::os::fork::Fd;
use crate::os::memory::{Mapping, Part};
use crate::os::object;
use crate::os::range;
use crate::sync::{AtomicU32, Mutex, Ordering, lock};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicBool;

/// Slots that were used before, and are tried before a fresh one is taken.
const PROBES_MAX: usize = 8;

/// A hold on an object.
pub struct Holder {
    kind: Kind,
    file: File,
    control: Mapping,
    data: Mapping,
    size: usize,
    data_writable: bool,
    /// None: it may only be read.
    own: Option<Id>,
    /// Held by the one thread of this handle that is behind the gate, or writes its ledger.
    acts: Mutex<()>,
    over: AtomicBool,
    /// Whether dead ones have left units, and another was behind the gate.
    hindered: AtomicBool,
}

impl Holder {
    /// Maps an object that was checked, and takes a slot. Called behind the gate, or before
    /// anybody else can know of the object.
    pub fn new(kind: Kind, file: File, data_offset: usize, data: Data<'_>) -> Result<Holder> {
        let part = |file_offset: usize, len, writable| {
            [Part { file_offset: file_offset as u64, len, at: 0, writable }]
        };
        let failed = |error| Error::system("mapping the object", &error);
        // Not by the descriptor that has the locks: a mapping keeps its open file description, and
        // a forked child has the mapping.
        let mapped = object::reopen(file.fd.as_fd(), file.writable).map_err(failed)?;
        let own = part(0, data_offset, file.writable);
        let control = Mapping::new(mapped.as_fd(), data_offset, &own).map_err(failed)?;
        let (fd, at, size, writable) = match data {
            Data::Here { size, writable } => (mapped.as_fd(), data_offset, size, writable),
            Data::There { fd, size, writable } => (fd, 0, size, writable),
        };
        let data = Mapping::new(fd, size, &part(at, size, writable)).map_err(failed)?;
        let (acts, over, hindered) =
            (Mutex::new(()), AtomicBool::new(false), AtomicBool::new(false));
        let mut holder = Holder {
            kind,
            file,
            control,
            data,
            size,
            data_writable: writable,
            own: None,
            acts,
            over,
            hindered,
        };
        holder.own = holder.take_slot()?;
        Ok(holder)
    }

    fn take_slot(&self) -> Result<Option<Id>> {
        let used = self.header().slots_used.load(Ordering::SeqCst) as usize;
        let used = used.min(HOLDERS_MAX);
        // A few that were used before, then one that never was, and all only where those are gone.
        let some = ticks() as usize % used.max(1);
        let first = (some..used).take(PROBES_MAX).chain(used..HOLDERS_MAX.min(used + 1));
        for index in first.chain(0..HOLDERS_MAX) {
            if self.take(index).map_err(|error| Error::system("locking a slot", &error))? {
                return Ok(self.file.writable.then(|| self.settle(index)));
            }
        }
        let detail = format!("{HOLDERS_MAX} handles hold it already; close some");
        Err(Error::new(Status::NoSpace, detail))
    }

    fn take(&self, index: usize) -> std::io::Result<bool> {
        let fd = self.file.fd.as_fd();
        if self.file.writable {
            return range::try_lock(fd, byte(SLOT_BYTES, index), range::Kind::Exclusive);
        }
        // Two that come at once may share a byte.
        let observer = byte(OBSERVER_BYTES, index);
        Ok(!range::is_locked(fd, observer)? && range::try_lock(fd, observer, range::Kind::Shared)?)
    }

    /// Clears away what the slot's last holder left, and begins its next generation. Whoever is
    /// killed in here leaves a slot that the next one settles.
    fn settle(&self, index: usize) -> Id {
        let (header, slot) = (self.header(), &self.slots()[index]);
        let generation = slot.generation.load(Ordering::SeqCst);
        let last = Id::new(index, generation);
        self.lock_of(last).abandon();
        if let Some(semaphore) = self.semaphore_of(last, false) {
            semaphore.settle(index);
            semaphore.forget(last);
        }
        let id = Id::new(index, generation.wrapping_add(1));
        slot.readers.store(id.generation() << 16, Ordering::SeqCst);
        slot.generation.store(generation.wrapping_add(1), Ordering::SeqCst);
        let used = header.slots_used.load(Ordering::SeqCst).max(index as u32 + 1);
        header.slots_used.store(used, Ordering::SeqCst);
        id
    }

    /// What all holders share. Of one that may only be read, nothing may be changed.
    #[inline]
    pub fn header(&self) -> &Header {
        // SAFETY: the mapping lives as long as `self`, begins page-aligned and has CONTROL_SIZE
        // bytes at least; any bytes are valid atomics.
        unsafe { self.control.base().cast().as_ref() }
    }

    #[inline]
    fn slots(&self) -> &[Slot] {
        // SAFETY: as for the header; SLOTS_OFFSET is a multiple of the slots' alignment.
        unsafe {
            let first = self.control.base().add(SLOTS_OFFSET).cast();
            std::slice::from_raw_parts(first.as_ptr(), HOLDERS_MAX)
        }
    }

    /// The lock; None where the object may only be read.
    #[inline]
    pub fn lock(&self) -> Option<Lock<'_, Holder>> {
        self.own.map(|own| self.lock_of(own))
    }

    #[inline]
    fn lock_of(&self, own: Id) -> Lock<'_, Holder> {
        Lock { header: self.header(), slots: self.slots(), own, around: self }
    }

    /// The semaphore, if this is one and may be written. With `undo` this holder keeps account of
    /// what it has.
    #[inline]
    pub fn semaphore(&self, undo: bool) -> Option<Semaphore<'_, Holder>> {
        self.own.and_then(|own| self.semaphore_of(own, undo))
    }

    /// The units alone, for whoever keeps no account of them.
    #[inline]
    pub fn units(&self) -> Option<&Units> {
        let is_one = self.kind == Kind::Semaphore && self.own.is_some();
        // SAFETY: as for the ledgers.
        is_one.then(|| unsafe { self.data.base().cast().as_ref() })
    }

    /// Whether somebody waits for a change, in any way.
    #[inline]
    pub fn is_awaited(&self) -> bool {
        let header = self.header();
        // SYNC awaited, watched: SeqCst, behind the change; those that wait set them and then look.
        (header.awaited.load(Ordering::SeqCst) | header.watched.load(Ordering::SeqCst)) != 0
    }

    #[inline]
    fn semaphore_of(&self, own: Id, undo: bool) -> Option<Semaphore<'_, Holder>> {
        if self.kind != Kind::Semaphore {
            return None;
        }
        // SAFETY: a semaphore's data are UNITS_SIZE bytes, as attach.rs has seen to; they live as
        // long as `self` and begin page-aligned, and any bytes are valid atomics.
        let (units, ledgers) = unsafe {
            let base = self.data.base();
            let first = base.add(LEDGERS_OFFSET).cast::<Ledger>();
            let ledgers = std::slice::from_raw_parts(first.as_ptr(), HOLDERS_MAX);
            (base.cast::<Units>().as_ref(), ledgers)
        };
        Some(Semaphore {
            header: self.header(),
            slots: self.slots(),
            units,
            ledgers,
            own,
            acts: undo.then_some(&self.acts),
            around: self,
        })
    }

    /// Where the data begin; valid while `self` lives.
    pub fn data(&self) -> NonNull<u8> {
        self.data.base()
    }

    /// Bytes of data.
    pub fn size(&self) -> usize {
        self.size
    }

    pub fn data_is_writable(&self) -> bool {
        self.data_writable
    }

    /// Copies `bytes` into the data at `offset`.
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        assert!(self.data_writable && offset <= self.size && bytes.len() <= self.size - offset);
        // SAFETY: within the mapping, as just checked. Others may write there as well: by pointer
        // that spoils the bytes, and nothing else.
        unsafe {
            let to = self.data().as_ptr().add(offset);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
        }
    }

    /// Copies the data at `offset` into `to`.
    pub fn read(&self, offset: usize, to: &mut [MaybeUninit<u8>]) {
        assert!(offset <= self.size && to.len() <= self.size - offset);
        // SAFETY: as for `write`.
        unsafe {
            let from = self.data().as_ptr().add(offset);
            std::ptr::copy_nonoverlapping(from, to.as_mut_ptr().cast(), to.len());
        }
    }

    /// How many hold it now, this one among them.
    pub fn attached(&self) -> u32 {
        let fd = self.file.fd.as_fd();
        let count = |bytes, used: usize| {
            let held = |index: &usize| range::is_locked(fd, byte(bytes, *index)).unwrap_or(false);
            (0..used).filter(held).count() as u32
        };
        let used = self.header().slots_used.load(Ordering::Relaxed) as usize;
        let observed = range::is_locked(fd, OBSERVER_BYTES).unwrap_or(false);
        let observers = if observed { count(OBSERVER_BYTES, HOLDERS_MAX) } else { 0 };
        let this = u32::from(!self.over.load(Ordering::SeqCst));
        this + count(SLOT_BYTES, used.min(HOLDERS_MAX)) + observers
    }

    /// Lets others come and go; as [`File::leave_gate`].
    pub fn leave_gate(&self) {
        self.file.leave_gate();
    }

    /// The object's descriptor.
    pub fn fd(&self) -> &Fd {
        &self.file.fd
    }

    /// Whether [`Holder::detach`] has begun.
    #[inline]
    pub fn is_detached(&self) -> bool {
        // SYNC over: SeqCst; whoever has just taken the lock looks here, and `detach` looks at
        // the lock, so that one of them gives it up.
        self.over.load(Ordering::SeqCst)
    }

    /// Gives up lock and slot, wakes this handle's threads, and takes the object's name away if
    /// nobody else holds it. The memory stays. False if that was done before.
    pub fn detach(&self) -> bool {
        if self.over.swap(true, Ordering::SeqCst) {
            return false;
        }
        if let Some(lock) = self.lock() {
            lock.abandon();
        }
        let _acts = lock(&self.acts);
        if let Some((semaphore, own)) = self.semaphore(false).zip(self.own) {
            own.slot().map(|slot| semaphore.settle(slot));
            semaphore.forget(own);
        }
        if self.own.is_some() {
            self.wake_all();
        }
        let gate = self.file.enter_gate();
        // Not left to the descriptor's end: a child that is being started may still have it.
        range::unlock(self.file.fd.as_fd(), HELD_BYTES);
        let persists = self.header().flags.load(Ordering::Relaxed) & PERSISTS != 0;
        if gate.is_ok() {
            if self.file.writable && !persists && !self.file.is_held() {
                self.file.remove();
            }
            self.file.leave_gate();
        }
        true
    }

    /// Whether it is worth looking again in a moment: dead ones have left units, and the last
    /// [`Around::bring_back`] found another behind the gate.
    pub fn is_hindered(&self) -> bool {
        self.hindered.load(Ordering::Relaxed)
    }

    /// Whether a slot is this holder's, or of another that lives. Whoever can't tell takes it for
    /// alive: nothing is worse than two owners.
    fn is_taken(&self, slot: usize) -> bool {
        let is_own = self.own.and_then(Id::slot) == Some(slot);
        is_own || range::is_locked(self.file.fd.as_fd(), byte(SLOT_BYTES, slot)).unwrap_or(true)
    }

    fn wake_all(&self) {
        let header = self.header();
        let own = self.own.and_then(Id::slot).map(|slot| &self.slots()[slot].turn);
        let counters = [&header.turns, &header.left, &header.changes];
        for counter in counters.into_iter().chain(own) {
            ring(counter);
        }
    }
}

/// Moves a counter on, and wakes all that sleep on it.
pub fn ring(counter: &AtomicU32) {
    counter.fetch_add(1, Ordering::SeqCst);
    crate::os::futex::wake(counter, i32::MAX);
}

/// Where the data of an object are.
pub enum Data<'a> {
    /// Behind its slots.
    Here { size: usize, writable: bool },
    /// In an object that another program has made.
    There { fd: BorrowedFd<'a>, size: usize, writable: bool },
}

impl Around for Holder {
    fn lives(&self, id: Id) -> bool {
        let Some(slot) = id.slot() else {
            return false;
        };
        let generation = self.slots()[slot].generation.load(Ordering::SeqCst);
        if generation & 0xffff != id.generation() {
            return false;
        }
        self.is_taken(slot)
    }

    fn is_over(&self) -> bool {
        self.is_detached()
    }

    fn bring_back(&self) -> bool {
        let Some(semaphore) = self.semaphore(false) else {
            return false;
        };
        let used = self.header().slots_used.load(Ordering::SeqCst) as usize;
        let left = |&slot: &usize| semaphore.has_any(slot) && !self.is_taken(slot);
        let mut dead = (0..used.min(HOLDERS_MAX)).filter(left).peekable();
        if dead.peek().is_none() {
            return false;
        }
        let _acts = lock(&self.acts);
        let hindered = !self.is_detached() && !self.file.try_gate();
        self.hindered.store(hindered, Ordering::Relaxed);
        if hindered || self.is_detached() {
            return false;
        }
        // Nobody takes a slot meanwhile; one that was taken before has been settled.
        let settled = dead.filter(|slot| !self.is_taken(*slot) && semaphore.settle(*slot)).count();
        self.file.leave_gate();
        settled > 0
    }

    fn tell(&self) {
        let watched = &self.header().watched;
        // SYNC watched: SeqCst, behind the change; pairs with whoever sets it and then looks.
        if watched.load(Ordering::SeqCst) != 0 && watched.swap(0, Ordering::SeqCst) != 0 {
            object::touch(self.file.fd.as_fd());
        }
    }
}
