//! Semaphores whose holders die or mean harm.

mod deaths;
mod kills;
mod scribbles;
mod steps;
