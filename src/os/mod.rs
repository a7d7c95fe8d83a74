//! What this library needs of the system: one folder a capability, no policy. Its `mod.rs` is the
//! contract, and `linux.rs` has the system calls; another system is one more file beside that.

#![allow(clippy::unnecessary_cast, reason = "the widths of C's types differ between systems")]

pub mod cause;
pub mod clock;
mod fault;
#[cfg(all(target_os = "linux", not(loom)))]
mod linux;
mod once;

#[cfg(not(loom))]
pub mod barrier;
#[cfg(not(loom))]
pub mod byte_lock;
#[cfg(not(loom))]
pub mod directory;
#[cfg(not(loom))]
pub mod fifo;
#[cfg(not(loom))]
pub mod fork;
#[cfg(not(loom))]
pub mod futex;
#[cfg(not(loom))]
pub mod given;
#[cfg(not(loom))]
pub mod local_socket;
#[cfg(not(loom))]
pub mod log_output;
#[cfg(not(loom))]
pub mod mapping;
#[cfg(not(loom))]
pub mod named_memory;
#[cfg(not(loom))]
pub mod pipe;
#[cfg(not(loom))]
pub mod poll;
#[cfg(not(loom))]
pub mod process;
#[cfg(not(loom))]
pub mod processors;
#[cfg(all(feature = "tokio", not(loom)))]
pub mod reactor;
#[cfg(not(loom))]
pub mod sealed_memory;
#[cfg(not(loom))]
mod signal;
#[cfg(not(loom))]
pub mod thread_id;
#[cfg(not(loom))]
pub mod thread_local;
#[cfg(not(loom))]
pub mod transfer;
#[cfg(not(loom))]
pub mod wait_set;

#[cfg(loom)]
pub use crate::models::{barrier, futex, processors, thread_id};

#[cfg(feature = "internals")]
pub use self::{
    fault::{Fault, set_faults},
    mapping::granule,
};
