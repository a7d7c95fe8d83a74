//! Values that each thread has for itself, as long as it runs any code at all. The standard
//! library's are gone already in the destructor of a thread key and in an exit handler, where
//! calls of this library still work; and one that is made so late is never dropped.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{PerThread, Slot};
