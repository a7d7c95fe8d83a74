//! Waiting for a few descriptors at once.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{Wanted, poll};
