//! Segments: names, lock, changes, deaths, other users, and what a hostile holder can do.

mod common;

#[path = "segments/lock.rs"]
mod lock;
