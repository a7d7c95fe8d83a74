//! How many processors there are. Each is asked once; no call here waits, or fails: where the system
//! doesn't tell, there is one.
//!
//! | verb | gives |
//! |---|---|
//! | [`allowed`] | those that this process may run on |
//! | [`online`] | those of the machine |

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
