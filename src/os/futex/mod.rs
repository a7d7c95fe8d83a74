//! Waiting for a 32-bit word to change.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub(in crate::os) use system::timespec;
pub use system::{wait, wake};
