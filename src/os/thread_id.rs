//! Which thread this is, in one instruction where the system allows that.

/// A number that no other living thread of this process has, in one instruction: where its
/// thread control block is. A multiple of 16.
#[cfg(not(loom))]
#[inline]
pub fn this_thread() -> u64 {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    {
        let block: u64;
        // SAFETY: on Linux the first word at FS is FS itself (the System V ABI's TLS, variant
        // II), which every thread of a program has.
        unsafe {
            std::arch::asm!("mov {}, fs:0", out(reg) block, options(nostack, pure, readonly));
        }
        block
    }
    #[cfg(all(target_os = "linux", target_arch = "aarch64"))]
    {
        let block: u64;
        // SAFETY: reads the register that holds the thread's pointer on Linux.
        unsafe {
            std::arch::asm!("mrs {}, tpidr_el0", out(reg) block, options(nomem, nostack, pure));
        }
        block
    }
    // Other systems keep other things in these registers.
    #[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
    own_address()
}

/// The same on any system: where a value lies that each thread has for itself.
#[cfg(not(loom))]
#[allow(dead_code)]
fn own_address() -> u64 {
    #[repr(align(16))]
    struct Own(u8);
    thread_local!(static OWN: Own = const { Own(0) });
    OWN.with(|own| std::ptr::from_ref(own) as u64)
}

#[cfg(loom)]
pub fn this_thread() -> u64 {
    use std::hash::{Hash, Hasher};
    let mut hasher = std::hash::DefaultHasher::new();
    loom::thread::current().id().hash(&mut hasher);
    // As aligned as a thread control block is.
    (hasher.finish() & !15) | 16
}

#[cfg(all(test, not(loom)))]
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
