//! The model of thread numbers: loom's threads are all one thread of the system.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The number of this thread in the model.
pub fn this_thread() -> u64 {
    let mut hasher = DefaultHasher::new();
    loom::thread::current().id().hash(&mut hasher);
    // It is as aligned as a thread control block.
    (hasher.finish() & !15) | 16
}
