//! Who pays for barriers (membarrier): a side that was busy before it sleeps, once. And what
//! becomes of channels where a sandbox forbids it.

mod common;

#[path = "barriers/forbidden.rs"]
mod forbidden;
#[path = "barriers/payers.rs"]
mod payers;
