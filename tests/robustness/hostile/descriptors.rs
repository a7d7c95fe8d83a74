//! Descriptors where none belong are never received, and nothing is left of those that are.

use super::calls::connected;
use super::pages::{Arena, VICTIMS};
use super::shared::{Canary, Place, WAIT, alone, in_time, leaves_no_descriptors, status};
use super::talk::{Raw, data, frame, greet, greet_for_rings, hello, moves};
use std::os::fd::AsRawFd;
use std::thread;
use treenail::wire::{FEATURE_RING, Kind};
use treenail::{Channel, Fault, NOW, Status, set_faults};

const CLOSE: u8 = Kind::Close as u8;

/// A kernel that can't refuse descriptors for us, until it is dropped.
struct OldKernel;

impl OldKernel {
    fn new() -> OldKernel {
        set_faults(&[Fault::NoPassRights]);
        OldKernel
    }
}

impl Drop for OldKernel {
    fn drop(&mut self) {
        set_faults(&[]);
    }
}

/// Sends bytes with many copies of a canary's descriptor; who takes one keeps the canary alive.
fn say_with_canary(raw: &mut Raw, bytes: &[u8]) -> Canary {
    let (canary, fd) = Canary::new();
    raw.say_with(bytes, &[fd.as_raw_fd(); 7]);
    canary
}

#[test]
fn those_on_a_connector_s_hello_are_dropped() {
    if !alone(those_on_a_connector_s_hello_are_dropped) {
        return;
    }
    let _old = OldKernel::new();
    for scheme in ["local", "shm"] {
        leaves_no_descriptors(|| {
            let place = Place::new();
            let listener = place.listener(scheme, "");
            let mut raw = Raw::connect(&place);
            let canary = say_with_canary(&mut raw, &hello(0));
            let channel = listener.accept(WAIT).expect("the HELLO itself is fine");
            canary.is_gone_soon();
            assert!(raw.say(&data(b"still here")));
            assert_eq!(channel.recv_vec(WAIT).expect("it came"), b"still here");
        });
    }
}

#[test]
fn those_on_a_listener_s_hello_are_dropped() {
    if !alone(those_on_a_listener_s_hello_are_dropped) {
        return;
    }
    let _old = OldKernel::new();
    leaves_no_descriptors(|| {
        let place = Place::new();
        let server = Raw::listen(&place);
        let (canary, mut raw, channel) = thread::scope(|scope| {
            let serving = scope.spawn(|| {
                let mut raw = Raw::accept(&server);
                let canary = say_with_canary(&mut raw, &hello(0));
                (canary, raw)
            });
            let channel = Channel::connect(&place.endpoint("local", ""), WAIT);
            let (canary, raw) = serving.join().expect("the library connects");
            (canary, raw, channel.expect("the HELLO itself is fine"))
        });
        assert!(raw.say(&data(b"still here")));
        assert_eq!(channel.recv_vec(WAIT).expect("it came"), b"still here");
        canary.is_gone_soon();
    });
}

#[test]
fn those_on_data_and_close_are_dropped() {
    if !alone(those_on_data_and_close_are_dropped) {
        return;
    }
    let _old = OldKernel::new();
    leaves_no_descriptors(|| {
        let place = Place::new();
        let listener = place.listener("local", "");
        let mut raw = Raw::connect(&place);
        greet_later(&mut raw);
        let channel = listener.accept(WAIT).expect("the HELLO is fine");
        let canary = say_with_canary(&mut raw, &data(b"with descriptors"));
        assert_eq!(channel.recv_vec(WAIT).expect("it came"), b"with descriptors");
        canary.is_gone_soon();
        let canary = say_with_canary(&mut raw, &frame(CLOSE, 0, 0, 0, b"enough"));
        assert_eq!(status(channel.recv_vec(WAIT)), Status::Closed);
        canary.is_gone_soon();
    });
}

fn greet_later(raw: &mut Raw) {
    assert!(raw.say(&hello(0)));
}

#[test]
fn those_on_the_answer_to_share_are_dropped() {
    if !alone(those_on_the_answer_to_share_are_dropped) {
        return;
    }
    let _old = OldKernel::new();
    leaves_no_descriptors(|| {
        let place = Place::new();
        let listener = place.listener("shm", "");
        thread::scope(|scope| {
            let accepting = scope.spawn(|| listener.accept(WAIT));
            let mut raw = Raw::connect(&place);
            greet_for_rings(&mut raw);
            drop(raw.hear_share());
            let channel = accepting.join().expect("accept returns").expect("it is joined");
            let canary = say_with_canary(&mut raw, &moves(0));
            assert_eq!(status(channel.recv_vec(NOW)), Status::Again);
            assert_eq!(raw.expect(Kind::Share), [0; 4], "the answer itself is fine");
            canary.is_gone_soon();
        });
    });
}

#[test]
fn those_on_bytes_after_the_handshake_over_rings_are_dropped_with_the_bytes() {
    if !alone(those_on_bytes_after_the_handshake_over_rings_are_dropped_with_the_bytes) {
        return;
    }
    let _old = OldKernel::new();
    for victim in VICTIMS {
        leaves_no_descriptors(|| {
            let (channel, mut hostile) = Arena::new(victim, "").join();
            let canary = say_with_canary(&mut hostile.raw, b"x");
            assert_eq!(in_time(WAIT, || status(channel.recv_vec(WAIT))), Status::Protocol);
            canary.is_gone_soon();
        });
    }
}

#[test]
fn those_on_a_listener_s_refusal_are_given_back() {
    if !alone(those_on_a_listener_s_refusal_are_given_back) {
        return;
    }
    let _old = OldKernel::new();
    leaves_no_descriptors(|| {
        let place = Place::new();
        let server = Raw::listen(&place);
        thread::scope(|scope| {
            let serving = scope.spawn(|| {
                let mut raw = Raw::accept(&server);
                greet_for_rings(&mut raw);
                // Here descriptors are due, but not with a CLOSE.
                say_with_canary(&mut raw, &frame(CLOSE, 0, 0, 0, b"TN_DENIED: no"))
            });
            let refused = status(Channel::connect(&place.endpoint("shm", "early=0"), WAIT));
            assert!(matches!(refused, Status::Denied | Status::Protocol), "{refused:?}");
            serving.join().expect("the library connects").is_gone_soon();
        });
    });
}

#[test]
fn those_on_a_listener_s_message_before_share_are_the_end() {
    if !alone(those_on_a_listener_s_message_before_share_are_the_end) {
        return;
    }
    let _old = OldKernel::new();
    leaves_no_descriptors(|| {
        let ping = frame(Kind::Ping as u8, 0, 0, 0, b"?");
        for message in [data(b"with descriptors"), ping, frame(Kind::Data as u8, 4, 0, 0, b"x")] {
            for options in ["", "early=0"] {
                let (channel, mut raw, _server) = connected("shm", options);
                assert!(raw.say(&[hello(FEATURE_RING), data(b"before")].concat()));
                let canary = say_with_canary(&mut raw, &message);
                assert_eq!(channel.recv_vec(WAIT).expect("it came before"), b"before");
                assert_eq!(in_time(WAIT, || status(channel.recv_vec(WAIT))), Status::Protocol);
                drop(channel);
                canary.is_gone_soon();
            }
        }
    });
}

#[test]
fn those_on_every_byte_of_a_share_are_given_back() {
    if !alone(those_on_every_byte_of_a_share_are_given_back) {
        return;
    }
    let _old = OldKernel::new();
    leaves_no_descriptors(|| {
        let place = Place::new();
        let server = Raw::listen(&place);
        thread::scope(|scope| {
            let serving = scope.spawn(|| {
                let mut raw = Raw::accept(&server);
                greet_for_rings(&mut raw);
                let (canary, fd) = Canary::new();
                let share = super::pages::proper_share(64 << 10).encode();
                for byte in share.chunks(1) {
                    raw.say_with(byte, &[fd.as_raw_fd(); 16]);
                }
                canary
            });
            let channel = Channel::connect(&place.endpoint("shm", "early=0"), WAIT);
            assert_eq!(status(channel), Status::Protocol);
            serving.join().expect("the library connects").is_gone_soon();
        });
    });
}

#[test]
fn a_greeting_for_rings_that_leads_nowhere_leaves_nothing() {
    if !alone(a_greeting_for_rings_that_leads_nowhere_leaves_nothing) {
        return;
    }
    let _old = OldKernel::new();
    let place = Place::new();
    let listener = place.listener("shm", "handshake_ms=50");
    leaves_no_descriptors(|| {
        for _ in 0..20 {
            let mut raw = Raw::connect(&place);
            assert!(raw.say(&hello(FEATURE_RING)));
            drop(raw);
        }
        for _ in 0..20 {
            // It said all that a client must, and may have said more.
            let channel = listener.accept(WAIT).expect("it was there");
            assert_eq!(in_time(WAIT, || status(channel.recv_vec(WAIT))), Status::PeerLost);
        }
        let timeout = Some(std::time::Duration::from_millis(100));
        assert_eq!(status(listener.accept(timeout)), Status::TimedOut);
    });
}

#[test]
fn a_plain_greeting_still_works_afterwards() {
    if !alone(a_plain_greeting_still_works_afterwards) {
        return;
    }
    let _old = OldKernel::new();
    let place = Place::new();
    let listener = place.listener("local", "");
    thread::scope(|scope| {
        let accepting = scope.spawn(|| listener.accept(WAIT));
        greet(&mut Raw::connect(&place));
        accepting.join().expect("accept returns").expect("a small program is welcome");
    });
}
