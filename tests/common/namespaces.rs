//! Namespaces: a process that sees other mounts, process numbers or users than the test.

use super::child::fork;
use super::system::{is_root, own_gid};
use std::ffi::CStr;
use std::fs;

/// What [`within`]'s child ends with where there are none.
pub const NO_NAMESPACES: i32 = 77;
/// What it ends with after `act` was killed.
pub const KILLED: i32 = 78;
/// The kinds of namespaces that make a difference to who is who.
pub const KINDS: [(&str, i32); 3] = [
    ("process numbers of its own", libc::CLONE_NEWPID),
    ("users of its own", libc::CLONE_NEWUSER),
    ("both of its own", libc::CLONE_NEWPID | libc::CLONE_NEWUSER),
];

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
        map_users((uid, uid), (gid, gid));
    }
    true
}

/// Gives this process a namespace of users in which it is root, as rootless containers have;
/// false as above.
pub fn become_root_inside(what: &str) -> bool {
    let (uid, gid) = (super::system::own_uid(), own_gid());
    // One that has changed its user may not write the maps below.
    // SAFETY: takes no memory.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1) };
    // SAFETY: takes no memory.
    if unsafe { libc::unshare(libc::CLONE_NEWUSER) } != 0 {
        let error = std::io::Error::last_os_error();
        super::not_checked(what, &format!("no namespaces here: {error}"));
        return false;
    }
    map_users((0, uid), (0, gid));
    true
}

/// Says who the user and the group are inside and outside.
fn map_users((inside, uid): (u32, u32), (group, gid): (u32, u32)) {
    let say = |file: &str, text: String| {
        let written = fs::write(format!("/proc/self/{file}"), text);
        written.unwrap_or_else(|error| panic!("{file}: {error}"));
    };
    say("setgroups", "deny".to_owned());
    say("uid_map", format!("{inside} {uid} 1"));
    say("gid_map", format!("{group} {gid} 1"));
}

/// Gives this process a /dev/shm of its own, made with these options; false as above.
pub fn own_shm(what: &str, options: &CStr) -> bool {
    if !own_mounts(what) {
        return false;
    }
    mount(c"tmpfs", c"/dev/shm", c"tmpfs", options);
    true
}

/// Gives this process nothing at all in a folder; false as above.
pub fn hide(what: &str, folder: &CStr) -> bool {
    if !own_mounts(what) {
        return false;
    }
    mount(c"tmpfs", folder, c"tmpfs", c"");
    true
}

/// Gives this process a /run/user and a /tmp of its own, with nothing in them; false as above.
pub fn own_places(what: &str) -> bool {
    if !hide(what, c"/run") {
        return false;
    }
    mount(c"tmpfs", c"/tmp", c"tmpfs", c"mode=1777");
    fs::create_dir("/run/user").expect("it is ours");
    true
}

/// Gives this process mounts that nobody else sees; false as above.
fn own_mounts(what: &str) -> bool {
    if !unshare(what, libc::CLONE_NEWNS) {
        return false;
    }
    // In a chroot the root is no mount: there mounts can't be kept from others.
    let kept = try_mount(c"none", c"/", c"", libc::MS_REC | libc::MS_PRIVATE, c"");
    kept.inspect_err(|error| {
        let why = format!("mounts can't be kept from others here, as in a chroot: {error}");
        super::not_checked(what, &why);
    })
    .is_ok()
}

/// Mounts a file system, in a namespace of this process' own.
pub fn mount(source: &CStr, target: &CStr, kind: &CStr, options: &CStr) {
    let mounted = try_mount(source, target, kind, 0, options);
    mounted.unwrap_or_else(|error| panic!("mounting {kind:?} at {target:?}: {error}"));
}

fn try_mount(
    source: &CStr,
    target: &CStr,
    kind: &CStr,
    flags: libc::c_ulong,
    options: &CStr,
) -> std::io::Result<()> {
    let (source, target) = (source.as_ptr(), target.as_ptr());
    // SAFETY: every text ends with a NUL.
    match unsafe { libc::mount(source, target, kind.as_ptr(), flags, options.as_ptr().cast()) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// Takes a file system away, also one in use.
pub fn unmount(target: &CStr) {
    // SAFETY: the path ends with a NUL.
    let result = unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) };
    assert_eq!(result, 0, "{target:?}: {}", std::io::Error::last_os_error());
}

/// Runs `act` in new namespaces, in the only child of the child that this gives.
pub fn within(what: &str, flags: i32, act: impl FnOnce()) -> libc::pid_t {
    fork(|| {
        if !unshare(what, flags) {
            return NO_NAMESPACES;
        }
        // The first process of the new ones.
        let first = fork(|| {
            act();
            0
        });
        let mut status = 0;
        // SAFETY: the status is live during the call.
        unsafe { libc::waitpid(first, &mut status, 0) };
        if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { KILLED }
    })
}

/// The only child of a process, by the numbers of this one.
pub fn child_of(pid: libc::pid_t) -> libc::pid_t {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.trim().parse().unwrap_or_else(|_| panic!("{path}: {text}"))
}

/// Whether a child has ended; it stays to be reaped.
pub fn has_ended(pid: libc::pid_t) -> bool {
    // SAFETY: all zeros are valid.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: the structure is live during the call.
    unsafe { libc::waitid(libc::P_PID, pid as libc::id_t, &mut info, options) };
    // SAFETY: waitid fills it in.
    unsafe { info.si_pid() == pid }
}
