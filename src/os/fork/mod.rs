//! What becomes of our descriptors in a forked child: they are closed there at once, and the
//! handles that held them are dead. Anything more (an unlock, a read, a change of a set) would act
//! on the parent's objects, as a child shares the open descriptions behind its descriptors. A
//! system without forks has the same verbs, of which most do nothing.
//!
//! - [`adopt`] runs what makes a descriptor, and owns that: no fork falls between making and
//!   registering it, and it has none of the numbers 0, 1 and 2, which are the program's. It blocks
//!   while another thread forks; and while another makes descriptors, where the program was started
//!   with one of those numbers closed. It fails as what it runs does, and where no number is left.
//! - [`enter`] keeps forks out while several are made, until the guard is dropped; it blocks as
//!   [`adopt`] does, and can't fail. [`Owned::register`] takes each over meanwhile, and fails where
//!   no number is left.
//! - [`take_over`] owns a descriptor that this process was given, by its number. It fails with
//!   AlreadyExists if the number is of one that is owned already, and if it isn't open.
//!   [`Owned::into_other`] owns the same descriptor as something else, and can't fail.
//! - [`generation`] tells how often this process came out of a fork as the child: a handle made
//!   under another number is dead here. It costs one load.
//!
//! A raw `clone()` without `CLONE_VM` runs no handlers and bypasses all of this.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{Fd, Owned, adopt, enter, generation, take_over};
