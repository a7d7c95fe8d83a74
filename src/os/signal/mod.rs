//! Signals that the system raises for a call of ours: the call fails as well, and that is all that
//! the program hears. SIGPIPE has a flag of its own (local_socket) or can't come (pipe).
//!
//! - [`enlarging`] runs a call that makes a file larger, which may be more than this process is
//!   allowed. It blocks as long as the call does, gives back what that gives, and leaves the
//!   thread's mask of signals as it was.
//! - [`writing`] does the same for a call that writes to a descriptor of the program, whatever that
//!   is of.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{enlarging, writing};
