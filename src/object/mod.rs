//! Named objects, which processes share: where each byte of one is (layout, lock_word), what of
//! them is reserved (reserve) and mapped (memory), how an object comes and goes (lifecycle, file,
//! file_names), who holds it (holder), who is notified of what (subscriptions, doorbells), a
//! segment's lock (lock), and a semaphore's units (semaphore). `handle` and `descriptor` are what
//! handles on all kinds of objects have in common; `found` looks at objects from outside.

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

#[cfg(all(test, not(loom)))]
mod tests;
