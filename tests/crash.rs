//! Processes that are killed in the middle of what they do, and what becomes of those they were
//! joined with.

mod common;

#[path = "crash/forked.rs"]
mod forked;
#[path = "crash/kills.rs"]
mod kills;
#[path = "crash/stale.rs"]
mod stale;
#[path = "crash/traces.rs"]
mod traces;
