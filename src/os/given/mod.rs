//! Descriptors that this process was given: inherited from its parent, or passed by systemd. No
//! verb blocks.
//!
//! - [`look`] tells what a descriptor is, by its number, and changes nothing. It fails where the
//!   system can't tell.
//! - [`take`] takes a socket over by its number: the caller owns it from then on, no program that
//!   this process runs inherits it, and a forked child closes it. It fails with AlreadyExists where
//!   a handle of this library has the number, and where the number isn't open.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{look, take};

/// What a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The number isn't open.
    NotOpen,
    /// A file, a pipe, or anything else that is no socket.
    NoSocket,
    /// A TCP or UDP socket.
    Internet,
    /// A socket of another family.
    OtherFamily,
    /// A local socket that isn't a stream.
    NoStream,
    /// A local stream socket that accepts connections.
    Listening,
    /// A local stream socket that has a peer, or had one.
    Connected,
    /// A local stream socket that does neither.
    Unconnected,
}
