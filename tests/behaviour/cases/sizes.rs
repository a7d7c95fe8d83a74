//! Messages of every size, and those that are too large.

use super::Way;
use crate::common::{Fails, Random, SOON, assert_payload, payload, status};
use std::io::IoSlice;
use std::thread;
use treenail::{Channel, NOW, Status};

const RING: usize = 64 << 10;
const LIMIT: usize = 1 << 20;
const OPTIONS: &str = "ring=64KiB&max_message=1MiB";

/// Sizes at and beside all at which something changes.
fn boundaries() -> Vec<usize> {
    let (record, fragment) = (RING / 2 - 16, (RING / 2 - 16) / 2);
    let turns = [16, 32, 4096, 8192, fragment, record, RING / 2, RING, 2 * RING];
    let beside = |at: usize| [at - 16, at - 1, at, at + 1, at + 15, at + 16];
    let mut sizes = vec![0, 1, 2, 7, 8, 15, 16, 17];
    sizes.extend(turns.into_iter().flat_map(beside));
    sizes.extend([65536 - 16, 65536 - 15, 65535, 10 * RING, LIMIT - 1, LIMIT]);
    sizes
}

pub fn every_size_around_a_boundary_arrives(way: Way) {
    let pair = way.pair(OPTIONS);
    let ends = [(&pair.connector, &pair.acceptor), (&pair.acceptor, &pair.connector)];
    for (from, to) in ends {
        thread::scope(|scope| {
            scope.spawn(|| send_all(from, &boundaries()));
            let mut verbs = RECEIVE.iter().cycle();
            for (number, len) in boundaries().into_iter().enumerate() {
                // Each size by each verb is the business of the rounds below.
                let receive = verbs.next().expect("a cycle has no end");
                assert_message(&receive(to), number as u64, len);
            }
        });
    }
    for receive in RECEIVE {
        thread::scope(|scope| {
            scope.spawn(|| send_all(&pair.connector, &boundaries()));
            for (number, len) in boundaries().into_iter().enumerate() {
                assert_message(&receive(&pair.acceptor), number as u64, len);
            }
        });
    }
}

fn send_all(from: &Channel, sizes: &[usize]) {
    for (number, len) in sizes.iter().enumerate() {
        let bytes = payload(number as u64, *len);
        from.send(&bytes, SOON).expect("there is room in time");
    }
}

fn assert_message(bytes: &[u8], number: u64, len: usize) {
    assert_eq!(bytes.len(), len, "the size of message {number}");
    assert_payload(bytes, number);
}

/// Every way to receive one message.
const RECEIVE: [fn(&Channel) -> Vec<u8>; 5] = [
    |channel| channel.recv_vec(SOON).expect("a message comes"),
    |channel| {
        let mut buffer = vec![0; LIMIT];
        let len = channel.recv(&mut buffer, SOON).expect("a message comes");
        buffer.truncate(len);
        buffer
    },
    |channel| {
        let mut buffer = vec![0; LIMIT];
        let info = channel.recv_message(&mut buffer, SOON);
        buffer.truncate(info.expect("a message comes").len);
        buffer
    },
    |channel| {
        let view = channel.recv_view(SOON).expect("a message comes");
        assert_eq!(view.as_ptr().align_offset(16), 0);
        view.to_vec()
    },
    |channel| {
        let mut buffer = vec![0; LIMIT + 16];
        let mut places = Vec::new();
        let count = channel.recv_many(&mut buffer, &mut places, 1, SOON);
        assert_eq!(count.expect("a message comes"), 1);
        buffer[places[0].1.clone()].to_vec()
    },
];

pub fn random_sizes_arrive_through_random_verbs(way: Way) {
    let pair = way.pair("ring=4KiB&max_message=100000");
    let mut random = Random::printed("sizes");
    let top = [20, 200, 2100, 5000, 100_000];
    let sizes: Vec<usize> = (0..4000)
        .map(|_| random.below(5) as usize)
        .collect::<Vec<_>>()
        .into_iter()
        .map(|choice| random.below(top[choice] + 1) as usize)
        .collect();
    let sizes = &sizes;
    thread::scope(|scope| {
        let mut choice = Random::new(random.next());
        scope.spawn(move || {
            for (number, len) in sizes.iter().enumerate() {
                let bytes = payload(number as u64, *len);
                let sent = match choice.below(3) {
                    0 => pair.connector.send(&bytes, SOON),
                    1 => {
                        let (first, last) = bytes.split_at(choice.below(*len as u64 + 1) as usize);
                        let parts = [IoSlice::new(first), IoSlice::new(&[]), IoSlice::new(last)];
                        pair.connector.sendv(0, &parts, SOON)
                    }
                    _ => pair.connector.send_many(&[IoSlice::new(&bytes)], SOON).map(drop),
                };
                sent.expect("there is room in time");
            }
            pair.connector.flush(SOON).expect("the rest goes out");
            pair.connector
        });
        for (number, len) in sizes.iter().enumerate() {
            let receive = RECEIVE[random.below(5) as usize];
            assert_message(&receive(&pair.acceptor), number as u64, *len);
        }
    });
}

pub fn what_is_over_the_limit_is_refused(way: Way) {
    let pair = way.pair_of("max_message=1000", "max_message=2000");
    for (from, to, limit) in
        [(&pair.connector, &pair.acceptor, 2000), (&pair.acceptor, &pair.connector, 1000)]
    {
        let over = vec![7; limit + 1];
        let error = from.send(&over, SOON).fails_with(Status::TooLarge);
        assert!(!error.to_string().is_empty());
        let parts = [IoSlice::new(&over[..limit]), IoSlice::new(&over[limit..])];
        assert_eq!(status(from.sendv(1, &parts, NOW)), Status::TooLarge);
        assert_eq!(status(from.loan(limit + 1, NOW)), Status::TooLarge);
        assert_eq!(status(from.request(1, &over, SOON)), Status::TooLarge);
        assert_eq!(status(from.request_start(1, &over, NOW)), Status::TooLarge);
        let batch = [IoSlice::new(&over), IoSlice::new(b"ok")];
        assert_eq!(status(from.send_many(&batch, NOW)), Status::TooLarge);
        let batch = [IoSlice::new(b"one"), IoSlice::new(&over)];
        assert_eq!(from.send_many(&batch, NOW).expect("one of them"), 1);
        from.send(&over[..limit], SOON).expect("just the limit");
        assert_eq!(to.recv_vec(SOON).expect("the one of a batch"), b"one");
        assert_eq!(to.recv_vec(SOON).expect("the limit").len(), limit);
        assert_eq!(status(to.recv_vec(NOW)), Status::Again);
    }
}

pub fn too_small_a_buffer_leaves_the_message(way: Way) {
    let pair = way.pair(OPTIONS);
    for len in [5, 1000, 10_000, 5 * RING] {
        thread::scope(|scope| {
            scope.spawn(|| send_all(&pair.connector, &[len, 3]));
            let mut small = vec![0; len - 1];
            for _ in 0..2 {
                let error = pair.acceptor.recv(&mut small, SOON);
                let error = error.fails_with(Status::TooLarge);
                assert_eq!(error.needed(), Some(len));
                let error = pair.acceptor.recv_message(&mut small, SOON);
                assert_eq!(error.expect_err("nor here").needed(), Some(len));
                let error = pair.acceptor.recv_many(&mut small, &mut Vec::new(), 9, SOON);
                assert_eq!(status(error), Status::TooLarge);
            }
            assert_message(&pair.acceptor.recv_vec(SOON).expect("it stayed"), 0, len);
            assert_message(&pair.acceptor.recv_vec(SOON).expect("the next"), 1, 3);
        });
    }
}
