//! What the tests share: a place to meet, deadlines, and what the kernel says of this process.

use crate::common::child::alone_for;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use treenail::{Channel, Listener, Status};

/// The deadline of everything that is expected to happen.
pub const SOON: Duration = Duration::from_secs(10);
/// The same, as a timeout.
pub const WAIT: Option<Duration> = Some(SOON);
/// A test that takes longer hangs.
const TEST_TIME_MAX: Duration = Duration::from_secs(240);

/// Whether `test` has a process of its own, as it must: descriptors, memory and processor time are the
/// whole process'. Else it is run in one, and not for ever.
pub fn alone(test: impl Fn()) -> bool {
    alone_for(test, TEST_TIME_MAX)
}

/// Tells other threads of a test to stop once it is dropped, also by a panic.
pub struct Stop<'a>(pub &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A path that nobody else uses, in a directory that goes with it.
pub struct Place {
    pub directory: PathBuf,
    pub path: PathBuf,
}

impl Place {
    pub fn new() -> Place {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("treenail-hostile-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).expect("temporary files can be made");
        let path = directory.join("socket");
        Place { directory, path }
    }

    pub fn endpoint(&self, scheme: &str, options: &str) -> String {
        let mark = if options.is_empty() { "" } else { "?" };
        format!("{scheme}:{}{mark}{options}", self.path.display())
    }

    pub fn listener(&self, scheme: &str, options: &str) -> Listener {
        Listener::open(&self.endpoint(scheme, options)).expect("the path is free")
    }

    /// An honest program's channel to the library's listener, once that has answered.
    pub fn connect(&self, scheme: &str) -> treenail::Result<Channel> {
        Channel::connect(&self.endpoint(scheme, "max_message=64MiB&early=0"), WAIT)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Waits for a condition to come true.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < SOON, "{what}");
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// Runs a call that has `timeout` to wait: it must be back in good time after it.
pub fn in_time<T>(timeout: Option<Duration>, call: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let result = call();
    let took = began.elapsed();
    assert!(took < timeout.unwrap_or_default() + SOON, "a call took {took:?} with {timeout:?}");
    result
}

/// The status of a result whose value doesn't matter.
pub fn status<T>(result: Result<T, treenail::Error>) -> Status {
    result.map_or_else(|error| error.status(), |_| Status::Ok)
}

/// How many descriptors this process has.
pub fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("there is a /proc").count()
}

/// Makes the descriptors that this thread and the library keep once anything has waited.
fn warm_up() {
    let listener = Place::new().listener("local", "");
    assert_eq!(status(listener.accept(Some(Duration::from_millis(1)))), Status::TimedOut);
}

/// Runs `act` once to warm up, and then again: no descriptor may be left.
pub fn leaves_no_descriptors(mut act: impl FnMut()) {
    warm_up();
    act();
    let before = descriptors();
    act();
    eventually("a descriptor was left behind", || descriptors() <= before);
}

/// Bytes of memory in use.
pub fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("there is a /proc");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().expect("a number");
    kib << 10
}

/// Processor time that this thread has used.
pub fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is live during the call.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) }, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A new descriptor out of a system call.
pub fn made(fd: i32) -> OwnedFd {
    assert!(fd >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: callers pass what a system call has just made for them alone.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// A pipe: for reading, for writing.
pub fn pipe() -> (OwnedFd, OwnedFd) {
    let mut ends = [-1; 2];
    // SAFETY: the kernel writes two descriptors.
    let result = unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    (made(ends[0]), made(ends[1]))
}

/// Waits until a descriptor is readable or hung up: the events, none if that took too long.
pub fn poll_soon(fd: &impl AsRawFd) -> i16 {
    let mut wanted = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: the structure is live during the call.
    unsafe { libc::poll(&mut wanted, 1, SOON.as_millis() as i32) };
    wanted.revents
}

/// Tells whether anybody has a descriptor that was sent away: the writing end of its pipe.
pub struct Canary(OwnedFd);

impl Canary {
    /// A canary, and the descriptor to send.
    pub fn new() -> (Canary, OwnedFd) {
        let (read, write) = pipe();
        (Canary(read), write)
    }

    /// Waits until nobody has it.
    pub fn is_gone_soon(&self) {
        let gone = poll_soon(&self.0) & libc::POLLHUP != 0;
        assert!(gone, "the library kept a stray descriptor");
    }
}

/// Numbers that look random (splitmix64).
pub struct Random(pub u64);

impl Random {
    /// By `TREENAIL_SEED` if that is set; printed, so that a failure can be had again.
    pub fn seeded() -> Random {
        let given = std::env::var("TREENAIL_SEED").ok().and_then(|seed| seed.parse().ok());
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seed = given.unwrap_or_else(|| now.map_or(1, |now| now.as_nanos() as u64));
        println!("TREENAIL_SEED={seed}");
        Random(seed)
    }

    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.word() % limit as u64) as usize
    }
}
