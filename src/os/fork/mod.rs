//! What becomes of our descriptors in a forked child: they are closed there at once, and the
//! handles that held them are dead. Anything more (an unlock, a read, an epoll_ctl) would act on
//! the parent's objects, as a child shares the open descriptions behind its descriptors.
//!
//! A raw `clone()` without `CLONE_VM` runs no handlers and bypasses all of this.

mod standard_streams;
#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{Fd, Owned, adopt, enter, generation};
