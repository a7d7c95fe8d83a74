//! What a call costs that finds nothing: an event loop makes as many of these as others.

mod common;

#[path = "empty_calls/allocations.rs"]
mod allocations;
#[path = "empty_calls/from_c.rs"]
mod from_c;
#[path = "empty_calls/system_calls.rs"]
mod system_calls;
