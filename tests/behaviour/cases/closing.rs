//! How channels end: by this side, by the other, by being dropped.

use super::Way;
use crate::common::{SOON, assert_payload, at_once, payload, status, until};
use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use treenail::{Channel, FOREVER, NOW, Status};

/// Sends until there is no room.
fn fill(channel: &Channel) {
    let bytes = payload(0, 1000);
    while channel.send(&bytes, NOW).is_ok() {}
}

/// Threads that wait to send and to receive, until `end` makes all of them fail with Closed.
fn waiters_end(channel: &Channel, end: impl FnOnce()) {
    fill(channel);
    let waits =
        |channel: &Channel| channel.stats().map(|stats| (stats.send_waits, stats.recv_waits));
    let before = waits(channel).expect("it is open");
    thread::scope(|scope| {
        let mut waiters = Vec::new();
        for _ in 0..2 {
            let send = || status(channel.send(&[7; 1000], FOREVER));
            let receive = || status(channel.recv_vec(FOREVER));
            let view = || status(channel.recv_view(FOREVER));
            waiters.push(scope.spawn(send));
            waiters.push(scope.spawn(receive));
            waiters.push(scope.spawn(view));
        }
        until("all wait", || {
            let now = waits(channel).expect("it is open");
            now.0 >= before.0 + 2 && now.1 >= before.1 + 4
        });
        at_once(|| {
            end();
            for waiter in waiters {
                assert_eq!(waiter.join().expect("no panic"), Status::Closed);
            }
        });
    });
}

pub fn a_third_thread_wakes_whoever_waits(way: Way) {
    for _ in 0..20 {
        let pair = way.pair("ring=4KiB");
        waiters_end(&pair.connector, || pair.connector.close());
        let pair = way.pair("ring=4KiB");
        waiters_end(&pair.acceptor, || pair.acceptor.close());
    }
}

pub fn the_peer_wakes_whoever_waits(way: Way) {
    for _ in 0..20 {
        let pair = way.pair("ring=4KiB");
        waiters_end(&pair.connector, || pair.acceptor.close());
        let pair = way.pair("ring=4KiB");
        waiters_end(&pair.acceptor, || drop(pair.connector));
    }
}

pub fn own_close_ends_every_call(way: Way) {
    let pair = way.pair("");
    pair.connector.send(b"unread", SOON).expect("there is room");
    pair.acceptor.close();
    pair.acceptor.close();
    let (channel, mut buffer) = (&pair.acceptor, [0; 64]);
    let results = at_once(|| {
        [
            status(channel.recv(&mut buffer, FOREVER)),
            status(channel.recv_vec(NOW)),
            status(channel.recv_view(FOREVER)),
            status(channel.recv_many(&mut buffer, &mut Vec::new(), 4, FOREVER)),
            status(channel.send(b"x", FOREVER)),
            status(channel.send(b"", NOW)),
            status(channel.send_many(&[IoSlice::new(b"x")], FOREVER)),
            status(channel.loan(8, FOREVER)),
            status(channel.flush(FOREVER)),
        ]
    });
    assert_eq!(results, [Status::Closed; 9]);
    if way != Way::Raw {
        assert_eq!(status(channel.request(1, b"x", FOREVER)), Status::Closed);
        assert_eq!(status(channel.request_start(1, b"x", NOW)), Status::Closed);
    }
}

pub fn the_peers_close_comes_after_its_messages(way: Way) {
    let pair = way.pair("ring=64KiB");
    let bytes = payload(5, 30_000);
    bytes.chunks(300).for_each(|chunk| pair.connector.send(chunk, SOON).expect("there is room"));
    pair.connector.close();
    let sent = at_once(|| pair.acceptor.send(b"too late", FOREVER));
    assert_eq!(status(sent), Status::Closed);
    let mut all = Vec::new();
    while all.len() < bytes.len() {
        all.extend(pair.acceptor.recv_vec(SOON).expect("it was sent before"));
    }
    assert_eq!(all, bytes);
    for _ in 0..3 {
        assert_eq!(status(pair.acceptor.recv_vec(FOREVER)), Status::Closed);
        assert_eq!(status(pair.acceptor.recv_view(NOW)), Status::Closed);
        assert_eq!(status(pair.acceptor.send(b"x", NOW)), Status::Closed);
        assert_eq!(status(pair.acceptor.loan(1, NOW)), Status::Closed);
    }
}

pub fn a_full_channel_is_closed_in_good_order(way: Way) {
    let pair = way.pair("ring=16KiB");
    let mut sent = 0;
    while status(pair.connector.send(&payload(sent, 100), NOW)) == Status::Ok {
        sent += 1;
    }
    assert_eq!(pair.connector.stats().expect("it is open").pending_bytes, 0);
    pair.connector.close();
    for number in 0..sent {
        assert_payload(&pair.acceptor.recv_vec(SOON).expect("it was sent before"), number);
    }
    assert_eq!(status(pair.acceptor.recv_vec(SOON)), Status::Closed);
}

pub fn dropping_is_closing(way: Way) {
    let pair = way.pair("");
    pair.acceptor.send(b"last words", SOON).expect("there is room");
    drop(pair.acceptor);
    assert_eq!(pair.connector.recv_vec(SOON).expect("sent before"), b"last words");
    assert_eq!(status(pair.connector.recv_vec(SOON)), Status::Closed);
    let pair = way.pair("");
    let receiver = thread::spawn(move || status(pair.acceptor.recv_vec(FOREVER)));
    drop(pair.connector);
    assert_eq!(receiver.join().expect("no panic"), Status::Closed);
}

pub fn closing_amid_a_message_drops_only_that(way: Way) {
    let pair = way.pair("ring=16KiB");
    pair.connector.send(b"whole", SOON).expect("there is room");
    let large = payload(1, 4 << 20);
    pair.connector.send(&large, NOW).expect("its beginning goes in");
    assert!(pair.connector.stats().expect("it is open").pending_bytes > 0);
    at_once(|| pair.connector.close());
    assert_eq!(pair.acceptor.recv_vec(SOON).expect("sent before"), b"whole");
    // Part of what was taken never went out: that is no good order.
    assert_eq!(status(pair.acceptor.recv_vec(SOON)), Status::PeerLost);
}

pub fn close_wakes_waiting_requests(way: Way) {
    for own in [true, false] {
        let pair = way.pair("");
        thread::scope(|scope| {
            let waiters: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| status(pair.connector.request(1, b"well?", FOREVER))))
                .collect();
            let taken: Vec<_> = (0..4).map(|_| pair.acceptor.recv_vec(SOON)).collect();
            assert!(taken.iter().all(|request| request.is_ok()));
            at_once(|| {
                if own { &pair.connector } else { &pair.acceptor }.close();
                for waiter in waiters {
                    assert_eq!(waiter.join().expect("no panic"), Status::Closed);
                }
            });
        });
    }
}

/// One of two threads meets the end, while the other may be about to say that it was refused.
pub fn an_end_that_another_thread_finds_is_the_end(way: Way) {
    const REFUSALS: u32 = 20;
    for _ in 0..40 {
        let pair = way.pair("ring=4KiB");
        let (is_over, refused) = (AtomicBool::new(false), [AtomicU32::new(0), AtomicU32::new(0)]);
        thread::scope(|scope| {
            for refused in &refused {
                let is_refused = || status(pair.acceptor.recv_vec(NOW)) == Status::Again;
                let is_over = &is_over;
                scope.spawn(move || {
                    while !is_over.load(Ordering::Relaxed) && is_refused() {
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                    is_over.store(true, Ordering::Relaxed);
                });
            }
            until("both ask for messages", || {
                refused.iter().all(|refused| refused.load(Ordering::Relaxed) >= REFUSALS)
            });
            pair.connector.close();
        });
        assert_eq!(status(pair.acceptor.recv_vec(NOW)), Status::Closed);
    }
}
