//! Segments: names, lock, changes, deaths, other users, and what a hostile holder can do.

mod common;

#[path = "abi/toolchain.rs"]
mod toolchain;
#[path = "common/workers.rs"]
mod workers;

#[path = "segments/bells.rs"]
mod bells;
#[path = "segments/changes.rs"]
mod changes;
#[path = "segments/deaths.rs"]
mod deaths;
#[path = "segments/foreign.rs"]
mod foreign;
#[path = "segments/kills.rs"]
mod kills;
#[path = "segments/lock.rs"]
mod lock;
#[path = "segments/members.rs"]
mod members;
#[path = "segments/names.rs"]
mod names;
#[path = "segments/owners.rs"]
mod owners;
#[path = "segments/prefixes.rs"]
mod prefixes;
#[path = "segments/publishers.rs"]
mod publishers;
#[path = "segments/purposes.rs"]
mod purposes;
#[path = "segments/scribbles.rs"]
mod scribbles;
#[path = "segments/space.rs"]
mod space;
#[path = "segments/steps.rs"]
mod steps;
#[path = "segments/users.rs"]
mod users;
