//! One handle's hold on a named object: its memory, its slot, and what it leaves behind.
//!
//! Each holder has an open file description of its own, with a lock on its slot's byte. The
//! kernel takes that back when the holder dies: that is how it is known who lives, across
//! containers too, and without trusting what anybody says.

use super::lock::{Around, Lock};
use super::object::{HOLDERS_MAX, Header, PERSISTS, SLOTS_OFFSET, Slot};
use super::word::Id;
use crate::error::{Error, Result, Status};
use crate::os::clock::ticks;
use crate::os::fork::Fd;
use crate::os::memory::{Mapping, Part};
use crate::os::object::{self, Facts};
use crate::os::range::{self, Bytes, Kind};
use crate::sync::{AtomicU32, Ordering};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Waiting for the byte that guards who comes and goes; it is held for microseconds.
const GATE_TIME_MAX: Duration = Duration::from_secs(5);

/// Slots that were used before, and are tried before a fresh one is taken.
const PROBES_MAX: usize = 8;

/// Locked by whoever comes or goes.
const GATE: Bytes = Bytes(0, 1);
/// One for each slot, locked by its holder.
const SLOT_BYTES: Bytes = Bytes(1, HOLDERS_MAX as u64);
/// One for each holder that may only read, which has no slot.
const OBSERVER_BYTES: Bytes = Bytes(1 + HOLDERS_MAX as u64, HOLDERS_MAX as u64);
/// All that holders lock.
const HELD_BYTES: Bytes = Bytes(1, 2 * HOLDERS_MAX as u64);

fn byte(bytes: Bytes, index: usize) -> Bytes {
    Bytes(bytes.0 + index as u64, 1)
}

/// An open object, and its name.
pub struct File {
    pub fd: Fd,
    pub name: Vec<u8>,
    pub facts: Facts,
    /// Whether this process may write it.
    pub writable: bool,
}

impl File {
    /// Keeps others from coming and going until [`File::leave_gate`]. Who may only read comes in
    /// together with others that may only read.
    pub fn enter_gate(&self) -> Result<()> {
        let end = Instant::now() + GATE_TIME_MAX;
        let kind = if self.writable { Kind::Exclusive } else { Kind::Shared };
        let mut pause = Duration::from_micros(20);
        loop {
            match range::try_lock(self.fd.as_fd(), GATE, kind) {
                Ok(true) => return Ok(()),
                Err(error) => return Err(Error::system("locking the object", &error)),
                Ok(false) if Instant::now() > end => {
                    let detail = "another process keeps the object from being opened or left; \
                                  find it with lsof";
                    return Err(Error::new(Status::Io, detail));
                }
                Ok(false) => std::thread::sleep(pause),
            }
            pause = (pause * 2).min(Duration::from_millis(4));
        }
    }

    pub fn leave_gate(&self) {
        range::unlock(self.fd.as_fd(), GATE);
    }

    /// Whether the name still is this object's.
    pub fn is_named(&self) -> bool {
        object::facts_at(&self.name).is_ok_and(|facts| facts.is(&self.facts))
    }

    /// Whether others hold it.
    pub fn is_held(&self) -> bool {
        // Whoever can't tell leaves it alone.
        range::is_locked(self.fd.as_fd(), HELD_BYTES).unwrap_or(true)
    }

    /// Takes the name away, if it still is this object's.
    pub fn remove(&self) {
        if self.is_named() {
            let _ = object::remove(&self.name);
        }
    }
}

/// A hold on an object.
pub struct Holder {
    file: File,
    control: Mapping,
    data: Mapping,
    size: usize,
    data_writable: bool,
    /// None: it may only be read.
    own: Option<Id>,
    over: AtomicBool,
}

impl Holder {
    /// Maps an object that was checked, and takes a slot. Called behind the gate, or before
    /// anybody else can know of the object.
    pub fn new(file: File, data_offset: usize, data: Data<'_>) -> Result<Holder> {
        let part = |file_offset: usize, len, writable| {
            [Part { file_offset: file_offset as u64, len, at: 0, writable }]
        };
        let failed = |error| Error::system("mapping the object", &error);
        let own = part(0, data_offset, file.writable);
        let control = Mapping::new(file.fd.as_fd(), data_offset, &own).map_err(failed)?;
        let (fd, at, size, writable) = match data {
            Data::Here { size, writable } => (file.fd.as_fd(), data_offset, size, writable),
            Data::There { fd, size, writable } => (fd, 0, size, writable),
        };
        let data = Mapping::new(fd, size, &part(at, size, writable)).map_err(failed)?;
        let over = AtomicBool::new(false);
        let data_writable = writable;
        let mut holder = Holder { file, control, data, size, data_writable, own: None, over };
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
            return range::try_lock(fd, byte(SLOT_BYTES, index), Kind::Exclusive);
        }
        // Two that come at once may share a byte.
        let observer = byte(OBSERVER_BYTES, index);
        Ok(!range::is_locked(fd, observer)? && range::try_lock(fd, observer, Kind::Shared)?)
    }

    /// Clears away what the slot's last holder left, and begins its next generation. Whoever is
    /// killed in here leaves a slot that the next one settles.
    fn settle(&self, index: usize) -> Id {
        let (header, slot) = (self.header(), &self.slots()[index]);
        let generation = slot.generation.load(Ordering::SeqCst);
        self.lock_of(Id::new(index, generation)).abandon();
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
        // Whoever can't tell takes it for alive: nothing is worse than two owners.
        let held = || range::is_locked(self.file.fd.as_fd(), byte(SLOT_BYTES, slot));
        self.own == Some(id) || held().unwrap_or(true)
    }

    fn is_over(&self) -> bool {
        self.is_detached()
    }

    fn tell(&self) {
        let watched = &self.header().watched;
        // SYNC watched: SeqCst, behind the change; pairs with whoever sets it and then looks.
        if watched.load(Ordering::SeqCst) != 0 && watched.swap(0, Ordering::SeqCst) != 0 {
            object::touch(self.file.fd.as_fd());
        }
    }
}
