//! A named counting semaphore. The units of a process that dies come back.

use crate::endpoint::names::{Kind, ObjectName};
use crate::error::{Error, Result, Status};
use crate::object::descriptor::Recheck;
use crate::object::handle::Object;
use crate::object::holder::{Accounting, Holder};
use crate::object::layout::Purpose;
use crate::object::lifecycle;
use crate::object::lock::LockEnv;
use crate::object::semaphore::Units;
use crate::object::semaphore::units::{SharedUnits, UNITS_MAX};
use crate::object::wait::WaitError;
use crate::object::who::Blocker;
use std::fmt;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// A named counting semaphore.
///
/// Every thread may use it at any time. The units that a handle has acquired and not released come
/// back when it is closed or dropped, and when its process dies; with `undo=0` they don't.
///
/// ```
/// let semaphore = treenail::Semaphore::open_or_create("doc-semaphore", 3)?;
/// semaphore.acquire(2, treenail::FOREVER)?;
/// assert_eq!(semaphore.value()?, 1);
/// semaphore.release(2)?;
/// # Ok::<(), treenail::Error>(())
/// ```
pub struct Semaphore {
    object: Object,
    accounting: Accounting,
}

impl Semaphore {
    /// Makes a semaphore with `initial` units; [`Status::Exists`] if one of that name is held.
    pub fn create(name: &str, initial: u32) -> Result<Semaphore> {
        Semaphore::new("create", name, |name| {
            check(initial)?;
            lifecycle::create_semaphore(name, initial)
        })
    }

    /// Opens a semaphore; [`Status::NotFound`] if nobody alive holds one of that name.
    pub fn open(name: &str) -> Result<Semaphore> {
        Semaphore::new("open", name, lifecycle::open_semaphore)
    }

    /// Opens a semaphore, which keeps its units, or makes one with `initial` units.
    pub fn open_or_create(name: &str, initial: u32) -> Result<Semaphore> {
        Semaphore::new("open_or_create", name, |name| {
            check(initial)?;
            lifecycle::open_or_create_semaphore(name, initial)
        })
    }

    fn new(
        verb: &'static str,
        name: &str,
        hold: impl FnOnce(&ObjectName) -> Result<Holder>,
    ) -> Result<Semaphore> {
        let (object, name) = Object::new(Kind::Semaphore, verb, name, hold)?;
        let accounting = if name.undo { Accounting::Ledger } else { Accounting::None };
        Ok(Semaphore { object, accounting })
    }

    /// Removes the name of a semaphore. Those that hold the semaphore keep it.
    pub fn remove(name: &str) -> Result<()> {
        Object::remove(Kind::Semaphore, name)
    }

    /// Acquires `count` units together. Calls that want few units don't overtake one that waits for
    /// many for long.
    #[inline]
    pub fn acquire(&self, count: u32, timeout: Option<Duration>) -> Result<()> {
        match self.free_units() {
            Some(units) if units.acquire_at_once(count) => Ok(()),
            _ => self.acquire_otherwise(count, timeout),
        }
    }

    #[inline(never)]
    fn acquire_otherwise(&self, count: u32, timeout: Option<Duration>) -> Result<()> {
        // First it tries without waiting: a call that doesn't wait needn't be woken by a close.
        if self.usable(count).is_ok_and(|units| units.acquire_at_once(count)) {
            return Ok(());
        }
        let _waiting = self.object.holder.begin_wait();
        let acquired = self.usable(count).and_then(|units| {
            let recheck = |others_publish| match others_publish || units.waits_for_others() {
                true => Recheck::Soon,
                false if units.free() > 0 => Recheck::Rarely,
                false => Recheck::Never,
            };
            let attempt = || units.acquire(count, timeout);
            let acquired = self.object.attempt(&self.object.available, timeout, recheck, attempt);
            acquired.map_err(|error| self.refusal(error, timeout))
        });
        acquired.map_err(|error| self.object.with_context(error, "acquire"))
    }

    /// Adds `count` units, whether this handle has acquired them or not.
    #[inline]
    pub fn release(&self, count: u32) -> Result<()> {
        let holder = &self.object.holder;
        match self.free_units().filter(|_| !holder.subscriptions(Purpose::Available).is_used()) {
            Some(units) if units.release_at_once(count) => {
                if holder.is_awaited() || holder.subscriptions(Purpose::Available).is_used() {
                    self.wake_waiters(count);
                }
                Ok(())
            }
            _ => self.release_otherwise(count),
        }
    }

    #[inline(never)]
    fn release_otherwise(&self, count: u32) -> Result<()> {
        let units = self.usable(count);
        let released = units.and_then(|units| {
            units.release(count).map_err(|error| self.refusal(error, crate::NOW))
        });
        released.map_err(|error| self.object.with_context(error, "release"))
    }

    #[cold]
    fn wake_waiters(&self, count: u32) {
        if let Some(units) = self.object.holder.units(Accounting::None) {
            units.wake_waiters(count);
        }
    }

    /// The units, if this handle keeps no account of what it has.
    #[inline]
    fn free_units(&self) -> Option<&SharedUnits> {
        self.object
            .holder
            .shared_units()
            .filter(|_| self.accounting == Accounting::None && self.object.is_alive())
    }

    /// How many units are free now. Units of dead holders come back first.
    pub fn value(&self) -> Result<u32> {
        let units = self.usable(1).map_err(|error| self.object.with_context(error, "value"))?;
        self.object.holder.reclaim_dead();
        Ok(units.free())
    }

    /// A descriptor that is readable while [`Semaphore::acquire`] may succeed: until that returns
    /// [`Status::Again`], for however many units. Never read or write it.
    pub fn fd(&self) -> Result<BorrowedFd<'_>> {
        let fd = self.usable(1).and_then(|_| self.object.available.fd(&self.object.holder));
        fd.map_err(|error| self.object.with_context(error, "fd"))
    }

    /// Closes the handle: every call is [`Status::Closed`], waiting calls return with that, and the
    /// units that this handle has acquired come back. The last handle to close removes the name.
    pub fn close(&self) {
        self.object.close();
    }

    /// The units, if this handle may use them, and may ask for so many.
    fn usable(&self, count: u32) -> Result<Units<'_, Holder>> {
        match self.object.holder.units(self.accounting) {
            Some(units) if self.object.is_alive() => check_count(count).map(|()| units),
            _ => Err(self.why_not()),
        }
    }

    #[cold]
    fn why_not(&self) -> Error {
        let denied =
            || Error::new(Status::Denied, "this user may only read the semaphore; see its mode=");
        self.object.alive().err().unwrap_or_else(denied)
    }

    #[cold]
    fn refusal(&self, error: WaitError, timeout: Option<Duration>) -> Error {
        match error {
            WaitError::Overflow => over(),
            error => self.object.refusal(error, timeout, "", || {
                let units = self.object.holder.units(self.accounting);
                units.map_or(Blocker::Unknown, |units| {
                    units.blocker().map_or(Blocker::ThisHandle, Blocker::of)
                })
            }),
        }
    }
}

fn check_count(count: u32) -> Result<()> {
    match count {
        0 => Err(Error::invalid("the number of units is 0; say 1 or more")),
        _ => check(count),
    }
}

fn check(count: u32) -> Result<()> {
    if count > UNITS_MAX { Err(over()) } else { Ok(()) }
}

#[cold]
fn over() -> Error {
    Error::new(Status::TooLarge, format!("a semaphore has at most {UNITS_MAX} units; say fewer"))
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Semaphore({:?})", self.object)
    }
}
