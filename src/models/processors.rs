//! The model of processors.

/// One processor: looking again before a sleep is one step more for the checker, and finds nothing
/// new.
pub fn allowed() -> u64 {
    1
}
