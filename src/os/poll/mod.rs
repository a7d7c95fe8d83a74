//! Waiting for a few descriptors at once, without a set of them.
//!
//! - [`Wanted::readable`], [`Wanted::writable`], [`Wanted::hung_up`] and [`Wanted::nothing`] say
//!   what of which descriptor is waited for, and [`Wanted::or_writable`] adds to that. They own
//!   nothing: the caller keeps the descriptors open.
//! - [`poll`] blocks until one is ready, the time is over (None: never), or a signal has come, and
//!   fills in what each is. It fails where the system has no memory for it.
//! - [`Wanted::is_readable`] tells of one afterwards: readable, hung up, or broken.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{Wanted, poll};
