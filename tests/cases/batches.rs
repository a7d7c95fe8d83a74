//! Many messages in one call.

use crate::Way;
use crate::common::{SOON, assert_payload, payload, status};
use std::io::IoSlice;
use std::thread;
use treenail::{Channel, NOW, Status};

fn send_all(channel: &Channel, messages: &[Vec<u8>]) {
    let batch: Vec<IoSlice<'_>> = messages.iter().map(|bytes| IoSlice::new(bytes)).collect();
    let mut sent = 0;
    while sent < batch.len() {
        let more = channel.send_many(&batch[sent..], SOON).expect("the peer reads");
        assert!(more > 0, "Ok means that some were taken");
        sent += more;
    }
    channel.flush(SOON).expect("the peer reads");
}

/// Receives `messages` in batches into a buffer of `size` bytes, beginning unaligned.
fn receive_all(channel: &Channel, messages: &[Vec<u8>], size: usize, max: usize) {
    let (mut buffer, mut ranges) = (vec![0; size + 3], Vec::new());
    let mut next = 0;
    while next < messages.len() {
        let buffer = &mut buffer[3..];
        let count = channel.recv_many(buffer, &mut ranges, max, SOON).expect("some come");
        assert_eq!(count, ranges.len());
        assert!((1..=max).contains(&count));
        for range in ranges.drain(..) {
            let bytes = &buffer[range];
            assert_eq!(bytes.as_ptr().align_offset(16), 0, "16-byte aligned");
            assert_eq!(bytes.len(), messages[next].len(), "the size of message {next}");
            assert_payload(bytes, next as u64);
            next += 1;
        }
    }
}

pub fn a_batch_arrives_in_order_and_aligned(way: Way) {
    let pair = way.pair("ring=16KiB");
    let messages: Vec<_> = (0..5000).map(|n| payload(n, n as usize * 7 % 300)).collect();
    for (size, max) in [(1 << 16, 1000), (1 << 16, 3), (700, 1000)] {
        thread::scope(|scope| {
            scope.spawn(|| send_all(&pair.connector, &messages));
            receive_all(&pair.acceptor, &messages, size, max);
        });
    }
    let stats = pair.connector.stats().expect("it is open");
    assert_eq!(stats.messages_sent, 15_000);
}

pub fn a_batch_without_room_is_taken_in_part(way: Way) {
    let pair = way.pair("ring=4KiB");
    let messages: Vec<_> = (0..20_000).map(|number| payload(number, 100)).collect();
    let batch: Vec<IoSlice<'_>> = messages.iter().map(|bytes| IoSlice::new(bytes)).collect();
    let mut sent = pair.connector.send_many(&batch, NOW).expect("some go in");
    assert!(sent > 0 && sent < batch.len(), "{sent} went in");
    assert_eq!(status(pair.connector.send_many(&batch[sent..], NOW)), Status::Again);
    let before = pair.connector.stats().expect("it is open").messages_sent;
    assert_eq!(before, sent as u64, "what is taken is what is said");
    thread::scope(|scope| {
        scope.spawn(|| {
            while sent < batch.len() {
                let more = pair.connector.send_many(&batch[sent..], SOON);
                sent += more.expect("the peer reads");
            }
            pair.connector.flush(SOON).expect("the peer reads");
        });
        receive_all(&pair.acceptor, &messages, 1 << 14, 1000);
    });
    assert_eq!(status(pair.acceptor.recv_vec(NOW)), Status::Again);
}

pub fn large_messages_go_in_batches_too(way: Way) {
    let pair = way.pair("ring=4KiB");
    let len = |number: u64| match number % 7 {
        0 => 0,
        1 => 200_000,
        2 => 70_000,
        3 => 3000,
        _ => 50,
    };
    let messages: Vec<_> = (0..100).map(|number| payload(number, len(number))).collect();
    thread::scope(|scope| {
        scope.spawn(|| send_all(&pair.connector, &messages));
        receive_all(&pair.acceptor, &messages, 1 << 18, 1000);
    });
    let stats = pair.connector.stats().expect("it is open");
    assert_eq!(stats.messages_sent, 100);
}

pub fn a_batch_stops_at_what_does_not_fit(way: Way) {
    let pair = way.pair("");
    let messages = [payload(0, 40), payload(1, 500), payload(2, 8)];
    send_all(&pair.connector, &messages);
    let (mut buffer, mut ranges) = (vec![0; 120], Vec::new());
    let receive = |buffer: &mut Vec<u8>, ranges: &mut Vec<_>| {
        pair.acceptor.recv_many(buffer, ranges, 10, SOON)
    };
    assert_eq!(receive(&mut buffer, &mut ranges).expect("the first fits"), 1);
    assert_payload(&buffer[ranges[0].clone()], 0);
    let error = receive(&mut buffer, &mut ranges).expect_err("the second doesn't");
    assert_eq!(error.status(), Status::TooLarge);
    assert!(ranges.is_empty());
    buffer.resize(1000, 0);
    // Both, if the last has arrived as well.
    let count = receive(&mut buffer, &mut ranges).expect("now they do");
    assert_payload(&buffer[ranges[0].clone()], 1);
    if count == 1 {
        assert_eq!(receive(&mut buffer, &mut ranges).expect("the last"), 1);
    }
    assert_payload(&buffer[ranges[ranges.len() - 1].clone()], 2);
    assert_eq!(status(pair.connector.send_many(&[], NOW)), Status::Ok);
}
