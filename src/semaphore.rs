//! A named counting semaphore: what a dead process had comes back.

use crate::endpoint::object::Kind;
use crate::error::{Error, Result, Status};
use crate::object::Object;
use crate::shm::attach;
use crate::shm::holder::Holder;
use crate::shm::ledger::UNITS_MAX;
use crate::shm::lock::{Around, Gave};
use crate::shm::semaphore::Semaphore as Units;
use std::fmt;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// A named counting semaphore.
///
/// It may be used from every thread at any time. What a handle has acquired and not released comes
/// back when it is closed or dropped, and when its process dies; with `undo=0` it doesn't.
///
/// ```
/// let semaphore = treenail::Semaphore::open("doc-semaphore", 3)?;
/// semaphore.acquire(2, treenail::FOREVER)?;
/// assert_eq!(semaphore.value()?, 1);
/// semaphore.release(2)?;
/// # Ok::<(), treenail::Error>(())
/// ```
pub struct Semaphore {
    object: Object,
    undo: bool,
}

impl Semaphore {
    /// Opens a semaphore, or makes one with `initial` units.
    pub fn open(name: &str, initial: u32) -> Result<Semaphore> {
        let hold = |name: &_| {
            check(initial)?;
            attach::open_or_create_semaphore(name, initial)
        };
        let (object, name) = Object::new(Kind::Semaphore, "open", name, hold)?;
        Ok(Semaphore { object, undo: name.undo })
    }

    /// Takes the name of a semaphore away. Those that hold it keep it.
    pub fn remove(name: &str) -> Result<()> {
        Object::remove(Kind::Semaphore, name)
    }

    /// Acquires `count` units at once. Whoever waits for many is not passed by those that want few
    /// for long.
    #[inline]
    pub fn acquire(&self, count: u32, timeout: Option<Duration>) -> Result<()> {
        self.acquire_units(count, timeout).map_err(|error| self.object.said(error, "acquire"))
    }

    #[inline]
    fn acquire_units(&self, count: u32, timeout: Option<Duration>) -> Result<()> {
        let units = self.usable()?;
        check_count(count)?;
        let acquire = || units.acquire(count, timeout);
        acquire()
            .or_else(|gave| self.object.look_again(gave, timeout, acquire))
            .map_err(|gave| self.refusal(gave, timeout))
    }

    /// Adds `count` units, whether this handle has acquired them or not.
    #[inline]
    pub fn release(&self, count: u32) -> Result<()> {
        let released = self.usable().and_then(|units| {
            check_count(count)?;
            units.release(count).map_err(|gave| self.refusal(gave, crate::NOW))
        });
        released.map_err(|error| self.object.said(error, "release"))
    }

    /// How many units are free now, after what dead ones had has come back.
    pub fn value(&self) -> Result<u32> {
        let units = self.usable().map_err(|error| self.object.said(error, "value"))?;
        self.object.holder.bring_back();
        Ok(units.free())
    }

    /// A descriptor that is readable after a release or the end of a holder, until a call returns
    /// [`Status::Again`]. Never read or write it.
    pub fn fd(&self) -> Result<BorrowedFd<'_>> {
        let fd = self.usable().and_then(|_| self.object.fd());
        fd.map_err(|error| self.object.said(error, "fd"))
    }

    /// Ends the hold: every call is [`Status::Closed`], whoever waits wakes with that, and what
    /// this handle has acquired comes back. The last to go takes the name away.
    pub fn close(&self) {
        self.object.close();
    }

    #[inline]
    fn usable(&self) -> Result<Units<'_, Holder>> {
        match self.object.holder.semaphore(self.undo) {
            Some(units) if self.object.is_alive() => Ok(units),
            _ => Err(self.why_not()),
        }
    }

    #[cold]
    fn why_not(&self) -> Error {
        let denied = || Error::new(Status::Denied, "this user may only read the semaphore");
        self.object.alive().err().unwrap_or_else(denied)
    }

    #[cold]
    fn refusal(&self, gave: Gave, timeout: Option<Duration>) -> Error {
        match gave {
            Gave::Room => over(),
            gave => self.object.refusal(gave, timeout, ""),
        }
    }
}

#[inline]
fn check_count(count: u32) -> Result<()> {
    match count {
        0 => Err(Error::invalid("the number of units is 0")),
        _ => check(count),
    }
}

#[inline]
fn check(count: u32) -> Result<()> {
    if count > UNITS_MAX { Err(over()) } else { Ok(()) }
}

#[cold]
fn over() -> Error {
    Error::new(Status::TooLarge, format!("a semaphore has at most {UNITS_MAX} units"))
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Semaphore({:?})", self.object)
    }
}
