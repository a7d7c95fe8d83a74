//! One handle's hold on a named object: its memory, its slot, and what it leaves behind.
//!
//! Each holder has an open file description of its own, with a lock on its slot's byte. The kernel
//! takes that lock back when the holder dies. So others know who lives, across containers too, and
//! needn't trust what any process says.

use crate::endpoint::names::Kind;
use crate::error::Result;
use crate::object::doorbells::{self, Doorbells};
use crate::object::file::{File, LIFECYCLE_TIME_MAX_LEAVING};
use crate::object::layout::{HOLDERS_MAX, Header, PERSISTS, Purpose};
use crate::object::lock::{Lock, LockEnv};
use crate::object::lock_word::HolderId;
use crate::object::memory::{Data, Memory};
use crate::object::semaphore::Units;
use crate::object::semaphore::units::{LEDGERS_OFFSET, Ledger, SharedUnits};
use crate::object::wait::wake_all;
use crate::os::fork::Fd;
use crate::os::process::may_give_up_rights;
use crate::sync::{AtomicU32, Mutex, Ordering, lock};
use std::sync::atomic::AtomicBool;

mod notify;
mod slots;

/// Whether a semaphore's holder keeps account of the units that it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accounting {
    /// It does, in its ledger: its units come back when it dies.
    Ledger,
    /// It doesn't, so they don't come back.
    None,
}

/// A hold on an object.
pub struct Holder {
    kind: Kind,
    file: File,
    memory: Memory,
    /// None: the object may only be read.
    own: Option<HolderId>,
    /// Held by the one thread of this handle that has the lifecycle lock, or writes its ledger. It
    /// guards no value of this process, so it doesn't matter whether a thread panicked with it.
    local_lock: Mutex<()>,
    detached: AtomicBool,
    /// How many calls may be waiting.
    waiting_calls: AtomicU32,
    doorbells: Doorbells,
    /// Whether it couldn't notify some holder of a change. Then it goes on saying that it
    /// publishes, so that holders look by themselves.
    has_unreached: AtomicBool,
}

impl Holder {
    /// Maps an object that was checked, and takes a slot. The caller has the lifecycle lock, or
    /// nobody else can know of the object yet.
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

    /// Its bytes.
    #[inline]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What all holders share. If the object may only be read, nothing in it may be changed.
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
    fn lock_of(&self, own: HolderId) -> Lock<'_, Holder> {
        Lock { header: self.header(), slots: self.memory.slots(), own, env: self }
    }

    /// The semaphore's units; None if this is no semaphore, or may only be read.
    #[inline]
    pub fn units(&self, accounting: Accounting) -> Option<Units<'_, Holder>> {
        self.own.and_then(|own| self.units_of(own, accounting))
    }

    /// The word of the units alone, for calls that need no ledger.
    #[inline]
    pub fn shared_units(&self) -> Option<&SharedUnits> {
        let is_one = self.kind == Kind::Semaphore && self.own.is_some();
        // SAFETY: as for the ledgers.
        is_one.then(|| unsafe { self.memory.data().cast().as_ref() })
    }

    /// Whether somebody sleeps until there is a change, or units.
    #[inline]
    pub fn is_awaited(&self) -> bool {
        // SYNC awaited: SeqCst, behind the change; a sleeper sets it and then looks.
        self.header().awaited.load(Ordering::SeqCst) != 0
    }

    #[inline]
    fn units_of(&self, own: HolderId, accounting: Accounting) -> Option<Units<'_, Holder>> {
        if self.kind != Kind::Semaphore {
            return None;
        }
        // SAFETY: a semaphore's data are UNITS_SIZE bytes, as format.rs has checked; they live as
        // long as `self` and begin page-aligned, and any bytes are valid atomics.
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
            ledger_lock: (accounting == Accounting::Ledger).then_some(&self.local_lock),
            env: self,
        })
    }

    /// Gives back the lifecycle lock.
    pub fn unlock_lifecycle(&self) {
        self.file.unlock_lifecycle();
    }

    /// The object's descriptor.
    pub fn fd(&self) -> &Fd {
        &self.file.fd
    }

    /// Whether [`Holder::detach`] has begun.
    #[inline]
    pub fn is_detached(&self) -> bool {
        // SYNC detached: SeqCst. Whoever has just acquired the lock looks here, and `detach` looks
        // at the lock, so one of them releases it.
        self.detached.load(Ordering::SeqCst)
    }

    /// A call keeps what this returns for as long as it may wait, so that [`Holder::detach`] wakes
    /// it.
    pub fn begin_wait(&self) -> WaitingCall<'_> {
        // SYNC waiting_calls: SeqCst, before the call looks whether the handle was closed.
        self.waiting_calls.fetch_add(1, Ordering::SeqCst);
        WaitingCall(self)
    }

    /// Releases the lock, the units and the slot, wakes this handle's threads, and removes the
    /// object's name if nobody else holds the object. The memory stays mapped. False if that was
    /// done before.
    pub fn detach(&self) -> bool {
        if self.detached.swap(true, Ordering::SeqCst) {
            return false;
        }
        if let Some(lock) = self.lock() {
            lock.release_all();
        }
        let _locked = lock(&self.local_lock);
        if let Some((semaphore, own)) = self.units(Accounting::None).zip(self.own) {
            own.slot().map(|slot| semaphore.reclaim_units(slot));
            semaphore.remove_next(own);
        }
        // SYNC waiting_calls: SeqCst, behind `detached`; a call that begins later sees that.
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
        // Closing the descriptor wouldn't do: a child that is being started may still have it.
        self.file.unlock_all();
        true
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
    fn lives(&self, id: HolderId) -> bool {
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
        let Some(semaphore) = self.units(Accounting::None) else {
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
        // Nobody takes a slot meanwhile. A slot that was taken just before has been reclaimed.
        let reclaimed =
            dead.filter(|slot| !self.is_taken(*slot) && semaphore.reclaim_units(*slot)).count();
        self.file.unlock_lifecycle();
        reclaimed > 0
    }

    fn notify(&self) {
        self.notify_subscribers(Purpose::Available);
    }

    #[inline]
    fn publish<T>(&self, by: HolderId, act: impl FnOnce() -> T) -> T {
        self.publish_by(by, Purpose::Available, act)
    }
}
