//! What the user says by the environment.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::secure;
