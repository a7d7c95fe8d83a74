//! What a call costs that finds nothing: an event loop makes as many of these as others.

mod allocations;
mod from_c;
mod system_calls;
