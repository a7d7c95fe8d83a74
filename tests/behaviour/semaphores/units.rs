//! The units: how many there are, who has them, who waits for them.

use crate::common::objects::value;
use crate::common::{SOON, at_once, name, not_before, status, until, with};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use treenail::{FOREVER, NOW, Semaphore, Status};

const BRIEFLY: Option<Duration> = Some(Duration::from_millis(40));
const MOST: u32 = (1 << 31) - 1;

fn open(initial: u32) -> Semaphore {
    Semaphore::open_or_create(&name(), initial).expect("the name is free")
}

/// Two handles on one semaphore.
pub fn two(initial: u32, options: &str) -> [Semaphore; 2] {
    let name = with(&name(), options);
    [(); 2].map(|()| Semaphore::open_or_create(&name, initial).expect("a good name"))
}

#[test]
fn units_are_acquired_all_or_none_and_released() {
    let [first, second] = two(5, "");
    assert_eq!((value(&first), value(&second)), (5, 5));
    first.acquire(2, NOW).expect("there are five");
    second.acquire(3, FOREVER).expect("there are three");
    assert_eq!(value(&first), 0);
    assert_eq!(status(first.acquire(1, NOW)), Status::Again);
    second.release(1).expect("there is room");
    assert_eq!(status(first.acquire(2, NOW)), Status::Again);
    let waits = || first.acquire(2, BRIEFLY);
    assert_eq!(status(not_before(BRIEFLY.unwrap(), waits)), Status::TimedOut);
    assert_eq!(value(&first), 1, "all or none");
    first.acquire(1, NOW).expect("there is one");
    first.release(3).expect("there is room");
    second.release(2).expect("there is room");
    assert_eq!(value(&second), 5);
}

#[test]
fn opening_one_that_is_there_ignores_initial() {
    let name = name();
    let first = Semaphore::open_or_create(&name, 2).expect("the name is free");
    first.acquire(1, NOW).expect("there are two");
    let second = Semaphore::open_or_create(&name, 99).expect("it is there");
    assert_eq!(value(&second), 1);
    drop(first);
    assert_eq!(value(&second), 2, "it comes back");
    drop(second);
    assert_eq!(value(&Semaphore::open_or_create(&name, 7).expect("free again")), 7);
}

#[test]
fn numbers_out_of_range_are_refused_and_change_nothing() {
    for undo in ["", "undo=0"] {
        let [semaphore, _second] = two(1, undo);
        assert_eq!(status(semaphore.acquire(0, NOW)), Status::Invalid);
        assert_eq!(status(semaphore.release(0)), Status::Invalid);
        assert_eq!(status(semaphore.acquire(MOST + 1, SOON)), Status::TooLarge);
        assert_eq!(status(semaphore.release(u32::MAX)), Status::TooLarge);
        assert_eq!(status(semaphore.release(MOST)), Status::TooLarge, "one is there already");
        assert_eq!(value(&semaphore), 1);
        semaphore.release(MOST - 1).expect("it just fits");
        assert_eq!(value(&semaphore), MOST);
        assert_eq!(status(semaphore.release(1)), Status::TooLarge);
        semaphore.acquire(MOST, NOW).expect("all of them");
        assert_eq!(value(&semaphore), 0);
        semaphore.release(MOST).expect("there is room");
    }
    assert_eq!(status(Semaphore::open_or_create(&name(), MOST + 1)), Status::TooLarge);
    assert_eq!(value(&open(MOST)), MOST);
    assert_eq!(value(&open(0)), 0);
}

#[test]
fn a_close_gives_back_what_was_acquired_and_keeps_what_was_made() {
    // Acquired, released, and what is there when that handle is gone; one holds the semaphore on.
    let cases = [("", 2, 0, 3), ("", 2, 1, 3), ("", 1, 4, 6), ("", 0, 2, 5), ("undo=0", 2, 0, 1)];
    for (options, acquired, released, left) in cases {
        for close in [true, false] {
            let [first, second] = two(3, options);
            (0..acquired).for_each(|_| first.acquire(1, NOW).expect("there are three"));
            (0..released).for_each(|_| first.release(1).expect("there is room"));
            if close {
                first.close();
                assert_eq!(status(first.value()), Status::Closed);
            } else {
                drop(first);
            }
            assert_eq!(value(&second), left, "{options} -{acquired} +{released}");
        }
    }
}

#[test]
fn what_one_handle_produces_another_consumes() {
    let [producer, consumer] = two(0, "");
    thread::scope(|scope| {
        scope.spawn(|| (0..1000).for_each(|_| producer.release(1).expect("there is room")));
        (0..500).for_each(|_| consumer.acquire(2, SOON).expect("they come"));
    });
    drop(producer);
    assert_eq!(value(&consumer), 0, "a producer's end takes nothing back");
}

#[test]
fn a_release_wakes_whoever_waits() {
    for options in ["", "undo=0"] {
        let [first, second] = two(0, options);
        thread::scope(|scope| {
            let waiters = [1, 1, 2].map(|count| {
                let second = &second;
                scope.spawn(move || second.acquire(count, FOREVER))
            });
            crate::common::child::pause();
            at_once(|| {
                first.release(3).expect("there is room");
                first.release(1).expect("there is room");
                for waiter in waiters {
                    waiter.join().expect("no panic").expect("they are there");
                }
            });
        });
        assert_eq!(value(&first), 0);
    }
}

#[test]
fn threads_of_one_handle_share_what_it_has() {
    for options in ["", "undo=0"] {
        let [first, second] = two(3, options);
        let inside = AtomicU32::new(0);
        thread::scope(|scope| {
            for number in 0..4 {
                let (first, inside) = (&first, &inside);
                let count = 1 + number % 2;
                scope.spawn(move || {
                    for _ in 0..3000 {
                        first.acquire(count, SOON).expect("free soon");
                        assert!(inside.fetch_add(count, Ordering::SeqCst) + count <= 3);
                        inside.fetch_sub(count, Ordering::SeqCst);
                        first.release(count).expect("there is room");
                    }
                });
            }
        });
        assert_eq!(value(&second), 3);
        thread::scope(|scope| {
            scope.spawn(|| first.acquire(2, NOW)).join().expect("no panic").expect("free");
        });
        first.release(2).expect("any thread may");
        drop(first);
        assert_eq!(value(&second), 3);
    }
}

#[test]
fn a_close_wakes_whoever_waits() {
    let [first, second] = two(1, "");
    first.acquire(1, NOW).expect("there is one");
    thread::scope(|scope| {
        let waiters = [1, 2, 5].map(|count| {
            let second = &second;
            scope.spawn(move || second.acquire(count, FOREVER))
        });
        crate::common::child::pause();
        at_once(|| second.close());
        for waiter in waiters {
            assert_eq!(status(waiter.join().expect("no panic")), Status::Closed);
        }
    });
    let closed = [
        status(second.acquire(1, NOW)),
        status(second.release(1)),
        status(second.value()),
        status(second.fd()),
    ];
    assert_eq!(closed, [Status::Closed; 4]);
    first.release(1).expect("there is room");
    first.acquire(1, NOW).expect("a handle that goes is no longer next");
}

#[test]
fn a_close_amid_acquires_loses_no_unit() {
    let name = name();
    let observer = Semaphore::open_or_create(&name, 4).expect("the name is free");
    for _ in 0..200 {
        let semaphore = Semaphore::open_or_create(&name, 4).expect("it is there");
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while semaphore.acquire(1, SOON).is_ok() && semaphore.release(1).is_ok() {}
                });
            }
            scope.spawn(|| semaphore.close());
        });
        assert_eq!(value(&observer), 4);
    }
}

/// Has one of two units at any time, until it is told to end: it gives one back only once it has
/// another, unless none is to be had.
fn have_one_always(handles: &[Semaphore; 2], turns: &AtomicU32, over: &AtomicU32) {
    let [mut has, mut wants] = [&handles[0], &handles[1]];
    has.acquire(1, SOON).expect("free soon");
    while over.load(Ordering::Relaxed) == 0 {
        let another = wants.acquire(1, NOW);
        has.release(1).expect("there is room");
        match another {
            Ok(()) => {
                std::mem::swap(&mut has, &mut wants);
                turns.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                assert_eq!(error.status(), Status::Again);
                has.acquire(1, SOON).expect("free soon");
            }
        }
    }
    has.release(1).expect("there is room");
}

#[test]
fn whoever_wants_many_is_not_starved_by_those_that_want_few() {
    for options in ["", "undo=0"] {
        let name = with(&name(), options);
        let open = || Semaphore::open_or_create(&name, 2).expect("a good name");
        let (many, few) = (open(), [open(), open()]);
        let [turns, over] = [(); 2].map(|()| AtomicU32::new(0));
        thread::scope(|scope| {
            let loops = scope.spawn(|| have_one_always(&few, &turns, &over));
            let began = Instant::now();
            let tries = (0..50).map(|_| {
                // Once they are at it again.
                let before = turns.load(Ordering::Relaxed);
                until("they go on", || turns.load(Ordering::Relaxed) > before + 10);
                many.acquire(2, SOON).and_then(|()| many.release(2))
            });
            let result: Result<(), _> = tries.collect();
            over.store(1, Ordering::Relaxed);
            loops.join().expect("no panic");
            result.expect("it isn't starved");
            println!("{options}: 50 times in {:?}", began.elapsed());
        });
        assert_eq!(value(&many), 2);
    }
}

#[test]
fn one_that_waits_for_many_and_gives_up_is_in_nobody_s_way() {
    let [first, second] = two(2, "");
    for _ in 0..3 {
        first.acquire(1, NOW).expect("free");
        assert_eq!(status(second.acquire(2, BRIEFLY)), Status::TimedOut);
        first.acquire(1, NOW).expect("nobody is next any more");
        first.release(2).expect("there is room");
    }
    thread::scope(|scope| {
        let waits = scope.spawn(|| second.acquire(3, Some(Duration::from_millis(300))));
        crate::common::child::pause();
        // Two are free, and one waits for three: whoever wants one waits until that gives up.
        first.acquire(1, SOON).expect("then it is free");
        assert_eq!(status(waits.join().expect("no panic")), Status::TimedOut);
    });
}
