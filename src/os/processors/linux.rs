use crate::os::fork::enter;

/// By the affinity mask and the control group, whose files no child shall inherit.
pub fn allowed() -> u64 {
    let _gate = enter();
    std::thread::available_parallelism().map_or(1, |count| count.get() as u64)
}

/// The C library reads a file for this, which no child shall inherit.
pub fn online() -> u64 {
    let _gate = enter();
    // SAFETY: takes no memory.
    let count = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    u64::try_from(count).unwrap_or(1)
}
