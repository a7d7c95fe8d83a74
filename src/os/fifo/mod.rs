//! FIFOs among the named objects: what one polls, and others that know its name make readable.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{drain, is_left, make, open, signal};
