//! Listeners that refuse, or die, before a connector has heard of them: its next call says so, and
//! each one after it.

use super::calls::{CALLS, LARGE, connected, every_call_gives};
use super::shared::{Place, WAIT, alone, eventually, in_time, leaves_no_descriptors};
use super::shared::{status, thread_time};
use super::talk::{Raw, frame, hello};
use std::thread;
use std::time::Duration;
use treenail::wire::{FEATURE_RING, Kind};
use treenail::{Channel, NOW, Status};

const CLOSE: u8 = Kind::Close as u8;

const REFUSALS: [(&str, Status); 4] = [
    ("TN_DENIED: you may not", Status::Denied),
    ("TN_NO_SPACE: we are full", Status::NoSpace),
    ("TN_TOO_LARGE: less, please", Status::TooLarge),
    ("TN_UNSUPPORTED: not here", Status::Unsupported),
];

#[test]
fn a_refusal_in_the_place_of_hello_is_told_by_the_next_call_and_each_after_it() {
    if !alone(a_refusal_in_the_place_of_hello_is_told_by_the_next_call_and_each_after_it) {
        return;
    }
    for (text, expected) in REFUSALS {
        for scheme in ["local", "shm"] {
            every_call_gives(expected, || {
                let (channel, mut raw, _server) = connected(scheme, "");
                assert!(raw.say(&frame(CLOSE, 0, 0, 0, text.as_bytes())));
                channel
            });
        }
    }
}

#[test]
fn a_refusal_is_told_though_what_was_sent_early_was_never_read() {
    if !alone(a_refusal_is_told_though_what_was_sent_early_was_never_read) {
        return;
    }
    for hello in [Vec::new(), hello(FEATURE_RING)] {
        every_call_gives(Status::Denied, || {
            let (channel, mut raw, _server) = connected("shm", "");
            assert_eq!(status(channel.send(b"early", NOW)), Status::Ok);
            assert!(raw.say(&hello) && raw.say(&frame(CLOSE, 0, 0, 0, b"TN_DENIED: no")));
            channel
        });
    }
}

#[test]
fn a_refusal_ends_a_connect_that_waits() {
    if !alone(a_refusal_ends_a_connect_that_waits) {
        return;
    }
    for hello in [Vec::new(), hello(FEATURE_RING)] {
        for options in ["early=0", "shm=required"] {
            for (text, expected) in REFUSALS {
                let (channel, mut raw, _server) = connected("shm", options);
                assert!(raw.say(&hello) && raw.say(&frame(CLOSE, 0, 0, 0, text.as_bytes())));
                drop(raw);
                for _ in 0..2 {
                    assert_eq!(in_time(WAIT, || status(channel.recv_vec(WAIT))), expected);
                    assert_eq!(in_time(WAIT, || status(channel.send(b"x", WAIT))), expected);
                }
            }
        }
    }
}

#[test]
fn one_without_rings_ends_a_connect_that_must_have_them() {
    if !alone(one_without_rings_ends_a_connect_that_must_have_them) {
        return;
    }
    let no_bit = |raw: &mut Raw| assert!(raw.say(&hello(0)));
    let no_memory = |raw: &mut Raw| {
        assert!(raw.say(&hello(FEATURE_RING)));
        assert!(raw.say(&frame(Kind::Share as u8, 0, 0, 0, b"")));
    };
    for answer in [no_bit as fn(&mut Raw), no_memory] {
        let (channel, mut raw, _server) = connected("shm", "shm=required");
        answer(&mut raw);
        for _ in 0..2 {
            assert_eq!(in_time(WAIT, || status(channel.recv_vec(WAIT))), Status::Unsupported);
            assert_eq!(in_time(WAIT, || status(channel.send(b"x", WAIT))), Status::Unsupported);
        }
        let reason = raw.last_words();
        assert!(reason.starts_with("TN_UNSUPPORTED: "), "told \"{reason}\"");
    }
}

/// A channel whose listener died before it accepted anything.
fn orphaned(options: &str, early: &[u8]) -> Channel {
    let place = Place::new();
    let server = Raw::listen(&place);
    let channel = Channel::connect_start(&place.endpoint("shm", options)).expect("it listens");
    if !early.is_empty() {
        assert_eq!(status(channel.send(early, NOW)), Status::Ok, "the kernel has it");
    }
    drop(server);
    channel
}

#[test]
fn one_that_dies_before_it_accepts_is_a_loss() {
    if !alone(one_that_dies_before_it_accepts_is_a_loss) {
        return;
    }
    leaves_no_descriptors(|| {
        every_call_gives(Status::PeerLost, || orphaned("", b""));
        every_call_gives(Status::PeerLost, || orphaned("", b"early"));
        every_call_gives(Status::PeerLost, || orphaned("early=0", b""));
        every_call_gives(Status::PeerLost, || orphaned("shm=required", b""));
    });
}

#[test]
fn one_that_dies_before_it_accepts_ends_who_waits() {
    if !alone(one_that_dies_before_it_accepts_ends_who_waits) {
        return;
    }
    for options in ["", "early=0", "shm=required"] {
        for (name, call) in CALLS {
            let place = Place::new();
            let server = Raw::listen(&place);
            let channel = Channel::connect_start(&place.endpoint("shm", options));
            let channel = channel.expect("somebody listens");
            let (given, waits) = thread::scope(|scope| {
                let waiting = scope.spawn(|| call(&channel, Some(Duration::from_secs(60))));
                thread::park_timeout(Duration::from_millis(10));
                let waits = !waiting.is_finished();
                drop(server);
                (in_time(NOW, || waiting.join().expect("it returns")), waits)
            });
            assert!(
                given == Status::PeerLost || !waits && given == Status::Ok,
                "{name}: {given:?}"
            );
        }
    }
}

#[test]
fn who_waits_for_hello_to_send_costs_no_processor_time() {
    if !alone(who_waits_for_hello_to_send_costs_no_processor_time) {
        return;
    }
    let timeout = Some(Duration::from_millis(500));
    for said in [0, 5, 16, 47] {
        let (channel, mut raw, _server) = connected("shm", "");
        assert!(raw.say(&hello(FEATURE_RING)[..said]));
        let before = thread_time();
        assert_eq!(in_time(timeout, || status(channel.send(LARGE, timeout))), Status::TimedOut);
        let used = thread_time() - before;
        assert!(used < Duration::from_millis(50), "waiting took {used:?} of the processor");
        eventually("the rest is welcome", || raw.say(&hello(FEATURE_RING)[said..]));
        thread::scope(|scope| {
            scope.spawn(|| assert_eq!(raw.expect(Kind::Data).len(), LARGE.len()));
            assert_eq!(status(channel.send(LARGE, WAIT)), Status::Ok);
        });
    }
}
