//! Processes that are killed in the middle of what they do, and what becomes of those they were
//! joined with.

mod forked;
mod kills;
mod stale;
mod traces;
