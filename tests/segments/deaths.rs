//! Processes that are killed, at random moments and in large numbers, and what they leave.

use super::lock::counter;
use crate::common::child::{self, fork, kill, reap, start};
use crate::common::page::Page;
use crate::common::system::{descriptors, names_in};
use crate::common::{Random, SOON, name, setting, status, until};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use treenail::{NOW, Segment, Status};

const TEST: &str = "deaths::a_worker";
const WORDS: usize = 64;

fn left() -> usize {
    let ours = format!("treenail.{}.", crate::common::system::own_uid());
    let own = std::process::id().to_string();
    let names = names_in(Path::new("/dev/shm"));
    names.iter().filter(|name| name.starts_with(&ours) && name.contains(&own)).count()
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(7, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
}

/// Words that begin with their checksum.
fn words(number: u64) -> [u8; WORDS * 8] {
    let mut bytes = [0; WORDS * 8];
    let mut random = Random::new(number);
    bytes[8..].chunks_mut(8).for_each(|word| word.copy_from_slice(&random.next().to_ne_bytes()));
    let sum = sum(&bytes[8..]);
    bytes[..8].copy_from_slice(&sum.to_ne_bytes());
    bytes
}

fn is_right(bytes: &[u8]) -> bool {
    sum(&bytes[8..]).to_ne_bytes() == bytes[..8]
}

/// Rewrites the data under the lock, word by word, so that a kill leaves them half-written.
fn rewrite(segment: &Segment, random: &mut Random) {
    for (index, word) in words(random.next()).chunks(8).enumerate() {
        // SAFETY: within the data, which live as long as the segment; the lock is held.
        unsafe {
            let to = segment.data().as_ptr().add(index * 8);
            std::ptr::copy_nonoverlapping(word.as_ptr(), to, 8);
        }
        std::hint::spin_loop();
    }
}

fn contents(segment: &Segment) -> Vec<u8> {
    // SAFETY: the data live as long as the segment; the lock is held.
    unsafe { std::slice::from_raw_parts(segment.data().as_ptr(), WORDS * 8) }.to_vec()
}

/// Reads, writes and rewrites, until it is killed.
#[test]
fn a_worker() {
    if child::role().as_deref() != Some("worker") {
        return;
    }
    let get = |name| std::env::var(name).expect("the parent says");
    let segment = Segment::open(&get("NAME")).expect("the parent holds it");
    let page = Page::open(Path::new(&get("PAGE")));
    let mut random = Random::new(std::process::id().into());
    loop {
        match random.below(4) {
            0 => {
                let mut bytes = [0; WORDS * 8];
                let held = segment.read(0, &mut bytes, SOON).expect("free soon");
                if held == Status::Ok && !is_right(&bytes) {
                    page.set(1, 1);
                }
            }
            1 => drop(segment.write(0, &words(random.next()), SOON).expect("free soon")),
            2 => {
                let held = segment.lock_shared(SOON).expect("free soon");
                if held == Status::Ok && !is_right(&contents(&segment)) {
                    page.set(1, 1);
                }
                segment.unlock().expect("held");
            }
            _ => {
                let held = segment.lock(SOON).expect("free soon");
                if held == Status::Ok && !is_right(&contents(&segment)) {
                    page.set(1, 1);
                }
                rewrite(&segment, &mut random);
                segment.unlock().expect("held");
            }
        }
        page.set(2, page.get(2) + 1);
    }
}

#[test]
fn whatever_is_killed_the_data_are_right_when_the_lock_says_so() {
    let kills = setting("TREENAIL_KILLS", 60);
    let mut random = Random::printed("segment kills");
    let name = name();
    let segment = Segment::create(&name, WORDS * 8).expect("the name is free");
    segment.write(0, &words(1), NOW).expect("free");
    let path = std::env::temp_dir().join(format!("treenail-page-{name}"));
    let page = Page::open(&path);
    let worker = || {
        start(TEST, "worker", &[("NAME", &name), ("PAGE", path.to_str().expect("a plain path"))])
    };
    let mut workers: Vec<_> = (0..4).map(|_| worker()).collect();
    let mut died = 0;
    for _ in 0..kills {
        let done = page.get(2);
        until("they work", || page.get(2) > done + 10);
        let until_then = Duration::from_micros(random.below(3000));
        let began = Instant::now();
        while began.elapsed() < until_then {
            std::thread::yield_now();
        }
        kill(workers.swap_remove(random.below(4) as usize));
        workers.push(worker());
        let held = segment.lock(SOON).expect("free soon");
        match held {
            Status::OwnerDied => {
                died += 1;
                rewrite(&segment, &mut random);
            }
            _ => assert!(is_right(&contents(&segment)), "a wrong sum, and nobody died"),
        }
        segment.unlock().expect("held");
        assert_eq!(page.get(1), 0, "a worker saw a wrong sum, and nobody had died");
    }
    println!("{died} of {kills} deaths were seen here, the rest by others or by nobody");
    workers.into_iter().for_each(kill);
    assert_eq!(segment.attached(), 1);
    drop(segment);
    let _ = std::fs::remove_file(path);
    assert!(!super::names::path(&name).exists());
}

#[test]
fn an_object_whose_holders_are_all_dead_is_replaced() {
    let name = name();
    let dies = start("deaths::a_maker", "maker", &[("NAME", &name)]);
    until("it is made", || Segment::open(&name).is_ok_and(|segment| segment.version() == 1));
    kill(dies);
    assert!(super::names::path(&name).exists(), "nobody has cleared away");
    let segment = Segment::create(&name, 16).expect("its holder is dead");
    let mut byte = [1];
    assert_eq!(segment.read(0, &mut byte, NOW).expect("free"), Status::Ok);
    assert_eq!((byte, segment.size(), segment.version()), ([0], 16, 0));
    drop(segment);
    let dies = start("deaths::a_maker", "maker", &[("NAME", &name)]);
    until("it is made", || Segment::open(&name).is_ok_and(|segment| segment.version() == 1));
    kill(dies);
    assert_eq!(status(Segment::open(&name)), Status::NotFound, "as if it had gone");
    assert!(!super::names::path(&name).exists());
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

/// One that is forked a hundredfold at a time, so it takes turns with nobody.
static FORKS: Mutex<()> = Mutex::new(());

#[test]
fn of_hundreds_that_race_exactly_one_makes_it_and_nobody_sees_a_half() {
    if !child::alone("deaths::of_hundreds_that_race_exactly_one_makes_it_and_nobody_sees_a_half") {
        return;
    }
    let _turn = FORKS.lock();
    let path = std::env::temp_dir().join(format!("treenail-page-{}", name()));
    let page = Page::open(&path);
    let before = descriptors();
    for round in 0..3 {
        page.clear();

        let name = name();
        let children: Vec<_> = (0..300usize)
            .map(|number| {
                fork(|| {
                    while page.get(0) == 0 {
                        std::thread::yield_now();
                    }
                    let made = Segment::create(&name, 100_000);
                    page.set(1 + number, if made.is_ok() { 2 } else { 1 });
                    let segment = match made {
                        Ok(segment) => segment,
                        Err(error) if error.status() == Status::Exists => {
                            Segment::open_or_create(&name, 100_000).expect("one made it")
                        }
                        Err(error) => panic!("{error}"),
                    };
                    assert_eq!(segment.size(), 100_000);
                    segment.lock(SOON).expect("free soon");
                    super::lock::add(&segment);
                    segment.unlock().expect("held");
                    // All hold it at once, so that none is made twice.
                    while page.get(0) == 1 {
                        child::pause();
                    }
                    if round == 2 {
                        // SAFETY: takes no memory.
                        unsafe { libc::raise(libc::SIGKILL) };
                    }
                    0
                })
            })
            .collect();
        page.set(0, 1);
        until("all have tried", || (1..=300).all(|number| page.get(number) != 0));
        let segment = Segment::open(&name).expect("it is held");
        until("all have counted", || {
            counter(&segment).load(std::sync::atomic::Ordering::SeqCst) == 300
        });
        assert_eq!((1..=300).filter(|number| page.get(*number) == 2).count(), 1);
        assert_eq!(segment.attached(), 301);
        page.set(0, 2);
        for pid in children {
            if round == 2 {
                // SAFETY: it is our child; the status isn't asked for.
                unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
            } else {
                assert_eq!(reap(pid), 0);
            }
        }
        assert_eq!(segment.attached(), 1);
        assert_eq!(segment.lock(NOW).expect("free"), Status::Ok);
        segment.unlock().expect("held");
    }
    let _ = std::fs::remove_file(path);
    assert_eq!((left(), descriptors()), (0, before));
}

#[test]
fn handles_over_the_limit_are_refused_and_dead_ones_make_room() {
    if !child::alone("deaths::handles_over_the_limit_are_refused_and_dead_ones_make_room") {
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
