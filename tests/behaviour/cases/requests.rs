//! Requests and replies.

use super::Way;
use super::readiness::{assert_shows, silence};
use crate::common::event::{is_readable, readable_within};
use crate::common::{SOON, assert_payload, at_once, number_of, payload, status};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use treenail::{Channel, FOREVER, Info, NOW, Status};

/// Answers every request with its own payload, until the channel is closed.
fn serve(channel: &Channel) {
    loop {
        let request = match channel.recv_view(FOREVER) {
            Ok(request) => request,
            Err(error) => return assert_eq!(error.status(), Status::Closed, "{error}"),
        };
        let (info, bytes) = (request.info(), request.to_vec());
        assert!(info.is_request());
        drop(request);
        // Whoever asked may have closed meanwhile.
        let _ = channel.reply(&info, &bytes, FOREVER);
    }
}

pub fn a_reply_finds_its_request(way: Way) {
    let pair = way.pair("");
    thread::scope(|scope| {
        scope.spawn(|| {
            for tag in 0..100 {
                let request = pair.acceptor.recv_view(SOON).expect("a request comes");
                let info = request.info();
                assert!(info.is_request() && !info.is_reply());
                assert_eq!((info.tag, info.len), (tag, 10));
                assert_ne!(info.id, 0);
                drop(request);
                // From another thread, after its release.
                let reply = scope.spawn(move || info);
                let info = reply.join().expect("no panic");
                let sent = pair.acceptor.reply(&info, &payload(u64::from(tag), 20), SOON);
                sent.expect("there is room");
            }
        });
        for tag in 0..100 {
            let reply = pair.connector.request(tag, &payload(7, 10), SOON);
            let reply = reply.expect("it is answered");
            let info = reply.info();
            assert!(info.is_reply() && !info.is_request());
            assert_eq!((info.tag, reply.len()), (tag, 20));
            assert_eq!(reply.as_ptr().align_offset(16), 0);
            assert_payload(&reply.to_vec(), u64::from(tag));
        }
    });
}

pub fn both_peers_request_at_once_from_many_threads(way: Way) {
    let pair = way.pair("ring=16KiB");
    let ends = [&pair.connector, &pair.acceptor];
    thread::scope(|scope| {
        let servers = ends.map(|end| scope.spawn(move || serve(end)));
        let askers: Vec<_> = (0..8)
            .map(|thread| scope.spawn(move || ask(ends[thread as usize % 2], thread)))
            .collect();
        askers.into_iter().for_each(|asker| asker.join().expect("no panic"));
        ends[0].close();
        servers.into_iter().for_each(|server| server.join().expect("no panic"));
    });
}

fn ask(channel: &Channel, thread: u64) {
    for sequence in 0..500 {
        let number = thread << 32 | sequence;
        let len = if sequence % 50 == 9 { 60_000 } else { 8 + sequence as usize % 700 };
        let reply = channel.request(sequence as u32, &payload(number, len), SOON);
        let reply = reply.expect("it is answered").to_vec();
        assert_eq!(reply.len(), len);
        assert_payload(&reply, number);
    }
}

pub fn two_that_request_at_once_do_not_block_each_other(way: Way) {
    const LEN: usize = 2 << 20;
    let pair = way.pair("ring=16KiB");
    // Nobody receives: each can only send its request because the other reads while it sends.
    thread::scope(|scope| {
        for (end, number) in [(&pair.connector, 1), (&pair.acceptor, 2)] {
            scope.spawn(move || {
                let time = Some(Duration::from_secs(3));
                let result = end.request(1, &payload(number, LEN), time);
                assert_eq!(status(result), Status::TimedOut);
                let left = end.stats().expect("it is open").pending_bytes;
                assert_eq!(left, 0, "both read, so both requests went out");
                let request = end.recv_view(SOON).expect("the other's request");
                assert!(request.info().is_request());
                assert_eq!(request.len(), LEN);
                assert_payload(&request.to_vec(), 3 - number);
            });
        }
    });
}

pub fn a_late_reply_is_dropped(way: Way) {
    let pair = way.pair("");
    let short = Some(Duration::from_millis(10));
    let result = pair.connector.request(1, b"first", short);
    assert_eq!(status(result), Status::TimedOut);
    let first = pair.acceptor.recv_view(SOON).expect("it was sent").info();
    thread::scope(|scope| {
        let second = scope.spawn(|| pair.connector.request(2, b"second", SOON).map(|r| r.to_vec()));
        let info = pair.acceptor.recv_view(SOON).expect("it was sent").info();
        assert_ne!(info.id, first.id);
        pair.acceptor.reply(&first, b"late", SOON).expect("there is room");
        pair.acceptor.reply(&info, b"right", SOON).expect("there is room");
        let reply = second.join().expect("no panic").expect("it is answered");
        assert_eq!(reply, b"right");
    });
    pair.acceptor.send(b"plain", SOON).expect("there is room");
    assert_eq!(pair.connector.recv_vec(SOON).expect("it comes"), b"plain");
    assert_eq!(status(pair.connector.recv_vec(NOW)), Status::Again);
}

pub fn the_inbox_has_a_limit(way: Way) {
    let pair = way.pair("inbox=1000");
    for number in 0..20 {
        pair.acceptor.send(&payload(number, 100), SOON).expect("there is room");
    }
    let result = at_once(|| pair.connector.request(1, b"well?", SOON));
    assert_eq!(status(result), Status::NoSpace);
    for number in 0..20 {
        let bytes = pair.connector.recv_vec(SOON).expect("none is lost");
        assert_payload(&bytes, number);
    }
    // The first request may have gone out or not; its answer is not waited for.
    thread::scope(|scope| {
        scope.spawn(|| serve(&pair.acceptor));
        let reply = pair.connector.request(2, b"and now?", SOON);
        assert_eq!(reply.expect("there is space again").to_vec(), b"and now?");
        pair.connector.close();
    });
}

pub fn a_request_cut_by_a_full_inbox_goes_out_whole(way: Way) {
    const LEN: usize = 4 << 20;
    let pair = way.pair("ring=16KiB&inbox=1000");
    silence(&pair.acceptor);
    thread::scope(|scope| {
        let asker = scope.spawn(|| status(pair.connector.request(1, &payload(7, LEN), SOON)));
        // Its beginning is here, and nobody reads on: it waits for room.
        assert_shows(&pair.acceptor);
        for number in 0..20 {
            pair.acceptor.send(&payload(number, 100), SOON).expect("there is room");
        }
        assert_eq!(asker.join().expect("no panic"), Status::NoSpace);
    });
    thread::scope(|scope| {
        let receiver = scope.spawn(|| {
            let request = pair.acceptor.recv_view(SOON).expect("what began goes on");
            assert!(request.info().is_request());
            request.to_vec()
        });
        pair.connector.flush(SOON).expect("the peer reads");
        let request = receiver.join().expect("no panic");
        assert_eq!(request.len(), LEN);
        assert_payload(&request, 7);
    });
    for number in 0..20 {
        assert_payload(&pair.connector.recv_vec(SOON).expect("none is lost"), number);
    }
    thread::scope(|scope| {
        scope.spawn(|| serve(&pair.acceptor));
        let reply = pair.connector.request(2, b"and now?", SOON);
        assert_eq!(reply.expect("there is space again").to_vec(), b"and now?");
        pair.connector.close();
    });
}

pub fn started_requests_are_answered_like_messages(way: Way) {
    let pair = way.pair("");
    let ids: Vec<u32> = (0..10)
        .map(|tag| pair.connector.request_start(tag, b"well?", SOON))
        .map(|id| id.expect("there is room"))
        .collect();
    let asked: Vec<Info> =
        (0..10).map(|_| pair.acceptor.recv_view(SOON).expect("it was sent").info()).collect();
    assert_eq!(asked.iter().map(|info| info.id).collect::<Vec<_>>(), ids);
    pair.acceptor.send(b"plain", SOON).expect("there is room");
    for info in asked.iter().rev() {
        pair.acceptor.reply(info, &payload(info.id.into(), 30), SOON).expect("there is room");
    }
    assert_eq!(pair.connector.recv_vec(SOON).expect("in order"), b"plain");
    for (tag, id) in ids.iter().enumerate().rev() {
        let reply = pair.connector.recv_view(SOON).expect("it is answered");
        let info = reply.info();
        assert!(info.is_reply());
        assert_eq!((info.id, info.tag as usize), (*id, tag));
        assert_payload(&reply.to_vec(), (*id).into());
    }
    assert_eq!(status(pair.connector.recv_view(NOW)), Status::Again);
}

pub fn other_messages_keep_their_order(way: Way) {
    const ROUNDS: u64 = 200;
    let pair = way.pair("ring=16KiB");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            for _ in 0..ROUNDS {
                let request = pair.acceptor.recv_view(SOON).expect("it comes").info();
                for _ in 0..5 {
                    let bytes = payload(number, 8 + number as usize % 3000);
                    pair.acceptor.send(&bytes, SOON).expect("the peer reads");
                    number += 1;
                }
                pair.acceptor.reply(&request, b"yes", SOON).expect("the peer reads");
            }
        });
        let receiver = scope.spawn(|| {
            for number in 0..ROUNDS * 5 {
                let bytes = pair.connector.recv_vec(SOON).expect("it was sent");
                assert_eq!(number_of(&bytes), number);
                assert_payload(&bytes, number);
            }
            done.store(true, Ordering::Relaxed);
        });
        for _ in 0..ROUNDS {
            let reply = pair.connector.request(1, b"well?", SOON);
            assert_eq!(reply.expect("it is answered").to_vec(), b"yes");
        }
        receiver.join().expect("no panic");
    });
    assert!(done.into_inner());
}

pub fn only_requests_can_be_answered(way: Way) {
    let pair = way.pair("");
    pair.connector.send(b"plain", SOON).expect("there is room");
    let info = pair.acceptor.recv_view(SOON).expect("it comes").info();
    assert!(!info.is_request() && !info.is_reply() && info.id == 0);
    assert_eq!(status(pair.acceptor.reply(&info, b"what?", SOON)), Status::Invalid);
    let made_up = Info { id: 7, ..info };
    assert_eq!(status(pair.acceptor.reply(&made_up, b"what?", SOON)), Status::Invalid);
}

pub fn large_requests_and_replies_arrive(way: Way) {
    const LEN: usize = 3 << 20;
    let pair = way.pair("ring=16KiB");
    thread::scope(|scope| {
        scope.spawn(|| serve(&pair.acceptor));
        for number in 0..5 {
            let reply = pair.connector.request(1, &payload(number, LEN), SOON);
            let reply = reply.expect("it is answered").to_vec();
            assert_eq!(reply.len(), LEN);
            assert_payload(&reply, number);
        }
        pair.connector.close();
    });
}

pub fn a_request_in_halves_gets_its_own_reply(way: Way) {
    let pair = way.pair("");
    let (client, server) = (&pair.connector, &pair.acceptor);
    let ids = [1, 2, 3].map(|tag| client.request_begin(tag, b"?", SOON).expect("there is room"));
    assert_eq!(status(client.request_end(ids[0], NOW)), Status::Again);
    let short = Some(Duration::from_millis(3));
    assert_eq!(status(client.request_end(ids[0], short)), Status::TimedOut);
    let requests = ids.map(|id| {
        let info = server.recv_view(SOON).expect("it was sent").info();
        assert!(info.is_request() && info.id == id);
        info
    });
    server.send(b"meanwhile", SOON).expect("there is room");
    for info in requests.iter().rev() {
        server.reply(info, &[info.tag as u8], SOON).expect("there is room");
    }
    client.request_cancel(ids[1]).expect("it was begun");
    for tag in [1, 3] {
        let reply = client.request_end(ids[tag - 1], SOON).expect("it was answered");
        assert!(reply.info().is_reply() && reply.to_vec() == [tag as u8]);
    }
    // The cancelled one's reply is for nobody, and no receiving call gets any.
    assert_eq!(client.recv_vec(SOON).expect("it was sent"), b"meanwhile");
    assert_eq!(status(client.recv_vec(NOW)), Status::Again);
    for id in ids.into_iter().chain([77]) {
        assert_eq!(status(client.request_end(id, SOON)), Status::Invalid);
        assert_eq!(status(client.request_cancel(id)), Status::Invalid);
    }
}

pub fn a_reply_that_another_call_reads_shows_on_the_fd(way: Way) {
    let pair = way.pair("");
    let fd = pair.connector.fd().expect("a descriptor");
    let id = pair.connector.request_begin(1, b"?", SOON).expect("there is room");
    let info = pair.acceptor.recv_view(SOON).expect("it was sent").info();
    assert_eq!(status(pair.connector.request_end(id, NOW)), Status::Again);
    assert!(!is_readable(fd));
    pair.acceptor.reply(&info, b"!", SOON).expect("there is room");
    assert!(readable_within(fd, SOON.expect("a limit")), "the reply has come");
    for _ in 0..3 {
        assert_eq!(status(pair.connector.recv_vec(NOW)), Status::Again);
        assert!(is_readable(fd), "the reply waits to be fetched");
    }
    assert_eq!(pair.connector.request_end(id, NOW).expect("it is there").to_vec(), b"!");
    assert_eq!(status(pair.connector.recv_vec(NOW)), Status::Again);
    assert!(!is_readable(fd));
}

pub fn a_started_request_can_be_cancelled(way: Way) {
    let pair = way.pair("");
    let ids = [1, 2].map(|tag| pair.connector.request_start(tag, b"?", SOON).expect("room"));
    pair.connector.request_cancel(ids[0]).expect("it was started");
    for _ in ids {
        let info = pair.acceptor.recv_view(SOON).expect("it was sent").info();
        pair.acceptor.reply(&info, b"!", SOON).expect("there is room");
    }
    assert_eq!(pair.connector.recv_view(SOON).expect("it was answered").info().id, ids[1]);
    assert_eq!(status(pair.connector.recv_view(NOW)), Status::Again);
    assert_eq!(status(pair.connector.request_cancel(ids[1])), Status::Invalid);
}

pub fn the_end_is_the_end_of_a_request_in_halves(way: Way) {
    let pair = way.pair("");
    let id = pair.connector.request_begin(1, b"?", SOON).expect("there is room");
    pair.acceptor.close();
    assert_eq!(status(pair.connector.request_end(id, SOON)), Status::Closed);
    assert_eq!(status(pair.connector.request_end(id, SOON)), Status::Invalid);
}
