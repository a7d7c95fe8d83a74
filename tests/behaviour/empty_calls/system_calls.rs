//! Which system calls a receiving call makes that finds nothing.

use crate::common::child::alone;
use crate::common::trace::system_calls;
use crate::common::{Pair, pair, status};
use std::time::Instant;
use treenail::{NOW, Status};

const CALLS: usize = 10_000;

fn receive_nothing(pair: &Pair) {
    for _ in 0..CALLS {
        assert_eq!(status(pair.connector.recv(&mut [0; 64], NOW)), Status::Again);
    }
}

#[test]
fn a_channel_that_nobody_watches_looks_at_its_peer_alone_and_seldom() {
    if !alone(a_channel_that_nobody_watches_looks_at_its_peer_alone_and_seldom) {
        return;
    }
    let began = Instant::now();
    let made = system_calls(|| pair("shm", ""), receive_nothing);
    let took = began.elapsed().as_millis() as usize;
    assert!(made.iter().all(|call| *call == libc::SYS_ppoll), "other calls than a look: {made:?}");
    assert!(made.len() <= took + 1, "{} looks in {took} ms", made.len());
}

#[test]
fn a_watched_channel_empties_its_wake_up_and_looks_at_its_peer() {
    if !alone(a_watched_channel_empties_its_wake_up_and_looks_at_its_peer) {
        return;
    }
    let watched = || {
        let pair = pair("shm", "");
        pair.connector.fd().expect("a descriptor");
        assert_eq!(status(pair.connector.recv(&mut [0; 64], NOW)), Status::Again);
        pair
    };
    let made = system_calls(watched, receive_nothing);
    assert!(made.len() <= 2 * CALLS, "{} system calls in {CALLS}", made.len());
}
