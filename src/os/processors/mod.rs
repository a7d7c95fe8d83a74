//! How many processors there are; the system is asked once for each. No verb fails: where the
//! system doesn't tell, there is one. The first call may read files, and waits for a fork that is
//! under way.
//!
//! - [`allowed`] gives how many this process may run on.
//! - [`online`] gives how many the machine has.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

use super::once::Once;

/// How many processors this process may run on.
pub fn allowed() -> u64 {
    static COUNT: Once = Once::new();
    COUNT.get(system::allowed)
}

/// How many processors the machine has.
pub fn online() -> u64 {
    static COUNT: Once = Once::new();
    COUNT.get(system::online)
}
