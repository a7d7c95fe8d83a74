//! Namespaces: a process that sees other mounts, process numbers or users than the test.

use super::system::is_root;
use std::ffi::CStr;
use std::fs;

/// Gives this process, which must have one thread only, namespaces of its own; in those of users
/// it is the user that it was. False, said aloud, where the system allows no such thing.
pub fn unshare(what: &str, flags: i32) -> bool {
    let (uid, gid) = (super::system::own_uid(), own_gid());
    let flags = if is_root() { flags } else { flags | libc::CLONE_NEWUSER };
    // SAFETY: takes no memory.
    if unsafe { libc::unshare(flags) } != 0 {
        let error = std::io::Error::last_os_error();
        super::not_checked(what, &format!("no namespaces here: {error}"));
        return false;
    }
    if flags & libc::CLONE_NEWUSER != 0 {
        let say = |file: &str, text: String| {
            let written = fs::write(format!("/proc/self/{file}"), text);
            written.unwrap_or_else(|error| panic!("{file}: {error}"));
        };
        say("setgroups", "deny".to_owned());
        say("uid_map", format!("{uid} {uid} 1"));
        say("gid_map", format!("{gid} {gid} 1"));
    }
    true
}

fn own_gid() -> u32 {
    // SAFETY: takes no memory.
    unsafe { libc::getegid() }
}

/// Gives this process a /dev/shm of its own, made with these options; false as above.
pub fn own_shm(what: &str, options: &CStr) -> bool {
    if !unshare(what, libc::CLONE_NEWNS) {
        return false;
    }
    mount(c"none", c"/", c"", libc::MS_REC | libc::MS_PRIVATE, c"");
    mount(c"tmpfs", c"/dev/shm", c"tmpfs", 0, options);
    true
}

fn mount(source: &CStr, target: &CStr, kind: &CStr, flags: libc::c_ulong, options: &CStr) {
    let (source, target) = (source.as_ptr(), target.as_ptr());
    // SAFETY: every text ends with a NUL.
    let result =
        unsafe { libc::mount(source, target, kind.as_ptr(), flags, options.as_ptr().cast()) };
    assert_eq!(result, 0, "{target:?}: {}", std::io::Error::last_os_error());
}
