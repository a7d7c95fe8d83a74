//! Named objects of shared memory: files in /dev/shm, as shm_open has them.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub(in crate::os) use system::path;
pub use system::{
    FOLDER, Facts, facts, facts_at, make, open, publish, read_at, remove, reopen, reserve, room,
};
