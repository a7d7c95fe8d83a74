//! Anonymous shared memory: a sealed memfd, and rings of it mapped twice in a row.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{check_memfd, sealed_memfd};
