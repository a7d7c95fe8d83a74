//! Looking for a short while, before an event loop sleeps.

use super::Way;
use super::readiness::{assert_shows, silence};
use crate::common::event::{Events, is_readable};
use crate::common::{SOON, at_once, status};
use std::thread;
use std::time::Duration;
use treenail::{Channel, NOW, Status};

fn finds(channel: &Channel) -> bool {
    channel.busy_poll().expect("it is open")
}

pub fn a_busy_poll_finds_what_is_there_and_leaves_it(way: Way) {
    for options in ["", "spin=0", "spin=forever", "spin=1000000"] {
        let pair = way.pair(options);
        let channel = &pair.acceptor;
        assert!(!at_once(|| finds(channel)), "nothing was sent");
        pair.connector.send(b"one", SOON).expect("there is room");
        assert_shows(channel);
        for _ in 0..3 {
            assert!(finds(channel), "it stays");
        }
        let fd = channel.fd().expect("a descriptor");
        assert!(is_readable(fd), "what was found still shows");
        assert_eq!(channel.recv_vec(NOW).expect("it is there"), b"one");
        assert!(!finds(channel), "it was received");
        pair.connector.close();
        assert_shows(channel);
        assert!(finds(channel), "the end is something to receive");
        assert_eq!(status(channel.recv_vec(NOW)), Status::Closed);
        channel.close();
        assert_eq!(status(channel.busy_poll()), Status::Closed);
    }
}

pub fn a_busy_poll_hides_nothing_from_the_fd(way: Way) {
    let pair = way.pair("");
    let channel = &pair.acceptor;
    silence(channel);
    assert!(!finds(channel));
    assert!(!is_readable(channel.fd().expect("a descriptor")), "nothing was sent");
    pair.connector.send(b"one", SOON).expect("there is room");
    assert_shows(channel);
    assert!(finds(channel));
    // A program that found it may go back to its loop all the same.
    assert_shows(channel);
    assert_eq!(channel.recv_vec(NOW).expect("it is there"), b"one");
    assert!(!finds(channel));
    pair.connector.send(b"two", SOON).expect("there is room");
    assert_shows(channel);
}

pub fn a_busy_poll_sees_what_comes_meanwhile(way: Way) {
    let pair = way.pair("spin=1000000");
    let (mut tries, channel) = (0, &pair.acceptor);
    thread::scope(|scope| {
        let asked = || status(channel.recv_vec(NOW)) == Status::Again && finds(channel);
        scope.spawn(|| {
            while pair.connector.send(b"x", SOON).is_ok() {
                thread::park_timeout(Duration::from_micros(100));
            }
        });
        // Each try lasts 50 µs at most, and may miss it.
        while !asked() {
            tries += 1;
            assert!(tries < 100_000, "none of {tries} looks saw what came");
        }
        channel.close();
    });
}

/// A conversation of two loops that look before they sleep: whatever they miss is an event.
pub fn loops_that_look_before_they_sleep_lose_no_wake_up(way: Way) {
    const ROUNDS: u32 = 20_000;
    let pair = way.pair("");
    pair.connector.send(&[0; 4], SOON).expect("there is room");
    thread::scope(|scope| {
        for channel in [&pair.connector, &pair.acceptor] {
            scope.spawn(move || converse(channel, ROUNDS));
        }
    });
}

fn converse(channel: &Channel, rounds: u32) {
    let events = Events::of(channel.fd().expect("a descriptor"));
    let mut bytes = [0; 4];
    loop {
        events.wait();
        for turn in 0.. {
            // Some turns end while the other side is about to answer, and some in vain.
            if turn % 7 == 6 || (turn > 0 && !channel.busy_poll().unwrap_or(true)) {
                break;
            }
            match channel.recv(&mut bytes, NOW) {
                Ok(len) => assert_eq!(len, bytes.len()),
                Err(error) if error.status() == Status::Again => break,
                Err(error) if error.status() == Status::Closed => return,
                Err(error) => panic!("{error}"),
            }
            let number = u32::from_le_bytes(bytes) + 1;
            if number > rounds {
                return channel.close();
            }
            channel.send(&number.to_le_bytes(), SOON).expect("there is room");
        }
        // Only a call that says Again lets the fd fall silent.
    }
}
