//! The turn and its door: one thread at a time, nobody sleeps for ever, and whoever is turned
//! away is heard of.

use super::check_with;
use crate::sync::biased_mutex::Turn;
use loom::cell::Cell;
use loom::thread;
use std::sync::Arc;

/// What the turn guards: the checker sees who touches it.
type Count = Arc<Turn<Cell<u32>>>;

fn count() -> Count {
    Arc::new(Turn::new(Cell::new(0)))
}

fn add(count: &Cell<u32>) {
    count.set(count.get() + 1);
}

/// A thread that takes this many turns, and waits for each.
fn adder(count: &Count, turns: u32) -> thread::JoinHandle<()> {
    let count = Arc::clone(count);
    thread::spawn(move || (0..turns).for_each(|_| add(&count.take())))
}

/// A thread that takes this many turns and looks each time whether somebody left meanwhile.
fn listener(count: &Count, turns: u32) -> thread::JoinHandle<bool> {
    let count = Arc::clone(count);
    thread::spawn(move || {
        let mut left = false;
        for _ in 0..turns {
            count.run(true, &mut left, |count| add(count));
        }
        left
    })
}

/// Makes the calling thread the owner of the door.
fn own(count: &Count) {
    add(&count.take());
    add(&count.take());
}

#[test]
fn loom_turn_two_threads() {
    check_with(1, || {
        let count = count();
        let other = adder(&count, 2);
        add(&count.take());
        other.join().unwrap();
        assert_eq!(count.take().get(), 3);
    });
}

#[test]
fn loom_turn_three_threads() {
    check_with(1, || {
        let count = count();
        let others = [adder(&count, 1), adder(&count, 1)];
        add(&count.take());
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(count.take().get(), 3);
    });
}

#[test]
fn loom_turn_hears_of_who_left() {
    check_with(1, || {
        let count = count();
        let holder = listener(&count, 1);
        let mut left = false;
        let got = count.run(false, &mut left, |count| add(count));
        let told = holder.join().unwrap();
        assert!(told || got.is_some(), "turned away, and nobody knows");
    });
}

#[test]
fn loom_turn_hears_of_who_left_a_queue() {
    check_with(1, || {
        let count = count();
        let holders = [listener(&count, 1), listener(&count, 1)];
        let mut left = false;
        let got = count.run(false, &mut left, |count| add(count));
        let told = holders.map(|holder| holder.join().unwrap());
        assert!(told.contains(&true) || got.is_some(), "turned away, and nobody knows");
    });
}

#[test]
fn loom_door_lets_one_stranger_in() {
    check_with(1, || {
        let count = count();
        own(&count);
        let stranger = adder(&count, 1);
        add(&count.take());
        add(&count.take());
        stranger.join().unwrap();
        assert_eq!(count.take().get(), 5);
    });
}

#[test]
fn loom_door_lets_two_strangers_in() {
    check_with(1, || {
        let count = count();
        own(&count);
        let strangers = [adder(&count, 1), adder(&count, 1)];
        add(&count.take());
        strangers.into_iter().for_each(|stranger| stranger.join().unwrap());
        assert_eq!(count.take().get(), 5);
    });
}

#[test]
fn loom_door_changes_owners() {
    check_with(1, || {
        let count = count();
        own(&count);
        let next = adder(&count, 3);
        add(&count.take());
        next.join().unwrap();
        assert_eq!(count.take().get(), 6);
    });
}

#[test]
fn loom_door_tells_of_who_left() {
    check_with(1, || {
        let count = count();
        own(&count);
        let stranger = {
            let count = Arc::clone(&count);
            thread::spawn(move || {
                let mut left = false;
                count.run(false, &mut left, |count| add(count)).is_some()
            })
        };
        let mut left = false;
        count.run(true, &mut left, |count| add(count));
        let got = stranger.join().unwrap();
        assert!(left || got, "turned away, and nobody knows");
    });
}
