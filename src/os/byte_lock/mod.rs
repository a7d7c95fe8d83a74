//! Locks on bytes of a file that belong to an open file description, and that the kernel takes
//! back when the last descriptor of that is closed, however its process ends.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{Bytes, Kind, is_locked, try_lock, unlock};
