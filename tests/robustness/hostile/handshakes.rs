//! Handshakes of the impolite: nonsense, slowness and other versions, on either side.

use super::shared::{Place, Random, WAIT, alone, in_time, leaves_no_descriptors, status};
use super::talk::{Raw, data, frame, hello};
use std::thread;
use std::time::Duration;
use treenail::wire::{FEATURE_LISTENER, FEATURE_RING, Kind};
use treenail::{Channel, Listener, Status};

const SHORT: Option<Duration> = Some(Duration::from_millis(20));

/// First bytes that are no HELLO: random ones, and those that look like one for a while.
fn nonsense(random: &mut Random) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..1 + random.below(200)).map(|_| random.word() as u8).collect();
    match random.below(4) {
        0 => bytes,
        1 => [frame(1 + random.below(7) as u8, 0, 0, 0, &bytes), hello(1)].concat(),
        2 => {
            let mut hello = hello(FEATURE_RING);
            let at = random.below(hello.len());
            hello[at] ^= 1 << random.below(8);
            [hello, bytes].concat()
        }
        _ => {
            bytes.splice(0..0, hello(FEATURE_RING));
            bytes
        }
    }
}

/// Whether an honest program gets in.
fn is_served(place: &Place, listener: &Listener) -> bool {
    thread::scope(|scope| {
        let accepting = scope.spawn(|| listener.accept(WAIT));
        let channel = place.connect("shm");
        let accepted = accepting.join().expect("accept returns");
        match (channel, accepted) {
            (Ok(channel), Ok(accepted)) => {
                channel.send(b"hello", WAIT).is_ok() && accepted.recv_vec(WAIT).is_ok()
            }
            _ => false,
        }
    })
}

#[test]
fn nonsense_from_connectors_holds_up_nobody() {
    if !alone(nonsense_from_connectors_holds_up_nobody) {
        return;
    }
    let mut random = Random::seeded();
    let place = Place::new();
    let listener = place.listener("shm", "handshake_ms=100&backlog=512");
    leaves_no_descriptors(|| {
        let mut talkers = Vec::new();
        for _ in 0..200 {
            let mut raw = Raw::connect(&place);
            raw.say(&nonsense(&mut random));
            talkers.push(raw);
            // Some of it may be a proper handshake up to here.
            while let Ok(channel) = listener.accept(treenail::NOW) {
                drop(channel);
            }
        }
        drop(talkers);
        while listener.accept(SHORT).is_ok() {}
        assert!(is_served(&place, &listener));
    });
}

#[test]
fn nonsense_from_listeners_is_an_error_in_time() {
    if !alone(nonsense_from_listeners_is_an_error_in_time) {
        return;
    }
    let mut random = Random::seeded();
    let place = Place::new();
    let server = Raw::listen(&place);
    let endpoints = ["handshake_ms=200&early=0", ""].map(|options| place.endpoint("shm", options));
    leaves_no_descriptors(|| {
        for number in 0..100 {
            let bytes = nonsense(&mut random);
            thread::scope(|scope| {
                scope.spawn(|| {
                    let mut raw = Raw::accept(&server);
                    raw.say(&bytes);
                    // Whatever it thinks of it, it gets no more.
                    raw.0.shutdown(std::net::Shutdown::Write).is_ok()
                });
                let endpoint = &endpoints[number % 2];
                let status = in_time(WAIT, || {
                    // Without early=0 the first call says what connect otherwise does.
                    let channel = Channel::connect(endpoint, WAIT);
                    status(channel.and_then(|channel| channel.recv_vec(WAIT)))
                });
                assert!(!matches!(status, Status::Internal | Status::TimedOut), "{bytes:?}");
            });
        }
    });
}

#[test]
fn a_connector_that_says_hello_byte_by_byte_is_welcome() {
    if !alone(a_connector_that_says_hello_byte_by_byte_is_welcome) {
        return;
    }
    for scheme in ["local", "shm"] {
        let place = Place::new();
        let listener = place.listener(scheme, "");
        thread::scope(|scope| {
            let accepting = scope.spawn(|| listener.accept(WAIT));
            let mut raw = Raw::connect(&place);
            for byte in hello(0).chunks(1) {
                assert!(raw.say(byte));
                thread::yield_now();
            }
            raw.expect(Kind::Hello);
            let channel = accepting.join().expect("accept returns").expect("it is only slow");
            data(b"and so on").chunks(1).for_each(|byte| assert!(raw.say(byte)));
            assert_eq!(channel.recv_vec(WAIT).expect("it came"), b"and so on");
        });
    }
}

#[test]
fn a_listener_that_says_everything_byte_by_byte_is_welcome() {
    if !alone(a_listener_that_says_everything_byte_by_byte_is_welcome) {
        return;
    }
    let place = Place::new();
    let server = Raw::listen(&place);
    thread::scope(|scope| {
        let serving = scope.spawn(|| {
            let mut raw = Raw::accept(&server);
            raw.expect(Kind::Hello);
            let bytes = [hello(0), data(b"slowly")].concat();
            bytes.chunks(1).for_each(|byte| assert!(raw.say(byte)));
            raw
        });
        let channel = Channel::connect(&place.endpoint("shm", ""), WAIT).expect("it is only slow");
        assert_eq!(channel.recv_vec(WAIT).expect("it came"), b"slowly");
        drop(serving.join());
    });
}

#[test]
fn a_listener_of_another_major_version_is_refused_and_told_so() {
    if !alone(a_listener_of_another_major_version_is_refused_and_told_so) {
        return;
    }
    for (version, options) in [(0u16, ""), (2, "early=0"), (0x0100, ""), (u16::MAX, "early=0")] {
        let place = Place::new();
        let server = Raw::listen(&place);
        thread::scope(|scope| {
            let serving = scope.spawn(|| {
                let mut raw = Raw::accept(&server);
                let mut other = hello(FEATURE_RING);
                other[24..26].copy_from_slice(&version.to_le_bytes());
                assert!(raw.say(&other));
                raw.expect(Kind::Hello);
                raw.last_words()
            });
            let channel = Channel::connect(&place.endpoint("shm", options), WAIT);
            let refused = channel.and_then(|channel| channel.recv_vec(WAIT)).err();
            let refused = refused.expect("another version is refused");
            assert_eq!(refused.status(), Status::Protocol);
            let reason = serving.join().expect("the library connects");
            for text in [reason, refused.to_string()] {
                let says = text.contains("wire format") && text.contains(&version.to_string());
                assert!(says, "\"{text}\" does not say that {version} was offered");
            }
        });
    }
}

#[test]
fn a_minor_version_and_features_of_the_future_are_welcome() {
    if !alone(a_minor_version_and_features_of_the_future_are_welcome) {
        return;
    }
    let place = Place::new();
    let listener = place.listener("local", "");
    thread::scope(|scope| {
        let accepting = scope.spawn(|| listener.accept(WAIT));
        let mut raw = Raw::connect(&place);
        let mut future = hello(!FEATURE_LISTENER);
        future[26..28].copy_from_slice(&u16::MAX.to_le_bytes());
        assert!(raw.say(&future));
        raw.expect(Kind::Hello);
        accepting.join().expect("accept returns").expect("the smaller minor version rules");
    });
}

#[test]
fn a_connector_that_hangs_up_at_any_byte_is_no_failure_of_the_listener_s() {
    if !alone(a_connector_that_hangs_up_at_any_byte_is_no_failure_of_the_listener_s) {
        return;
    }
    let place = Place::new();
    let listener = place.listener("shm", "handshake_ms=500");
    leaves_no_descriptors(|| {
        for said in 0..48 {
            let mut raw = Raw::connect(&place);
            raw.say(&hello(FEATURE_RING)[..said]);
            drop(raw);
            assert_eq!(status(listener.accept(treenail::NOW)), Status::Again, "after {said} bytes");
        }
        assert!(is_served(&place, &listener));
    });
}

#[test]
fn a_listener_that_hangs_up_at_any_byte_is_lost() {
    if !alone(a_listener_that_hangs_up_at_any_byte_is_lost) {
        return;
    }
    let place = Place::new();
    let server = Raw::listen(&place);
    leaves_no_descriptors(|| {
        for said in 0..=48 {
            let hang_up = || Raw::accept(&server).say(&hello(FEATURE_RING)[..said]);
            thread::scope(|scope| {
                scope.spawn(hang_up);
                let endpoint = place.endpoint("shm", "early=0");
                let status = in_time(WAIT, || status(Channel::connect(&endpoint, WAIT)));
                assert_eq!(status, Status::PeerLost, "after {said} bytes");
            });
            thread::scope(|scope| {
                scope.spawn(hang_up);
                let channel = Channel::connect(&place.endpoint("shm", ""), WAIT);
                let channel = channel.expect("somebody listens");
                let status = in_time(WAIT, || status(channel.recv_vec(WAIT)));
                assert_eq!(status, Status::PeerLost, "after {said} bytes");
            });
        }
    });
}
