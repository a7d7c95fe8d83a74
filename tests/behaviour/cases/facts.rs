//! What a channel says of itself and of its peer.

use super::Way;
use crate::common::system::own_uid;
use crate::common::{SOON, payload, status, until};
use std::io::IoSlice;
use std::thread;
use treenail::{FOREVER, NOW, Status};

pub fn stats_count_both_ways(way: Way) {
    let pair = way.pair("ring=16KiB");
    let none = pair.connector.stats().expect("it is open");
    assert_eq!((none.messages_sent, none.bytes_sent, none.pending_bytes), (0, 0, 0));
    pair.connector.send(&payload(0, 100), SOON).expect("there is room");
    pair.connector.sendv(1, &[IoSlice::new(b"ab"), IoSlice::new(b"c")], SOON).expect("room");
    let batch = [IoSlice::new(b""), IoSlice::new(b"four")];
    assert_eq!(pair.connector.send_many(&batch, SOON).expect("room"), 2);
    pair.connector.loan(50, SOON).expect("room").commit(0, 20, SOON).expect("lent");
    drop(pair.connector.loan(50, SOON).expect("room"));
    let stats = pair.connector.stats().expect("it is open");
    assert_eq!((stats.messages_sent, stats.bytes_sent), (5, 127));
    assert_eq!((stats.messages_received, stats.bytes_received), (0, 0));
    for _ in 0..4 {
        pair.acceptor.recv_vec(SOON).expect("it was sent");
    }
    drop(pair.acceptor.recv_view(SOON).expect("it was sent"));
    let stats = pair.acceptor.stats().expect("it is open");
    assert_eq!((stats.messages_received, stats.bytes_received), (5, 127));
    assert_eq!(stats.messages_sent, 0);
    assert_eq!(status(pair.acceptor.recv_vec(NOW)), Status::Again);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| pair.acceptor.recv_vec(FOREVER));
        let waits = || pair.acceptor.stats().expect("it is open").recv_waits;
        until("it waits", || waits() > 0);
        pair.connector.send(b"wake up", SOON).expect("there is room");
        waiter.join().expect("no panic").expect("it was sent");
    });
}

pub fn the_ring_is_as_large_as_wished(way: Way) {
    let sizes = [
        ("ring=64KiB", "ring=16KiB", (65536, 16384)),
        ("ring=4KiB", "ring=16KiB", (16384, 16384)),
        ("ring=1MiB", "ring=16KiB&ring_max=32KiB", (32768, 16384)),
        ("ring=5000", "ring=4096", (8192, 4096)),
    ];
    for (connecting, listening, (up, down)) in sizes {
        let pair = way.pair_of(connecting, listening);
        let stats = [&pair.connector, &pair.acceptor].map(|end| end.stats().expect("open"));
        let at_least_a_page = |size: u64| size.max(treenail::granule() as u64);
        assert_eq!(stats.map(|stats| stats.ring_bytes), [up, down].map(at_least_a_page));
        assert_eq!(stats.map(|stats| stats.ring_used), [0, 0]);
        pair.connector.send(&[7; 1000], NOW).expect("there is room");
        let used = pair.connector.stats().expect("open").ring_used;
        assert!((1000..1100).contains(&used), "{used}");
        pair.acceptor.recv_vec(SOON).expect("it was sent");
        let stats = pair.connector.stats().expect("open");
        assert_eq!(stats.ring_used, 0);
        assert!(stats.ring_used_max >= used);
    }
}

pub fn the_peer_is_who_the_kernel_says(way: Way) {
    let pair = way.pair("");
    for end in [&pair.connector, &pair.acceptor] {
        let peer = end.peer().expect("it is connected");
        assert_eq!(peer.transport, way.transport());
        assert_eq!(peer.pid, i64::from(std::process::id()));
        assert_eq!(peer.uid, own_uid());
        assert_eq!(peer.address, pair.endpoint);
        assert_eq!(peer.fallback.is_empty(), way != Way::Fallback, "{peer:?}");
    }
}
