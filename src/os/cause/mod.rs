//! Why a call failed, in words: what callers tell apart, and nothing more. Numbers of errors mean
//! something in here alone. Where the standard library has a word of its own ([`io::ErrorKind`]:
//! would block, not found, connection reset, …), callers may ask for that.
//!
//! - [`cause_of`] gives the cause by an error's number, which is the system's. It doesn't block.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

use std::io;
use system::cause_of;

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nothing has the name.
    NotFound,
    /// Nobody listens at the socket of that name.
    NotListening,
    /// A part of the path is no directory.
    NotDirectory,
    /// What has the name is a directory.
    Directory,
    /// What has the name can't be opened as a file can: a socket.
    NotFile,
    /// What has the name is a link, which is not followed; or links go round.
    Link,
    /// By who owns what is named, and its mode.
    Denied,
    /// Whatever the mode is: by an owner, or a sandbox; or it makes no sense for such a thing.
    Forbidden,
    /// The file system is read-only.
    ReadOnly,
    /// Something has the name, or is in the set already.
    Exists,
    /// This process has as many descriptors as it may.
    NoDescriptors,
    /// The system has no descriptors left.
    NoDescriptorsAnywhere,
    /// There is no memory for it, or no space where it lies.
    NoMemory,
    /// It is larger than files may be.
    TooLarge,
    /// The name is too long.
    NameTooLong,
    /// This system doesn't have it.
    Unsupported,
    /// The peer has closed its end, or died.
    PeerGone,
    /// The socket of that name is of another kind.
    OtherKind,
    /// The descriptor is not open.
    NotOpen,
    /// Anything else.
    Other,
}

impl Cause {
    /// Why this went wrong, as far as that is told apart.
    pub fn of(error: &io::Error) -> Cause {
        match (error.raw_os_error(), error.kind()) {
            (Some(number), _) => cause_of(number),
            (None, io::ErrorKind::OutOfMemory) => Cause::NoMemory,
            (None, io::ErrorKind::Unsupported) => Cause::Unsupported,
            (None, _) => Cause::Other,
        }
    }
}
