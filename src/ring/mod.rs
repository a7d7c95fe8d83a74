//! The bytes of a channel that two processes share: where each is (layout), how both sides get them
//! (mapping), how messages go through them (spsc), which of them are lent (spans), and how a
//! sleeping side is woken (doorbell, own_waits).

pub mod doorbell;
mod half;
pub mod layout;
#[cfg(not(loom))]
pub mod mapping;
pub(crate) mod own_waits;
pub mod spans;
pub mod spsc;

#[cfg(loom)]
pub use crate::models::mapping;

#[cfg(all(test, not(loom)))]
mod tests;
