//! The wake-up descriptor of a ring's side: a pipe of one page.
//!
//! Not an eventfd, as its O_NONBLOCK flag and its count are shared with the peer, so that a
//! hostile one could make our write block for ever. Each side opens the pipe anew, which gives
//! it an open description of its own; and for reading and writing at once (fifo(7)), so that the
//! peer's death never raises SIGPIPE here, and a side can wake itself.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{drain, pipe, reopen, signal};
