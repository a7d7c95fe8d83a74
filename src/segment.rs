//! A named piece of shared memory with a lock. A process that dies never leaves it locked.

mod changes;

use crate::endpoint::names::{Kind, ObjectName};
use crate::error::{Error, Result, Status};
use crate::object::descriptor::Recheck;
use crate::object::handle::Object;
use crate::object::holder::Holder;
use crate::object::lifecycle;
use crate::object::lock::{Acquired, Lock};
use crate::object::lock_word::Mode;
use crate::object::wait::WaitError;
use crate::object::who::Blocker;
use std::fmt;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::time::Duration;

/// A named piece of shared memory, and its lock.
///
/// Every thread may use it at any time. The lock belongs to the handle: it excludes the handle's
/// own threads from each other too, and any of them may unlock. A handle that is closed with the
/// lock hands it on, and the next owner is told that the last one died.
///
/// ```
/// let segment = treenail::Segment::open_or_create("doc-segment", 4096)?;
/// segment.write(0, b"hello", treenail::FOREVER)?;
/// let mut bytes = [0; 5];
/// segment.read(0, &mut bytes, treenail::FOREVER)?;
/// assert_eq!(&bytes, b"hello");
/// # Ok::<(), treenail::Error>(())
/// ```
pub struct Segment(Object);

impl Segment {
    /// Makes a segment of `size` zero bytes; [`Status::Exists`] if one of that name is held.
    pub fn create(name: &str, size: usize) -> Result<Segment> {
        Segment::new("create", name, |name| lifecycle::create(name, size))
    }

    /// Opens a segment; [`Status::NotFound`] if nobody alive holds one of that name.
    pub fn open(name: &str) -> Result<Segment> {
        Segment::new("open", name, lifecycle::open)
    }

    /// Opens a segment of `size` bytes or more, or makes one of `size` zero bytes. If the segment
    /// that is there is smaller, that is [`Status::TooLarge`]. Size 0 opens any segment, or is
    /// [`Status::NotFound`].
    pub fn open_or_create(name: &str, size: usize) -> Result<Segment> {
        Segment::new("open_or_create", name, |name| lifecycle::open_or_create(name, size))
    }

    fn new(
        verb: &'static str,
        name: &str,
        hold: impl FnOnce(&ObjectName) -> Result<Holder>,
    ) -> Result<Segment> {
        Object::new(Kind::Segment, verb, name, hold).map(|(object, _)| Segment(object))
    }

    /// Removes the name of a segment. Those that hold the segment keep it.
    pub fn remove(name: &str) -> Result<()> {
        Object::remove(Kind::Segment, name)
    }

    /// Where the data begin, page-aligned. This stays the same until the segment is dropped, even
    /// if it is closed. In a forked child it still shows the parent's data, without a lock on them.
    pub fn data(&self) -> NonNull<u8> {
        self.0.holder.memory().data()
    }

    /// Bytes of data.
    pub fn size(&self) -> usize {
        self.0.holder.memory().size()
    }

    /// Locks the segment for this handle alone: [`Status::Ok`], or [`Status::OwnerDied`] if a
    /// handle died that had the lock so.
    #[inline]
    pub fn lock(&self, timeout: Option<Duration>) -> Result<Status> {
        let at_once = || self.0.holder.lock().is_some_and(|lock| lock.lock_at_once());
        match self.0.is_alive() && at_once() {
            true if self.0.holder.is_detached() => self.closed_meanwhile(Acquired::Clean),
            true => Ok(Status::Ok),
            false => self.lock_otherwise(Mode::Exclusive, "lock", timeout),
        }
    }

    /// Releases the lock again: another thread closed the handle, and looked at the lock before
    /// this call acquired it.
    #[cold]
    fn closed_meanwhile(&self, held: Acquired) -> Result<Status> {
        match (self.0.holder.lock(), held) {
            (Some(lock), Acquired::Clean) => drop(lock.unlock()),
            // The next owner must hear of the death as well.
            (Some(lock), Acquired::OwnerDied) => lock.release_all(),
            (None, _) => {}
        }
        Err(self.0.with_context(self.0.closed(), "lock"))
    }

    /// Locks the segment together with other calls of this kind.
    pub fn lock_shared(&self, timeout: Option<Duration>) -> Result<Status> {
        let at_once = || self.0.holder.lock().and_then(|lock| lock.read_at_once());
        match self.0.is_alive().then(at_once).flatten() {
            Some(Ok(held)) if self.0.holder.is_detached() => self.closed_meanwhile(held),
            Some(Ok(held)) => Ok(held.into()),
            _ => self.lock_otherwise(Mode::Shared, "lock_shared", timeout),
        }
    }

    #[inline(never)]
    fn lock_otherwise(
        &self,
        mode: Mode,
        verb: &'static str,
        timeout: Option<Duration>,
    ) -> Result<Status> {
        self.acquire(mode, timeout).map_err(|error| self.0.with_context(error, verb))
    }

    /// Unlocks the segment. [`Status::Invalid`] if this handle doesn't have the lock.
    #[inline]
    pub fn unlock(&self) -> Result<()> {
        let at_once = || self.0.holder.lock().is_some_and(|lock| lock.unlock_at_once());
        match self.0.is_alive() && at_once() {
            true => Ok(()),
            false => self.unlock_otherwise(),
        }
    }

    #[inline(never)]
    fn unlock_otherwise(&self) -> Result<()> {
        let unlocked = self.usable().and_then(|lock| match lock.unlock() {
            true => Ok(()),
            // Another thread has closed the handle meanwhile, which released the lock.
            false if self.0.holder.is_detached() => Err(self.0.closed()),
            false => Err(Error::invalid("this handle does not hold the lock; lock it first")),
        });
        unlocked.map_err(|error| self.0.with_context(error, "unlock"))
    }

    fn acquire(&self, mode: Mode, timeout: Option<Duration>) -> Result<Status> {
        let _waiting = self.0.holder.begin_wait();
        let lock = self.usable()?;
        // This handle's threads notify when they unlock; other holders may die with the lock.
        let recheck = |_| if lock.is_own() { Recheck::Never } else { Recheck::Soon };
        let attempt = || lock.acquire(mode, timeout);
        match self.0.attempt(&self.0.available, timeout, recheck, attempt) {
            Ok(held) if self.0.holder.is_detached() => self.closed_meanwhile(held),
            Ok(held) => {
                if held == Acquired::OwnerDied {
                    self.0.note("its last owner died while it had the lock");
                }
                Ok(held.into())
            }
            Err(error) => Err(self.refusal(error, timeout)),
        }
    }

    /// Copies `bytes` into the data at `offset`, under the lock, and notifies of the change.
    pub fn write(&self, offset: usize, bytes: &[u8], timeout: Option<Duration>) -> Result<Status> {
        self.copy(Mode::Exclusive, offset, bytes.len(), timeout, || {
            self.0.holder.memory().write(offset, bytes);
        })
        .map_err(|error| self.0.with_context(error, "write"))
    }

    /// Copies the data at `offset` into `to`, under the shared lock.
    pub fn read(&self, offset: usize, to: &mut [u8], timeout: Option<Duration>) -> Result<Status> {
        self.read_uninit(offset, crate::memory::uninit(to), timeout)
    }

    pub(crate) fn read_uninit(
        &self,
        offset: usize,
        to: &mut [MaybeUninit<u8>],
        timeout: Option<Duration>,
    ) -> Result<Status> {
        let len = to.len();
        self.copy(Mode::Shared, offset, len, timeout, || self.0.holder.memory().read(offset, to))
            .map_err(|error| self.0.with_context(error, "read"))
    }

    fn copy(
        &self,
        mode: Mode,
        offset: usize,
        len: usize,
        timeout: Option<Duration>,
        copy: impl FnOnce(),
    ) -> Result<Status> {
        self.usable()?;
        if mode == Mode::Exclusive && !self.0.holder.memory().data_is_writable() {
            return Err(Error::new(
                Status::Denied,
                "the data are open for reading only; open it with access=rw",
            ));
        }
        if offset.checked_add(len).is_none_or(|end| end > self.size()) {
            return Err(self.not_within(offset, len));
        }
        let status = self.acquire(mode, timeout)?;
        copy();
        if mode == Mode::Exclusive {
            self.change();
        }
        match self.usable()?.unlock() {
            true => Ok(status),
            // Another thread has closed the handle meanwhile, which released the lock.
            false if self.0.holder.is_detached() => Err(self.0.closed()),
            false => Err(Error::invalid(LOCK_GIVEN_UP)),
        }
    }

    #[cold]
    fn not_within(&self, offset: usize, len: usize) -> Error {
        let size = self.size();
        Error::invalid(format!(
            "{len} bytes at {offset} are not within the {size} bytes of it; keep to those"
        ))
    }

    /// The error of `verb` for so many bytes, which are more than memory can have.
    #[cold]
    pub(crate) fn refusal_of(&self, verb: &'static str, offset: usize, len: usize) -> Error {
        let usable = self.usable().map(|_| self.not_within(offset, len));
        self.0.with_context(usable.unwrap_or_else(|error| error), verb)
    }

    /// How many live handles hold the segment now, this one among them.
    pub fn attached(&self) -> u32 {
        if self.0.is_own() { self.0.holder.attached() } else { 0 }
    }

    /// A descriptor that is readable while the lock may be free: until a call that locks returns
    /// [`Status::Again`]. Never read or write it.
    pub fn lock_fd(&self) -> Result<BorrowedFd<'_>> {
        let fd = self.usable().and_then(|_| self.0.available.fd(&self.0.holder));
        fd.map_err(|error| self.0.with_context(error, "lock_fd"))
    }

    /// Closes the handle: every call is [`Status::Closed`], and waiting calls return with that. If
    /// the handle has the lock, the next one gets it as if this one had died. The last handle to
    /// close removes the name. The data stay where they are until the segment is dropped.
    pub fn close(&self) {
        self.0.close();
    }

    /// The lock, if this handle may use it.
    fn usable(&self) -> Result<Lock<'_, Holder>> {
        match self.0.holder.lock() {
            Some(lock) if self.0.is_alive() => Ok(lock),
            _ => Err(self.why_not()),
        }
    }

    #[cold]
    fn why_not(&self) -> Error {
        let denied = || Error::new(Status::Denied, MAY_ONLY_READ);
        self.0.alive().err().unwrap_or_else(denied)
    }

    #[cold]
    fn refusal(&self, error: WaitError, timeout: Option<Duration>) -> Error {
        let blocker = || {
            let lock = self.0.holder.lock();
            lock.map_or(Blocker::Unknown, |lock| {
                lock.blocker().map_or(Blocker::ThisHandle, Blocker::of)
            })
        };
        let overflow = "65535 threads of this handle read already; unlock some";
        self.0.refusal(error, timeout, overflow, blocker)
    }
}

const MAY_ONLY_READ: &str = "this user may only read the segment; let its owner make it with a \
                             mode= that lets others write";
const LOCK_GIVEN_UP: &str = "the lock was given up while it was held for this call; let only the \
                             thread unlock it that has locked it";

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Segment({:?})", self.0)
    }
}

impl From<Acquired> for Status {
    fn from(held: Acquired) -> Status {
        match held {
            Acquired::Clean => Status::Ok,
            Acquired::OwnerDied => Status::OwnerDied,
        }
    }
}
