//! The descriptor: readable after a release or a holder's end, until a call says again.

use super::units::two;
use crate::common::event::{is_readable, readable_within};
use crate::common::{NEVER_MIND, SOON, status};
use std::os::fd::AsRawFd;
use std::thread;
use treenail::{NOW, Status};

#[test]
fn it_starts_readable_and_again_makes_it_not() {
    for options in ["", "undo=0"] {
        let [first, second] = two(1, options);
        let fd = second.fd().expect("a descriptor");
        assert!(is_readable(fd));
        assert_eq!(fd.as_raw_fd(), second.fd().expect("the same").as_raw_fd());
        second.acquire(1, NOW).expect("there is one");
        assert!(is_readable(fd), "until a call says again");
        assert_eq!(status(second.acquire(1, NOW)), Status::Again);
        assert!(!is_readable(fd));
        first.release(1).expect("there is room");
        assert!(is_readable(fd), "a release");
        second.acquire(1, NOW).expect("there is one");
        assert_eq!(status(second.acquire(1, NOW)), Status::Again);
        assert!(!is_readable(fd));
        // What it releases itself is there for its own loop too.
        second.release(1).expect("there is room");
        assert!(is_readable(fd));
        second.acquire(1, NOW).expect("there is one");
        assert_eq!(status(second.acquire(1, NOW)), Status::Again);
        second.close();
        assert!(is_readable(fd), "a close");
    }
}

#[test]
fn a_handle_that_goes_makes_it_readable() {
    let [first, second] = two(1, "");
    let fd = second.fd().expect("a descriptor");
    first.acquire(1, NOW).expect("there is one");
    assert_eq!(status(second.acquire(1, NOW)), Status::Again);
    first.close();
    // Once early perhaps, before it is there, but then again.
    loop {
        assert!(readable_within(fd, NEVER_MIND));
        match second.acquire(1, NOW) {
            Ok(()) => break,
            Err(error) => assert_eq!(error.status(), Status::Again),
        }
    }
}

#[test]
fn a_loop_that_acquires_by_it_misses_no_unit() {
    const UNITS: u32 = 3000;
    let [producer, consumer] = two(0, "");
    let fd = consumer.fd().expect("a descriptor");
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..UNITS {
                producer.release(1).expect("there is room");
                if number % 50 == 0 {
                    crate::common::child::pause();
                }
            }
        });
        let mut got = 0;
        while got < UNITS {
            match consumer.acquire(1, NOW) {
                Ok(()) => got += 1,
                Err(error) => {
                    assert_eq!(error.status(), Status::Again);
                    assert!(readable_within(fd, SOON.expect("a time")), "lost after {got}");
                }
            }
        }
    });
}
