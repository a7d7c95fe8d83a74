//! Where the lines of a log go. No verb blocks, raises a signal, or fails: a line for which there
//! is no room, and one that the system refuses, is dropped.
//!
//! - [`to_standard_error`] writes a line there, if it is open.
//! - [`to_file`] writes a line behind the last one of a file, which it makes if there is none, for
//!   this user alone. A symbolic link is not followed, and a file with a second name is refused:
//!   both may be another user's trap. The file is open only meanwhile, so it may be renamed, and
//!   the program may close all its descriptors.
//!
//! Each line is one write, so that several processes may write to one place.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{to_file, to_standard_error};
