//! Semaphores: units, names, readiness, deaths, other users, and what a hostile holder can do.

mod common;

#[path = "abi/toolchain.rs"]
mod toolchain;
#[path = "common/workers.rs"]
mod workers;

#[path = "semaphores/deaths.rs"]
mod deaths;
#[path = "semaphores/kills.rs"]
mod kills;
#[path = "semaphores/names.rs"]
mod names;
#[path = "semaphores/readiness.rs"]
mod readiness;
#[path = "semaphores/scribbles.rs"]
mod scribbles;
#[path = "semaphores/steps.rs"]
mod steps;
#[path = "semaphores/units.rs"]
mod units;
