//! Listeners that lie or die on the way into rings, where a connector believes itself connected.

use super::calls::{CALLS, LARGE, connected, every_call_gives, fill, moves_behind_numbers};
use super::frames::is_final;
use super::pages::{Arena, Hostile, Victim, WRITER_CLOSED, proper_memfd, proper_share};
use super::shared::{WAIT, alone, eventually, in_time, leaves_no_descriptors};
use super::shared::{pipe, resident, status};
use super::talk::{Raw, data, frame, header, hello, moves};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use treenail::wire::{FEATURE_RING, Kind};
use treenail::{Channel, NOW, Status};

const DATA: u8 = Kind::Data as u8;
const CLOSE: u8 = Kind::Close as u8;
const SHORT: Option<Duration> = Some(Duration::from_millis(20));

/// Rings as a listener should make them, with what goes beside the frame.
fn proper_rings() -> (Vec<u8>, Vec<OwnedFd>) {
    let share = proper_share(1 << 16);
    let ((_, wake), (woken, _)) = (pipe(), pipe());
    (share.encode(), vec![proper_memfd(&share), wake, woken])
}

/// Says SHARE, or as much of it.
fn share(raw: &mut Raw, said: usize) {
    let (frame, fds) = proper_rings();
    let fds: Vec<_> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    // Once they were there, the kernel may refuse more.
    assert!(said == 0 || raw.say_with(&frame[..said], &fds) || raw.say(&frame[..said]));
}

#[test]
fn what_no_listener_says_first_is_the_end() {
    if !alone(what_no_listener_says_first_is_the_end) {
        return;
    }
    let fragment = frame(DATA, 4, 0, 0, b"x");
    for (name, first) in [
        ("DATA", data(b"x")),
        ("a fragment", fragment),
        ("a PING", frame(Kind::Ping as u8, 0, 0, 0, b"")),
        ("a PONG", frame(Kind::Pong as u8, 0, 0, 0, b"")),
        ("an answer to SHARE", moves(0)),
        ("memory", frame(Kind::Share as u8, 0, 0, 0, &[0; 48])),
        ("a CLOSE of 4 GiB", header(u32::MAX, CLOSE, 0, 0, 0).to_vec()),
        ("a HELLO of 4 GiB", header(u32::MAX, Kind::Hello as u8, 0, 0, 0).to_vec()),
        ("no kind", header(0, 9, 0, 0, 0).to_vec()),
    ] {
        every_call_gives(Status::Protocol, || {
            let (channel, mut raw, _server) = connected("shm", "");
            assert!(raw.say(&first) && raw.say(&hello(FEATURE_RING)));
            channel
        });
        let (channel, mut raw, _server) = connected("shm", "early=0");
        assert!(raw.say(&first) && raw.say(&hello(FEATURE_RING)));
        is_final(name, &channel);
        let reason = raw.last_words();
        assert!(reason.starts_with("TN_PROTOCOL"), "{name}: told \"{reason}\"");
    }
}

#[test]
fn what_no_listener_says_behind_its_hello_is_the_end() {
    if !alone(what_no_listener_says_behind_its_hello_is_the_end) {
        return;
    }
    for (name, second) in [
        ("a HELLO again", hello(FEATURE_RING)),
        ("a move before SHARE", moves(0)),
        ("a SHARE of 4 GiB", header(u32::MAX, Kind::Share as u8, 0, 0, 0).to_vec()),
        ("a SHARE without descriptors", frame(Kind::Share as u8, 0, 0, 0, &[0; 48])),
        ("a CLOSE of 4 GiB", header(u32::MAX, CLOSE, 0, 0, 0).to_vec()),
        ("no kind", header(0, 9, 0, 0, 0).to_vec()),
    ] {
        for options in ["", "early=0", "shm=required"] {
            for sends in [false, true] {
                let (channel, mut raw, _server) = connected("shm", options);
                assert!(raw.say(&hello(FEATURE_RING)) && raw.say(&second));
                if sends {
                    let sent = in_time(WAIT, || status(channel.send(b"x", WAIT)));
                    assert_eq!(sent, Status::Protocol, "{name}");
                }
                is_final(name, &channel);
                let reason = raw.last_words();
                assert!(reason.starts_with("TN_PROTOCOL"), "{name}: told \"{reason}\"");
            }
        }
    }
}

#[test]
fn a_frame_of_the_handshake_that_never_ends_costs_no_memory() {
    if !alone(a_frame_of_the_handshake_that_never_ends_costs_no_memory) {
        return;
    }
    let before = resident();
    for (greeting, kind) in
        [(Vec::new(), Kind::Hello), (Vec::new(), Kind::Close), (hello(FEATURE_RING), Kind::Share)]
    {
        for options in ["", "early=0"] {
            let (channel, mut raw, _server) = connected("shm", options);
            let long = header(128 << 20, kind as u8, 0, 0, 0);
            assert!(raw.say(&greeting) && raw.say(&long));
            thread::scope(|scope| {
                let flooding = scope.spawn(move || (0..2048).all(|_| raw.say(&[0; 65_536])));
                let sent = in_time(WAIT, || status(channel.send(LARGE, WAIT)));
                assert_eq!(sent, Status::Protocol, "{kind:?}");
                channel.close();
                assert!(!flooding.join().expect("no panic"), "it was all taken");
            });
        }
    }
    assert!(resident() < before + (24 << 20));
}

#[test]
fn a_message_before_share_is_received_and_ends_a_connect_that_waits() {
    if !alone(a_message_before_share_is_received_and_ends_a_connect_that_waits) {
        return;
    }
    let ping = frame(Kind::Ping as u8, 0, 0, 0, b"?");
    leaves_no_descriptors(|| {
        for options in ["", "early=0", "shm=required"] {
            for front in [Vec::new(), ping.clone()] {
                let (channel, mut raw, _server) = connected("shm", options);
                assert!(raw.say(&[hello(FEATURE_RING), front, data(b"first")].concat()));
                assert_eq!(channel.recv_vec(WAIT).expect("it came"), b"first");
                share(&mut raw, 64);
                assert!(raw.say(&data(b"second")));
                assert_eq!(channel.recv_vec(WAIT).expect("it came"), b"second");
                let said = std::iter::from_fn(|| raw.hear()).find(|one| one.kind != Kind::Pong);
                assert_eq!(said.map(|one| one.payload), Some(vec![0; 4]), "the rings are taken");
            }
        }
    });
}

#[test]
fn pings_without_end_keep_no_call_beyond_its_timeout() {
    if !alone(pings_without_end_keep_no_call_beyond_its_timeout) {
        return;
    }
    let block = frame(Kind::Ping as u8, 0, 0, 0, b"").repeat(4096);
    for options in ["", "early=0", "shm=required"] {
        let (channel, mut raw, _server) = connected("shm", options);
        assert!(raw.say(&hello(FEATURE_RING)));
        thread::scope(|scope| {
            let block = &block;
            scope.spawn(move || while raw.say(block) {});
            for timeout in [SHORT, NOW, SHORT] {
                for (name, call) in CALLS {
                    let given = in_time(timeout, || call(&channel, timeout));
                    let fine = [Status::Ok, Status::Again, Status::TimedOut];
                    assert!(fine.contains(&given), "{name} gave {given:?}");
                }
            }
            in_time(NOW, || channel.close());
        });
    }
}

#[test]
fn memory_handed_over_twice_is_the_end() {
    if !alone(memory_handed_over_twice_is_the_end) {
        return;
    }
    leaves_no_descriptors(|| {
        for answers in [false, true] {
            let (channel, mut raw, _server) = connected("shm", "");
            assert!(raw.say(&hello(FEATURE_RING)));
            share(&mut raw, 64);
            if answers {
                assert_eq!(status(channel.recv_vec(NOW)), Status::Again);
                assert_eq!(raw.expect(Kind::Share), [0; 4]);
            }
            share(&mut raw, 64);
            is_final("SHARE twice", &channel);
        }
    });
}

#[test]
fn one_that_moves_without_the_connector_s_answer_is_the_end() {
    if !alone(one_that_moves_without_the_connector_s_answer_is_the_end) {
        return;
    }
    leaves_no_descriptors(|| {
        let (channel, mut raw, _server) = connected("shm", "");
        assert!(raw.say(&[hello(FEATURE_RING), data(b"before")].concat()));
        share(&mut raw, 64);
        assert!(raw.say(&moves(0)));
        assert_eq!(channel.recv_vec(WAIT).expect("it came before"), b"before");
        is_final("a move that is not due", &channel);
    });
}

#[test]
fn one_that_moves_and_goes_on_writing_to_the_socket_is_the_end() {
    if !alone(one_that_moves_and_goes_on_writing_to_the_socket_is_the_end) {
        return;
    }
    let arena = Arena::new(Victim::Connects, "");
    for rest in [data(b"x"), moves(0), hello(1), vec![0]] {
        let (channel, mut hostile) = arena.meet();
        hostile.publish(DATA, 0, 0, 0, b"in the ring");
        assert!(hostile.raw.say(&[data(b"before"), moves(0), rest].concat()));
        for expected in [b"before".as_slice(), b"in the ring"] {
            assert_eq!(channel.recv_vec(WAIT).expect("it came"), expected);
        }
        is_final("bytes behind the move", &channel);
    }
    for odd in [moves(1), frame(Kind::Share as u8, 0, 0, 0, &[0; 5])] {
        let (channel, mut hostile) = arena.meet();
        assert!(hostile.raw.say(&odd));
        is_final("rings that are given up, or nonsense", &channel);
    }
}

#[test]
fn one_that_never_moves_is_heard_by_the_socket_and_told_in_the_ring() {
    if !alone(one_that_never_moves_is_heard_by_the_socket_and_told_in_the_ring) {
        return;
    }
    let arena = Arena::new(Victim::Connects, "");
    for end in [Some(Status::Closed), Some(Status::PeerLost), None] {
        let (channel, mut hostile) = arena.meet();
        hostile.publish(DATA, 0, 0, 0, b"not looked at");
        let mut at = 0;
        for number in 0..100u8 {
            assert!(hostile.raw.say(&data(&[number])));
            assert_eq!(channel.recv_vec(WAIT).expect("it came"), [number]);
            assert_eq!(status(channel.send(&[number; 20], WAIT)), Status::Ok);
            assert!(hostile.holds_next(&[number; 20], &mut at));
        }
        match end {
            Some(Status::Closed) => assert!(hostile.raw.say(&frame(CLOSE, 0, 0, 0, b""))),
            Some(_) => drop(hostile),
            None => {
                channel.close();
                let closed = hostile.pages.half(hostile.in_word(WRITER_CLOSED));
                assert_eq!(closed.load(Ordering::Acquire), 1);
                assert!(hostile.raw.hear().is_none(), "and the socket hangs up");
                continue;
            }
        }
        assert_eq!(Some(in_time(WAIT, || status(channel.recv_vec(WAIT)))), end);
        assert_eq!(Some(in_time(WAIT, || status(channel.send(b"x", WAIT)))), end);
    }
}

#[test]
fn one_that_dies_at_any_byte_loses_what_was_sent_and_hangs_nothing() {
    if !alone(one_that_dies_at_any_byte_loses_what_was_sent_and_hangs_nothing) {
        return;
    }
    let first = [hello(FEATURE_RING), data(b"one")].concat();
    let last = [data(b"two"), frame(CLOSE, 0, 0, 0, b"")].concat();
    let (one, two) = (first.len(), first.len() + 64 + 19);
    leaves_no_descriptors(|| {
        for said in 0..=first.len() + 64 + last.len() {
            let (channel, mut raw, _server) = connected("shm", "");
            assert_eq!(status(channel.send(b"early", NOW)), Status::Ok, "the kernel has it");
            assert!(raw.say(&first[..said.min(one)]));
            share(&mut raw, said.saturating_sub(one).min(64));
            assert!(raw.say(&last[..said.saturating_sub(one + 64)]));
            // What was sent early is unread.
            drop(raw);
            let end = if said == two + 16 { Status::Closed } else { Status::PeerLost };
            if said % 2 == 0 {
                for (message, whole) in [(b"one", one), (b"two", two)] {
                    if said >= whole {
                        assert_eq!(channel.recv_vec(WAIT).expect("it came"), message, "{said}");
                    }
                }
                assert_eq!(in_time(WAIT, || status(channel.recv_vec(WAIT))), end, "{said} bytes");
            }
            for size in [1, LARGE.len()] {
                let sent = in_time(WAIT, || status(channel.send(&LARGE[..size], WAIT)));
                assert_eq!(sent, end, "{said} bytes, then a send of {size}");
            }
        }
    });
}

#[test]
fn one_that_dies_at_any_byte_of_its_move_has_its_ring_read_or_ignored() {
    if !alone(one_that_dies_at_any_byte_of_its_move_has_its_ring_read_or_ignored) {
        return;
    }
    let arena = Arena::new(Victim::Connects, "");
    leaves_no_descriptors(|| {
        for (said, sends_first) in (0..=20).flat_map(|said| [(said, false), (said, true)]) {
            let (channel, mut hostile) = arena.meet();
            hostile.publish(DATA, 0, 0, 0, b"in the ring");
            assert!(hostile.raw.say(&[&data(b"before"), &moves(0)[..said]].concat()));
            drop(hostile);
            if sends_first {
                // Until it looks it doesn't know: the ring has room.
                eventually("it is seen", || status(channel.send(b"x", NOW)) == Status::PeerLost);
            }
            assert_eq!(channel.recv_vec(WAIT).expect("it came before"), b"before");
            if said == 20 {
                assert_eq!(channel.recv_vec(WAIT).expect("it counts"), b"in the ring");
            }
            for _ in 0..2 {
                let end = in_time(WAIT, || status(channel.recv_vec(WAIT)));
                assert_eq!(end, Status::PeerLost, "{said} bytes");
                let sent = in_time(WAIT, || status(channel.send(b"x", WAIT)));
                assert_eq!(sent, Status::PeerLost, "{said} bytes");
            }
        }
    });
}

#[test]
fn one_that_says_all_and_goes_again_is_heard_by_a_connect_that_waits() {
    if !alone(one_that_says_all_and_goes_again_is_heard_by_a_connect_that_waits) {
        return;
    }
    for options in ["early=0", "shm=required"] {
        let (channel, mut raw, _server) = connected("shm", options);
        assert!(raw.say(&hello(FEATURE_RING)));
        share(&mut raw, 64);
        assert!(raw.say(&[data(b"goodbye"), frame(CLOSE, 0, 0, 0, b"")].concat()));
        drop(raw);
        assert_eq!(channel.recv_vec(WAIT).expect("it came"), b"goodbye");
        assert_eq!(in_time(WAIT, || status(channel.recv_vec(WAIT))), Status::Closed);
        assert_eq!(in_time(WAIT, || status(channel.send(b"x", WAIT))), Status::Closed);
    }
}

#[test]
fn one_that_reads_nothing_before_it_hands_over_rings_has_all_in_order() {
    if !alone(one_that_reads_nothing_before_it_hands_over_rings_has_all_in_order) {
        return;
    }
    let (channel, mut raw, _server) = connected("shm", "");
    let count = fill(&channel);
    assert!(raw.say(&hello(FEATURE_RING)));
    let mut hostile = Hostile::offer(raw);
    assert_eq!(status(channel.recv_vec(NOW)), Status::Again);
    assert_eq!(status(channel.send(b"after", NOW)), Status::Again, "the answer goes before it");
    moves_behind_numbers(&channel, &mut hostile, count);
}

#[test]
fn messages_of_any_size_and_share_in_pieces_come_one_after_the_other() {
    if !alone(messages_of_any_size_and_share_in_pieces_come_one_after_the_other) {
        return;
    }
    let receive = |channel: &Channel, number: usize, len: usize| match number % 3 {
        0 => channel.recv(&mut vec![0; len], WAIT).expect("it came"),
        1 => channel.recv_view(WAIT).expect("it came").len(),
        _ => channel.recv_vec(WAIT).expect("it came").len(),
    };
    leaves_no_descriptors(|| {
        for (number, len) in [0, 1, 7000, 9000, 300_000].into_iter().cycle().take(15).enumerate() {
            let (channel, mut raw, _server) = connected("shm", "");
            assert!(raw.say(&hello(FEATURE_RING)));
            let raw = thread::scope(|scope| {
                let saying = scope.spawn(move || {
                    assert!(raw.say(&data(&vec![7; len])));
                    // The descriptors are with the first byte.
                    share(&mut raw, 1);
                    let said = [&proper_rings().0[1..], &data(b"behind")].concat();
                    assert!(said.chunks(1).all(|byte| raw.say(byte)));
                    raw
                });
                assert_eq!(receive(&channel, number, len), len);
                assert_eq!(channel.recv_vec(WAIT).expect("it came"), b"behind");
                saying.join()
            });
            assert_eq!(raw.expect("no panic").expect(Kind::Share), [0; 4], "they are mapped");
        }
    });
}
