//! Which cache lines are used soon: hints to the processor, which only change how long an access
//! takes. None faults, whatever the address.

/// Bytes of a line, on nearly all processors; elsewhere a hint is of less use.
pub const LINE: u64 = 64;

/// The hints that this processor takes.
#[derive(Clone, Copy)]
pub struct Prefetch {
    /// Whether it has prefetchw; some of the first x86-64 processors hadn't.
    #[cfg(target_arch = "x86_64")]
    writes: bool,
}

impl Prefetch {
    /// Asks the processor once.
    #[cfg(target_arch = "x86_64")]
    pub fn new() -> Prefetch {
        use std::arch::x86_64::__cpuid;
        static WRITES: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
        const LAST: u32 = 0x8000_0000;
        const FEATURES: u32 = LAST + 1;
        const PREFETCHW: u32 = 1 << 8;
        let ask = || __cpuid(LAST).eax >= FEATURES && __cpuid(FEATURES).ecx & PREFETCHW != 0;
        Prefetch { writes: *WRITES.get_or_init(ask) }
    }

    /// All of them.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn new() -> Prefetch {
        Prefetch {}
    }

    /// The line at this address will be read.
    #[inline(always)]
    pub fn to_read(self, address: *const u8) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a hint faults at no address, and every x86-64 processor has this one.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(address.cast());
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: a hint faults at no address.
        unsafe {
            std::arch::asm!("prfm pldl1keep, [{}]", in(reg) address,
                options(nostack, readonly, preserves_flags));
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let _ = address;
    }

    /// The line at this address will be written: other processors are to let go of it.
    #[inline(always)]
    pub fn to_write(self, address: *const u8) {
        #[cfg(target_arch = "x86_64")]
        if self.writes {
            // SAFETY: a hint faults at no address, and this processor has it.
            unsafe {
                std::arch::asm!("prefetchw [{}]", in(reg) address,
                    options(nostack, readonly, preserves_flags));
            }
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: a hint faults at no address.
        unsafe {
            std::arch::asm!("prfm pstl1keep, [{}]", in(reg) address,
                options(nostack, readonly, preserves_flags));
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let _ = address;
    }
}
