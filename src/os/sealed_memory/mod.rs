//! Anonymous shared memory of which neither side can change the size, so that none takes bytes away
//! that the other touches. No verb blocks on a peer.
//!
//! - [`make`] makes some, all zeros; it vanishes with its last descriptor and mapping, and the
//!   caller owns this one. Its memory is taken by the page, when it is first written. It fails with
//!   Unsupported where the system has no such thing, and where there is no descriptor or no room.
//! - [`check`] fails, mostly with InvalidData, if what a peer has handed over could be dangerous to
//!   map: not of this kind, or not of just this size.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{check, make};
