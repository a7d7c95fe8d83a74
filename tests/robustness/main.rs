//! What becomes of those who keep to the rules where something goes wrong: others are killed or mean
//! harm, the system gives less than it is asked for, a sandbox forbids a call.
//!
//! Where a test looks at what is the whole process', it has one of its own: `common::child::alone`.

#[path = "../common/mod.rs"]
mod common;

mod barriers;
mod crash;
mod hostile;
mod resources;
mod ring_bytes;
mod segments;
mod semaphores;
