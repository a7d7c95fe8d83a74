//! The directory that socket files lie in: opened once, checked, locked, and names changed in it.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{Directory, FileId, Purpose, group_id, make, root};
