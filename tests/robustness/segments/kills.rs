//! kill -9 at random moments, among workers in four languages that read, write and rewrite the
//! data of one segment under its lock.
//!
//! The data are 64 words, of which the first is the sum of the others. A worker reads the data in
//! one call, or under the shared lock by pointer; it writes fresh ones in one call, or rewrites
//! them word by word under the lock. Whenever the lock is TN_OK the sum must be right: if it isn't
//! the worker sets word 1 of the page.

use crate::common::child::alone_for;
use crate::common::objects::segment_path as path;
use crate::common::system::{descriptors, names_in};
use crate::common::workers::{Told, Workers, kills};
use crate::common::{Random, SOON, directory, name};
use std::path::Path;
use treenail::{NOW, Segment, Status};
const WORDS: usize = 64;
const SIZE: usize = WORDS * 8;
/// The word of the page that says that a sum was wrong.
const WRONG: usize = 1;

fn sum(words: &[u64]) -> u64 {
    words[1..].iter().fold(0, |sum, word| sum.wrapping_add(*word))
}

fn words(random: &mut Random) -> [u64; WORDS] {
    let mut words = std::array::from_fn(|_| random.next());
    words[0] = sum(&words);
    words
}

fn is_right(words: &[u64]) -> bool {
    words[0] == sum(words)
}

fn bytes(words: &[u64; WORDS]) -> [u8; SIZE] {
    std::array::from_fn(|index| words[index / 8].to_ne_bytes()[index % 8])
}

/// Word by word, so that a kill leaves them half-written.
fn rewrite(segment: &Segment, random: &mut Random) {
    for (index, word) in words(random).into_iter().enumerate() {
        // SAFETY: within the data, which live as long as the segment; the lock is held.
        unsafe { segment.data().cast::<u64>().add(index).write_volatile(word) };
    }
}

fn contents(segment: &Segment) -> Vec<u64> {
    // SAFETY: the data live as long as the segment; the lock is held.
    unsafe { std::slice::from_raw_parts(segment.data().cast().as_ptr(), WORDS) }.to_vec()
}

/// The worker in Rust.
#[test]
fn a_worker() {
    let Some(told) = Told::here() else {
        return;
    };
    let segment = Segment::open(&told.name).expect("the parent holds it");
    let mut random = Random::new(std::process::id().into());
    let judge = |held: Status, words: &[u64]| {
        if held == Status::Ok && !is_right(words) {
            told.page.set(WRONG, 1);
        }
    };
    loop {
        match random.below(4) {
            0 => {
                let mut bytes = [0; SIZE];
                let held = segment.read(0, &mut bytes, SOON).expect("free soon");
                let word = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().expect("eight"));
                judge(held, &bytes.chunks(8).map(word).collect::<Vec<_>>());
            }
            1 => drop(segment.write(0, &bytes(&words(&mut random)), SOON).expect("free soon")),
            2 => {
                judge(segment.lock_shared(SOON).expect("free soon"), &contents(&segment));
                segment.unlock().expect("held");
            }
            _ => {
                judge(segment.lock(SOON).expect("free soon"), &contents(&segment));
                rewrite(&segment, &mut random);
                segment.unlock().expect("held");
            }
        }
        told.count();
    }
}

#[test]
fn whoever_is_killed_the_data_are_right_when_the_lock_says_so() {
    let (kills, limit) = kills();
    if !alone_for(whoever_is_killed_the_data_are_right_when_the_lock_says_so, limit) {
        return;
    }
    let mut random = Random::printed("segment kills");
    let (name, before) = (name(), descriptors());
    let segment = Segment::create(&name, SIZE).expect("the name is free");
    segment.write(0, &bytes(&words(&mut random)), NOW).expect("free");
    let mut workers = Workers::new(&name, "robustness/segments/workers", a_worker);
    let mut died = 0;
    for _ in 0..kills {
        workers.kill_one(&mut random);
        match segment.lock(SOON).expect("free soon") {
            Status::OwnerDied => {
                died += 1;
                rewrite(&segment, &mut random);
            }
            _ => assert!(is_right(&contents(&segment)), "a wrong sum, and nobody died"),
        }
        segment.unlock().expect("held");
        assert_eq!(workers.page.get(WRONG), 0, "a worker saw a wrong sum, and nobody had died");
    }
    eprintln!("{kills} workers were killed; {died} deaths were seen first by this test");
    drop(workers);
    assert_eq!(segment.attached(), 1);
    assert!(segment.lock(NOW).is_ok(), "free at once, or from a dead one");
    drop(segment);
    assert!(!path(&name).exists());
    let left = names_in(Path::new("/dev/shm"));
    assert!(!left.iter().any(|left| left.contains(&name)), "{left:?}");
    assert_eq!((names_in(directory()).len(), descriptors()), (0, before));
}
