//! Clients that say too much too early, or not what is due, on their way into rings.

use super::calls::{fill, moves_behind_numbers};
use super::frames::is_final;
use super::pages::{Hostile, WRITER_CLOSED};
use super::shared::{Place, WAIT, alone, in_time, leaves_no_descriptors};
use super::shared::{poll_soon, resident, status};
use super::talk::{Raw, data, frame, hello, moves};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use treenail::wire::{FEATURE_RING, Kind};
use treenail::{Channel, NOW, Status};

const DATA: u8 = Kind::Data as u8;
const SHORT: Option<Duration> = Some(Duration::from_millis(20));
/// Bytes of a HELLO, as this library says it.
const HELLO: usize = 48;

/// The listener's channel to a client that has said all this, HELLO first, before it was accepted.
fn accepted(scheme: &str, options: &str, said: &[&[u8]]) -> (Channel, Raw) {
    let place = Place::new();
    let listener = place.listener(scheme, options);
    let mut raw = Raw::connect(&place);
    assert!(raw.say(&said.concat()));
    (listener.accept(WAIT).expect("its HELLO is fine"), raw)
}

/// The listener's channel to a client that was handed rings, and has not answered.
fn handed(options: &str) -> (Channel, Hostile) {
    let (channel, mut raw) = accepted("shm", options, &[&hello(FEATURE_RING)]);
    raw.expect(Kind::Hello);
    (channel, Hostile::handed(raw))
}

/// Messages go to and fro through the socket, and the channel ends there in good order.
fn is_served_by_the_socket(channel: &Channel, raw: &mut Raw) {
    for number in 0..100u8 {
        assert!(raw.say(&data(&[number])));
        assert_eq!(channel.recv_vec(WAIT).expect("it came"), [number]);
        assert_eq!(status(channel.send(&[number], WAIT)), Status::Ok);
        assert_eq!(raw.expect(Kind::Data), [number]);
    }
    channel.close();
    assert!(raw.expect(Kind::Close).is_empty());
}

#[test]
fn one_that_never_answers_is_served_by_the_socket() {
    if !alone(one_that_never_answers_is_served_by_the_socket) {
        return;
    }
    leaves_no_descriptors(|| {
        let (channel, mut hostile) = handed("handshake_ms=10");
        hostile.publish(DATA, 0, 0, 0, b"not looked at");
        // That time was for its HELLO.
        thread::park_timeout(Duration::from_millis(30));
        is_served_by_the_socket(&channel, &mut hostile.raw);
    });
}

#[test]
fn one_that_gives_the_rings_up_is_served_by_the_socket() {
    if !alone(one_that_gives_the_rings_up_is_served_by_the_socket) {
        return;
    }
    leaves_no_descriptors(|| {
        for status in [1, u32::MAX] {
            let (channel, mut hostile) = handed("");
            hostile.publish(DATA, 0, 0, 0, b"not looked at");
            assert!(hostile.raw.say(&moves(status)));
            is_served_by_the_socket(&channel, &mut hostile.raw);
        }
    });
}

#[test]
fn what_it_writes_into_its_ring_before_its_answer_comes_behind_it() {
    if !alone(what_it_writes_into_its_ring_before_its_answer_comes_behind_it) {
        return;
    }
    let (channel, mut hostile) = handed("");
    hostile.publish(DATA, 0, 0, 0, b"third");
    assert!(hostile.raw.say(&[data(b"first"), data(b"second")].concat()));
    for expected in [b"first".as_slice(), b"second"] {
        assert_eq!(channel.recv_vec(WAIT).expect("it came"), expected);
    }
    assert_eq!(in_time(SHORT, || status(channel.recv_vec(SHORT))), Status::TimedOut);
    assert!(hostile.raw.say(&moves(0)));
    assert_eq!(channel.recv_vec(WAIT).expect("it counts now"), b"third");
    assert_eq!(hostile.raw.expect(Kind::Share), [0; 4]);
}

#[test]
fn one_that_answers_and_goes_on_writing_to_the_socket_is_the_end() {
    if !alone(one_that_answers_and_goes_on_writing_to_the_socket_is_the_end) {
        return;
    }
    let close = frame(Kind::Close as u8, 0, 0, 0, b"TN_DENIED: no");
    for rest in [data(b"x"), moves(0), moves(1), hello(1), close, vec![0]] {
        for later in [false, true] {
            let (channel, mut hostile) = handed("");
            hostile.publish(DATA, 0, 0, 0, b"in the ring");
            let said = [data(b"before"), moves(0), rest.clone()].concat();
            let (now, then) = said.split_at(said.len() - if later { rest.len() } else { 0 });
            assert!(hostile.raw.say(now));
            assert_eq!(channel.recv_vec(WAIT).expect("it came before"), b"before");
            assert_eq!(channel.recv_vec(WAIT).expect("it is in the ring"), b"in the ring");
            assert!(hostile.raw.say(then));
            is_final("bytes behind the answer", &channel);
        }
    }
}

#[test]
fn one_that_answers_twice_or_amid_a_message_is_the_end() {
    if !alone(one_that_answers_twice_or_amid_a_message_is_the_end) {
        return;
    }
    let fragment = frame(DATA, 4, 0, 0, b"the beginning");
    let odd = |len| frame(Kind::Share as u8, 0, 0, 0, &vec![0; len]);
    for (name, said) in [
        ("not 0, and again", [moves(1), moves(1)].concat()),
        ("not 0, and 0", [moves(1), moves(0)].concat()),
        ("between two fragments", [fragment, moves(0)].concat()),
        ("an answer of no bytes", odd(0)),
        ("an answer of three bytes", odd(3)),
        ("an answer of eight bytes", odd(8)),
        ("memory of its own", odd(48)),
    ] {
        leaves_no_descriptors(|| {
            let (channel, mut hostile) = handed("");
            assert!(hostile.raw.say(&said));
            is_final(name, &channel);
            let reason = hostile.raw.last_words();
            assert!(reason.starts_with("TN_PROTOCOL"), "{name}: told \"{reason}\"");
        });
    }
}

#[test]
fn one_that_dies_at_any_byte_leaves_what_was_whole() {
    if !alone(one_that_dies_at_any_byte_leaves_what_was_whole) {
        return;
    }
    let frames = [
        hello(FEATURE_RING),
        data(b"one"),
        frame(Kind::Ping as u8, 0, 0, 0, b"?"),
        frame(DATA, 4, 0, 0, b"tw"),
        frame(DATA, 0, 0, 0, b"o"),
        frame(Kind::Close as u8, 0, 0, 0, b""),
    ];
    let ends: Vec<usize> = (1..=frames.len()).map(|count| frames[..count].concat().len()).collect();
    let all = frames.concat();
    leaves_no_descriptors(|| {
        let each = HELLO..=all.len();
        for (said, sends_first) in each.flat_map(|said| [(said, false), (said, true)]) {
            let (channel, raw) = accepted("shm", "", &[&all[..said]]);
            drop(raw);
            let end = if said == all.len() { Status::Closed } else { Status::PeerLost };
            if sends_first {
                assert_eq!(status(channel.send(b"x", NOW)), end, "{said} bytes, a send first");
            }
            for (message, last) in [(b"one", 1), (b"two", 4)] {
                if said >= ends[last] {
                    assert_eq!(channel.recv_vec(WAIT).expect("it came"), message, "{said} bytes");
                }
            }
            assert_eq!(in_time(WAIT, || status(channel.recv_vec(WAIT))), end, "{said} bytes");
            assert_eq!(in_time(WAIT, || status(channel.send(b"x", WAIT))), end, "{said} bytes");
        }
    });
}

#[test]
fn one_that_dies_at_any_byte_of_its_answer_has_its_ring_read_or_ignored() {
    if !alone(one_that_dies_at_any_byte_of_its_answer_has_its_ring_read_or_ignored) {
        return;
    }
    leaves_no_descriptors(|| {
        for said in 0..=20 {
            for (is_closed, sends_first) in
                [(false, false), (true, false), (false, true), (true, true)]
            {
                let (channel, mut hostile) = handed("");
                hostile.publish(DATA, 0, 0, 0, b"in the ring");
                let closed = hostile.out_word(WRITER_CLOSED);
                hostile.pages.half(closed).store(u32::from(is_closed), Ordering::Release);
                assert!(hostile.raw.say(&[&data(b"before"), &moves(0)[..said]].concat()));
                drop(hostile);
                let counts = said == 20;
                let end = if counts && is_closed { Status::Closed } else { Status::PeerLost };
                if sends_first {
                    assert_eq!(status(channel.send(b"x", NOW)), end, "{said} bytes, a send first");
                }
                assert_eq!(channel.recv_vec(WAIT).expect("it came before"), b"before");
                if counts {
                    assert_eq!(channel.recv_vec(WAIT).expect("it counts"), b"in the ring");
                }
                assert_eq!(in_time(WAIT, || status(channel.recv_vec(WAIT))), end, "{said} bytes");
                assert_eq!(in_time(WAIT, || status(channel.send(b"x", WAIT))), end, "{said} bytes");
            }
        }
    });
}

/// Says this frame for as long as the kernel takes it: how many of them are whole.
fn flood(raw: &mut Raw, frame: &[u8]) -> usize {
    raw.0.set_nonblocking(true).expect("it can be");
    let mut taken = 0;
    while let Ok(count) = raw.0.write(&frame[taken % frame.len()..]) {
        taken += count;
    }
    raw.0.set_nonblocking(false).expect("it can be");
    taken / frame.len()
}

#[test]
fn a_flood_of_messages_before_accept_is_received() {
    if !alone(a_flood_of_messages_before_accept_is_received) {
        return;
    }
    let before = resident();
    for (scheme, size) in [("local", 0), ("shm", 1), ("local", 1000), ("shm", 60_000)] {
        let place = Place::new();
        let listener = place.listener(scheme, "");
        let mut raw = Raw::connect(&place);
        assert!(raw.say(&hello(FEATURE_RING)));
        let count = flood(&mut raw, &data(&vec![7; size]));
        assert!(count > 0);
        let channel = listener.accept(WAIT).expect("its HELLO is fine");
        drop(raw);
        for _ in 0..count {
            assert_eq!(channel.recv_vec(WAIT).expect("it came").len(), size);
        }
        assert_eq!(in_time(WAIT, || status(channel.recv_vec(WAIT))), Status::PeerLost);
    }
    assert!(resident() < before + (24 << 20));
}

#[test]
fn a_flood_of_no_messages_before_accept_keeps_no_call_beyond_its_timeout() {
    if !alone(a_flood_of_no_messages_before_accept_keeps_no_call_beyond_its_timeout) {
        return;
    }
    for (kind, flags) in [(Kind::Ping as u8, 0), (Kind::Pong as u8, 0), (DATA, 4)] {
        let place = Place::new();
        let listener = place.listener("shm", "");
        let mut raw = Raw::connect(&place);
        assert!(raw.say(&hello(FEATURE_RING)));
        flood(&mut raw, &frame(kind, flags, 0, 0, b""));
        let channel = in_time(WAIT, || listener.accept(WAIT)).expect("its HELLO is fine");
        for timeout in [NOW, SHORT] {
            assert_eq!(in_time(timeout, || status(channel.send(b"x", timeout))), Status::Ok);
            let received = in_time(timeout, || status(channel.recv_vec(timeout)));
            assert!(matches!(received, Status::Again | Status::TimedOut), "{received:?}");
        }
        in_time(NOW, || drop(channel));
    }
}

#[test]
fn an_early_message_over_the_listener_s_limit_is_refused_by_name() {
    if !alone(an_early_message_over_the_listener_s_limit_is_refused_by_name) {
        return;
    }
    for scheme in ["local", "shm"] {
        let fragment = |flags, len| frame(DATA, flags, 0, 0, &vec![0; len]);
        for long in [data(&[0; 1001]), [fragment(4, 600), fragment(0, 600)].concat()] {
            let said = [hello(FEATURE_RING), data(&[1; 1000]), long];
            let (channel, mut raw) = accepted(scheme, "max_message=1000", &[&said.concat()]);
            assert_eq!(channel.recv_vec(WAIT).expect("it is not too long"), [1; 1000]);
            is_final("too long", &channel);
            let reason = raw.last_words();
            assert!(reason.starts_with("TN_TOO_LARGE: "), "told \"{reason}\"");
        }
        // The library's own connector is told so by its next call, and by each one after it.
        let place = Place::new();
        let listener = place.listener(scheme, "max_message=1000");
        let there = Channel::connect(&place.endpoint(scheme, ""), WAIT).expect("it listens");
        assert_eq!(status(there.send(&[0; 1001], NOW)), Status::Ok, "it can't know");
        let here = listener.accept(WAIT).expect("it connected");
        is_final("too long", &here);
        for _ in 0..2 {
            assert_eq!(in_time(WAIT, || status(there.recv_vec(WAIT))), Status::TooLarge);
            assert_eq!(in_time(WAIT, || status(there.send(b"", WAIT))), Status::TooLarge);
        }
    }
}

#[test]
fn without_rings_the_channel_ends_that_must_have_them() {
    if !alone(without_rings_the_channel_ends_that_must_have_them) {
        return;
    }
    let (channel, mut hostile) = handed("shm=required");
    assert!(hostile.raw.say(&[data(b"early"), moves(1), data(b"late")].concat()));
    assert_eq!(channel.recv_vec(WAIT).expect("it came before"), b"early");
    for _ in 0..2 {
        assert_eq!(in_time(WAIT, || status(channel.recv_vec(WAIT))), Status::Unsupported);
        assert_eq!(in_time(WAIT, || status(channel.send(b"x", WAIT))), Status::Unsupported);
    }
    let reason = hostile.raw.last_words();
    assert!(reason.starts_with("TN_UNSUPPORTED: "), "told \"{reason}\"");

    let place = Place::new();
    let listener = place.listener("shm", "shm=required");
    let mut raw = Raw::connect(&place);
    assert!(raw.say(&[hello(0), data(b"early")].concat()));
    assert_eq!(status(listener.accept(SHORT)), Status::TimedOut);
    let reason = raw.last_words();
    assert!(reason.starts_with("TN_UNSUPPORTED: "), "told \"{reason}\"");
}

#[test]
fn who_only_sends_hears_the_answer_unless_something_stands_before_it() {
    if !alone(who_only_sends_hears_the_answer_unless_something_stands_before_it) {
        return;
    }
    let (channel, mut hostile) = handed("");
    assert!(hostile.raw.say(&moves(0)));
    assert_eq!(status(channel.send(b"by the ring", WAIT)), Status::Ok);
    assert_eq!(hostile.raw.expect(Kind::Share), [0; 4]);
    assert!(hostile.holds_next(b"by the ring", &mut 0));

    for front in [data(b"front"), frame(Kind::Ping as u8, 0, 0, 0, b"?")] {
        let (channel, mut hostile) = handed("");
        assert!(hostile.raw.say(&[front.clone(), moves(0)].concat()));
        for _ in 0..5 {
            assert_eq!(status(channel.send(b"by the socket", WAIT)), Status::Ok);
            assert_eq!(hostile.raw.expect(Kind::Data), b"by the socket");
        }
        let received = status(channel.recv(&mut [0; 8], NOW));
        assert!(matches!(received, Status::Ok | Status::Again), "{received:?}");
        assert_eq!(status(channel.recv_vec(NOW)), Status::Again);
        assert_eq!(status(channel.send(b"by the ring", WAIT)), Status::Ok);
        let said = std::iter::from_fn(|| hostile.raw.hear()).find(|one| one.kind != Kind::Pong);
        assert_eq!(said.map(|one| one.kind), Some(Kind::Share));
    }
}

#[test]
fn what_a_sender_has_read_beside_the_answer_shows_on_the_descriptor() {
    if !alone(what_a_sender_has_read_beside_the_answer_shows_on_the_descriptor) {
        return;
    }
    for message in [data(b""), data(b"behind")] {
        let (channel, mut raw) = accepted("shm", "", &[&hello(FEATURE_RING)]);
        raw.expect(Kind::Hello);
        drop(raw.hear_share());
        let fd = channel.fd().expect("a descriptor").as_raw_fd();
        assert_eq!(status(channel.recv_vec(NOW)), Status::Again);
        assert!(raw.say(&[moves(1), message.clone()].concat()));
        assert_eq!(status(channel.send(b"x", WAIT)), Status::Ok);
        assert_ne!(poll_soon(&fd), 0, "it shows");
        assert_eq!(channel.recv_vec(NOW).expect("it is there"), message[16..]);
    }
}

#[test]
fn one_that_answers_and_reads_nothing_has_all_in_order() {
    if !alone(one_that_answers_and_reads_nothing_has_all_in_order) {
        return;
    }
    let (channel, mut hostile) = handed("");
    let count = fill(&channel);
    hostile.publish(DATA, 0, 0, 0, b"by the ring");
    assert!(hostile.raw.say(&[data(b"by the socket"), moves(0)].concat()));
    for expected in [b"by the socket".as_slice(), b"by the ring"] {
        assert_eq!(channel.recv_vec(WAIT).expect("it came"), expected);
    }
    assert_eq!(status(channel.send(b"after", NOW)), Status::Again, "the move goes before it");
    moves_behind_numbers(&channel, &mut hostile, count);
}

#[test]
fn rings_are_handed_over_behind_the_rest_of_a_message() {
    if !alone(rings_are_handed_over_behind_the_rest_of_a_message) {
        return;
    }
    leaves_no_descriptors(|| {
        let early: [&[u8]; 2] = [&hello(FEATURE_RING), &data(b"early")];
        let (channel, mut raw) = accepted("shm", "", &early);
        assert_eq!(channel.recv_vec(WAIT).expect("it came"), b"early");
        let long = vec![7; 2 << 20];
        assert_eq!(status(channel.send(&long, NOW)), Status::Ok, "the rest stays here");
        assert_eq!(status(channel.flush(NOW)), Status::Again);
        thread::scope(|scope| {
            scope.spawn(|| assert_eq!(status(channel.flush(WAIT)), Status::Ok));
            raw.expect(Kind::Hello);
            assert!(raw.expect(Kind::Data) == long);
            assert_eq!(raw.hear_share().1.len(), 3);
        });
    });
}
