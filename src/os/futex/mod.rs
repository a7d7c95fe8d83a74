//! Waiting for a 32-bit word to change. Among threads of this process, and among processes that
//! share the word's memory, are two capabilities: elsewhere they are two primitives.
//!
//! - [`wait_here`] and [`wait_across`] block while the word holds what is expected, until they are
//!   woken or the time is over (None: for ever). They may return early, so that whoever calls looks
//!   again, and tell nothing: they can't fail.
//! - [`wake_here`] and [`wake_across`] wake up to so many of those that wait for the word. They
//!   don't block, and can't fail. Each wakes only who waits by the verb of its own kind.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{wait_across, wait_here, wake_across, wake_here};
