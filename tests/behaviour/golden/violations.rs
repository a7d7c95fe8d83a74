//! What isn't this format is refused: in the handshake and after it, by either side.

use super::plain::{Place, Plain, SOON, frame, golden};
use super::{WAIT, accept_plain, accepted};
use crate::common::{Fails, status};
use std::thread;
use std::time::Duration;
use treenail::{Channel, Listener, NOW, Status};

/// A HELLO with some bytes of its payload changed.
fn hello_with(offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut hello = golden("hello-minimal");
    hello[16 + offset..16 + offset + bytes.len()].copy_from_slice(bytes);
    hello
}

/// First words that are no HELLO of this version, and what the reason must mention.
fn bad_hellos() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let minimal = golden("hello-minimal");
    let mut nonzero = minimal.clone();
    nonzero[6] = 1;
    let mut flagged = minimal.clone();
    flagged[5] = 1;
    let mut long = frame(1, 0, 0, 0, &minimal[16..]);
    long.resize(16 + 1025, 0);
    long[..4].copy_from_slice(&1025u32.to_le_bytes());
    vec![
        ("bad magic", hello_with(0, b"TREENAIX"), ""),
        ("major version 2", hello_with(8, &[2, 0]), "1"),
        ("major version 0", hello_with(8, &[0, 0]), "1"),
        ("messages of no bytes", hello_with(12, &[0; 4]), ""),
        ("a short HELLO", frame(1, 0, 0, 0, &minimal[16..47]), ""),
        ("an empty HELLO", frame(1, 0, 0, 0, &[]), ""),
        ("a long HELLO", long, ""),
        ("a HELLO that announces 4 GiB", [&[0xff; 4], &minimal[4..]].concat(), ""),
        ("a zero field that isn't", nonzero, ""),
        ("a HELLO with flags", flagged, ""),
        ("DATA first", golden("data"), ""),
        ("PING first", golden("ping"), ""),
        ("SHARE first", golden("share-none"), ""),
        ("an unknown kind", frame(99, 0, 0, 0, &[]), ""),
        ("another protocol", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), ""),
        ("zeros", vec![0; 64], ""),
    ]
}

#[test]
fn a_listener_refuses_what_is_no_hello_and_serves_the_next() {
    for scheme in ["local", "shm"] {
        let place = Place::new();
        let listener = Listener::open(&place.endpoint(scheme, "")).expect("the path is free");
        for (name, bytes, mention) in bad_hellos() {
            thread::scope(|scope| {
                let accepting = scope.spawn(|| listener.accept(WAIT).map(drop));
                let mut bad = Plain::connect(&place);
                bad.try_to_say(&bytes);
                let reason = bad.reason_at_the_end();
                if name.starts_with("major") {
                    let reason = reason.expect("a CLOSE says why");
                    assert!(reason.contains(mention) && reason.contains("wire format"), "{reason}");
                }
                let mut good = Plain::connect(&place);
                good.say(&golden("hello-minimal"));
                let accepted = accepting.join().expect("accept does not panic");
                assert!(accepted.is_ok(), "after {name}: {accepted:?}");
            });
        }
    }
}

#[test]
fn a_connector_refuses_what_is_no_hello() {
    for scheme in ["local", "shm"] {
        for (name, bytes, _) in bad_hellos() {
            let place = Place::new();
            let listener = place.listen();
            let endpoint = place.endpoint(scheme, "");
            thread::scope(|scope| {
                scope.spawn(|| {
                    let mut server = accept_plain(&listener);
                    server.try_to_say(&bytes);
                    server.reason_at_the_end();
                });
                let channel = Channel::connect(&endpoint, WAIT).expect("somebody listens");
                for _ in 0..2 {
                    assert_eq!(status(channel.recv_vec(WAIT)), Status::Protocol, "{name}");
                }
            });
        }
    }
}

#[test]
fn a_connector_that_is_hung_up_on_has_lost_its_peer() {
    for words in [vec![], golden("hello-minimal")[..20].to_vec()] {
        let place = Place::new();
        let listener = place.listen();
        thread::scope(|scope| {
            scope.spawn(|| accept_plain(&listener).try_to_say(&words));
            let channel = Channel::connect(&place.endpoint("local", ""), WAIT);
            let channel = channel.expect("somebody listens");
            channel.recv_vec(WAIT).fails_with(Status::PeerLost);
        });
    }
}

#[test]
fn a_connector_told_to_go_gives_the_reason() {
    let place = Place::new();
    let listener = place.listen();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut server = accept_plain(&listener);
            server.say(&golden("close"));
            server.reason_at_the_end();
        });
        let channel = Channel::connect(&place.endpoint("local", ""), WAIT);
        let channel = channel.expect("somebody listens");
        let error = channel.recv_vec(WAIT).expect_err("a CLOSE");
        assert!(error.to_string().contains("goodbye"), "{error}");
    });
}

/// What may not follow a handshake, at a receiver that takes 1000 bytes.
fn bad_frames() -> Vec<(&'static str, Vec<u8>)> {
    let mut nonzero = golden("data");
    nonzero[6] = 1;
    let mut other_nonzero = golden("data");
    other_nonzero[7] = 0x80;
    let announced = [&u32::MAX.to_le_bytes()[..], &[2, 0, 0, 0], &[0; 8]].concat();
    let fragments = [frame(2, 4, 0, 0, &[0; 600]), frame(2, 0, 0, 0, &[0; 600])].concat();
    let first = frame(2, 4, 7, 0, b"abc");
    let then = |next: Vec<u8>| [first.clone(), next].concat();
    vec![
        ("a zero field that isn't", nonzero),
        ("the other byte of it", other_nonzero),
        ("kind 0", frame(0, 0, 0, 0, &[])),
        ("kind 8", frame(8, 0, 0, 0, &[])),
        ("kind 255", frame(255, 0, 0, 0, b"?")),
        ("an unknown flag", frame(2, 8, 0, 0, b"x")),
        ("request and reply at once", frame(2, 3, 0, 1, b"x")),
        ("a request without an id", frame(2, 1, 0, 0, b"x")),
        ("a reply without an id", frame(2, 2, 0, 0, b"x")),
        ("a message of 1001 bytes", frame(2, 0, 0, 0, &[0; 1001])),
        ("4 GiB announced", announced),
        ("fragments of 1200 bytes", fragments),
        ("another tag in a fragment", then(frame(2, 0, 8, 0, b"def"))),
        ("other flags in a fragment", then(frame(2, 1, 7, 3, b"def"))),
        ("a ping of 65 bytes", frame(3, 0, 0, 0, &[0; 65])),
        ("a second HELLO", golden("hello-minimal")),
        ("a SHARE out of place", golden("share-refused")),
        ("padding outside of a ring", frame(6, 0, 0, 0, &[0; 16])),
    ]
}

#[test]
fn a_receiver_refuses_bad_frames_after_handing_out_what_came_before() {
    for (name, bytes) in bad_frames() {
        let place = Place::new();
        let (_listener, channel, mut client) = accepted(&place);
        client.say(&golden("data"));
        client.try_to_say(&bytes);
        client.try_to_say(&golden("data"));
        assert_eq!(channel.recv_vec(WAIT).expect("what came before"), b"hello");
        assert_eq!(status(channel.recv_vec(WAIT)), Status::Protocol, "{name}");
        assert_eq!(status(channel.recv_vec(NOW)), Status::Protocol, "{name}: and so it stays");
        assert_eq!(status(channel.send(b"x", NOW)), Status::Protocol, "{name}: and so it stays");
        client.reason_at_the_end();
    }
}

#[test]
fn a_ping_of_64_bytes_comes_back() {
    let place = Place::new();
    let (_listener, channel, mut client) = accepted(&place);
    client.say(&frame(3, 0, 0, 0, &[7; 64]));
    client.say(&golden("data"));
    assert_eq!(channel.recv_vec(WAIT).expect("a message"), b"hello");
    assert_eq!(client.frame().expect("a PONG").bytes, frame(4, 0, 0, 0, &[7; 64]));
}

#[test]
fn a_message_of_exactly_the_largest_size_is_taken_whole_or_in_fragments() {
    let place = Place::new();
    let (_listener, channel, mut client) = accepted(&place);
    client.say(&frame(2, 0, 0, 0, &[1; 1000]));
    client.say(&frame(2, 4, 0, 0, &[2; 999]));
    client.say(&frame(2, 0, 0, 0, &[2; 1]));
    assert_eq!(channel.recv_vec(WAIT).expect("a message"), [1; 1000]);
    assert_eq!(channel.recv_vec(WAIT).expect("a message"), [2; 1000]);
}

#[test]
fn who_says_nothing_is_dropped_after_the_handshake_s_time() {
    let place = Place::new();
    let endpoint = place.endpoint("local", "?handshake_ms=30");
    let listener = Listener::open(&endpoint).expect("the path is free");
    thread::scope(|scope| {
        let accepting = scope.spawn(|| listener.accept(WAIT).map(drop));
        let mut silent = Plain::connect(&place);
        let before = std::time::Instant::now();
        silent.reason_at_the_end();
        assert!(before.elapsed() >= Duration::from_millis(20) && before.elapsed() < SOON);
        let mut good = Plain::connect(&place);
        good.say(&golden("hello-minimal"));
        let accepted = accepting.join().expect("accept does not panic");
        assert!(accepted.is_ok(), "{accepted:?}");
    });
}
