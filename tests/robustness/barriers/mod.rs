//! Who pays for barriers (membarrier): a side that was busy before it sleeps, once. And what
//! becomes of channels where a sandbox forbids it.

mod forbidden;
mod payers;
