//! Waiting for a 32-bit word to change.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{wait, wake};
