//! Bytes in the memory of this process, whatever the system: a buffer of our own, memory of a
//! caller that may be uninitialised, bytes that are lent, and hints to the processor's cache.

mod buffer;
mod lent;
pub mod prefetch;
#[cfg(not(loom))]
mod uninit;

pub use buffer::Buffer;
#[cfg(not(loom))]
pub use buffer::zeroed_vec;
#[cfg(any(not(loom), test))]
pub use lent::Bytes;
pub use lent::Lent;
#[cfg(not(loom))]
pub use uninit::{Filling, uninit, write};
