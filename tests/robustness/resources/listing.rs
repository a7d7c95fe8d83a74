//! What there is, as tn_list tells it, and what nobody alive has left, as tn_sweep removes it.

use super::places::{among_places, first, lock, log_in, second};
use crate::common::child::{self, fork, kill, reap, start};
use crate::common::namespaces::mount;
use crate::common::system::{companion, is_root, make_directory, names_in, own_uid, set_owner};
use crate::common::{Fails, at_once, directory, name, until};
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use treenail::object::layout::{HOLDERS_MAX, Header};
use treenail::{Listener, NOW, Segment, Semaphore, Status, list, sweep};

fn file(name: &str) -> PathBuf {
    format!("/dev/shm/treenail.{}.{name}", own_uid()).into()
}

/// Segments of a process that is killed: what it makes, in the child.
#[test]
fn somebody_who_is_killed() {
    if child::role().as_deref() != Some("killed") {
        return;
    }
    let name = std::env::var("NAME").expect("the parent says");
    let _segment = Segment::create(&name, 100_000).expect("the name is free");
    let _semaphore = Semaphore::create(&name, 3).expect("the name is free");
    let _listener = Listener::open(&format!("local:{name}")).expect("the name is free");
    let _stays = Segment::create(&format!("{name}-stays?persist=1"), 8).expect("it is free");
    File::create(std::env::var("READY").expect("the parent says")).expect("it is ours");
    loop {
        child::pause();
    }
}

/// What one that was killed has left: a segment, a semaphore, a socket file, and a segment that
/// stays.
fn leftovers() -> String {
    let name = name();
    let ready = directory().join(format!("{name}-ready"));
    let settings = [("NAME", name.as_str()), ("READY", ready.to_str().expect("text"))];
    let killed = start(somebody_who_is_killed, "killed", &settings);
    until("it has made them", || ready.exists());
    kill(killed);
    name
}

/// The lines about what a pattern means.
fn lines(pattern: &str) -> Vec<String> {
    let listed = list(Some(pattern)).expect("it is a pattern");
    assert!(listed.is_empty() || listed.ends_with('\n'));
    listed.lines().map(str::to_owned).collect()
}

#[test]
fn everything_that_lives_is_listed_as_it_is() {
    let (name, uid) = (name(), own_uid());
    let segment = Segment::create(&format!("{name}?mode=0640"), 5000).expect("free");
    let _second = Segment::open(&name).expect("it is held");
    segment.notify().expect("it is alive");
    let semaphore = Semaphore::create(&name, 7).expect("free");
    semaphore.acquire(2, NOW).expect("there are some");
    let _listener = Listener::open(&format!("shm:{name}?mode=0600")).expect("free");
    let found = lines(&format!("*:{name}"));
    let memory = |name| file(name).metadata().unwrap().blocks() * 512;
    let (units, pid) = (format!("{name}~semaphore"), std::process::id());
    let (bytes, held, memory) = (semaphore_bytes(&found[2]), memory(&units), memory(&name));
    let directory = directory().display();
    let line = |kind: &str, facts: String, mode: &str, path: String| {
        format!(
            r#"{{"kind":"{kind}","name":"{name}","owner":{uid},"alive":true,{facts},"persist":false,"#
        ) + &format!(r#""mode":"{mode}","path":"{path}""#)
    };
    let shm = "/dev/shm/treenail";
    let expected = [
        line(
            "listener",
            r#""holders":1,"bytes":0,"memory":0"#.to_owned(),
            "0600",
            format!("{directory}/{name}.sock"),
        ) + "}",
        line(
            "segment",
            format!(r#""holders":2,"bytes":5000,"memory":{memory}"#),
            "0640",
            format!("{shm}.{uid}.{name}"),
        ) + &format!(r#","version":1,"pids":[{pid}, {pid}]}}"#),
        line(
            "semaphore",
            format!(r#""holders":1,"bytes":{bytes},"memory":{held}"#),
            "0600",
            format!("{shm}.{uid}.{units}"),
        ) + &format!(r#","units":5,"pids":[{pid}]}}"#),
    ];
    assert_eq!(found, expected);
    assert_eq!(lines(&format!("segment:{name}")), expected[1..2]);
    assert_eq!(lines(&format!("se*:{name}")), expected[1..]);
    assert_eq!(lines(&format!("*:*{name}")).len(), 3);
    assert_eq!(sweep(Some(&format!("*:{name}"))).expect("a pattern"), 0, "all of them live");
    assert_eq!(lines(&format!("*:{name}")), expected);
}

#[test]
fn holders_are_counted_with_gaps_between_them() {
    let name = name();
    let first = Segment::create(&name, 100).expect("free");
    let open = |_| Segment::open(&name).expect("it is held");
    let mut others: Vec<Option<Segment>> = (0..40).map(open).map(Some).collect();
    let pid = std::process::id().to_string();
    let expect = |others: &[Option<Segment>]| {
        let count = 1 + others.iter().flatten().count();
        let (line, pids) = (&lines(&format!("segment:{name}"))[0], vec![&*pid; count].join(", "));
        assert!(line.contains(&format!(r#""holders":{count},"#)), "{count}: {line}");
        assert!(line.ends_with(&format!("[{pids}]}}")), "{count}: {line}");
    };
    expect(&others);
    for gap in [1, 0, 38, 39, 20, 22, 21, 5, 7] {
        others[gap] = None;
        expect(&others);
    }
    drop(first);
}

fn semaphore_bytes(line: &str) -> u64 {
    let (_, rest) = line.split_once(r#""bytes":"#).expect("it says so");
    rest.split(',').next().and_then(|number| number.parse().ok()).expect("a number")
}

#[test]
fn what_a_killed_one_left_is_listed_and_swept() {
    let name = leftovers();
    let all = format!("*:{name}*");
    let found = lines(&all);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found.iter().all(|line| line.contains(r#""alive":false,"holders":0"#)), "{found:?}");
    assert_eq!(sweep(Some(&format!("segment:{name}x*"))).expect("a pattern"), 0);
    assert_eq!(sweep(Some(&format!("segment:{name}"))).expect("a pattern"), 1);
    assert!(!file(&name).exists());
    assert_eq!(sweep(Some(&all)).expect("a pattern"), 2, "a semaphore and a socket file");
    let found = lines(&all);
    assert!(found.len() == 1 && found[0].contains(r#""persist":true"#), "{found:?}");
    assert_eq!(sweep(Some(&all)).expect("a pattern"), 0);
    let stays = format!("{name}-stays");
    Segment::open(&stays).expect("it stays");
    Segment::remove(&stays).expect("it is there");
    assert_eq!(lines(&all).len(), 0);
}

#[test]
fn everything_is_what_no_pattern_means() {
    among_places(everything_is_what_no_pattern_means, || {
        mount(c"tmpfs", c"/dev/shm", c"tmpfs", c"mode=1777");
        let segment = Segment::create("lives", 8).expect("free");
        let listener = Listener::open("local:lives").expect("free");
        let dead = fork(|| {
            std::mem::forget(Segment::create("dead", 8).expect("free"));
            std::mem::forget(Listener::open("local:dead").expect("free"));
            0
        });
        assert_eq!(reap(dead), 0);
        fs::write("/dev/shm/foreign", "other").expect("free");
        assert_eq!(list(None).expect("no pattern").lines().count(), 4);
        assert_eq!(sweep(None).expect("no pattern"), 2);
        assert_eq!(names_in(Path::new("/dev/shm")).len(), 2);
        assert_eq!(names_in(&second()).len(), 1);
        assert_eq!(segment.attached(), 1);
        drop(listener);
    });
}

#[test]
fn only_what_is_this_library_s_and_this_user_s_is_looked_at() {
    let name = name();
    let path = file(&name);
    let spoil: [fn(&Path); 4] = [
        |path| fs::write(path, "no segment").expect("free"),
        |path| fs::create_dir(path).expect("free"),
        |path| std::os::unix::fs::symlink("/dev/zero", path).expect("free"),
        |path| drop(UnixListener::bind(path).expect("free")),
    ];
    for spoil in spoil {
        spoil(&path);
        assert_eq!(lines(&format!("*:{name}")).len(), 0);
        assert_eq!(sweep(Some(&format!("*:{name}"))).expect("a pattern"), 0);
        assert!(path.symlink_metadata().is_ok(), "it is left alone");
        fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).expect("it is ours");
    }
    // A pipe of that name keeps nobody who looks at it, and isn't even opened.
    let c_path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: the path ends with a NUL.
    assert_eq!(unsafe { libc::mkfifo(c_path.as_ptr(), 0o600) }, 0);
    let writer = path.clone();
    let writer = std::thread::spawn(move || File::options().write(true).open(writer));
    for _ in 0..20 {
        assert_eq!(at_once(|| lines(&format!("*:{name}"))).len(), 0);
        child::pause();
    }
    assert!(!writer.is_finished(), "somebody has opened it");
    let reader = File::open(&path).expect("the writer is there");
    writer.join().expect("no panic").expect("the reader is there");
    drop(reader);
    fs::remove_file(&path).expect("it is ours");
    if is_root() {
        let name = leftovers();
        set_owner(&file(&name), 65534);
        let socket = directory().join(format!("{name}.sock"));
        set_owner(&socket, 65534);
        assert_eq!(sweep(Some(&format!("*:{name}"))).expect("a pattern"), 1, "the semaphore");
        assert!(file(&name).exists() && socket.exists());
        fs::remove_file(file(&name)).expect("root may");
        fs::remove_file(&socket).expect("root may");
        Segment::remove(&format!("{name}-stays")).expect("it is there");
    }
}

#[test]
fn the_lock_of_another_program_s_object_is_swept_too() {
    let name = name();
    let native = Path::new("/dev/shm").join(&name);
    fs::write(&native, [0; 77]).expect("free");
    let lock = companion(&native);
    let (ready, open) = (directory().join(format!("{name}-ready")), format!("native:/{name}"));
    let settings = [("NAME", open.as_str()), ("READY", ready.to_str().expect("text"))];
    let holder = start(somebody_who_opens, "opens", &settings);
    until("it has it open", || ready.exists());
    let found = lines(&format!("native:/{name}"));
    assert!(found[0].contains(r#""alive":true,"holders":1,"bytes":77"#), "{found:?}");
    assert_eq!(sweep(Some(&format!("native:/{name}"))).expect("a pattern"), 0);
    kill(holder);
    assert_eq!(sweep(Some(&format!("native:/{name}"))).expect("a pattern"), 1);
    assert!(!lock.exists() && native.exists());
    fs::remove_file(&native).expect("it is ours");
}

#[test]
fn somebody_who_opens() {
    if child::role().as_deref() != Some("opens") {
        return;
    }
    let _open = Segment::open(&std::env::var("NAME").expect("said")).expect("it is there");
    File::create(std::env::var("READY").expect("the parent says")).expect("it is ours");
    loop {
        child::pause();
    }
}

/// What somebody has locked.
#[derive(Clone, Copy, Debug)]
enum Lock {
    Alone,
    WithOthers,
}

/// Locks a byte of a file as holders do.
fn lock_byte(path: &Path, at: usize, lock: Lock) -> File {
    let file = File::options().read(true).write(true).open(path).expect("it is ours");
    // SAFETY: all zeros are valid.
    let mut range: libc::flock = unsafe { std::mem::zeroed() };
    let kind = match lock {
        Lock::Alone => libc::F_WRLCK,
        Lock::WithOthers => libc::F_RDLCK,
    };
    range.l_type = kind as libc::c_short;
    (range.l_start, range.l_len) = (at as libc::off_t, 1);
    // SAFETY: one live structure.
    let locked = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &range) };
    assert_eq!(locked, 0, "{}", std::io::Error::last_os_error());
    file
}

/// Who comes or goes has the first byte, holders the next, those that may only read the next, and
/// who sweeps the last.
#[test]
fn nothing_is_swept_that_somebody_is_taking_leaving_holding_or_sweeping() {
    let name = leftovers();
    let pattern = format!("segment:{name}");
    let bytes = [0, 1, HOLDERS_MAX, HOLDERS_MAX + 1, 2 * HOLDERS_MAX, 2 * HOLDERS_MAX + 1];
    for at in bytes {
        for lock in [Lock::Alone, Lock::WithOthers] {
            if at == 0 && matches!(lock, Lock::WithOthers) {
                continue; // who may only read comes in with others, and finds nobody there
            }
            let locked = lock_byte(&file(&name), at, lock);
            assert_eq!(at_once(|| sweep(Some(&pattern))).expect("a pattern"), 0, "{at} {lock:?}");
            let alive = (1..=2 * HOLDERS_MAX).contains(&at);
            assert!(lines(&pattern)[0].contains(&format!(r#""alive":{alive}"#)), "{at} {lock:?}");
            drop(locked);
        }
    }
    assert_eq!(sweep(Some(&pattern)).expect("a pattern"), 1);
    assert_eq!(sweep(Some(&format!("*:{name}"))).expect("a pattern"), 2);
    Segment::remove(&format!("{name}-stays")).expect("it is there");
}

#[test]
fn one_without_the_right_to_write_is_swept_too() {
    let name = leftovers();
    crate::common::system::set_mode(&file(&name), 0o400);
    assert_eq!(sweep(Some(&format!("*:{name}*"))).expect("a pattern"), 3);
    Segment::remove(&format!("{name}-stays")).expect("it is there");
}

#[test]
fn pipes_of_dead_holders_are_no_objects_and_go_with_theirs() {
    let name = leftovers();
    let inode = std::os::unix::fs::MetadataExt::ino(&file(&name).metadata().expect("it is there"));
    let beside = |suffix: &str| file(&format!("{name}~{suffix}"));
    let (theirs, other) = (beside(&format!("{inode:x}.00000001.c")), beside("1.00000001.c"));
    for path in [&theirs, &other] {
        let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
        // SAFETY: the path ends with a NUL.
        assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    }
    assert_eq!(lines(&format!("segment:{name}*")).len(), 2, "with the one that stays");
    assert_eq!(sweep(Some(&format!("*:{name}"))).expect("a pattern"), 3, "no pipe counts");
    assert!(!theirs.exists() && other.exists(), "another object's may be in use");
    fs::remove_file(other).expect("it is ours");
    Segment::remove(&format!("{name}-stays")).expect("it is there");
}

#[test]
fn sockets_are_swept_under_their_directory_s_lock() {
    among_places(sockets_are_swept_under_their_directory_s_lock, || {
        log_in();
        for place in [first(), second()] {
            make_directory(&place, 0o700);
            drop(UnixListener::bind(place.join("dead.sock")).expect("the name is free"));
            fs::write(place.join("file.sock"), "kept").expect("free");
            fs::write(place.join("other"), "kept").expect("free");
        }
        let _lives = Listener::open("local:lives").expect("free");
        let held = lock(&second());
        sweep(Some("listener:dead")).fails_with(Status::Io);
        assert_eq!(at_once(|| lines("listener:*")).len(), 2, "to list takes no lock");
        drop(held);
        assert_eq!(sweep(Some("listener:d*")).expect("a pattern"), 1, "the other is gone already");
        assert_eq!(sweep(Some("listener:*")).expect("a pattern"), 0);
        assert_eq!(lines("listener:*").len(), 1);
        assert_eq!(names_in(&first()).len() + names_in(&second()).len(), 5);
    });
}

#[test]
fn a_bad_pattern_says_what_is_right() {
    for pattern in ["", "frames", "segments:*", ":x", "segment:"] {
        for result in [list(Some(pattern)).map(drop), sweep(Some(pattern)).map(drop)] {
            let error = result.fails_with(Status::Invalid);
            assert!(error.to_string().contains("listener, native, segment, semaphore"), "{error}");
        }
    }
}

/// The places of the fields that these tests spoil are those of the format.
const _: () = assert!(std::mem::offset_of!(Header, flags) == 32);

/// Whoever sweeps and whoever makes, opens and leaves, all at once: nobody alive loses its name.
#[test]
fn sweeping_takes_nothing_from_those_that_come_and_go() {
    let name = name();
    let (pattern, working) = (format!("segment:{name}"), AtomicUsize::new(2));
    std::thread::scope(|scope| {
        let come_and_go = || {
            for round in 0..300 {
                let segment = Segment::open_or_create(&name, 8).expect("there is room");
                if round % 3 == 0 {
                    let second = Segment::open(&name);
                    let second = second.unwrap_or_else(|error| panic!("round {round}: {error}"));
                    assert!(second.attached() >= 2);
                }
                drop(segment);
            }
            working.fetch_sub(1, Ordering::Relaxed);
        };
        let sweep_on = || {
            while working.load(Ordering::Relaxed) > 0 {
                sweep(Some(&pattern)).expect("a pattern");
            }
        };
        for _ in 0..2 {
            scope.spawn(come_and_go);
            scope.spawn(sweep_on);
        }
    });
    assert!(!file(&name).exists());
}
