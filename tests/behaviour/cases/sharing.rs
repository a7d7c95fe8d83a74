//! Many threads on one handle.

use super::Way;
use crate::common::{SOON, assert_payload, number_of, payload, status, until};
use std::io::IoSlice;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;
use treenail::{Channel, FOREVER, Status};

pub fn order_is_kept_through_every_verb(way: Way) {
    const COUNT: u64 = 6000;
    let pair = way.pair("ring=16KiB");
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            while number < COUNT {
                number += send_somehow(&pair.connector, number);
            }
        });
        let mut next = 0;
        while next < COUNT {
            let bytes = pair.acceptor.recv_vec(SOON).expect("a message comes");
            assert_payload(&bytes, next);
            next += 1;
        }
    });
}

/// Sends one message or more, by a verb that the number chooses: how many.
fn send_somehow(channel: &Channel, number: u64) -> u64 {
    let len = 8 + (number as usize * 37) % if number.is_multiple_of(97) { 50_000 } else { 500 };
    let bytes = payload(number, len);
    match number % 5 {
        0 if number.is_multiple_of(2) => channel.send(&bytes, SOON).expect("room comes"),
        0 => channel.send_tagged(7, &bytes, SOON).expect("room comes"),
        1 => {
            let (first, last) = bytes.split_at(5);
            let parts = [IoSlice::new(first), IoSlice::new(last)];
            channel.sendv(3, &parts, SOON).expect("room comes");
        }
        2 => {
            let mut loan = channel.loan(len, SOON).expect("room comes");
            loan.write_at(0, &bytes);
            // A remainder of an earlier message may be in the way of a loan on the heap.
            channel.flush(SOON).expect("it goes out");
            loan.commit(4, len, SOON).expect("it was lent");
        }
        3 => {
            let id = channel.request_start(5, &bytes, SOON).expect("room comes");
            assert_ne!(id, 0);
        }
        _ => {
            let batch: Vec<Vec<u8>> = (0..4).map(|i| payload(number + i, len)).collect();
            let batch: Vec<IoSlice<'_>> = batch.iter().map(|bytes| IoSlice::new(bytes)).collect();
            return channel.send_many(&batch, SOON).expect("room comes") as u64;
        }
    }
    1
}

pub fn many_senders_share_one_handle(way: Way) {
    const SENDERS: u64 = 8;
    const EACH: u64 = 3000;
    let pair = way.pair("ring=16KiB");
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            let channel = &pair.connector;
            scope.spawn(move || {
                for sequence in 0..EACH {
                    let number = sender << 32 | sequence;
                    let len = if sequence % 200 == 7 { 40_000 } else { 8 + sequence as usize % 90 };
                    let sent = channel.send(&payload(number, len), FOREVER);
                    sent.expect("room comes");
                }
            });
        }
        let mut next = [0; SENDERS as usize];
        for _ in 0..SENDERS * EACH {
            let bytes = pair.acceptor.recv_vec(SOON).expect("a message comes");
            let number = number_of(&bytes);
            assert_payload(&bytes, number);
            let expected = &mut next[(number >> 32) as usize];
            assert_eq!(number & 0xffff_ffff, *expected, "order of one sender");
            *expected += 1;
        }
    });
}

pub fn many_receivers_share_one_handle(way: Way) {
    const COUNT: u64 = 20_000;
    let pair = way.pair("ring=16KiB");
    let seen = Mutex::new(vec![false; COUNT as usize]);
    thread::scope(|scope| {
        for receiver in 0..4 {
            let (channel, seen) = (&pair.acceptor, &seen);
            scope.spawn(move || receive_until_closed(channel, receiver, seen));
        }
        for number in 0..COUNT {
            let len = if number % 500 == 3 { 30_000 } else { 8 + number as usize % 50 };
            let sent = pair.connector.send(&payload(number, len), SOON);
            sent.expect("room comes");
        }
        pair.connector.close();
    });
    let missing = seen.into_inner().expect("no panic");
    assert_eq!(missing.iter().position(|seen| !seen), None);
}

/// Each thread receives in its own way.
fn receive_until_closed(channel: &Channel, receiver: u32, seen: &Mutex<Vec<bool>>) {
    let mut last = None;
    loop {
        let bytes = match receiver % 2 {
            0 => channel.recv_vec(FOREVER),
            _ => channel.recv_view(FOREVER).map(|view| view.to_vec()),
        };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => return assert_eq!(error.status(), Status::Closed, "{error}"),
        };
        let number = number_of(&bytes);
        assert_payload(&bytes, number);
        assert!(last < Some(number), "{number} came after {last:?}");
        last = Some(number);
        let before = std::mem::replace(&mut seen.lock().expect("no panic")[number as usize], true);
        assert!(!before, "{number} came twice");
    }
}

pub fn all_threads_of_both_ends_send_and_receive(way: Way) {
    const EACH: u64 = 3000;
    let pair = way.pair("ring=8KiB");
    let (sums, ends) = ([0, 0].map(AtomicU64::new), [&pair.connector, &pair.acceptor]);
    thread::scope(|scope| {
        for (end, sum) in ends.into_iter().zip(&sums) {
            for thread in 0..2 {
                scope.spawn(move || {
                    for sequence in 0..EACH {
                        let number = thread << 32 | sequence;
                        let bytes = payload(number, 8 + sequence as usize % 3000);
                        end.send(&bytes, SOON).expect("room comes");
                    }
                });
                scope.spawn(move || {
                    for _ in 0..EACH {
                        let bytes = end.recv_vec(SOON).expect("a message comes");
                        assert_payload(&bytes, number_of(&bytes));
                        sum.fetch_add(1 + number_of(&bytes), Ordering::Relaxed);
                    }
                });
            }
        }
    });
    let all = 2 * EACH + EACH * (EACH - 1) + (EACH << 32);
    assert_eq!(sums.map(AtomicU64::into_inner), [all, all]);
    assert_eq!(status(pair.connector.recv_vec(treenail::NOW)), Status::Again);
}

pub fn one_thread_sends_and_another_receives(way: Way) {
    const BYTES: usize = 4 << 20;
    let pair = way.pair("ring=16KiB");
    let ends = [&pair.connector, &pair.acceptor];
    thread::scope(|scope| {
        for (end, number) in ends.into_iter().zip([1, 2]) {
            scope.spawn(move || {
                for chunk in payload(number, BYTES).chunks(777) {
                    end.send(chunk, SOON).expect("room comes");
                }
            });
            scope.spawn(move || {
                let mut all = Vec::new();
                while all.len() < BYTES {
                    all.extend(end.recv_vec(SOON).expect("bytes come"));
                }
                assert_payload(&all, 3 - number);
            });
        }
    });
}

pub fn another_takes_over_when_the_one_that_polls_leaves(way: Way) {
    let pair = way.pair("");
    let channel = &pair.acceptor;
    let waits = || channel.stats().expect("it is open").recv_waits;
    for _ in 0..5 {
        let (got, heard) = mpsc::channel();
        thread::scope(|scope| {
            let before = waits();
            let time = Some(Duration::from_millis(100));
            let first = scope.spawn(move || status(channel.recv_vec(time)));
            until("the first waits", || waits() > before);
            for _ in 0..2 {
                let got = got.clone();
                scope.spawn(move || got.send(channel.recv_vec(SOON)));
            }
            until("all wait", || waits() > before + 2);
            assert_eq!(first.join().expect("no panic"), Status::TimedOut);
            for text in [b"one", b"two"] {
                pair.connector.send(text, SOON).expect("there is room");
                let received = heard.recv().expect("two are left");
                assert_eq!(received.expect("one of them polls"), text);
            }
        });
    }
}
