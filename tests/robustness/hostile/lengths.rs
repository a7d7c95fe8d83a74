//! Lengths that are announced and sizes that are wished for: nothing grows but with what came.

use super::pages::{Arena, VICTIMS};
use super::shared::{Place, Stop, WAIT, alone, in_time, resident, status};
use super::talk::{Raw, data, frame, greet, header, hello_with_wish};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use treenail::wire::{FEATURE_RING, Kind};
use treenail::{Channel, Listener, Status};

const DATA: u8 = Kind::Data as u8;
const MORE: u8 = 4;
/// What announcing must not cost.
const LITTLE: u64 = 24 << 20;

/// A `local:` channel whose other end is a plain socket.
fn joined(options: &str) -> (Listener, Channel, Raw) {
    let place = Place::new();
    let listener = place.listener("local", options);
    let (channel, raw) = thread::scope(|scope| {
        let accepting = scope.spawn(|| listener.accept(WAIT));
        let mut raw = Raw::connect(&place);
        greet(&mut raw);
        (accepting.join().expect("accept returns").expect("a plain peer is welcome"), raw)
    });
    (listener, channel, raw)
}

/// Whether memory stays about the same meanwhile.
fn costs_little(act: impl FnOnce()) {
    let before = resident();
    act();
    let after = resident();
    assert!(after < before + LITTLE, "memory went from {before} to {after} bytes");
}

#[test]
fn four_gibibytes_announced_in_a_hello_are_refused() {
    if !alone(four_gibibytes_announced_in_a_hello_are_refused) {
        return;
    }
    let place = Place::new();
    let listener = place.listener("shm", "");
    costs_little(|| {
        for length in [1025, 1 << 20, u32::MAX] {
            let mut raw = Raw::connect(&place);
            raw.say(&header(length, Kind::Hello as u8, 0, 0, 0));
            let timeout = Some(Duration::from_millis(20));
            assert_eq!(status(listener.accept(timeout)), Status::TimedOut);
            assert!(raw.last_words().starts_with("TN_PROTOCOL"));
        }
    });
    assert!(place_is_served(&place, &listener));
}

fn place_is_served(place: &Place, listener: &Listener) -> bool {
    thread::scope(|scope| {
        let accepting = scope.spawn(|| listener.accept(WAIT));
        place.connect("shm").is_ok() && accepting.join().is_ok_and(|accepted| accepted.is_ok())
    })
}

#[test]
fn four_gibibytes_announced_in_a_message_are_refused_over_a_socket() {
    if !alone(four_gibibytes_announced_in_a_message_are_refused_over_a_socket) {
        return;
    }
    costs_little(|| {
        for (length, flags) in [(u32::MAX, 0), (u32::MAX, MORE), ((64 << 20) + 1, 0)] {
            let (_listener, channel, mut raw) = joined("");
            assert!(raw.say(&header(length, DATA, flags, 0, 0)));
            assert_eq!(in_time(WAIT, || status(channel.recv_vec(WAIT))), Status::Protocol);
        }
    });
}

#[test]
fn four_gibibytes_announced_in_a_record_are_refused() {
    if !alone(four_gibibytes_announced_in_a_record_are_refused) {
        return;
    }
    for victim in VICTIMS {
        let arena = Arena::new(victim, "ring=65536");
        for (length, flags) in [(u32::MAX, 0), (u32::MAX, MORE), (u32::MAX - 15, 0), (32_760, 0)] {
            let (channel, mut hostile) = arena.join();
            hostile.put(&header(length, DATA, flags, 0, 0), &[0; 60_000]);
            assert_eq!(in_time(WAIT, || status(channel.recv_vec(WAIT))), Status::Protocol);
        }
    }
}

#[test]
fn what_may_be_as_large_is_not_made_room_for_before_it_comes() {
    if !alone(what_may_be_as_large_is_not_made_room_for_before_it_comes) {
        return;
    }
    let (_listener, channel, mut raw) = joined("max_message=4294967295");
    costs_little(|| {
        let timeout = Some(Duration::from_millis(50));
        assert!(raw.say(&header(u32::MAX, DATA, 0, 0, 0)));
        for _ in 0..8 {
            assert!(raw.say(&[0; 65_536]));
            assert_eq!(in_time(timeout, || status(channel.recv_vec(timeout))), Status::TimedOut);
        }
        let mut buffer = [0; 100];
        assert_eq!(status(channel.recv(&mut buffer, timeout)), Status::TimedOut);
        assert_eq!(status(channel.recv_view(timeout)), Status::TimedOut);
    });
}

#[test]
fn fragments_without_end_are_a_protocol_error_at_the_limit_over_a_socket() {
    if !alone(fragments_without_end_are_a_protocol_error_at_the_limit_over_a_socket) {
        return;
    }
    let (_listener, channel, mut raw) = joined("max_message=100000");
    costs_little(|| {
        let fragment = frame(DATA, MORE, 1, 0, &[0; 10_000]);
        thread::scope(|scope| {
            // The library stops reading, and may hang up.
            scope.spawn(|| (0..100).all(|_| raw.say(&fragment)));
            assert_eq!(in_time(WAIT, || status(channel.recv_vec(WAIT))), Status::Protocol);
            channel.close();
        });
    });
}

#[test]
fn fragments_without_end_are_a_protocol_error_at_the_limit_over_rings() {
    if !alone(fragments_without_end_are_a_protocol_error_at_the_limit_over_rings) {
        return;
    }
    for victim in VICTIMS {
        let (channel, mut hostile) = Arena::new(victim, "ring=65536&max_message=100000").join();
        let timeout = Some(Duration::from_millis(20));
        let mut results = Vec::new();
        for _ in 0..11 {
            hostile.publish(DATA, MORE, 1, 0, &[0; 10_000]);
            results.push(in_time(timeout, || status(channel.recv_vec(timeout))));
        }
        assert_eq!(results.pop(), Some(Status::Protocol), "the eleventh passes the limit");
        assert_eq!(results, [Status::TimedOut; 10]);
    }
}

#[test]
fn huge_rings_are_not_granted() {
    if !alone(huge_rings_are_not_granted) {
        return;
    }
    let page = treenail::granule() as u64;
    for (options, most) in [("", 16 << 20), ("ring_max=64KiB&ring=4KiB", 64 << 10)] {
        let place = Place::new();
        let listener = place.listener("shm", options);
        for wish in [u32::MAX, 1 << 31, (16 << 20) + 1, 17 << 20] {
            let stopped = AtomicBool::new(false);
            thread::scope(|scope| {
                scope.spawn(|| {
                    while !stopped.load(Ordering::Relaxed) {
                        let _ = listener.accept(Some(Duration::from_millis(20)));
                    }
                });
                let _stop = Stop(&stopped);
                let mut raw = Raw::connect(&place);
                assert!(raw.say(&hello_with_wish(FEATURE_RING, wish)));
                raw.expect(Kind::Hello);
                let (share, _fds) = raw.hear_share();
                assert!(share.to_listener.1 <= most, "{wish} was wished, and got {share:?}");
                assert!(share.to_connector.1 <= most && share.size <= 2 * most + page);
            });
        }
    }
}

#[test]
fn a_peer_that_takes_one_byte_only_is_sent_no_more() {
    if !alone(a_peer_that_takes_one_byte_only_is_sent_no_more) {
        return;
    }
    let place = Place::new();
    let listener = place.listener("local", "");
    let channel = thread::scope(|scope| {
        let accepting = scope.spawn(|| listener.accept(WAIT));
        let mut raw = Raw::connect(&place);
        let (message_size_max, pid) = (1, std::process::id());
        let hello = treenail::wire::Hello { message_size_max, features: 0, ring_wish: 0, pid };
        assert!(raw.say(&hello.encode()));
        raw.expect(Kind::Hello);
        let channel = accepting.join().expect("accept returns").expect("it is welcome");
        assert_eq!(status(channel.send(b"ab", WAIT)), Status::TooLarge);
        assert_eq!(status(channel.send(b"a", WAIT)), Status::Ok);
        assert_eq!(raw.expect(Kind::Data), b"a");
        channel
    });
    assert_eq!(status(channel.send(&data(b""), WAIT)), Status::TooLarge);
}
