//! Named objects, which processes share. `layout` and `lock_word` say where each byte is, and
//! `format` checks a header; `reserve` says what is reserved, and `memory` maps it. `lifecycle`,
//! `file` and `file_names` say how an object comes and goes, and `holder` who holds it.
//! `subscriptions` and `doorbells` notify holders, and `wait` is how calls wait. `lock` is a
//! segment's lock, and `semaphore` a semaphore's units. `handle` and `descriptor` are what handles
//! on all kinds of objects have in common; `found` looks at objects from outside, and `who` tells
//! people who holds them.

#[cfg(not(loom))]
pub mod descriptor;
#[cfg(not(loom))]
pub mod doorbells;
#[cfg(not(loom))]
pub mod file;
#[cfg(not(loom))]
pub mod file_names;
#[cfg(not(loom))]
pub mod format;
#[cfg(not(loom))]
pub mod found;
#[cfg(not(loom))]
pub mod handle;
#[cfg(not(loom))]
pub mod holder;
pub mod layout;
#[cfg(not(loom))]
pub mod lifecycle;
pub mod lock;
pub mod lock_word;
#[cfg(not(loom))]
pub mod memory;
#[cfg(not(loom))]
pub mod reserve;
pub mod semaphore;
pub mod subscriptions;
pub mod wait;
#[cfg(not(loom))]
pub mod who;

#[cfg(all(test, not(loom)))]
mod tests;
