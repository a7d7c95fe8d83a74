//! A named piece of shared memory with a lock that no death leaves behind.

use crate::endpoint::names::{Kind, ObjectName};
use crate::error::{Error, Result, Status};
use crate::object::descriptor::Recheck;
use crate::object::handle::Object;
use crate::object::holder::Holder;
use crate::object::layout::Purpose;
use crate::object::lifecycle;
use crate::object::lock::{Acquired, Lock};
use crate::object::lock_word::Mode;
use crate::object::wait::{WaitError, looks_before_sleep, pause, wake_all};
use crate::os::futex;
use crate::sync::Ordering;
use crate::timeout::Deadline;
use std::fmt;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::time::Duration;

/// How long a wait for a change sleeps at most before it looks by itself: whoever made the change
/// may have been killed before it woke anybody.
const SLEEP_MAX: Duration = Duration::from_millis(50);
/// The same for a handle that may only read, which nobody can wake.
const BLIND_SLEEP_MAX: Duration = Duration::from_millis(5);

/// A named piece of shared memory, and its lock.
///
/// It may be used from every thread at any time. The lock belongs to the handle: it excludes the
/// handle's own threads from each other too, and any of them may unlock.
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

    /// Opens a segment of `size` bytes or more, or makes one of `size` zero bytes. One that is
    /// smaller is [`Status::TooLarge`]; size 0 opens any, or is [`Status::NotFound`].
    pub fn open_or_create(name: &str, size: usize) -> Result<Segment> {
        Segment::new("open or create", name, |name| lifecycle::open_or_create(name, size))
    }

    fn new(
        verb: &'static str,
        name: &str,
        hold: impl FnOnce(&ObjectName) -> Result<Holder>,
    ) -> Result<Segment> {
        Object::new(Kind::Segment, verb, name, hold).map(|(object, _)| Segment(object))
    }

    /// Takes the name of a segment away. Those that hold it keep it.
    pub fn remove(name: &str) -> Result<()> {
        Object::remove(Kind::Segment, name)
    }

    /// Where the data begin, page-aligned. The same until the segment is dropped, also when it was
    /// closed. In a forked child it still shows the parent's data, without a lock on them.
    pub fn data(&self) -> NonNull<u8> {
        self.0.holder.memory().data()
    }

    /// Bytes of data.
    pub fn size(&self) -> usize {
        self.0.holder.memory().size()
    }

    /// Takes the lock, alone: [`Status::Ok`], or [`Status::OwnerDied`] if one died that had it so.
    #[inline]
    pub fn lock(&self, timeout: Option<Duration>) -> Result<Status> {
        let at_once = || self.0.holder.lock().is_some_and(|lock| lock.lock_at_once());
        match self.0.is_alive() && at_once() {
            true if self.0.holder.is_detached() => self.closed_meanwhile(Acquired::Clean),
            true => Ok(Status::Ok),
            false => self.lock_otherwise(Mode::Exclusive, "lock", timeout),
        }
    }

    /// A close has looked at the lock before this call took it.
    #[cold]
    fn closed_meanwhile(&self, held: Acquired) -> Result<Status> {
        match (self.0.holder.lock(), held) {
            (Some(lock), Acquired::Clean) => drop(lock.unlock()),
            // The next one is to hear of the death as well.
            (Some(lock), Acquired::OwnerDied) => lock.release_all(),
            (None, _) => {}
        }
        Err(self.0.with_context(self.0.closed(), "lock"))
    }

    /// Takes the lock together with others that do the same.
    pub fn lock_shared(&self, timeout: Option<Duration>) -> Result<Status> {
        let at_once = || self.0.holder.lock().and_then(|lock| lock.read_at_once());
        match self.0.is_alive().then(at_once).flatten() {
            Some(Ok(held)) if self.0.holder.is_detached() => self.closed_meanwhile(held),
            Some(Ok(held)) => Ok(held.into()),
            _ => self.lock_otherwise(Mode::Shared, "lock shared", timeout),
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

    /// Gives the lock back. [`Status::Invalid`] if this handle doesn't have it.
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
            // Another thread has closed the handle meanwhile, and handed the lock on.
            false if self.0.holder.is_detached() => Err(self.0.closed()),
            false => Err(Error::invalid("this handle does not hold the lock")),
        });
        unlocked.map_err(|error| self.0.with_context(error, "unlock"))
    }

    fn acquire(&self, mode: Mode, timeout: Option<Duration>) -> Result<Status> {
        let _waiting = self.0.holder.begin_wait();
        let lock = self.usable()?;
        // Its own threads notify when they unlock; others may die with it.
        let recheck = |_| if lock.is_own() { Recheck::Never } else { Recheck::Soon };
        let attempt = || lock.acquire(mode, timeout);
        match self.0.attempt(&self.0.available, timeout, recheck, attempt) {
            Ok(held) if self.0.holder.is_detached() => self.closed_meanwhile(held),
            Ok(held) => Ok(held.into()),
            Err(error) => Err(self.refusal(error, timeout)),
        }
    }

    /// Copies `bytes` into the data at `offset`, under the lock, and makes the change known.
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
            return Err(Error::new(Status::Denied, "the data are open for reading only"));
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
            // Another thread has closed the handle meanwhile, and handed the lock on.
            false if self.0.holder.is_detached() => Err(self.0.closed()),
            false => Err(Error::invalid("the lock was given up while it was held for this call")),
        }
    }

    #[cold]
    fn not_within(&self, offset: usize, len: usize) -> Error {
        let size = self.size();
        Error::invalid(format!("{len} bytes at {offset} are not within the {size} bytes of it"))
    }

    /// Why `verb` doesn't do so many bytes, which are more than memory can have.
    #[cold]
    pub(crate) fn refusal_of(&self, verb: &'static str, offset: usize, len: usize) -> Error {
        let usable = self.usable().map(|_| self.not_within(offset, len));
        self.0.with_context(usable.unwrap_or_else(|error| error), verb)
    }

    /// Makes a change known: the version moves on, and whoever waits for that wakes.
    pub fn notify(&self) -> Result<()> {
        self.usable().map_err(|error| self.0.with_context(error, "notify"))?;
        self.change();
        Ok(())
    }

    fn change(&self) {
        let (holder, header) = (&self.0.holder, self.0.holder.header());
        holder.publish(Purpose::Change, || {
            // SYNC version: SeqCst, before the looks for those that wait; they announce themselves
            // and then look at it.
            header.version.fetch_add(1, Ordering::SeqCst);
            if holder.is_awaited() && header.awaited.swap(0, Ordering::SeqCst) != 0 {
                wake_all(&header.changes);
            }
        });
    }

    /// How many changes were made known.
    pub fn version(&self) -> u64 {
        self.0.holder.header().version.load(Ordering::SeqCst)
    }

    /// Waits until the version is another than `seen`: the new one.
    pub fn wait(&self, seen: u64, timeout: Option<Duration>) -> Result<u64> {
        self.wait_by(seen, timeout).map_err(|error| self.0.with_context(error, "wait"))
    }

    fn wait_by(&self, seen: u64, timeout: Option<Duration>) -> Result<u64> {
        let _waiting = self.0.holder.begin_wait();
        let recheck = |others_publish| if others_publish { Recheck::Soon } else { Recheck::Never };
        let attempt = || self.await_change(seen, timeout);
        self.0.attempt(&self.0.changes, timeout, recheck, attempt).map_err(|error| match error {
            WaitError::TimedOut => self.0.unchanged(timeout),
            _ => self.0.alive().err().unwrap_or_else(|| self.0.closed()),
        })
    }

    fn await_change(
        &self,
        seen: u64,
        timeout: Option<Duration>,
    ) -> std::result::Result<u64, WaitError> {
        let (header, deadline) = (self.0.holder.header(), Deadline::after(timeout));
        let can_tell = self.0.holder.lock().is_some();
        let mut looks = looks_before_sleep();
        loop {
            if !self.0.is_alive() {
                return Err(WaitError::Closed);
            }
            let changes = header.changes.load(Ordering::SeqCst);
            let version = self.version();
            if version != seen {
                return Ok(version);
            }
            if deadline.passed() {
                return Err(WaitError::TimedOut);
            }
            if looks > 0 {
                looks -= 1;
                pause();
                continue;
            }
            if can_tell && header.awaited.swap(1, Ordering::SeqCst) == 0 {
                // Look again, now that whoever makes a change would see this.
                continue;
            }
            let slice = if can_tell { SLEEP_MAX } else { BLIND_SLEEP_MAX };
            let slice = deadline.left().map_or(slice, |left| left.min(slice));
            futex::wait_across(&header.changes, changes, Some(slice));
        }
    }

    /// How many handles hold the segment now, this one among them; dead ones don't count.
    pub fn attached(&self) -> u32 {
        if self.0.is_own() { self.0.holder.attached() } else { 0 }
    }

    /// A descriptor that is readable while the version may be another than [`Segment::wait`] with
    /// [`NOW`](crate::NOW) last found: until that returns [`Status::Again`]. Never read or write
    /// it.
    pub fn fd(&self) -> Result<BorrowedFd<'_>> {
        let fd = self.usable().and_then(|_| self.0.changes.fd(&self.0.holder));
        fd.map_err(|error| self.0.with_context(error, "fd"))
    }

    /// A descriptor that is readable while the lock may be free: until a call that takes it returns
    /// [`Status::Again`]. Never read or write it.
    pub fn lock_fd(&self) -> Result<BorrowedFd<'_>> {
        let fd = self.usable().and_then(|_| self.0.available.fd(&self.0.holder));
        fd.map_err(|error| self.0.with_context(error, "lock fd"))
    }

    /// Ends the hold: every call is [`Status::Closed`], and whoever waits wakes with that. A lock
    /// that is held is handed on as by a death. The last to go takes the name away. The data stay
    /// where they are until the segment is dropped.
    pub fn close(&self) {
        self.0.close();
    }

    /// The lock, for a call that may use it.
    fn usable(&self) -> Result<Lock<'_, Holder>> {
        match self.0.holder.lock() {
            Some(lock) if self.0.is_alive() => Ok(lock),
            _ => Err(self.why_not()),
        }
    }

    #[cold]
    fn why_not(&self) -> Error {
        let denied = || Error::new(Status::Denied, "this user may only read the segment");
        self.0.alive().err().unwrap_or_else(denied)
    }

    #[cold]
    fn refusal(&self, error: WaitError, timeout: Option<Duration>) -> Error {
        self.0.refusal(error, timeout, "65535 threads of this handle read already")
    }
}

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
