//! An open object, its name, and the bytes of it that holders lock.

use crate::endpoint::names::ObjectName;
use crate::error::{Error, Result, Status};
use crate::object::layout::HOLDERS_MAX;
use crate::os::byte_lock::{self, Bytes, Kind};
use crate::os::cause::Cause;
use crate::os::fork::Fd;
use crate::os::named_memory::{self, Facts};
use crate::sync::backoff::Pauses;
use std::os::fd::AsFd;
use std::time::Duration;

/// The most that a call waits for the lifecycle lock, which is held for microseconds.
pub const LIFECYCLE_TIME_MAX: Duration = Duration::from_secs(5);

/// The same for a handle that is closed: whoever may write an object can lock its bytes for ever,
/// but must not keep others from closing. The name then stays until the next process opens or
/// closes the object.
pub const LIFECYCLE_TIME_MAX_LEAVING: Duration = Duration::from_millis(500);

/// The longest pause between two tries for the lifecycle lock. If hundreds of processes tried all
/// the time, they would keep its holder from the processor; a process that slept for longer would
/// be overtaken by all that come.
const LIFECYCLE_PAUSE_MAX: Duration = Duration::from_millis(5);

/// The lifecycle lock, which whoever opens or closes the object has.
const LIFECYCLE: Bytes = Bytes(0, 1);
/// One for each slot, locked by its holder.
pub const SLOT_BYTES: Bytes = Bytes(1, HOLDERS_MAX as u64);
/// One for each holder that may only read, which has no slot.
pub const OBSERVER_BYTES: Bytes = Bytes(1 + HOLDERS_MAX as u64, HOLDERS_MAX as u64);
/// Locked by whoever sweeps.
const SWEEPING: Bytes = Bytes(1 + 2 * HOLDERS_MAX as u64, 1);
/// What nobody else may have locked while the object is swept: all but the lifecycle lock.
const SWEPT_BYTES: Bytes = Bytes(1, 2 * HOLDERS_MAX as u64 + 1);
/// All that holders have locked.
const HELD_BYTES: Bytes = Bytes(1, 2 * HOLDERS_MAX as u64);
/// All of these.
const ALL_BYTES: Bytes = Bytes(0, 2 + 2 * HOLDERS_MAX as u64);

pub fn byte(bytes: Bytes, index: usize) -> Bytes {
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

/// What a handle may do with the data of an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    ReadOnly,
    ReadWrite,
}

impl Access {
    /// What a name asks for.
    pub fn of(name: &ObjectName) -> Access {
        if name.read_only { Access::ReadOnly } else { Access::ReadWrite }
    }
}

/// Opens whatever has this name; None if nothing has.
pub fn open_named(name: &[u8], access: Access) -> Result<Option<Fd>> {
    let opened = named_memory::open(name, access == Access::ReadWrite);
    opened.map(Some).or_else(|error| match Cause::of(&error) {
        Cause::NotFound => Ok(None),
        // A directory, a socket, a symbolic link.
        Cause::Directory | Cause::NotFile | Cause::Link => Err(Error::protocol(
            "what has the object's name is no shared memory; choose another name",
        )),
        _ => Err(Error::system("opening the object", &error)),
    })
}

impl File {
    /// Keeps others from opening and closing the object until [`File::unlock_lifecycle`]. Processes
    /// that may only read it share this lock.
    pub fn lock_lifecycle(&self, patience: Duration) -> Result<()> {
        let pauses = Pauses::new(LIFECYCLE_PAUSE_MAX, patience);
        let kind = if self.writable { Kind::Exclusive } else { Kind::Shared };
        loop {
            match byte_lock::try_lock(self.fd.as_fd(), LIFECYCLE, kind) {
                Ok(true) => return Ok(()),
                Err(error) => return Err(Error::system("locking the object", &error)),
                Ok(false) if pauses.pause() => {}
                Ok(false) => {
                    let detail = "another process keeps the object from being opened or left; \
                                  find it with lsof";
                    return Err(Error::new(Status::Io, detail));
                }
            }
        }
    }

    /// Takes the lifecycle lock if nobody has it.
    pub fn try_lock_lifecycle(&self) -> bool {
        byte_lock::try_lock(self.fd.as_fd(), LIFECYCLE, Kind::Exclusive).unwrap_or(false)
    }

    /// Keeps others from opening, closing and sweeping the object until [`File::unlock_all`]. It
    /// doesn't wait, and needs no right to write. False if anybody is about to do so, or holds the
    /// object.
    pub fn try_lock_all(&self) -> bool {
        let fd = self.fd.as_fd();
        let shared = |bytes| byte_lock::try_lock(fd, bytes, Kind::Shared).unwrap_or(false);
        // The slots' bytes are looked at and not locked: a process that may only read shares the
        // lifecycle lock, and would take a sweeper's locks for those of holders.
        shared(LIFECYCLE)
            && shared(SWEEPING)
            && !byte_lock::is_locked(fd, SWEPT_BYTES).unwrap_or(true)
    }

    pub fn unlock_lifecycle(&self) {
        byte_lock::unlock(self.fd.as_fd(), LIFECYCLE);
    }

    /// Unlocks all that this descriptor has locked, the lifecycle lock too.
    pub fn unlock_all(&self) {
        byte_lock::unlock(self.fd.as_fd(), ALL_BYTES);
    }

    /// Whether the name still is this object's.
    pub fn is_named(&self) -> bool {
        named_memory::facts_at(&self.name).is_ok_and(|facts| facts.is(&self.facts))
    }

    /// Whether others hold it.
    pub fn is_held(&self) -> bool {
        // If the system can't say, the object counts as held.
        byte_lock::is_locked(self.fd.as_fd(), HELD_BYTES).unwrap_or(true)
    }

    /// Removes the name, if it still is this object's.
    pub fn remove(&self) {
        if self.is_named() {
            let _ = named_memory::remove(&self.name);
        }
    }
}
