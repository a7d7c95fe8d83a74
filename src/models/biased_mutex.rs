//! The biased mutex: one thread at a time holds it, no thread sleeps for ever, and the holder
//! learns of each thread that is turned away.

use super::check_with;
use crate::sync::biased_mutex::{BiasedMutex, Patience};
use loom::cell::Cell;
use loom::thread;
use std::sync::Arc;

/// The guarded value: the checker sees which thread touches it.
type Count = Arc<BiasedMutex<Cell<u32>>>;

fn count() -> Count {
    Arc::new(BiasedMutex::new(Cell::new(0)))
}

fn increment(count: &mut Cell<u32>) {
    count.set(count.get() + 1);
}

/// Locks, after waiting if need be, and counts.
fn add(count: &BiasedMutex<Cell<u32>>) {
    assert!(count.run(Patience::Wait, increment).result.is_ok());
}

fn total(count: &BiasedMutex<Cell<u32>>) -> u32 {
    count.run(Patience::Wait, |count| count.get()).result.unwrap()
}

/// A thread that counts this many times, and waits each time.
fn adder(count: &Count, times: u32) -> thread::JoinHandle<()> {
    let count = Arc::clone(count);
    thread::spawn(move || (0..times).for_each(|_| add(&count)))
}

/// A thread that locks it. Returns whether another was turned away meanwhile.
fn holder(count: &Count) -> thread::JoinHandle<bool> {
    let count = Arc::clone(count);
    thread::spawn(move || count.run(Patience::Wait, increment).turned_away)
}

/// Makes the calling thread the owner.
fn own(count: &Count) {
    add(count);
    add(count);
}

#[test]
fn loom_mutex_two_threads() {
    check_with(1, || {
        let count = count();
        let other = adder(&count, 2);
        add(&count);
        other.join().unwrap();
        assert_eq!(total(&count), 3);
    });
}

#[test]
fn loom_mutex_three_threads() {
    check_with(1, || {
        let count = count();
        let others = [adder(&count, 1), adder(&count, 1)];
        add(&count);
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(total(&count), 3);
    });
}

#[test]
fn loom_mutex_tells_of_who_was_turned_away() {
    check_with(1, || {
        let count = count();
        let holder = holder(&count);
        let got = count.run(Patience::Try, increment).result;
        let told = holder.join().unwrap();
        assert!(told || got.is_ok(), "turned away, and nobody knows");
    });
}

#[test]
fn loom_mutex_tells_of_who_was_turned_away_from_a_queue() {
    check_with(1, || {
        let count = count();
        let holders = [holder(&count), holder(&count)];
        let got = count.run(Patience::Try, increment).result;
        let told = holders.map(|holder| holder.join().unwrap());
        assert!(told.contains(&true) || got.is_ok(), "turned away, and nobody knows");
    });
}

#[test]
fn loom_owner_lets_one_stranger_in() {
    check_with(1, || {
        let count = count();
        own(&count);
        let stranger = adder(&count, 1);
        add(&count);
        add(&count);
        stranger.join().unwrap();
        assert_eq!(total(&count), 5);
    });
}

#[test]
fn loom_owner_lets_two_strangers_in() {
    check_with(1, || {
        let count = count();
        own(&count);
        let strangers = [adder(&count, 1), adder(&count, 1)];
        add(&count);
        strangers.into_iter().for_each(|stranger| stranger.join().unwrap());
        assert_eq!(total(&count), 5);
    });
}

#[test]
fn loom_mutex_changes_owners() {
    check_with(1, || {
        let count = count();
        own(&count);
        let next = adder(&count, 3);
        add(&count);
        next.join().unwrap();
        assert_eq!(total(&count), 6);
    });
}

#[test]
fn loom_owner_tells_of_who_was_turned_away() {
    check_with(1, || {
        let count = count();
        own(&count);
        let stranger = {
            let count = Arc::clone(&count);
            thread::spawn(move || count.run(Patience::Try, increment).result.is_ok())
        };
        let told = count.run(Patience::Wait, increment).turned_away;
        let got = stranger.join().unwrap();
        assert!(told || got, "turned away, and nobody knows");
    });
}

#[test]
fn loom_owner_lets_one_in_that_finds_it_free() {
    check_with(1, || {
        let count = count();
        own(&count);
        let stranger = {
            let count = Arc::clone(&count);
            thread::spawn(move || {
                if count.run_if_free(increment).result.is_err() {
                    add(&count);
                }
            })
        };
        add(&count);
        add(&count);
        stranger.join().unwrap();
        assert_eq!(total(&count), 5);
    });
}
