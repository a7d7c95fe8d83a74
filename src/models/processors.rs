//! The model of processors.

/// One: a look again before a sleep is a step more for the checker, and finds nothing new.
pub fn allowed() -> u64 {
    1
}
