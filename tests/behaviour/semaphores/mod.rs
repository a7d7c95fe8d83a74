//! Semaphores: units, names, readiness, other users.

mod names;
mod readiness;
mod units;
