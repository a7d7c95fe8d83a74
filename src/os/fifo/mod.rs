//! FIFOs among the named objects: what one process polls, and others that know its name make
//! readable. No verb blocks. A name has no path in it.
//!
//! - [`make`] makes one that those can use who may write an object, and opens it; the caller owns
//!   the descriptor, and takes the name away. It fails with AlreadyExists if anything has the name,
//!   and where there is no place, no memory or no descriptor; then no name is left.
//! - [`open`] opens what has a name, and tells what it is: it may turn out to be anything. It fails
//!   if nothing has the name, this user may not, or no descriptor is left.
//! - [`signal`] makes one readable, and fails where the descriptor can't be written.
//! - [`drain`] makes one unreadable, unless there is more in it than we ever put there; it can't
//!   fail.
//! - [`is_left`] tells whether a name is that of a FIFO of this user that nobody has open, and has
//!   used for a while; false where that can't be told.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{drain, is_left, make, open, signal};
