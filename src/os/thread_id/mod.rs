//! Which thread this is.
//!
//! - [`this_thread`] gives a number that no other living thread of this process has: a multiple of
//!   16, and never 0. It doesn't block, can't fail, and works wherever a thread runs any code.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::this_thread;

/// The same on any system: where a value lies that each thread has for itself.
#[allow(dead_code)]
fn own_address() -> u64 {
    #[repr(align(16))]
    struct Own(u8);
    thread_local!(static OWN: Own = const { Own(0) });
    OWN.with(|own| std::ptr::from_ref(own) as u64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::{Barrier, Mutex};

    const THREADS: usize = 16;

    /// Threads that live at the same time: how many numbers they have, each asked for twice.
    fn numbers(this_thread: fn() -> u64) -> usize {
        let (seen, together) = (Mutex::new(HashSet::new()), Barrier::new(THREADS));
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let own = this_thread();
                    assert!(own != 0 && own.is_multiple_of(16), "{own:#x} leaves no place");
                    seen.lock().expect("no panic").insert(own);
                    together.wait();
                    assert_eq!(this_thread(), own);
                });
            }
        });
        seen.into_inner().expect("no panic").len()
    }

    #[test]
    fn no_two_threads_have_the_same_number() {
        assert_eq!(numbers(super::this_thread), THREADS);
    }

    #[test]
    fn no_two_threads_have_the_same_number_on_any_system() {
        assert_eq!(numbers(super::own_address), THREADS);
    }
}
