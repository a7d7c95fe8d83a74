//! What the behaviour tests share: names of their own, pairs of channels, payloads that are a
//! function of their number, and limits of time that end a test rather than hang it.

// Each test program uses a part of this.
#![allow(dead_code)]

pub mod child;
pub mod crowd;
pub mod document;
pub mod event;
pub mod limit;
pub mod namespaces;
pub mod objects;
pub mod page;
pub mod scribbler;
pub mod seccomp;
pub mod system;
pub mod toolchain;
pub mod trace;
pub mod workers;

use limit::Limit;
use std::any::Any;
use std::fmt::Display;
use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};
use treenail::{Channel, CommitError, Error, Listener, NOW, Status};

/// Generous: what takes longer is not slow but stuck.
pub const SOON: Option<Duration> = Some(Duration::from_secs(10));
/// Far beyond anything that happens in time.
pub const NEVER_MIND: Duration = Duration::from_secs(20);
/// Longer than a machine stops for a moment, and shorter than what would be wrong.
const SLOWEST: Duration = Duration::from_secs(5);
/// After this long an event loop has lost a wake-up.
pub const WATCHDOG: Duration = Duration::from_secs(20);

/// The directory that this process' names live in; its children use the same.
pub fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        if child::is_child() {
            let given = std::env::var_os("TREENAIL_DIR").expect("children are told a directory");
            return given.into();
        }
        let path = std::env::temp_dir().join(format!("treenail-test-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        system::make_directory(&path, 0o700);
        // SAFETY: every test asks for the directory before it does anything else, so nobody
        // reads the environment yet.
        unsafe { std::env::set_var("TREENAIL_DIR", &path) };
        // SAFETY: the handler is a plain function.
        unsafe { libc::atexit(remove_directory) };
        path
    })
}

extern "C" fn remove_directory() {
    let _ = std::fs::remove_dir_all(directory());
}

/// A name that no other test has.
pub fn name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    directory();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("t{}-{number}", std::process::id())
}

/// Both ends of a channel, in this process.
pub struct Pair {
    /// The end that connected.
    pub connector: Channel,
    /// The end that a listener accepted.
    pub acceptor: Channel,
    /// Where they met.
    pub listener: Listener,
    /// The endpoint without options.
    pub endpoint: String,
}

/// Joins two channels at an endpoint with these options on both sides.
pub fn pair(scheme: &str, options: &str) -> Pair {
    pair_of(scheme, options, options)
}

/// The same with options of their own for each side. Over shared memory both directions go through
/// rings from the first message on.
pub fn pair_of(scheme: &str, connecting: &str, listening: &str) -> Pair {
    let endpoint = format!("{scheme}:{}", name());
    let listener = Listener::open(&with(&endpoint, listening)).expect("the name is free");
    let connecting = with(&with_early(&endpoint), connecting);
    let (connector, acceptor) = std::thread::scope(|scope| {
        let connector = scope.spawn(|| Channel::connect(&connecting, SOON));
        let acceptor = listener.accept(SOON);
        (connector.join().expect("no panic"), acceptor)
    });
    let connector = connector.expect("somebody listens");
    let acceptor = acceptor.expect("somebody connects");
    move_into_rings(&connector, &acceptor);
    Pair { connector, acceptor, listener, endpoint }
}

/// Joins two channels without a name: by the call for that, or, if the options differ, on the two
/// ends of a socketpair. The listener is another one.
pub fn private_pair_of(connecting: &str, listening: &str) -> Pair {
    let listener = Listener::open("shm:*").expect("the directory is there");
    let endpoint = "pair".to_owned();
    if connecting == listening {
        let (connector, acceptor) = Channel::pair(connecting).expect("the options are right");
        return Pair { connector, acceptor, listener, endpoint };
    }
    let [connecting_fd, listening_fd] = socketpair();
    let connecting = with(&with_early(&connecting_fd), connecting);
    let listening = with(&listening_fd, listening);
    let (connector, acceptor) = std::thread::scope(|scope| {
        let connector = scope.spawn(|| Channel::connect(&connecting, SOON));
        let acceptor = Channel::create(&listening, SOON);
        (connector.join().expect("no panic"), acceptor)
    });
    let connector = connector.expect("the other end is created");
    let acceptor = acceptor.expect("the other end connects");
    move_into_rings(&connector, &acceptor);
    Pair { connector, acceptor, listener, endpoint }
}

/// The two ends of a socketpair as endpoints.
pub fn socketpair() -> [String; 2] {
    let (one, other) = UnixStream::pair().expect("descriptors are left");
    [one, other].map(|end| format!("fd:{}", end.into_raw_fd()))
}

/// An endpoint whose connector waits for the handshake.
pub fn with_early(endpoint: &str) -> String {
    with(endpoint, "early=0")
}

/// Lets both ends of a new channel say all that there is to say before the first message.
pub fn move_into_rings(connector: &Channel, acceptor: &Channel) {
    for end in [acceptor, connector] {
        assert_eq!(status(end.recv(&mut [], NOW)), Status::Again, "nothing was sent");
    }
}

/// An endpoint with options, if there are any.
pub fn with(endpoint: &str, options: &str) -> String {
    match options {
        "" => endpoint.to_owned(),
        options if endpoint.contains('?') => format!("{endpoint}&{options}"),
        options => format!("{endpoint}?{options}"),
    }
}

/// What a call came to: Ok, or why not.
pub fn status<T, E: Into<Error>>(result: Result<T, E>) -> Status {
    result.map_or_else(|error| error.into().status(), |_| Status::Ok)
}

/// A result that has to be a failure.
pub trait Fails<E> {
    /// The error, which must have this status.
    fn fails_with(self, expected: Status) -> E;
}

impl<T, E: Failure> Fails<E> for Result<T, E> {
    #[track_caller]
    fn fails_with(self, expected: Status) -> E {
        match self {
            Ok(_) => panic!("it succeeds, and isn't {expected:?}"),
            Err(error) => {
                assert_eq!(error.status(), expected, "{error}");
                error
            }
        }
    }
}

/// The library's errors.
pub trait Failure: Display {
    fn status(&self) -> Status;
}

impl Failure for Error {
    fn status(&self) -> Status {
        Error::status(self)
    }
}

impl Failure for CommitError<'_> {
    fn status(&self) -> Status {
        CommitError::status(self)
    }
}

const TABLE_SIZE: usize = 1 << 20;
const REACH: usize = TABLE_SIZE / 2;

fn table() -> &'static [u8] {
    static TABLE: OnceLock<Vec<u8>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut random = Random::new(42);
        (0..TABLE_SIZE / 8).flat_map(|_| random.next().to_le_bytes()).collect()
    })
}

fn start(number: u64) -> usize {
    (number.wrapping_mul(7919) % REACH as u64) as usize
}

/// Message number `number`: its number first, if there is room, and then bytes that no other has
/// at these places.
pub fn payload(number: u64, len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        let count = (len - bytes.len()).min(REACH);
        bytes.extend_from_slice(&table()[start(number)..][..count]);
    }
    if let Some(first) = bytes.first_chunk_mut() {
        *first = number.to_le_bytes();
    }
    bytes
}

/// The number that a payload begins with.
pub fn number_of(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(*bytes.first_chunk().expect("eight bytes at least"))
}

/// Fails unless these are the bytes of message `number`, all of them.
pub fn assert_payload(bytes: &[u8], number: u64) {
    if let Some(first) = bytes.first_chunk() {
        assert_eq!(u64::from_le_bytes(*first), number, "which message it is");
    }
    let rest = bytes.get(8..).unwrap_or_default();
    let expected = &table()[start(number)..][..REACH];
    let same = match bytes.len() {
        0..8 => bytes == &expected[..bytes.len()],
        _ => (0..rest.len()).step_by(REACH / 2).all(|at| {
            let chunk = &rest[at..rest.len().min(at + REACH / 2)];
            let offset = (at + 8) % REACH;
            let first = chunk.len().min(REACH - offset);
            chunk[..first] == expected[offset..][..first]
                && chunk[first..] == expected[..chunk.len() - first]
        }),
    };
    assert!(same, "message {number} of {} bytes is spoilt", bytes.len());
}

/// Numbers that look random: xorshift.
pub struct Random(u64);

impl Random {
    /// The same numbers for the same seed.
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Of a seed that is printed, or given by TREENAIL_SEED.
    pub fn printed(what: &str) -> Random {
        let given = std::env::var("TREENAIL_SEED").ok();
        let seed = given.map_or_else(
            || {
                let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970");
                now.as_nanos() as u64
            },
            |seed| seed.parse().expect("TREENAIL_SEED is a number"),
        );
        println!("{what}: TREENAIL_SEED={seed}");
        Random::new(seed)
    }

    /// The next number.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// A number from the environment.
pub fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value.parse().expect("a number"),
        Err(_) => default,
    }
}

/// How many messages prove that none is lost: a million where it is fast, unless the environment says
/// otherwise.
pub fn messages() -> u64 {
    setting("TREENAIL_MESSAGES", if system::is_sanitized() { 100_000 } else { 1_000_000 })
}

/// How many processes one test kills: so many fifths of TREENAIL_KILLS, which all such tests have
/// together, or `default` if that isn't set.
pub fn kills(fifths: u64, default: u64) -> u64 {
    match setting("TREENAIL_KILLS", 0) {
        0 => default,
        all => (all * fifths / 5).max(4),
    }
}

/// Runs `act`, and fails if it takes longer than `limit`: it hangs, then.
pub fn bounded<T: Send + 'static>(limit: Duration, act: impl FnOnce() -> T + Send + 'static) -> T {
    directory();
    let (done, wait) = mpsc::channel();
    let caught = std::panic::AssertUnwindSafe(act);
    std::thread::spawn(move || {
        let _ = done.send(std::panic::catch_unwind(move || {
            let whole = caught;
            (whole.0)()
        }));
    });
    let over = Limit::of(limit);
    let result: Result<T, Box<dyn Any + Send>> = loop {
        match wait.recv_timeout(Duration::from_millis(100)) {
            Ok(result) => break result,
            Err(_) => assert!(!over.is_over(), "it hangs: not done after {limit:?} and more"),
        }
    };
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Says what this machine or user doesn't allow to be tested; the test program doesn't swallow it.
pub fn not_checked(what: &str, why: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "NOT CHECKED: {what}: {why}");
}

/// Looks again and again until `found`, for at most ten seconds.
pub fn until(what: &str, found: impl FnMut() -> bool) {
    until_within(Duration::from_secs(10), what, found);
}

/// The same, for at most `limit`.
pub fn until_within(limit: Duration, what: &str, mut found: impl FnMut() -> bool) {
    let limit = Limit::of(limit);
    while !found() {
        assert!(!limit.is_over(), "never: {what}");
        std::thread::yield_now();
    }
}

/// Fails unless `act` takes at least `least`, and not for ever: its result.
pub fn not_before<T>(least: Duration, act: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let result = act();
    let time = began.elapsed();
    assert!(time >= least, "{least:?} were given, and {time:?} used");
    assert!(time < least + SLOWEST, "{time:?}");
    result
}

/// Fails unless `act` comes back at once, generously taken: its result.
pub fn at_once<T>(act: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let result = act();
    let time = began.elapsed();
    assert!(time < SLOWEST, "not at once: {time:?}");
    result
}
