//! Replies that nobody fetches leave nothing behind.

use super::leaks::heap_in_use;
use crate::common::child::alone;
use crate::common::{SOON, bounded, pair, status};
use std::thread;
use std::time::Duration;
use treenail::{Channel, Status};

const COUNT: usize = 50;
const LEN: usize = 100_000;

#[test]
fn late_ones_are_counted_and_not_kept() {
    if alone(late_ones_are_counted_and_not_kept) {
        bounded(Duration::from_secs(100), || ["shm", "local"].into_iter().for_each(late_ones));
    }
}

fn late_ones(scheme: &str) {
    let pair = pair(scheme, "");
    let time = Some(Duration::from_millis(1));
    leaves_nothing(scheme, || {
        for _ in 0..COUNT {
            assert_eq!(status(pair.connector.request(1, b"well?", time)), Status::TimedOut);
        }
        thread::scope(|scope| {
            let answering = scope.spawn(|| answer_all(&pair.acceptor));
            assert_eq!(pair.connector.recv_vec(SOON).expect("it is behind them"), b"news");
            answering.join().expect("no panic");
        });
    });
    let late = pair.connector.stats().expect("it is open").late_replies;
    assert_eq!(late, 2 * COUNT as u64);
}

#[test]
fn those_of_cancelled_requests_are_not_kept() {
    if alone(those_of_cancelled_requests_are_not_kept) {
        bounded(Duration::from_secs(100), || ["shm", "local"].into_iter().for_each(cancelled_ones));
    }
}

fn cancelled_ones(scheme: &str) {
    let pair = pair(scheme, "");
    leaves_nothing(scheme, || {
        let begin = |_| pair.connector.request_begin(1, b"well?", SOON).expect("there is room");
        let ids: Vec<u32> = (0..COUNT).map(begin).collect();
        thread::scope(|scope| {
            let answering = scope.spawn(|| answer_all(&pair.acceptor));
            // On the way to this all of them are put where the requests fetch them.
            assert_eq!(pair.connector.recv_vec(SOON).expect("it is behind them"), b"news");
            answering.join().expect("no panic");
        });
        ids.iter().for_each(|id| pair.connector.request_cancel(*id).expect("it was begun"));
    });
}

fn leaves_nothing(scheme: &str, mut round: impl FnMut()) {
    let mut round = || {
        round();
        heap_in_use()
    };
    // Once before, so that what is kept for the next time is there.
    let (before, after) = (round(), round());
    assert!(after < before + LEN, "{scheme}: {before} bytes were in use, {after} are");
}

fn answer_all(channel: &Channel) {
    for _ in 0..COUNT {
        let request = channel.recv_view(SOON).expect("it was sent").info();
        channel.reply(&request, &[7; LEN], SOON).expect("the peer reads");
    }
    channel.send(b"news", SOON).expect("the peer reads");
}
