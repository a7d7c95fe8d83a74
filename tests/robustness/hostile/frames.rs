//! Frames that don't keep to the format, after a proper handshake: an error that is final.

use super::pages::{Arena, VICTIMS};
use super::shared::{Place, WAIT, alone, eventually, in_time, status};
use super::talk::{Raw, data, frame, greet, header, hello, moves};
use std::thread;
use std::time::Duration;
use treenail::wire::Kind;
use treenail::{Channel, Status};

const DATA: u8 = Kind::Data as u8;
const SHORT: Option<Duration> = Some(Duration::from_millis(20));

type Frames = Vec<Vec<u8>>;

/// What no receiver takes, wherever it comes.
fn bad_everywhere() -> Vec<(&'static str, Frames)> {
    let one = |bytes: Vec<u8>| vec![bytes];
    let mut zero_field = data(b"x");
    zero_field[6] = 1;
    let mut high_zero_field = data(b"x");
    high_zero_field[7] = 0x80;
    let mixed =
        |flags, tag, id| vec![frame(DATA, 4, 1, 0, b"a"), frame(DATA, flags, tag, id, b"b")];
    vec![
        ("a zero field that isn't", one(zero_field)),
        ("a zero field that isn't, above", one(high_zero_field)),
        ("an unknown flag", one(frame(DATA, 8, 0, 0, b"x"))),
        ("all flags", one(frame(DATA, 0xff, 0, 1, b"x"))),
        ("a request that is a reply", one(frame(DATA, 3, 0, 1, b"x"))),
        ("a request without an id", one(frame(DATA, 1, 0, 0, b"x"))),
        ("a reply without an id", one(frame(DATA, 2, 0, 0, b"x"))),
        ("an id without a request", one(frame(DATA, 0, 0, 7, b"x"))),
        ("kind 0", one(frame(0, 0, 0, 0, b"x"))),
        ("kind 8", one(frame(8, 0, 0, 0, b"x"))),
        ("kind 255", one(frame(255, 0, 0, 0, b"x"))),
        ("a HELLO again", one(hello(0))),
        ("a SHARE", one(frame(Kind::Share as u8, 0, 0, 0, &[0; 4]))),
        ("a SHARE with flags", one(frame(Kind::Share as u8, 4, 0, 0, &[0; 48]))),
        ("fragments with two tags", mixed(0, 2, 0)),
        ("fragments with two ids", mixed(1, 1, 9)),
        ("fragments that turn to a reply", mixed(2, 1, 9)),
        ("fragments with two tags, going on", mixed(4, 2, 0)),
    ]
}

/// What is bad on a socket.
fn bad_on_a_socket() -> Vec<(&'static str, Frames)> {
    let mut bad = bad_everywhere();
    let ping = frame(Kind::Ping as u8, 0, 0, 0, &[0; 65]);
    bad.push(("a PAD", vec![frame(Kind::Pad as u8, 0, 0, 0, &[])]));
    bad.push(("a PING of 65 bytes", vec![ping]));
    bad.push(("a PING of 4 GiB", vec![header(u32::MAX, Kind::Ping as u8, 0, 0, 0).to_vec()]));
    bad.push(("a PONG with flags", vec![frame(Kind::Pong as u8, 1, 0, 1, b"")]));
    bad.push(("a CLOSE of 4 GiB", vec![header(u32::MAX, Kind::Close as u8, 0, 0, 0).to_vec()]));
    bad.push(("a PAD between fragments", {
        vec![frame(DATA, 4, 1, 0, b"a"), frame(Kind::Pad as u8, 0, 0, 0, b"")]
    }));
    bad
}

/// The error comes, and stays, and sending fails as well: nobody is there any more who would
/// make sense of it.
pub fn is_final(name: &str, channel: &Channel) {
    let refused = in_time(WAIT, || status(channel.recv_vec(WAIT)));
    assert_eq!(refused, Status::Protocol, "{name}");
    for _ in 0..3 {
        let again = in_time(SHORT, || status(channel.recv_vec(SHORT)));
        assert_eq!(again, Status::Protocol, "{name}: afterwards");
    }
    let sent = in_time(SHORT, || status(channel.send(b"anybody?", SHORT)));
    assert_eq!(sent, Status::Protocol, "{name}: a send afterwards");
}

#[test]
fn bad_ones_on_a_socket_are_the_end() {
    if !alone(bad_ones_on_a_socket_are_the_end) {
        return;
    }
    for (name, frames) in bad_on_a_socket() {
        let place = Place::new();
        let listener = place.listener("local", "");
        thread::scope(|scope| {
            let accepting = scope.spawn(|| listener.accept(WAIT));
            let mut raw = Raw::connect(&place);
            greet(&mut raw);
            let channel = accepting.join().expect("accept returns").expect("it is welcome");
            assert!(raw.say(&data(b"before")));
            frames.iter().for_each(|frame| assert!(raw.say(frame)));
            raw.say(&data(b"after"));
            assert_eq!(channel.recv_vec(WAIT).expect("it came before"), b"before");
            is_final(name, &channel);
            drop(channel);
            raw.last_words();
        });
    }
}

#[test]
fn bad_ones_in_a_ring_are_the_end() {
    if !alone(bad_ones_in_a_ring_are_the_end) {
        return;
    }
    let mut bad = bad_everywhere();
    for kind in [Kind::Hello, Kind::Close, Kind::Share] {
        bad.push(("a frame that is not for rings", vec![frame(kind as u8, 0, 0, 0, b"x")]));
    }
    for victim in VICTIMS {
        let arena = Arena::new(victim, "");
        for (name, frames) in &bad {
            let (channel, mut hostile) = arena.join();
            hostile.publish(DATA, 0, 0, 0, b"before");
            for frame in frames.iter().chain(&[data(b"after")]) {
                let (header, payload) = frame.split_first_chunk().expect("a frame has a header");
                hostile.put(header, payload);
            }
            assert_eq!(channel.recv_vec(WAIT).expect("it came before"), b"before");
            is_final(name, &channel);
        }
    }
}

#[test]
fn bytes_on_the_socket_beside_the_rings_are_the_end() {
    if !alone(bytes_on_the_socket_beside_the_rings_are_the_end) {
        return;
    }
    let stray = [b"x".to_vec(), data(b"x"), hello(1), frame(Kind::Share as u8, 0, 0, 0, &[0; 4])];
    for victim in VICTIMS {
        let arena = Arena::new(victim, "");
        for bytes in &stray {
            let (channel, mut hostile) = arena.join();
            hostile.publish(DATA, 0, 0, 0, b"before");
            assert!(hostile.raw.say(bytes));
            assert_eq!(channel.recv_vec(WAIT).expect("it came before"), b"before");
            is_final("stray bytes", &channel);
        }
    }
}

#[test]
fn bytes_on_the_socket_beside_the_rings_wake_who_waits() {
    if !alone(bytes_on_the_socket_beside_the_rings_wake_who_waits) {
        return;
    }
    for victim in VICTIMS {
        let (channel, mut hostile) = Arena::new(victim, "").join();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| status(channel.recv_vec(WAIT)));
            eventually("it waits", || hostile.library_waits());
            assert!(hostile.raw.say(b"x"));
            assert_eq!(waiting.join().expect("recv returns"), Status::Protocol);
        });
    }
}

#[test]
fn what_no_client_says_behind_its_hello_is_the_end() {
    if !alone(what_no_client_says_behind_its_hello_is_the_end) {
        return;
    }
    let memory = frame(Kind::Share as u8, 0, 0, 0, &[0; 48]);
    for (name, second) in [
        ("a second HELLO", hello(1)),
        ("an answer before SHARE", moves(0)),
        ("a refusal of rings before SHARE", moves(1)),
        ("memory of its own", memory),
        ("a SHARE of another size", frame(Kind::Share as u8, 0, 0, 0, &[0; 5])),
        ("a CLOSE that is too long", header(1025, Kind::Close as u8, 0, 0, 0).to_vec()),
    ] {
        let place = Place::new();
        let listener = place.listener("shm", "");
        let mut raw = Raw::connect(&place);
        assert!(raw.say(&hello(1)) && raw.say(&data(b"before")) && raw.say(&second));
        let channel = listener.accept(WAIT).expect("its HELLO is fine");
        assert_eq!(channel.recv_vec(WAIT).expect("it came before"), b"before", "{name}");
        is_final(name, &channel);
        let reason = raw.last_words();
        assert!(reason.starts_with("TN_PROTOCOL"), "{name}: told \"{reason}\"");
    }
}

#[test]
fn what_a_client_says_before_its_hello_is_refused() {
    if !alone(what_a_client_says_before_its_hello_is_refused) {
        return;
    }
    let long = header(1025, Kind::Close as u8, 0, 0, 0).to_vec();
    for (name, first) in [
        ("DATA", data(b"x")),
        ("a request", frame(DATA, 1, 0, 1, b"x")),
        ("a PING", frame(Kind::Ping as u8, 0, 0, 0, b"")),
        ("an answer to SHARE", moves(0)),
        ("a CLOSE that is too long", long),
    ] {
        let place = Place::new();
        let listener = place.listener("shm", "");
        let mut raw = Raw::connect(&place);
        assert!(raw.say(&first) && raw.say(&hello(1)) && raw.say(&data(b"after")));
        assert_eq!(status(listener.accept(SHORT)), Status::TimedOut, "{name}");
        let reason = raw.last_words();
        assert!(reason.starts_with("TN_PROTOCOL"), "{name}: told \"{reason}\"");
    }
}
