//! Segments: names, lock, changes, deaths, other users, and what a hostile holder can do.

mod common;

#[path = "segments/changes.rs"]
mod changes;
#[path = "segments/deaths.rs"]
mod deaths;
#[path = "segments/lock.rs"]
mod lock;
#[path = "segments/names.rs"]
mod names;
#[path = "segments/steps.rs"]
mod steps;
