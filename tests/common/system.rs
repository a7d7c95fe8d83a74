//! What the system says of this process: descriptors, maps, limits, rights.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Whether all this was built with AddressSanitizer, and so takes several times as long.
pub fn is_sanitized() -> bool {
    std::env::var_os("TREENAIL_SANITIZED").is_some()
}

/// How many descriptors this process has open.
pub fn descriptors() -> usize {
    // The one that reads the directory doesn't count.
    fs::read_dir("/proc/self/fd").expect("/proc").count() - 1
}

/// What this process' descriptors are, for a failure's text.
pub fn descriptor_list() -> Vec<String> {
    let entries = fs::read_dir("/proc/self/fd").expect("/proc").flatten();
    let target = |entry: fs::DirEntry| fs::read_link(entry.path()).ok();
    let mut list: Vec<String> =
        entries.filter_map(target).map(|path| path.display().to_string()).collect();
    list.sort();
    list
}

/// How many pieces of shared memory are mapped here.
pub fn shared_maps() -> usize {
    let maps = fs::read_to_string("/proc/self/maps").expect("/proc");
    maps.lines().filter(|line| line.contains("memfd:") || line.contains("/dev/shm/")).count()
}

/// Where the lock is of what another program has made.
pub fn companion(file: &Path) -> PathBuf {
    let facts = fs::metadata(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    format!("/dev/shm/treenail.~{:x}.{}", facts.dev(), facts.ino()).into()
}

/// The names in a directory; none if there is none.
pub fn names_in(path: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Lets this process have so many descriptors.
pub fn limit_descriptors(count: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: one live structure.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    limit.rlim_cur = count;
    limit.rlim_max = limit.rlim_max.max(count);
    // SAFETY: one live structure.
    let result = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

/// One more than the highest descriptor in use.
pub fn descriptors_end() -> u64 {
    let entries = fs::read_dir("/proc/self/fd").expect("/proc").flatten();
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u64>().ok();
    // The reader of the directory itself has the lowest free number, so the highest is another's
    // or all below it are taken.
    let highest = entries.filter_map(number).max().expect("some are open");
    highest + 1
}

/// The processor time that the calling thread has used.
pub fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: one live structure.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The processor time that this whole process has used.
pub fn process_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: one live structure.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// How often the calling thread has given its processor up.
pub fn times_asleep() -> i64 {
    // SAFETY: all zeros is one, and it is live during the call.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_THREAD, &mut usage);
        usage.ru_nvcsw
    }
}

/// Whether this process may do everything.
pub fn is_root() -> bool {
    // SAFETY: takes no memory.
    unsafe { libc::geteuid() == 0 }
}

/// The user of this process.
pub fn own_uid() -> u32 {
    // SAFETY: takes no memory.
    unsafe { libc::geteuid() }
}

/// The group of this process.
pub fn own_gid() -> u32 {
    // SAFETY: takes no memory.
    unsafe { libc::getegid() }
}

/// Becomes another user, for good.
pub fn become_user(uid: u32) {
    become_one_of(uid, uid);
}

/// Becomes another user in another group, for good.
pub fn become_one_of(uid: u32, gid: u32) {
    // SAFETY: none of these take memory that isn't there.
    unsafe {
        assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
        assert_eq!(libc::setgid(gid), 0);
        assert_eq!(libc::setuid(uid), 0);
    }
}

/// Gives a file to a user.
pub fn set_owner(path: &Path, uid: u32) {
    std::os::unix::fs::chown(path, Some(uid), None).expect("root may");
}

/// A directory with exactly these rights.
pub fn make_directory(path: &Path, mode: u32) {
    let made = fs::DirBuilder::new().mode(0o700).create(path);
    made.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    set_mode(path, mode);
}

/// Sets the rights of a file.
pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

/// Keeps this process to one processor.
pub fn allow_one_processor() {
    // SAFETY: all zeros are an empty set, which is live during the calls.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(libc::sched_getcpu() as usize, &mut set);
        assert_eq!(libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set), 0);
    }
}
