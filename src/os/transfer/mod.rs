//! Bytes that go between a descriptor of the user's and memory that a peer may write meanwhile,
//! without a copy of our own. What the user has said of the descriptor counts: a verb waits unless
//! that is non-blocking.
//!
//! - [`read`] fills memory from a descriptor: how many bytes came, 0 at the end. It fails as
//!   read(2) does.
//! - [`write`] hands memory to a descriptor: how many bytes it took. It fails as write(2) does, and
//!   raises SIGPIPE as that does.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{read, write};
