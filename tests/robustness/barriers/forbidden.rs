//! membarrier is forbidden by a seccomp filter, as in some sandboxes: from the start, or once
//! channels have come to rely on it. No call sleeps for that, and nothing gets lost.

use crate::common::child::{self, alone};
use crate::common::event::is_readable;
use crate::common::page::Page;
use crate::common::seccomp::{Forbidden, forbid};
use crate::common::system::{allow_one_processor, is_sanitized, times_asleep};
use crate::common::{NEVER_MIND, Pair, SOON, directory, pair, status, until};
use std::thread;
use std::time::Instant;
use treenail::{Channel, NOW, Status};

const MEMBARRIER: [libc::c_long; 1] = [libc::SYS_membarrier];
const SLEEPS: [libc::c_long; 2] = [libc::SYS_nanosleep, libc::SYS_clock_nanosleep];
/// When a filter is set: not at all, before anything else, or once both sides were busy.
const WHEN: [&str; 3] = ["never", "first", "later"];

/// The same message there and back, again and again.
fn round_trips(channel: &Channel, count: u32) {
    for number in 0..count {
        channel.send(&number.to_le_bytes(), SOON).expect("there is room");
        let reply = channel.recv_vec(SOON).expect("it is answered");
        assert_eq!(reply, number.to_le_bytes());
    }
}

/// Many messages in both directions, so that both sides come to count on barriers.
fn be_busy(Pair { connector, acceptor, .. }: &Pair) {
    for (from, to) in [(connector, acceptor), (acceptor, connector)] {
        for _ in 0..1000 {
            from.send(b"a message", NOW).expect("there is room");
            to.recv(&mut [0; 64], NOW).expect("it was sent");
        }
    }
}

/// The quickest of some rounds of sleeping round trips, in nanoseconds each.
fn quickest_round_trip(when: &str, number: i32) -> u64 {
    const TRIPS: u32 = 200;
    // Where a wake-up crosses from one to another it takes twice as long, or not.
    allow_one_processor();
    if when == "first" {
        forbid(&MEMBARRIER, Forbidden::Fails(number));
    }
    let pair = pair("shm", "spin=0");
    be_busy(&pair);
    if when == "later" {
        forbid(&MEMBARRIER, Forbidden::Fails(number));
    }
    thread::scope(|scope| {
        scope.spawn(|| {
            while let Ok(message) = pair.acceptor.recv_vec(SOON) {
                pair.acceptor.send(&message, SOON).expect("there is room");
            }
        });
        let round = |_| {
            let began = Instant::now();
            round_trips(&pair.connector, TRIPS);
            began.elapsed().as_nanos() as u64 / u64::from(TRIPS)
        };
        let quickest = (0..25).map(round).min();
        pair.connector.close();
        quickest.expect("there are some")
    })
}

#[test]
fn a_round_trip_asleep_takes_no_longer() {
    let page = |path: &str| Page::open(path.as_ref());
    if let Some(role) = child::role() {
        let (when, number) = role.split_once(' ').expect("two words");
        let number = number.parse().expect("a number");
        let told = std::env::var("PAGE").expect("the parent says");
        return page(&told).set(0, quickest_round_trip(when, number));
    }
    let path = directory().join("page").display().to_string();
    let mut quickest = [u64::MAX; WHEN.len()];
    // One behind the other, as often as it takes: others may have the processors.
    let is_good = |quickest: &[u64; 3]| quickest[1..].iter().all(|it| *it <= quickest[0] * 3 / 2);
    let began = Instant::now();
    while quickest[0] == u64::MAX || !is_good(&quickest) {
        assert!(began.elapsed() < NEVER_MIND * 3, "{WHEN:?}: {quickest:?} ns a round trip");
        for number in [libc::EPERM, libc::ENOSYS] {
            for (when, quickest) in WHEN.iter().zip(&mut quickest) {
                let child = child::start(
                    a_round_trip_asleep_takes_no_longer,
                    &format!("{when} {number}"),
                    &[("PAGE", &path)],
                );
                assert!(child::finish(child, NEVER_MIND), "with a filter {when}");
                *quickest = page(&path).get(0).min(*quickest);
            }
        }
    }
}

/// Calls that may not wait, in a thread that is killed with its process if it sleeps.
fn never_sleeps(channel: &Channel) {
    let before = times_asleep();
    for _ in 0..1000 {
        assert_eq!(status(channel.recv(&mut [0; 64], NOW)), Status::Again);
    }
    while channel.send(&[0; 64], NOW).is_ok() {}
    // The system itself may let a thread sleep, as where it touches a page for the first time.
    let times = times_asleep() - before;
    assert!(times < 10, "calls that may not wait slept {times} times");
}

#[test]
fn a_call_that_may_not_wait_never_sleeps() {
    let Some(role) = child::role() else {
        for role in ["first", "first watched", "later", "later watched"] {
            assert!(
                child::finish(
                    child::start(a_call_that_may_not_wait_never_sleeps, role, &[]),
                    NEVER_MIND
                ),
                "a filter {role}"
            );
        }
        return;
    };
    if role.starts_with("first") {
        forbid(&MEMBARRIER, Forbidden::Fails(libc::EPERM));
    }
    let pair = pair("shm", "ring=64KiB");
    be_busy(&pair);
    if role.ends_with("watched") {
        pair.connector.fd().expect("a descriptor");
    }
    forbid(&MEMBARRIER, Forbidden::Fails(libc::EPERM));
    // A sanitizer's own locks may sleep.
    if !is_sanitized() {
        forbid(&SLEEPS, Forbidden::Kills);
    }
    // Another thread takes the doors away from the one that was busy.
    thread::scope(|scope| scope.spawn(|| never_sleeps(&pair.connector)).join()).expect("no panic");
}

/// Nobody can tell at once whether the peer has seen that this side waits.
#[test]
fn a_descriptor_is_readable_for_nothing_rather_than_never() {
    if !alone(a_descriptor_is_readable_for_nothing_rather_than_never) {
        return;
    }
    let pairs: Vec<Pair> = (0..20).map(|_| pair("shm", "")).collect();
    assert!(pairs.iter().all(|pair| is_readable(&pair.connector)), "as it starts");
    let finds_nothing =
        |channel: &Channel| status(channel.recv(&mut [0; 64], NOW)) == Status::Again;
    pairs.iter().for_each(be_busy);
    forbid(&MEMBARRIER, Forbidden::Fails(libc::EPERM));
    assert!(pairs.iter().all(|pair| finds_nothing(&pair.connector)));
    // Not each: a thread may lose its processor for so long that it can tell.
    assert!(pairs.iter().any(|pair| is_readable(&pair.connector)), "none is looked at again");
    for pair in &pairs {
        until("it waits", || finds_nothing(&pair.connector) && !is_readable(&pair.connector));
        pair.acceptor.send(b"a message", NOW).expect("there is room");
        assert!(is_readable(&pair.connector), "a message is shown");
        pair.connector.recv(&mut [0; 64], NOW).expect("it was sent");
    }
}
