//! A peer that means harm at the other end of a socketpair, or gave it away prepared.

use super::shared::{Canary, WAIT, alone, in_time, leaves_no_descriptors, status};
use super::talk::{Raw, data, frame, hello};
use crate::common::event::Events;
use crate::common::move_into_rings;
use std::os::fd::{AsRawFd, IntoRawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;
use treenail::wire::{FEATURE_LISTENER, FEATURE_RING, Kind};
use treenail::{Channel, NOW, Status, TransportKind};

/// One end by hand, the other as an endpoint.
fn hostile(options: &str) -> (Raw, String) {
    let (hostile, given) = UnixStream::pair().expect("descriptors");
    (Raw::new(hostile), format!("fd:{}{options}", given.into_raw_fd()))
}

#[test]
fn nonsense_in_the_place_of_hello_is_refused_by_both_parts() {
    if !alone(nonsense_in_the_place_of_hello_is_refused_by_both_parts) {
        return;
    }
    let mut magic = hello(0);
    magic[16] = b'X';
    let all = [
        ("DATA", data(b"x")),
        ("another magic", magic),
        ("a SHARE", frame(Kind::Share as u8, 0, 0, 0, &[0; 48])),
        (
            "another protocol",
            b"AUTH EXTERNAL 30\r\n and more of it than a HELLO has bytes".to_vec(),
        ),
        ("zeros", vec![0; 64]),
    ];
    for (name, bytes) in all {
        leaves_no_descriptors(|| {
            let (mut raw, given) = hostile("");
            raw.say(&bytes);
            let created = in_time(WAIT, || Channel::create(&given, WAIT));
            assert_eq!(status(created), Status::Protocol, "{name}");
            assert!(raw.last_words().starts_with("TN_PROTOCOL"), "{name}");
            let (mut raw, given) = hostile("");
            raw.say(&bytes);
            let connector = Channel::connect(&given, WAIT).expect("it doesn't wait");
            assert_eq!(status(connector.recv_vec(WAIT)), Status::Protocol, "{name}");
            assert!(raw.last_words().starts_with("TN_PROTOCOL"), "{name}");
        });
    }
}

#[test]
fn a_side_that_says_the_same_part_is_refused() {
    for features in [0, FEATURE_RING] {
        let (mut raw, given) = hostile("");
        assert!(raw.say(&hello(FEATURE_LISTENER | features)));
        assert_eq!(status(Channel::create(&given, WAIT)), Status::Protocol);
        raw.expect(Kind::Hello);
        assert!(raw.last_words().contains("let one of them connect"));
        let (mut raw, given) = hostile("");
        assert!(raw.say(&hello(features)));
        let connector = Channel::connect(&given, WAIT).expect("it doesn't wait");
        assert_eq!(status(connector.recv_vec(WAIT)), Status::Protocol);
        raw.expect(Kind::Hello);
        assert!(raw.last_words().contains("let one of them create"));
    }
}

#[test]
fn the_time_of_a_handshake_begins_with_its_first_byte() {
    let (mut raw, given) = hostile("?handshake_ms=50");
    let created = Channel::create_start(&given).expect("an end");
    let events = Events::of(created.fd().expect("a descriptor"));
    let short = Some(Duration::from_millis(100));
    assert_eq!(status(created.recv_vec(short)), Status::TimedOut, "silence has no limit");
    assert_eq!(status(created.recv_vec(NOW)), Status::Again);
    assert!(events.wait_for(Duration::ZERO).is_empty());
    assert!(raw.say(&hello(0)[..1]));
    // The byte shows, and then its time.
    let mut last = Status::Again;
    for _ in 0..3 {
        events.wait();
        last = status(created.recv_vec(NOW));
        if last != Status::Again {
            break;
        }
    }
    assert_eq!(last, Status::TimedOut);
}

#[test]
fn whoever_leaves_amid_its_hello_is_lost() {
    for cut in [0, 1, 16, 47] {
        let (mut raw, given) = hostile("");
        assert!(raw.say(&hello(0)[..cut]));
        drop(raw);
        assert_eq!(status(Channel::create(&given, WAIT)), Status::PeerLost, "after {cut} bytes");
    }
}

#[test]
fn descriptors_on_a_hello_are_dropped() {
    if !alone(descriptors_on_a_hello_are_dropped) {
        return;
    }
    leaves_no_descriptors(|| {
        let (mut raw, given) = hostile("");
        let (canary, fd) = Canary::new();
        raw.say_with(&hello(0), &[fd.as_raw_fd(); 7]);
        drop(fd);
        let created = Channel::create(&given, WAIT).expect("the HELLO itself is fine");
        canary.is_gone_soon();
        assert!(raw.say(&data(b"still here")));
        assert_eq!(created.recv_vec(WAIT).expect("it came"), b"still here");
    });
}

/// Lets the kernel add control messages to what comes: credentials, and a pidfd.
fn pass_everything(socket: &UnixStream) {
    const SO_PASSPIDFD: i32 = 76;
    for name in [libc::SO_PASSCRED, SO_PASSPIDFD] {
        let on: libc::c_int = 1;
        let value = (&raw const on).cast();
        // SAFETY: reads a live variable of this size. Older kernels haven't got the second one.
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, name, value, 4) };
    }
}

#[test]
fn a_socket_that_was_prepared_brings_nothing_else() {
    if !alone(a_socket_that_was_prepared_brings_nothing_else) {
        return;
    }
    leaves_no_descriptors(|| {
        let (one, other) = UnixStream::pair().expect("descriptors");
        pass_everything(&one);
        pass_everything(&other);
        let connector = Channel::connect_start(&format!("fd:{}", one.into_raw_fd()));
        let connector = connector.expect("an end");
        let creator = Channel::create(&format!("fd:{}", other.into_raw_fd()), WAIT);
        let creator = creator.expect("an end");
        move_into_rings(&connector, &creator);
        for (from, to) in [(&connector, &creator), (&creator, &connector)] {
            from.send(b"across", WAIT).expect("there is room");
            assert_eq!(to.recv_vec(WAIT).expect("it was sent"), b"across");
            assert_eq!(to.peer().expect("it is connected").transport, TransportKind::Shm);
        }
    });
}
