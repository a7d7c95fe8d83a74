//! Objects whose holders died, and many processes that come at once.

use super::scribbles::keep_gate;
use crate::common::child::{self, fork, kill, reap, start};
use crate::common::crowd::{Crowd, End};
use crate::common::objects::{add, counter, segment_path as path};
use crate::common::system::{descriptors, names_in};
use crate::common::trace::Victim;
use crate::common::{Random, SOON, name, status, until};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use treenail::{NOW, Segment, Status};

fn left() -> usize {
    let ours = format!("treenail.{}.", crate::common::system::own_uid());
    let own = std::process::id().to_string();
    let names = names_in(Path::new("/dev/shm"));
    names.iter().filter(|name| name.starts_with(&ours) && name.contains(&own)).count()
}

#[test]
fn an_object_whose_holders_are_all_dead_is_replaced() {
    let name = name();
    let dies = start(a_maker, "maker", &[("NAME", &name)]);
    until("it is made", || Segment::open(&name).is_ok_and(|segment| segment.version() == 1));
    kill(dies);
    assert!(path(&name).exists(), "nobody has cleared away");
    let segment = Segment::create(&name, 16).expect("its holder is dead");
    let mut byte = [1];
    assert_eq!(segment.read(0, &mut byte, NOW).expect("free"), Status::Ok);
    assert_eq!((byte, segment.size(), segment.version()), ([0], 16, 0));
    drop(segment);
    let dies = start(a_maker, "maker", &[("NAME", &name)]);
    until("it is made", || Segment::open(&name).is_ok_and(|segment| segment.version() == 1));
    kill(dies);
    assert_eq!(status(Segment::open(&name)), Status::NotFound, "as if it had gone");
    assert!(!path(&name).exists());
}

#[test]
fn a_maker() {
    if child::role().as_deref() != Some("maker") {
        return;
    }
    let name = std::env::var("NAME").expect("the parent says");
    let segment = Segment::create(&name, 8).expect("the name is free");
    segment.write(0, &[9], NOW).expect("free");
    segment.lock(NOW).expect("free");
    loop {
        child::pause();
    }
}

const MADE: u64 = 1;
const FOUND: u64 = 2;

/// Hundreds of which each makes a segment, or opens what is there, and counts itself in it.
fn makers(name: &str, end: End) -> Crowd {
    Crowd::of_hundreds(end, |_| {
        let (result, segment) = match Segment::create(name, 100_000) {
            Ok(segment) => (MADE, segment),
            Err(error) if error.status() == Status::Exists => {
                (FOUND, Segment::open_or_create(name, 100_000).expect("one made it"))
            }
            Err(error) => panic!("{error}"),
        };
        assert_eq!(segment.size(), 100_000);
        segment.lock(SOON).expect("free soon");
        add(&segment);
        segment.unlock().expect("held");
        (result, segment)
    })
}

#[test]
fn of_hundreds_that_race_exactly_one_makes_it_and_nobody_sees_a_half() {
    if !child::alone(of_hundreds_that_race_exactly_one_makes_it_and_nobody_sees_a_half) {
        return;
    }
    for _ in 0..3 {
        let name = name();
        let crowd = makers(&name, End::Orderly);
        let results = crowd.results();
        assert_eq!(results.iter().filter(|result| **result == MADE).count(), 1);
        let segment = Segment::open(&name).expect("it is held");
        assert_eq!(counter(&segment).load(Ordering::SeqCst), results.len() as u64);
        assert_eq!(segment.attached() as usize, results.len() + 1);
        crowd.end();
    }
}

#[test]
fn hundreds_that_end_at_once_leave_a_free_lock_and_nothing_else() {
    if child::alone(hundreds_that_end_at_once_leave_a_free_lock_and_nothing_else) {
        a_crowd_leaves_nothing(End::Orderly);
    }
}

#[test]
fn hundreds_that_are_killed_at_once_leave_a_free_lock_and_nothing_else() {
    if child::alone(hundreds_that_are_killed_at_once_leave_a_free_lock_and_nothing_else) {
        a_crowd_leaves_nothing(End::Killed);
    }
}

fn a_crowd_leaves_nothing(end: End) {
    let (before, name) = (descriptors(), name());
    let crowd = makers(&name, end);
    crowd.results();
    let segment = Segment::open(&name).expect("it is held");
    crowd.end();
    assert_eq!(segment.attached(), 1);
    assert_eq!(segment.lock(NOW).expect("free"), Status::Ok);
    segment.unlock().expect("held");
    drop(segment);
    assert_eq!((left(), descriptors()), (0, before));
}

/// Which object a segment is.
fn inode(segment: &Segment) -> u64 {
    let (maps, data) = (fs::read_to_string("/proc/self/maps"), segment.data().addr().get());
    let number = |text: &str| usize::from_str_radix(text, 16).expect("an address");
    let maps = maps.expect("/proc");
    let has_data = |line: &&str| {
        let (start, rest) = line.split_once('-').expect("a range");
        let end = rest.split(' ').next().expect("split gives one");
        (number(start)..number(end)).contains(&data)
    };
    // Range, rights, offset, device, inode.
    let line = maps.lines().find(has_data).expect("it is mapped");
    line.split_whitespace().nth(4).and_then(|text| text.parse().ok()).expect("a number")
}

/// Comes by one of the three ways, leaves again, and sees to it that all is whole meanwhile.
fn come_and_go(name: &str, way: u64) -> bool {
    const SIZE: usize = 20_000;
    let result = match way {
        0 => Segment::create(name, SIZE),
        1 => Segment::open(name),
        _ => Segment::open_or_create(name, SIZE),
    };
    let segment = match result {
        Ok(segment) => segment,
        Err(error) => {
            let possible = [Some(Status::Exists), Some(Status::NotFound), None];
            assert_eq!(Some(error.status()), possible[way as usize], "{error}");
            return false;
        }
    };
    assert_eq!(segment.size(), SIZE);
    // Whoever holds it holds what has the name: there are never two.
    let named = fs::metadata(path(name)).expect("it is held, so it has its name");
    assert_eq!(named.ino(), inode(&segment));
    assert_eq!(segment.lock(SOON).expect("free soon"), Status::Ok);
    // Both ends are moved on together by all that come while it is there.
    let last = SIZE / 8 - 1;
    // SAFETY: within the data, which live as long as the segment; the lock is held.
    let ends = [0, last].map(|at| unsafe { segment.data().cast::<u64>().add(at) });
    // SAFETY: as above.
    unsafe {
        let [first, last] = ends.map(|end| end.read_volatile());
        assert_eq!(first, last);
        ends.into_iter().for_each(|end| end.write_volatile(first + 1));
    }
    segment.unlock().expect("held");
    true
}

#[test]
fn an_object_is_whole_at_the_instruction_that_names_it() {
    if !child::alone(an_object_is_whole_at_the_instruction_that_names_it) {
        return;
    }
    let name = name();
    let maker =
        Victim::new(|| (), |()| drop(Segment::create(&name, 20_000).expect("the name is free")));
    while !path(&name).exists() {
        assert!(maker.steps(1, &mut || ()), "it was made before it came to an end");
    }
    let segment = Segment::open(&name).expect("its maker holds it");
    assert_eq!((segment.size(), segment.attached()), (20_000, 2));
    maker.kill();
    assert_eq!(segment.attached(), 1);
}

#[test]
fn names_that_come_and_go_all_the_time_show_no_half() {
    if !child::alone(names_that_come_and_go_all_the_time_show_no_half) {
        return;
    }
    let name = name();
    let children: Vec<_> = (0..8)
        .map(|number| {
            fork(|| {
                let mut random = Random::new(number + 1);
                let began = Instant::now();
                let mut came = 0;
                while began.elapsed() < Duration::from_secs(1) {
                    came += i32::from(come_and_go(&name, random.below(3)));
                }
                i32::from(came < 20)
            })
        })
        .collect();
    for pid in children {
        assert_eq!(reap(pid), 0);
    }
    assert!(!path(&name).exists());
}

#[test]
fn handles_over_the_limit_are_refused_and_dead_ones_make_room() {
    if !child::alone(handles_over_the_limit_are_refused_and_dead_ones_make_room) {
        return;
    }
    crate::common::system::limit_descriptors(4096);
    let name = name();
    let first = Segment::create(&name, 8).expect("the name is free");
    let mut others: Vec<_> =
        (1..1024).map(|_| Segment::open(&name).expect("there is a slot")).collect();
    assert_eq!(status(Segment::open(&name)), Status::NoSpace);
    assert_eq!(first.attached(), 1024);
    others.pop();
    others.push(Segment::open(&name).expect("there is a slot again"));
    drop(others);
    assert_eq!(first.attached(), 1);
}

/// How often the calling thread has slept.
fn sleeps() -> i64 {
    // SAFETY: all zeros are valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the structure is live during the call.
    unsafe { libc::getrusage(libc::RUSAGE_THREAD, &mut usage) };
    usage.ru_nvcsw
}

#[test]
fn who_waits_for_the_gate_leaves_the_processor_to_whoever_is_behind_it() {
    let name = name();
    let segment = Segment::create(&name, 8).expect("the name is free");
    let gate = keep_gate(&name);
    let before = sleeps();
    drop(segment);
    // It looked for half a second. Were that thousands of times, hundreds would take all there is.
    assert!((2..800).contains(&(sleeps() - before)), "{} looks", sleeps() - before);
    drop(gate);
    Segment::remove(&name).expect("its name was left");
}
