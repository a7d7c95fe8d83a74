//! The model of which thread this is: loom's threads are all one of the system's.

use std::hash::{DefaultHasher, Hash, Hasher};

/// A number of each thread of a model.
pub fn this_thread() -> u64 {
    let mut hasher = DefaultHasher::new();
    loom::thread::current().id().hash(&mut hasher);
    // As aligned as a thread control block is.
    (hasher.finish() & !15) | 16
}
