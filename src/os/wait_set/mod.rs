//! Descriptors that tell of something: eventfd, timerfd, epoll.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{Epoll, HANG_UP, READABLE, WRITABLE, clear, eventfd, set_timer, signal, timerfd};
