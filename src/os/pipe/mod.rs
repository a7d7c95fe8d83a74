//! The wake-up of a ring's side: one that has it makes it readable, the other waits for that. No
//! verb blocks, whatever the peer does with its end.
//!
//! - [`make`] makes one that a user can open anew: an end for reading, and one for writing, which
//!   the caller owns. It fails where no descriptor, or no memory, is left.
//! - [`reopen`] makes an end of this process' own, for reading and for writing, of one that a peer
//!   has handed over. It fails with InvalidData for what is no pipe, and where the system doesn't
//!   let it be opened: then a side does without.
//! - [`signal`] makes a pipe readable, and can't fail.
//! - [`drain`] makes it unreadable; whether it was readable.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{drain, make, reopen, signal};
