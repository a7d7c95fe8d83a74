//! When the fd is readable, and when it isn't.

use super::Way;
use crate::common::event::{is_readable, readable_within};
use crate::common::{SOON, WATCHDOG, payload, status};
use std::io::IoSlice;
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;
use treenail::{Channel, FOREVER, NOW, Status};

/// Fails unless the fd becomes readable.
pub fn assert_shows(channel: &Channel) {
    let fd = channel.fd().expect("a descriptor");
    assert!(readable_within(fd, Duration::from_secs(10)), "no event");
}

/// Receives until Again, after which the fd must be silent.
fn settle(channel: &Channel) -> usize {
    let mut received = 0;
    loop {
        match channel.recv_vec(NOW) {
            Ok(_) => received += 1,
            Err(error) => {
                assert_eq!(error.status(), Status::Again, "{error}");
                return received;
            }
        }
    }
}

/// Calls until Again, until the fd keeps silent; what is on its way may call back a few times.
pub fn silence(channel: &Channel) {
    for _ in 0..100 {
        settle(channel);
        if !is_readable(channel.fd().expect("a descriptor")) {
            return;
        }
    }
    panic!("the fd stays readable though calls return Again");
}

pub fn the_fd_is_readable_until_again(way: Way) {
    let pair = way.pair("");
    for (from, to) in [(&pair.connector, &pair.acceptor), (&pair.acceptor, &pair.connector)] {
        let number = to.fd().expect("a descriptor").as_raw_fd();
        assert!(is_readable(to.fd().expect("a descriptor")), "from the start");
        silence(to);
        for _ in 0..100 {
            from.send(b"one", SOON).expect("there is room");
            assert_shows(to);
            assert!(is_readable(to.fd().expect("a descriptor")), "level-triggered");
            assert_eq!(to.recv_vec(NOW).expect("it is there"), b"one");
            silence(to);
        }
        assert_eq!(to.fd().expect("a descriptor").as_raw_fd(), number);
    }
}

pub fn the_fd_shows_room(way: Way) {
    let pair = way.pair("ring=4KiB");
    let channel = &pair.connector;
    let fd = channel.send_fd().expect("a descriptor");
    assert!(is_readable(fd), "from the start");
    for _ in 0..50 {
        let bytes = payload(0, 500);
        while channel.send(&bytes, NOW).is_ok() {
            assert!(is_readable(fd), "no send was refused");
        }
        assert!(!is_readable(fd), "there is no room");
        silence(channel);
        while settle(&pair.acceptor) > 0 {}
        assert!(readable_within(fd, WATCHDOG), "there is room");
        silence(channel);
        assert!(is_readable(fd), "receiving calls hide no room");
        channel.send(&bytes, NOW).expect("there is room");
        while settle(&pair.acceptor) > 0 {}
    }
}

pub fn the_fd_shows_the_end(way: Way) {
    for watch_first in [true, false] {
        let pair = way.pair("");
        if watch_first {
            silence(&pair.connector);
        }
        pair.acceptor.close();
        for _ in 0..3 {
            assert_shows(&pair.connector);
            assert_eq!(status(pair.connector.recv_vec(NOW)), Status::Closed);
        }
        let pair = way.pair("");
        silence(&pair.connector);
        pair.connector.close();
        for _ in 0..3 {
            assert_shows(&pair.connector);
            assert_eq!(status(pair.connector.recv_vec(NOW)), Status::Closed);
        }
    }
}

pub fn the_fd_stays_readable_while_messages_are_left(way: Way) {
    let pair = way.pair("");
    silence(&pair.acceptor);
    for len in [1, 100, 9000, 100_000] {
        thread::scope(|scope| {
            scope.spawn(|| {
                let bytes = payload(0, len);
                let batch = [IoSlice::new(&bytes); 5];
                let mut sent = 0;
                while sent < 5 {
                    let more = pair.connector.send_many(&batch[sent..], SOON);
                    sent += more.expect("there is room");
                }
                pair.connector.flush(SOON).expect("there is room");
            });
            for _ in 0..5 {
                assert_shows(&pair.acceptor);
                let bytes = loop {
                    match pair.acceptor.recv_vec(NOW) {
                        Ok(bytes) => break bytes,
                        // Not all of it was here; the rest calls back.
                        Err(error) => assert_eq!(error.status(), Status::Again),
                    }
                    assert_shows(&pair.acceptor);
                };
                assert_eq!(bytes.len(), len);
            }
        });
        silence(&pair.acceptor);
    }
}

pub fn a_waiting_thread_leaves_the_fd_its_events(way: Way) {
    let pair = way.pair("");
    for _ in 0..200 {
        silence(&pair.acceptor);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| pair.acceptor.recv_vec(FOREVER));
            let batch = [IoSlice::new(b"one"), IoSlice::new(b"two")];
            let sent = pair.connector.send_many(&batch, SOON);
            assert_eq!(sent.expect("there is room"), 2);
            let first = waiter.join().expect("no panic");
            assert_eq!(first.expect("it was sent"), b"one");
        });
        assert_shows(&pair.acceptor);
        assert_eq!(pair.acceptor.recv_vec(NOW).expect("the second"), b"two");
    }
}
