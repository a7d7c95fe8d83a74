//! A hostile holder that scribbles over the header, the slots and the ledgers all the time: others
//! get their calls back in time and don't crash. What there is of units is worth nothing then.

use crate::common::child::{self, alone, pause};
use crate::common::objects::semaphore_path as path;
use crate::common::page::{Page, map};
use crate::common::scribbler::{Scribbler, WATCH_END_MAX, in_time};
use crate::common::system::descriptors;
use crate::common::{Random, SOON, name, status};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use treenail::object::layout::Header;
use treenail::{NOW, Semaphore, Status};
const SHORT: Option<Duration> = Some(Duration::from_millis(2));
/// How long one kind of scribbling goes on.
const ROUND: Duration = Duration::from_millis(700);
/// Where what never changes ends.
const FACTS: usize = std::mem::offset_of!(Header, lock);
const WAYS: [&str; 5] = ["random", "ones", "counts", "units", "everything"];

/// Where the units and their ledgers begin: with the data, whose place the header says.
fn data(words: &[std::sync::atomic::AtomicU32]) -> usize {
    let at = std::mem::offset_of!(Header, data_offset) / 4;
    words[at].load(Ordering::Relaxed) as usize / 4
}

fn word(way: &str, random: &mut Random) -> u64 {
    match way {
        "ones" => u64::MAX,
        // Entries and words with the first slots, and small acts and numbers.
        "counts" => random.below(5) << [0, 31, 32, 41][random.below(4) as usize],
        "units" => random.below(9) | random.below(4) << 31 | random.below(9) << 41,
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
    let size = fs::metadata(get("OBJECT")).expect("it is there").len() as usize;
    let words = map(Path::new(&get("OBJECT")), size).words(size / 4);
    let mut random = Random::printed("scribbler");
    let units = data(words);
    let places = match way.as_str() {
        "everything" => 0..words.len(),
        // The word, who is next, and the first ledgers.
        "units" => units..units + 8 * 16,
        _ => FACTS / 4..words.len(),
    };
    said.set(0, 1);
    loop {
        for at in (places.start..places.end - 1).step_by(2) {
            let word = word(&way, &mut random);
            words[at].store(word as u32, Ordering::Relaxed);
            words[at + 1].store((word >> 32) as u32, Ordering::Relaxed);
        }
        // With nobody next and units to be had, calls go on to what comes then.
        words[units].store(7, Ordering::Relaxed);
        words[units + 1].store(0, Ordering::Relaxed);
        words[units + 2].store(0, Ordering::Relaxed);
        said.set(1, said.get(1) + 1);
    }
}

/// Any status is right, but those that blame the library or this program.
fn plausible<T>(what: &str, timeout: Option<Duration>, act: impl FnOnce() -> treenail::Result<T>) {
    let status = in_time(what, timeout, || status(act()));
    assert!(status != Status::Internal && status != Status::Closed, "{what}: {status:?}");
}

fn use_all(semaphore: &Semaphore, random: &mut Random) {
    let timeout = [NOW, SHORT][random.below(2) as usize];
    let count = 1 + random.below(3) as u32;
    for _ in 0..8 {
        match random.below(5) {
            0 | 1 => plausible("acquire", timeout, || semaphore.acquire(count, timeout)),
            2 | 3 => plausible("release", NOW, || semaphore.release(count)),
            _ => plausible("value", NOW, || semaphore.value()),
        }
    }
}

/// Comes and goes as well: open, close, free.
fn come_and_go(name: &str, random: &mut Random) -> u64 {
    let undo = ["", "?undo=0"][random.below(2) as usize];
    let opened = in_time("open", NOW, || Semaphore::open_or_create(&format!("{name}{undo}"), 3));
    let Ok(semaphore) = opened else {
        let possible = [Status::Protocol, Status::NoSpace];
        assert!(possible.contains(&status(opened)));
        return 0;
    };
    use_all(&semaphore, random);
    if random.below(2) == 0 {
        in_time("close", NOW, || semaphore.close());
        assert_eq!(status(semaphore.acquire(1, NOW)), Status::Closed);
    }
    in_time("free", NOW, || drop(semaphore));
    1
}

fn scribble(way: &str) {
    let name = name();
    let mut random = Random::printed(way);
    let kept = Semaphore::open_or_create(&name, 3).expect("the name is free");
    let plain = Semaphore::open_or_create(&format!("{name}?undo=0"), 3).expect("it is there");
    kept.fd().expect("a descriptor");
    let scribbler = Scribbler::start(a_scribbler, way, &path(&name));
    let (rounds, opened) = (AtomicU64::new(0), AtomicU64::new(0));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for semaphore in [&kept, &kept, &plain] {
            let mut random = Random::new(random.next());
            let rounds = &rounds;
            scope.spawn(move || {
                while began.elapsed() < ROUND {
                    use_all(semaphore, &mut random);
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while began.elapsed() < ROUND {
            opened.fetch_add(come_and_go(&name, &mut random), Ordering::Relaxed);
        }
    });
    std::thread::scope(|scope| {
        // One that waits with all time ends by a close, if it doesn't get what it wants.
        let waiter = scope.spawn(|| status(kept.acquire(1 << 30, SOON)));
        (0..5).for_each(|_| pause());
        in_time("close", NOW, || kept.close());
        let status = in_time("a waiter's end", NOW, || waiter.join().expect("no panic"));
        assert_ne!(status, Status::TimedOut, "a close wakes it");
    });
    let swept = scribbler.sweeps();
    in_time("free", WATCH_END_MAX, || drop((kept, plain)));
    drop(scribbler);
    let time = began.elapsed();
    println!("{way}: {rounds:?} rounds, {opened:?} opened, {swept} sweeps in {time:?}");
    assert!(rounds.into_inner() > 10 && swept > 10, "{way}: hardly anything was tried");
    // Whatever is left under the name is got rid of.
    let _ = Semaphore::remove(&name);
    assert_eq!(
        Semaphore::open_or_create(&name, 8).expect("the name is free").value().ok(),
        Some(8)
    );
}

#[test]
fn a_holder_that_scribbles_keeps_nobody_and_crashes_nobody() {
    if !alone(a_holder_that_scribbles_keeps_nobody_and_crashes_nobody) {
        return;
    }
    scribble("random");
    let before = descriptors();
    WAYS[1..].iter().for_each(|way| scribble(way));
    assert_eq!(descriptors(), before);
}
