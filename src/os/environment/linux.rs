use std::ffi::OsString;

/// A variable's value, unless it is missing or empty, or the process has more rights than whoever
/// has started it; as secure_getenv(3), which not every C library has.
pub fn secure(name: &str) -> Option<OsString> {
    // SAFETY: takes no memory.
    let is_secure = unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
    std::env::var_os(name).filter(|value| !is_secure && !value.is_empty())
}
