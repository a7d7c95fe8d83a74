//! What a descriptor shows is a state: neither other calls nor other threads hide it, and nobody need
//! be quick.

use super::changes::two;
use crate::common::child::pause;
use crate::common::event::{Events, is_hidden_by, is_readable, readable_within};
use crate::common::{SOON, name, status};
use std::thread;
use std::time::{Duration, Instant};
use treenail::{NOW, Segment, Semaphore, Status};

fn shows_change(segment: &Segment) -> bool {
    is_readable(segment.fd().expect("a descriptor"))
}

fn shows_lock(segment: &Segment) -> bool {
    is_readable(segment.lock_fd().expect("a descriptor"))
}

fn refused<T: std::fmt::Debug>(result: treenail::Result<T>) {
    assert_eq!(status(result), Status::Again);
}

#[test]
fn a_lock_that_is_refused_hides_no_change() {
    let (first, second) = two();
    first.lock(NOW).expect("free");
    assert!(shows_change(&second) && shows_lock(&second), "both start so");
    refused(second.wait(0, NOW));
    assert!(!shows_change(&second) && shows_lock(&second));
    first.notify().expect("open");
    assert!(is_hidden_by(second.lock_fd().expect("one"), || refused(second.lock(NOW))));
    assert!(shows_change(&second));
    assert_eq!(second.wait(0, NOW).expect("a change"), 1);
    refused(second.wait(1, NOW));
    assert!(!shows_change(&second), "there is no other change");
}

#[test]
fn a_change_that_has_not_come_hides_no_unlock() {
    let (first, second) = two();
    first.lock(NOW).expect("free");
    assert!(shows_change(&second) && shows_lock(&second), "both start so");
    refused(second.lock(NOW));
    refused(second.wait(0, NOW));
    first.unlock().expect("held");
    refused(second.wait(0, NOW));
    assert!(!shows_change(&second) && shows_lock(&second));
    second.lock(NOW).expect("free");
    refused(second.wait(0, NOW));
    assert!(shows_lock(&second), "until a call is refused");
}

#[test]
fn only_changes_show_a_change() {
    let (first, second) = two();
    let (fd, lock_fd) = (second.fd().expect("one"), second.lock_fd().expect("another"));
    for _ in 0..100 {
        refused(second.wait(0, NOW));
        first.lock(NOW).expect("free");
        refused(second.lock(NOW));
        refused(second.lock_shared(NOW));
        first.unlock().expect("held");
        assert!(is_readable(lock_fd) && !is_readable(fd));
    }
}

/// Whoever could read along finds it out soon, though another of this handle could not have the
/// lock alone.
#[test]
fn a_lock_that_is_refused_hides_no_lock_of_the_other_kind_for_long() {
    let (first, second) = two();
    let fd = second.lock_fd().expect("a descriptor");
    first.lock_shared(NOW).expect("free");
    for _ in 0..20 {
        refused(second.lock(NOW));
        assert!(readable_within(fd, SOON.expect("a time")), "others may read");
    }
    second.lock_shared(NOW).expect("others may read");
}

#[test]
fn an_acquire_that_is_refused_hides_units_until_there_are_more() {
    for options in ["", "?undo=0"] {
        let name = name() + options;
        let semaphore = Semaphore::create(&name, 2).expect("the name is free");
        let other = Semaphore::open(&name).expect("it is there");
        let fd = semaphore.fd().expect("a descriptor");
        for _ in 0..3 {
            refused(semaphore.acquire(9, NOW));
            assert!(!is_readable(fd), "however many were asked for");
            other.release(1).expect("there is room");
            assert!(is_readable(fd), "there are more");
        }
        refused(semaphore.acquire(9, NOW));
        // Who wants fewer finds it out some time.
        assert!(readable_within(fd, SOON.expect("a time")), "there are five");
        semaphore.acquire(5, NOW).expect("there are five");
    }
}

/// As one thread that has much else to do between a refusal and the next look.
#[test]
fn who_is_busy_for_long_misses_nothing() {
    let (first, second) = two();
    let semaphore = Semaphore::create(&name(), 0).expect("the name is free");
    let fds = [second.fd(), second.lock_fd(), semaphore.fd()].map(|fd| fd.expect("a descriptor"));
    first.lock(NOW).expect("free");
    refused(second.wait(0, NOW));
    refused(second.lock_shared(NOW));
    refused(semaphore.acquire(1, NOW));
    first.notify().expect("open");
    first.unlock().expect("held");
    semaphore.release(1).expect("there is room");
    thread::scope(|scope| {
        scope.spawn(|| {
            let begins = Instant::now();
            while begins.elapsed() < Duration::from_millis(1500) {
                // Other calls come and go meanwhile, and none is refused.
                second.lock(SOON).expect("free soon");
                second.unlock().expect("held");
                second.wait(0, SOON).expect("a change");
                semaphore.acquire(1, SOON).expect("there is one");
                semaphore.release(1).expect("there is room");
                pause();
            }
        });
    });
    assert!(fds.into_iter().all(is_readable));
    second.lock_shared(NOW).expect("free");
    assert_eq!(second.wait(0, NOW).expect("a change"), 1);
    semaphore.acquire(1, NOW).expect("there is one");
}

/// What a thread was told of is there for all that look.
#[test]
fn one_thread_s_success_hides_nothing_from_another() {
    let (first, second) = two();
    let fd = second.lock_fd().expect("a descriptor");
    for _ in 0..100 {
        first.lock(NOW).expect("free");
        refused(second.lock(NOW));
        thread::scope(|scope| {
            let waits = scope.spawn(|| second.lock(SOON).map(|_| second.unlock()));
            first.unlock().expect("held");
            waits.join().expect("no panic").expect("free soon").expect("held");
        });
        assert!(is_readable(fd), "nobody has it");
    }
}

/// A handle's threads with a loop each: for changes, for the lock, and for reading under it.
#[test]
fn threads_that_share_a_handle_lose_no_event() {
    const CHANGES: u64 = 300;
    let (first, second) = two();
    thread::scope(|scope| {
        scope.spawn(|| {
            let events = Events::of(second.fd().expect("a descriptor"));
            let mut seen = 0;
            while seen < CHANGES {
                match second.wait(seen, NOW) {
                    Ok(version) => seen = version,
                    Err(error) => {
                        assert_eq!(error.status(), Status::Again);
                        events.wait();
                    }
                }
            }
        });
        for shared in [false, true] {
            let second = &second;
            scope.spawn(move || {
                let events = Events::of(second.lock_fd().expect("a descriptor"));
                let lock = || if shared { second.lock_shared(NOW) } else { second.lock(NOW) };
                for _ in 0..CHANGES {
                    while let Err(error) = lock() {
                        assert_eq!(error.status(), Status::Again);
                        events.wait();
                    }
                    second.unlock().expect("held");
                }
            });
        }
        for _ in 0..CHANGES {
            first.lock(SOON).expect("free soon");
            pause();
            first.notify().expect("open");
            first.unlock().expect("held");
        }
    });
}

/// The same for units: threads that want different numbers of them.
#[test]
fn threads_that_share_a_semaphore_lose_no_event() {
    const ROUNDS: u32 = 200;
    let name = name();
    let (gives, takes) = (Semaphore::create(&name, 0), Semaphore::open(&name));
    let (gives, takes) = (gives.expect("the name is free"), takes.expect("it is there"));
    thread::scope(|scope| {
        for count in [1, 3] {
            let takes = &takes;
            scope.spawn(move || {
                let events = Events::of(takes.fd().expect("a descriptor"));
                for _ in 0..ROUNDS {
                    while let Err(error) = takes.acquire(count, NOW) {
                        assert_eq!(error.status(), Status::Again);
                        events.wait();
                    }
                }
            });
        }
        for _ in 0..ROUNDS * 4 {
            gives.release(1).expect("there is room");
            if gives.value().expect("open") > 4 {
                pause();
            }
        }
    });
    assert_eq!(takes.value().expect("open"), 0);
}
