//! A hostile holder: it scribbles over the header and the slots all the time, or keeps the gate.
//! Others must get their calls back in time and stay within their mappings; what the lock says is
//! worth nothing then.

use crate::common::child::{self, alone, pause};
use crate::common::objects::segment_path as path;
use crate::common::page::{Page, map};
use crate::common::scribbler::{Scribbler, WATCH_END_MAX, in_time};
use crate::common::system::{descriptors, shared_maps};
use crate::common::{Fails, Random, SOON, name, status};
use std::fs;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use treenail::object::layout::{CONTROL_SIZE, Header, SLOTS_OFFSET, Slot};
use treenail::{NOW, Segment, Status};
const SHORT: Option<Duration> = Some(Duration::from_millis(2));
/// How long one kind of scribbling goes on.
const ROUND: Duration = Duration::from_millis(700);
const SIZE: usize = 8192;
/// Where the lock's words begin; before them are facts that are read once.
const LOCK: usize = std::mem::offset_of!(Header, lock);

/// What is written where.
const WAYS: [&str; 6] = ["random", "ones", "ids", "counts", "lock", "everything"];

/// Words that mean something: owners, next ones, flags, counts of readers.
fn word(way: &str, random: &mut Random) -> u64 {
    let id = |random: &mut Random| (1 + random.below(5)) | random.below(9) << 11;
    match way {
        "ones" => u64::MAX,
        "ids" => id(random) | id(random) << 32 | random.below(16) << 27,
        "counts" => [0xffff_ffff_0000, 0][random.below(2) as usize] + random.below(1 << 16),
        "lock" => (random.below(16) << 27) | [0, id(random)][random.below(2) as usize],
        _ => random.next() >> random.below(64),
    }
}

/// Scribbles until it is killed.
#[test]
fn a_scribbler() {
    if child::role().as_deref() != Some("scribbler") {
        return;
    }
    let get = |name| std::env::var(name).expect("the parent says");
    let (way, said) = (get("WAY"), Page::open(Path::new(&get("PAGE"))));
    let words = map(Path::new(&get("OBJECT")), CONTROL_SIZE).words(CONTROL_SIZE / 4);
    let mut random = Random::printed("scribbler");
    let first = if way == "everything" { 0 } else { LOCK / 4 };
    let places = match way.as_str() {
        // The lock's words and the first slots.
        "lock" => LOCK / 4..(SLOTS_OFFSET + 8 * size_of::<Slot>()) / 4,
        _ => first..CONTROL_SIZE / 4,
    };
    said.set(0, 1);
    loop {
        for at in (places.start..places.end - 1).step_by(2) {
            let word = word(&way, &mut random);
            words[at].store(word as u32, Ordering::Relaxed);
            words[at + 1].store((word >> 32) as u32, Ordering::Relaxed);
        }
        // A lock that is free for a moment lets calls go on to what comes then.
        words[LOCK / 4].store(0, Ordering::Relaxed);
        words[LOCK / 4 + 1].store(0, Ordering::Relaxed);
        said.set(1, said.get(1) + 1);
    }
}

/// Any status is right, but those that blame the library or this program.
fn plausible<T>(what: &str, timeout: Option<Duration>, act: impl FnOnce() -> treenail::Result<T>) {
    let status = in_time(what, timeout, || status(act()));
    // A copy whose lock is gone when it is done.
    let closed = status == Status::Closed && !["write", "read"].contains(&what);
    assert!(status != Status::Internal && !closed, "{what}: {status:?}");
}

/// Every call once, in an order of its own.
fn use_all(segment: &Segment, random: &mut Random) {
    let timeout = [NOW, SHORT][random.below(2) as usize];
    let at = random.below(SIZE as u64 - 100) as usize;
    let seen = segment.version();
    for _ in 0..8 {
        match random.below(9) {
            0 => plausible("lock", timeout, || segment.lock(timeout)),
            1 => plausible("lock_shared", timeout, || segment.lock_shared(timeout)),
            2 | 3 => plausible("unlock", NOW, || segment.unlock()),
            4 => plausible("write", timeout, || segment.write(at, &[b'x'; 100], timeout)),
            5 => plausible("read", timeout, || segment.read(at, &mut [0; 100], timeout)),
            6 => plausible("wait", timeout, || segment.wait(seen, timeout)),
            7 => plausible("notify", NOW, || segment.notify()),
            _ => {
                let attached = in_time("attached", NOW, || segment.attached());
                assert!((1..=2048).contains(&attached), "{attached}");
            }
        }
    }
}

/// Comes and goes as well: open, close, free.
fn come_and_go(name: &str, random: &mut Random) -> u64 {
    let opened = in_time("open", NOW, || Segment::open(name));
    let Ok(segment) = opened else {
        let possible = [Status::Protocol, Status::NoSpace, Status::NotFound];
        assert!(possible.contains(&status(opened)));
        return 0;
    };
    assert!((1..=1 << 40).contains(&segment.size()));
    use_all(&segment, random);
    if random.below(2) == 0 {
        in_time("close", NOW, || segment.close());
        assert_eq!(status(segment.lock(NOW)), Status::Closed);
    }
    in_time("free", NOW, || drop(segment));
    1
}

/// Pages around a range that nobody may touch, where nobody has them yet.
fn fence(range: Range<usize>) {
    for at in [range.start - 4096, range.end] {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
        // SAFETY: takes only addresses that nothing is mapped at, for good.
        unsafe { libc::mmap(at as *mut _, 4096, libc::PROT_NONE, flags, -1, 0) };
    }
}

/// Where the mappings of an object are.
fn mappings(name: &str) -> Vec<Range<usize>> {
    let maps = fs::read_to_string("/proc/self/maps").expect("/proc");
    // Range, rights, offset, device, inode, and a path that is none for the one that made it.
    let inode = fs::metadata(path(name)).expect("it is there").ino().to_string();
    let lines = maps.lines().filter(|line| line.split_whitespace().nth(4) == Some(&inode));
    let number = |text: &str| usize::from_str_radix(text, 16).expect("an address");
    let range = |line: &str| {
        let (start, rest) = line.split_once('-').expect("a range");
        number(start)..number(rest.split(' ').next().expect("split gives one"))
    };
    lines.map(range).collect()
}

/// Those that wait with all time end by a close.
fn a_close_wakes_all(segment: &Segment) {
    std::thread::scope(|scope| {
        let waiters = [
            scope.spawn(|| status(segment.wait(segment.version(), SOON))),
            scope.spawn(|| status(segment.lock(SOON))),
            scope.spawn(|| status(segment.lock_shared(SOON))),
        ];
        (0..5).for_each(|_| pause());
        in_time("close", NOW, || segment.close());
        for waiter in waiters {
            let status = in_time("a waiter's end", NOW, || waiter.join().expect("no panic"));
            assert_ne!(status, Status::TimedOut, "a close wakes it");
        }
    });
}

fn scribble(way: &str) {
    let name = name();
    let mut random = Random::printed(way);
    let segment = Segment::create(&name, SIZE).expect("the name is free");
    let second = Segment::open(&name).expect("it is there");
    segment.fd().expect("a descriptor");
    let found = mappings(&name);
    assert!(!found.is_empty(), "nothing is mapped");
    found.into_iter().for_each(fence);
    let scribbler = Scribbler::start(a_scribbler, way, &path(&name));
    let (rounds, opened) = (AtomicU64::new(0), AtomicU64::new(0));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for segment in [&segment, &segment, &second] {
            let mut random = Random::new(random.next());
            let rounds = &rounds;
            scope.spawn(move || {
                while began.elapsed() < ROUND {
                    use_all(segment, &mut random);
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while began.elapsed() < ROUND {
            opened.fetch_add(come_and_go(&name, &mut random), Ordering::Relaxed);
        }
    });
    a_close_wakes_all(&segment);
    let swept = scribbler.sweeps();
    in_time("free", WATCH_END_MAX, || drop((segment, second)));
    drop(scribbler);
    let time = began.elapsed();
    println!("{way}: {rounds:?} rounds, {opened:?} opened, {swept} sweeps in {time:?}");
    assert!(rounds.into_inner() > 10 && swept > 10, "{way}: hardly anything was tried");
    // Whatever is left under the name is got rid of.
    let _ = Segment::remove(&name);
    assert_eq!(
        Segment::create(&name, 8).expect("the name is free").lock(NOW).ok(),
        Some(Status::Ok)
    );
}

#[test]
fn a_holder_that_scribbles_keeps_nobody_and_crashes_nobody() {
    if !alone(a_holder_that_scribbles_keeps_nobody_and_crashes_nobody) {
        return;
    }
    scribble("random");
    let before = (descriptors(), shared_maps());
    WAYS[1..].iter().for_each(|way| scribble(way));
    assert_eq!((descriptors(), shared_maps()), before);
}

/// Locks the byte that guards who comes and goes, by a description of its own.
pub fn keep_gate(name: &str) -> fs::File {
    use std::os::fd::AsRawFd;
    let mut options = fs::OpenOptions::new();
    let file = options.read(true).write(true).open(path(name)).expect("it is there");
    // SAFETY: all zeros are valid.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    (lock.l_type, lock.l_len) = (libc::F_WRLCK as i16, 1);
    // SAFETY: the structure is live during the call.
    let done = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &lock) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
    file
}

#[test]
fn a_holder_that_keeps_the_gate_delays_who_comes_and_goes_and_nobody_else() {
    let name = name();
    let first = Segment::create(&name, SIZE).expect("the name is free");
    let second = Segment::open(&name).expect("it is there");
    let gate = keep_gate(&name);
    let gate_time = Some(Duration::from_secs(5));
    std::thread::scope(|scope| {
        let comers = [
            scope.spawn(|| Segment::open(&name).map(drop)),
            scope.spawn(|| Segment::create(&name, SIZE).map(drop)),
            scope.spawn(|| Segment::open_or_create(&name, SIZE).map(drop)),
            scope.spawn(|| Segment::remove(&name)),
        ];
        let leaver = scope.spawn(|| in_time("free", gate_time, || drop(second)));
        let counter = AtomicU32::new(0);
        while !leaver.is_finished() {
            plausible("write", SOON, || first.write(0, b"goes on", SOON));
            counter.fetch_add(1, Ordering::Relaxed);
            pause();
        }
        assert!(counter.into_inner() > 10);
        for comer in comers {
            let result = in_time("coming", gate_time, || comer.join().expect("no panic"));
            let error = result.fails_with(Status::Io);
            assert!(error.to_string().contains("another process"), "{error}");
        }
    });
    drop(gate);
    assert_eq!(Segment::open(&name).expect("it is open again").attached(), 2);
    drop(first);
    assert!(!path(&name).exists());
}
