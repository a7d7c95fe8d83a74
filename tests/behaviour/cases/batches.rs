//! Many messages in one call.

use super::Way;
use crate::common::{Fails, SOON, assert_payload, payload, status};
use std::io::IoSlice;
use std::thread;
use treenail::{Channel, Info, NOW, Status};

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
    let (mut buffer, mut places) = (vec![0; size + 3], Vec::new());
    let mut next = 0;
    while next < messages.len() {
        let buffer = &mut buffer[3..];
        let count = channel.recv_many(buffer, &mut places, max, SOON).expect("some come");
        assert_eq!(count, places.len());
        assert!((1..=max).contains(&count));
        for (info, place) in places.drain(..) {
            let bytes = &buffer[place];
            assert_eq!(info, Info { len: bytes.len(), ..Info::default() });
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
    let (mut buffer, mut places) = (vec![0; 120], Vec::new());
    let receive = |buffer: &mut Vec<u8>, places: &mut Vec<_>| {
        pair.acceptor.recv_many(buffer, places, 10, SOON)
    };
    assert_eq!(receive(&mut buffer, &mut places).expect("the first fits"), 1);
    assert_payload(&buffer[places[0].1.clone()], 0);
    receive(&mut buffer, &mut places).fails_with(Status::TooLarge);
    assert!(places.is_empty());
    buffer.resize(1000, 0);
    // Both, if the last has arrived as well.
    let count = receive(&mut buffer, &mut places).expect("now they do");
    assert_payload(&buffer[places[0].1.clone()], 1);
    if count == 1 {
        assert_eq!(receive(&mut buffer, &mut places).expect("the last"), 1);
    }
    assert_payload(&buffer[places[places.len() - 1].1.clone()], 2);
    assert_eq!(status(pair.connector.send_many(&[], NOW)), Status::Ok);
}

pub fn tags_and_requests_survive_a_batch(way: Way) {
    let pair = way.pair("");
    let (asker, server) = (&pair.connector, &pair.acceptor);
    asker.send_tagged(7, b"tagged", SOON).expect("room");
    let id = asker.request_start(8, b"a question", SOON).expect("room");
    asker.send(b"plain", SOON).expect("room");
    let (mut buffer, mut batch, mut all) = (vec![0; 1000], Vec::new(), Vec::new());
    while all.len() < 3 {
        server.recv_many(&mut buffer, &mut batch, 10, SOON).expect("they come");
        all.extend(batch.drain(..).map(|(info, place)| (info, buffer[place].to_vec())));
    }
    let [tagged, question, plain] = &all[..] else { panic!("{all:?}") };
    assert_eq!(tagged, &(Info { len: 6, tag: 7, ..Info::default() }, b"tagged".to_vec()));
    assert_eq!((question.0.tag, question.0.id, question.0.is_request()), (8, id, true));
    assert_eq!(plain.0, Info { len: 5, ..Info::default() });
    server.reply(&question.0, b"an answer", SOON).expect("it is a request");
    while batch.is_empty() {
        asker.recv_many(&mut buffer, &mut batch, 10, SOON).expect("it comes");
    }
    let (info, place) = batch.pop().expect("one came");
    assert_eq!((info.tag, info.id, info.is_reply()), (8, id, true));
    assert_eq!(&buffer[place], b"an answer");
}
