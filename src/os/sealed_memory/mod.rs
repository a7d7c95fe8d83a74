//! Anonymous shared memory: a sealed memfd, and rings of it mapped twice in a row.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{Mapping, Part, check_memfd, page_size, sealed_memfd};
