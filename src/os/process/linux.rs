use std::ffi::OsString;

/// By geteuid(2).
pub fn user() -> u32 {
    // SAFETY: takes no memory.
    unsafe { libc::geteuid() }
}

/// Root may become anybody, and a set-user-ID program whoever has started it.
pub fn may_give_up_rights() -> bool {
    // SAFETY: takes no memory.
    user() == 0 || unsafe { libc::getuid() } != user()
}

/// As secure_getenv(3), which not every C library has.
pub fn variable(name: &str) -> Option<OsString> {
    // SAFETY: takes no memory.
    let is_secure = unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
    std::env::var_os(name).filter(|value| !is_secure && !value.is_empty())
}
