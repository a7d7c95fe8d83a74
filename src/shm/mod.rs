//! Bytes that processes share. Of a channel: where each is (layout), how they get there (mapping),
//! and how messages go through them (ring). Of a named object: where each is (object, word), how
//! it comes and goes (attach, pauses), what of it is reserved (room), who holds it (holder), who is
//! told of what (armed, bells), a segment's lock (lock, acquire), and a semaphore's units (ledger,
//! semaphore).

pub mod acquire;
pub mod armed;
#[cfg(not(loom))]
pub mod attach;
#[cfg(not(loom))]
pub mod bells;
mod end;
#[cfg(not(loom))]
pub mod file;
#[cfg(not(loom))]
pub mod found;
#[cfg(not(loom))]
pub mod holder;
pub mod layout;
pub mod ledger;
pub mod lock;
#[cfg(not(loom))]
pub mod mapping;
#[cfg(not(loom))]
pub mod memory;
#[cfg(not(loom))]
pub mod names;
pub mod object;
#[cfg(not(loom))]
mod pauses;
pub mod pins;
pub mod ring;
#[cfg(not(loom))]
pub mod room;
pub mod semaphore;
pub mod waits;
pub mod word;

#[cfg(loom)]
pub use crate::models::mapping;

#[cfg(all(test, not(loom)))]
mod tests;
