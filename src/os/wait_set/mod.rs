//! Descriptors that are waited for together, and what makes one of this process ready: events and
//! timers. Only [`WaitSet::wait`] blocks.
//!
//! - [`event`] makes an event, not ready to be read; [`timer`] a timer that isn't set. The caller
//!   owns them. They fail where no descriptor, or no memory for one, is left.
//! - [`signal`] makes an event readable, also in a signal handler; [`clear`] makes an event or a
//!   timer unreadable; [`set_timer`] lets a timer become readable once after a time, or never. They
//!   can't fail.
//! - [`WaitSet::new`] makes an empty set, and fails as the above. The set owns none of what is in
//!   it: who closes a descriptor takes it out before.
//! - [`WaitSet::fd`] is the set's own descriptor: readable while anything in it is ready.
//! - [`WaitSet::add`] puts a descriptor in, or fails: it is in already, this kind can't be waited
//!   for, it isn't open, or there is no memory. [`WaitSet::set`] does so too where it is in, and
//!   changes what is waited for. [`WaitSet::modify`] changes that of one which is in, and can't
//!   fail then.
//! - [`WaitSet::remove`] takes one out; it can't fail, and nothing happens if it isn't in.
//! - [`WaitSet::ready`] tells what is ready now, as the bits of a number: of a set of up to eight,
//!   whose tokens are below 64. It can't fail.
//! - [`WaitSet::wait`] blocks until something is ready, the time is over (None: never), or a signal
//!   has come, and appends the tokens of up to 256 that are ready.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{HANG_UP, READABLE, WRITABLE, WaitSet, clear, event, set_timer, signal, timer};
