//! Many segments and semaphores: afterwards no memory, no descriptor, no mapping and no name is
//! left. TREENAIL_LEAKS says how many.

use super::leaks::{count, leaves_nothing};
use crate::common::child::alone;
use crate::common::system::names_in;
use crate::common::{SOON, bounded, name, status};
use std::path::Path;
use std::time::Duration;
use treenail::{NOW, Segment, Semaphore, Status};

/// Rounds of which one asks for the descriptor: the kernel takes milliseconds to end a watch.
const SELDOM: u64 = 1000;

fn in_a_process_of_its_own(test: impl Fn(), act: fn()) {
    if alone(test) {
        bounded(Duration::from_secs(60 + count() / 100), act);
        let own = format!(".t{}-", std::process::id());
        let left = names_in(Path::new("/dev/shm"));
        assert!(!left.iter().any(|name| name.contains(&own)), "{left:?}");
    }
}

#[test]
fn segments_leave_nothing() {
    in_a_process_of_its_own(segments_leave_nothing, || {
        let name = name();
        let mut round = 0;
        leaves_nothing("segments", || {
            round += 1;
            let first = Segment::create(&name, 5000).expect("the name is free");
            let second = Segment::open(&name).expect("it is there");
            if round % SELDOM == 1 {
                second.fd().expect("a descriptor");
            }
            first.write(0, b"unread", SOON).expect("free");
            second.lock(NOW).expect("free");
            assert_eq!(status(first.lock(NOW)), Status::Again);
            assert_eq!(status(Segment::create(&name, 1)), Status::Exists);
            first.close();
        });
    });
}

#[test]
fn semaphores_leave_nothing() {
    in_a_process_of_its_own(semaphores_leave_nothing, || {
        let name = name();
        let mut round = 0;
        leaves_nothing("semaphores", || {
            round += 1;
            let first = Semaphore::open_or_create(&name, 3).expect("the name is free");
            let second = Semaphore::open_or_create(&name, 3).expect("it is there");
            if round % SELDOM == 1 {
                second.fd().expect("a descriptor");
            }
            first.acquire(2, SOON).expect("there are three");
            assert_eq!(status(second.acquire(2, NOW)), Status::Again);
            second.release(1).expect("there is room");
            first.close();
        });
    });
}

#[test]
fn what_is_refused_leaves_nothing() {
    in_a_process_of_its_own(what_is_refused_leaves_nothing, || {
        let name = name();
        let file = format!("/dev/shm/treenail.{}.{name}", crate::common::system::own_uid());
        std::fs::write(&file, [7; 50_000]).expect("the name is free");
        leaves_nothing("refusals", || {
            assert_eq!(status(Segment::open(&name)), Status::Protocol);
            assert_eq!(status(Segment::create(&name, 8)), Status::Protocol);
            assert_eq!(status(Segment::open("native:/no-such-object")), Status::NotFound);
            assert_eq!(status(Semaphore::open_or_create("x?access=ro", 1)), Status::Invalid);
        });
        std::fs::remove_file(&file).expect("it is there");
    });
}
