//! Descriptors that tell of something: event, timer, epoll.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{HANG_UP, READABLE, WRITABLE, WaitSet, clear, event, set_timer, signal, timer};
