//! One descriptor for all that is waited for: who makes it unreadable hides nothing from others.

use crate::common::event::{Events, is_readable, readable_within};
use crate::common::{SOON, name, status};
use std::thread;
use std::time::Duration;
use treenail::{NOW, Segment, Semaphore, Status};

/// Two handles on one segment; the second has a descriptor.
fn two() -> (Segment, Segment) {
    let (first, second) = super::changes::two();
    second.fd().expect("a descriptor");
    (first, second)
}

fn shows(segment: &Segment) -> bool {
    is_readable(segment.fd().expect("a descriptor"))
}

fn refused<T: std::fmt::Debug>(result: treenail::Result<T>) {
    assert_eq!(status(result), Status::Again);
}

#[test]
fn a_lock_that_is_refused_hides_no_change() {
    let (first, second) = two();
    first.lock(NOW).expect("free");
    refused(second.wait(0, NOW));
    assert!(!shows(&second));
    first.notify().expect("open");
    refused(second.lock(NOW));
    assert!(shows(&second), "the change");
    assert_eq!(second.wait(0, NOW).expect("a change"), 1);
    refused(second.wait(1, NOW));
    assert!(!shows(&second), "the lock is not free, and there is no other change");
}

#[test]
fn a_change_that_has_not_come_hides_no_unlock() {
    let (first, second) = two();
    first.lock(NOW).expect("free");
    refused(second.lock(NOW));
    first.unlock().expect("held");
    refused(second.wait(0, NOW));
    assert!(shows(&second), "the lock is free");
    second.lock(NOW).expect("free");
    refused(second.wait(0, NOW));
    assert!(!shows(&second), "this handle has the lock");
}

#[test]
fn a_lock_that_is_refused_hides_no_lock_of_the_other_kind() {
    let (first, second) = two();
    first.lock(NOW).expect("free");
    refused(second.lock_shared(NOW));
    first.unlock().expect("held");
    first.lock_shared(NOW).expect("free");
    refused(second.lock(NOW));
    assert!(shows(&second), "others may read");
    second.lock_shared(NOW).expect("others may read");
}

#[test]
fn units_that_are_too_few_for_one_are_not_hidden_from_another() {
    for options in ["", "?undo=0"] {
        let name = name() + options;
        let semaphore = Semaphore::open(&name, 0).expect("the name is free");
        let fd = semaphore.fd().expect("a descriptor");
        refused(semaphore.acquire(2, NOW));
        refused(semaphore.acquire(5, NOW));
        Semaphore::open(&name, 0).expect("it is there").release(2).expect("there is room");
        refused(semaphore.acquire(5, NOW));
        assert!(is_readable(fd), "there are two");
        semaphore.acquire(2, NOW).expect("there are two");
        refused(semaphore.acquire(5, NOW));
        assert!(!is_readable(fd), "there are none");
    }
}

/// Somebody who has changed its mind keeps the loops of others awake for a second only.
#[test]
fn who_does_not_come_back_is_forgotten() {
    let (first, second) = two();
    first.lock(NOW).expect("free");
    refused(second.wait(0, NOW));
    first.notify().expect("open");
    let fd = second.fd().expect("a descriptor");
    let mut times = 0;
    while readable_within(fd, Duration::from_secs(3)) {
        refused(second.lock(NOW));
        times += 1;
        assert!(times < 100, "again and again");
    }
    assert!(times > 1, "it is shown at all");
}

/// Two threads with a loop each, on one handle: one is there for changes, the other for the lock.
#[test]
fn threads_that_share_a_handle_lose_no_event() {
    const CHANGES: u64 = 300;
    let (first, second) = two();
    let events = || Events::of(second.fd().expect("a descriptor"));
    thread::scope(|scope| {
        scope.spawn(|| {
            let events = events();
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
        scope.spawn(|| {
            let events = events();
            for _ in 0..CHANGES {
                while let Err(error) = second.lock(NOW) {
                    assert_eq!(error.status(), Status::Again);
                    events.wait();
                }
                second.unlock().expect("held");
            }
        });
        for _ in 0..CHANGES {
            first.lock(SOON).expect("free soon");
            crate::common::child::pause();
            first.notify().expect("open");
            first.unlock().expect("held");
        }
    });
}
