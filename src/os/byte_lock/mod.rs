//! Locks on bytes of a file, by which processes see whether each other live: they belong to an open
//! file description, and the system takes them back when its last descriptor is closed, however its
//! process ends. No verb blocks, and nothing is owned but by the description.
//!
//! - [`try_lock`] locks bytes, all of them or none; false if another description is in the way. One
//!   that has them already may change the kind. It fails where the system has no more locks, or the
//!   descriptor may not be written and [`Kind::Exclusive`] is asked for.
//! - [`unlock`] gives bytes back, and can't fail. In a forked child this would be the parent's
//!   lock: it is never called there.
//! - [`is_locked`] tells whether another description has a lock on any of these bytes;
//!   [`find_locked`] tells which of them one such lock covers, whichever that is. Both fail where
//!   the system can't tell.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{find_locked, is_locked, try_lock, unlock};

/// Which bytes: the first, and how many.
#[derive(Clone, Copy)]
pub struct Bytes(pub u64, pub u64);

/// How bytes are locked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// With others that do the same.
    Shared,
    /// Alone; takes a descriptor that may be written.
    Exclusive,
}
