//! A message that was taken though its sender ran out of time: what is left of it goes out later.

use super::Way;
use super::readiness::silence;
use crate::common::event::{Events, is_readable};
use crate::common::{SOON, assert_payload, at_once, payload, status};
use std::io::IoSlice;
use std::thread;
use std::time::Duration;
use treenail::{Channel, NOW, Status};

/// Over ten rings, and more than a socket's buffers hold.
const LARGE: usize = 4 << 20;

fn pending(channel: &Channel) -> u64 {
    channel.stats().expect("it is open").pending_bytes
}

/// Receives `len` bytes, in one message or in pieces.
fn receive(channel: &Channel, len: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < len {
        all.extend(channel.recv_vec(SOON).expect("more comes"));
    }
    assert_eq!(all.len(), len);
    all
}

pub fn a_send_that_ran_out_of_time_is_finished_by_flush(way: Way) {
    for time in [NOW, Some(Duration::from_millis(5))] {
        let pair = way.pair("ring=64KiB");
        let bytes = payload(1, LARGE);
        at_once(|| pair.connector.send(&bytes, time)).expect("it is taken");
        let left = pending(&pair.connector);
        assert!(left > 0 && left < LARGE as u64, "{left} are left");
        assert_eq!(status(pair.connector.flush(NOW)), Status::Again);
        let late = pair.connector.flush(Some(Duration::from_millis(5)));
        assert_eq!(status(late), Status::TimedOut);
        thread::scope(|scope| {
            let receiver = scope.spawn(|| receive(&pair.acceptor, LARGE));
            pair.connector.flush(SOON).expect("the peer reads");
            assert_eq!(pending(&pair.connector), 0);
            assert_payload(&receiver.join().expect("no panic"), 1);
        });
        pair.connector.send(b"after", SOON).expect("there is room");
        assert_eq!(pair.acceptor.recv_vec(SOON).expect("it comes"), b"after");
    }
}

pub fn a_remainder_goes_out_with_later_calls(way: Way) {
    let pair = way.pair("ring=64KiB");
    for number in 0..20 {
        pair.connector.send(&payload(number, LARGE / 4), NOW).expect("it is taken");
        assert!(pending(&pair.connector) > 0);
        thread::scope(|scope| {
            let receiver = scope.spawn(|| pair.acceptor.recv_vec(SOON));
            // Sometimes a send moves it, sometimes a receive that waits for an answer.
            if number % 2 == 0 {
                let sent = pair.connector.send(&payload(100, 10), SOON);
                sent.expect("the peer reads");
            }
            let answer = scope.spawn(|| pair.connector.recv_vec(SOON));
            let received = receiver.join().expect("no panic").expect("it comes");
            assert_eq!(received.len(), LARGE / 4);
            assert_payload(&received, number);
            pair.acceptor.send(b"thanks", SOON).expect("there is room");
            let answer = answer.join().expect("no panic");
            assert_eq!(answer.expect("it was sent"), b"thanks");
            if number % 2 == 0 {
                assert_payload(&pair.acceptor.recv_vec(SOON).expect("it was sent"), 100);
            }
        });
        pair.connector.flush(SOON).expect("it is out already");
    }
}

pub fn a_remainder_goes_out_by_receiving_at_the_fd_alone(way: Way) {
    let pair = way.pair("ring=16KiB");
    let channel = &pair.connector;
    let events = Events::of(channel.fd().expect("a descriptor"));
    for number in 0..10 {
        let bytes = payload(number, LARGE);
        match number % 2 {
            0 => channel.send(&bytes, NOW).expect("it is taken"),
            _ => assert_eq!(channel.send_many(&[IoSlice::new(&bytes)], NOW).expect("too"), 1),
        }
        thread::scope(|scope| {
            let receiver = scope.spawn(|| receive(&pair.acceptor, LARGE));
            while pending(channel) > 0 {
                events.wait();
                assert_eq!(status(channel.recv_vec(NOW)), Status::Again);
            }
            assert_payload(&receiver.join().expect("no panic"), number);
        });
        silence(channel);
    }
}

pub fn a_remainder_goes_out_when_the_fd_is_serviced(way: Way) {
    let pair = way.pair("ring=16KiB");
    let events = Events::of(pair.connector.send_fd().expect("a descriptor"));
    for number in 0..10 {
        pair.connector.send(&payload(number, LARGE), NOW).expect("it is taken");
        thread::scope(|scope| {
            let receiver = scope.spawn(|| receive(&pair.acceptor, LARGE));
            while let Err(error) = pair.connector.flush(NOW) {
                assert_eq!(error.status(), Status::Again, "{error}");
                events.wait();
            }
            assert_payload(&receiver.join().expect("no panic"), number);
        });
    }
}

pub fn what_a_batch_left_goes_out_when_the_fd_shows_room(way: Way) {
    let pair = way.pair("ring=16KiB");
    let channel = &pair.connector;
    let events = Events::of(channel.send_fd().expect("a descriptor"));
    for number in 0..10 {
        // One message that is never taken at once, or many of which one may be cut.
        let size = if number % 2 == 0 { LARGE } else { 20_000 + 1000 * number };
        let bytes = payload(number as u64, LARGE);
        let batch: Vec<_> = bytes.chunks(size).map(IoSlice::new).collect();
        silence(channel);
        let sent = channel.send_many(&batch, NOW).expect("the first begins to go out");
        let left = pending(channel);
        assert!(left > 0 || size < LARGE, "all went out");
        let len = batch[..sent].iter().map(|message| message.len()).sum();
        thread::scope(|scope| {
            let receiver = scope.spawn(|| receive(&pair.acceptor, len));
            if left > 0 {
                // Before any other call: the batch itself has asked for room.
                events.wait();
            }
            while let Err(error) = channel.flush(NOW) {
                assert_eq!(error.status(), Status::Again, "{error}");
                events.wait();
            }
            assert_payload(&receiver.join().expect("no panic"), number as u64);
        });
    }
}

pub fn room_for_more_of_a_batch_is_not_kept_from_its_sender(way: Way) {
    for number in 0..5 {
        let pair = way.pair("ring=16KiB");
        let channel = &pair.connector;
        let fd = channel.fd().expect("a descriptor");
        let send_fd = channel.send_fd().expect("a descriptor");
        let bytes = payload(number, LARGE);
        let sent = channel.send_many(&[IoSlice::new(&bytes)], NOW);
        assert_eq!(sent.expect("it begins to go out"), 1);
        thread::scope(|scope| {
            let receiver = scope.spawn(|| receive(&pair.acceptor, LARGE));
            // Another thread only receives: on its way it sends the rest.
            let other = scope.spawn(|| {
                let events = Events::of(fd);
                while pending(channel) > 0 {
                    events.wait();
                    assert_eq!(status(channel.recv_vec(NOW)), Status::Again);
                }
                for _ in 0..5 {
                    assert_eq!(status(channel.recv_vec(NOW)), Status::Again);
                }
            });
            assert_payload(&receiver.join().expect("no panic"), number);
            other.join().expect("no panic");
            assert!(is_readable(send_fd), "nobody tells of room");
        });
    }
}

pub fn a_send_without_room_takes_nothing(way: Way) {
    let pair = way.pair("ring=16KiB");
    let bytes = payload(1, LARGE);
    pair.connector.send(&bytes, NOW).expect("it is taken");
    let before = pair.connector.stats().expect("it is open");
    for _ in 0..3 {
        assert_eq!(status(pair.connector.send(b"next", NOW)), Status::Again);
        let short = Some(Duration::from_millis(3));
        assert_eq!(status(pair.connector.send(&bytes, short)), Status::TimedOut);
        let batch = [IoSlice::new(b"next")];
        assert_eq!(status(pair.connector.send_many(&batch, NOW)), Status::Again);
    }
    let after = pair.connector.stats().expect("it is open");
    assert_eq!(after.messages_sent, before.messages_sent);
    assert_eq!(after.pending_bytes, before.pending_bytes);
    thread::scope(|scope| {
        scope.spawn(|| {
            pair.connector.send(b"last", SOON).expect("the peer reads");
            pair.connector.flush(SOON).expect("the peer reads");
        });
        assert_payload(&receive(&pair.acceptor, LARGE), 1);
        assert_eq!(pair.acceptor.recv_vec(SOON).expect("it comes"), b"last");
    });
}

pub fn flush_with_nothing_left_is_done_at_once(way: Way) {
    let pair = way.pair("");
    pair.connector.flush(NOW).expect("nothing is left");
    pair.connector.send(b"some", SOON).expect("there is room");
    pair.connector.flush(NOW).expect("it is in the ring or the kernel");
    assert_eq!(pending(&pair.connector), 0);
}
