//! How many barriers are called for, each of which interrupts every processor that runs a
//! program with this library.

use crate::common::child::alone;
use crate::common::trace::system_calls;
use crate::common::{Pair, pair, status};
use treenail::{NOW, Status};

/// A channel whose descriptor was given out.
fn watched() -> Pair {
    let pair = pair("shm", "");
    pair.connector.fd().expect("a descriptor");
    pair
}

/// Messages that come one behind the other.
fn exchange(Pair { connector, acceptor, .. }: &Pair, messages: usize) {
    for _ in 0..messages {
        acceptor.send(b"a message", NOW).expect("there is room");
        connector.recv(&mut [0; 64], NOW).expect("it was sent");
    }
}

fn find_nothing(pair: &Pair) {
    assert_eq!(status(pair.connector.recv(&mut [0; 64], NOW)), Status::Again);
}

/// How many barriers are called for in `act`.
fn barriers(before: impl FnOnce() -> Pair, act: impl FnOnce(&Pair)) -> usize {
    let made = system_calls(before, act);
    made.iter().filter(|call| **call == libc::SYS_membarrier).count()
}

#[test]
fn an_idle_channel_calls_for_none() {
    if !alone(an_idle_channel_calls_for_none) {
        return;
    }
    assert_eq!(barriers(watched, |pair| (0..1000).for_each(|_| find_nothing(pair))), 0);
}

#[test]
fn a_channel_that_was_busy_calls_for_one() {
    if !alone(a_channel_that_was_busy_calls_for_one) {
        return;
    }
    let busy = || {
        let pair = watched();
        exchange(&pair, 1000);
        pair
    };
    assert_eq!(barriers(busy, |pair| (0..1000).for_each(|_| find_nothing(pair))), 1);
}

#[test]
fn a_channel_that_sleeps_after_each_message_calls_for_none() {
    if !alone(a_channel_that_sleeps_after_each_message_calls_for_none) {
        return;
    }
    let each = |pair: &Pair| {
        for _ in 0..1000 {
            exchange(pair, 1);
            find_nothing(pair);
        }
    };
    assert_eq!(barriers(watched, each), 0);
}
