//! Bytes that two processes share: where each is (layout), how they get there (mapping), and how
//! messages go through them (ring).

mod end;
pub mod layout;
#[cfg(not(loom))]
pub mod mapping;
pub mod pins;
pub mod ring;
pub mod waits;

#[cfg(loom)]
pub use crate::models::mapping;

#[cfg(all(test, not(loom)))]
mod tests;
