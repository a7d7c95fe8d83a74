//! Every call that goes to the peer, and what each of them gives at the end.

use super::pages::Hostile;
use super::shared::{Place, WAIT, in_time, poll_soon, status};
use super::talk::Raw;
use std::io::IoSlice;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::Duration;
use treenail::wire::Kind;
use treenail::{Channel, NOW, Status};

/// A message that waits for the listener's HELLO.
pub const LARGE: &[u8] = &[0; 100_000];

/// A connector's channel, its socket's other end, and who listens.
pub fn connected(scheme: &str, options: &str) -> (Channel, Raw, UnixListener) {
    let place = Place::new();
    let server = Raw::listen(&place);
    let channel = Channel::connect_start(&place.endpoint(scheme, options));
    let channel = channel.expect("somebody listens");
    let mut raw = Raw::accept(&server);
    raw.expect(Kind::Hello);
    (channel, raw, server)
}

pub type Call = fn(&Channel, Option<Duration>) -> Status;

/// Every call that goes to the peer.
pub const CALLS: [(&str, Call); 13] = [
    ("recv", |channel, timeout| status(channel.recv(&mut [0; 8], timeout))),
    ("recv_vec", |channel, timeout| status(channel.recv_vec(timeout))),
    ("recv_message", |channel, timeout| status(channel.recv_message(&mut [0; 8], timeout))),
    ("recv_view", |channel, timeout| status(channel.recv_view(timeout))),
    ("recv_many", |channel, timeout| {
        status(channel.recv_many(&mut [0; 8], &mut Vec::new(), 4, timeout))
    }),
    ("send", |channel, timeout| status(channel.send(b"x", timeout))),
    ("a large send", |channel, timeout| status(channel.send(LARGE, timeout))),
    ("sendv", |channel, timeout| status(channel.sendv(1, &[IoSlice::new(b"x")], timeout))),
    ("send_many", |channel, timeout| status(channel.send_many(&[IoSlice::new(b"x")], timeout))),
    ("a large send_many", |channel, timeout| {
        status(channel.send_many(&[IoSlice::new(LARGE)], timeout))
    }),
    ("request", |channel, timeout| status(channel.request(1, b"?", timeout))),
    ("request_start", |channel, timeout| status(channel.request_start(1, b"?", timeout))),
    ("a loan", |channel, timeout| {
        let loan = channel.loan(8, timeout);
        status(loan.and_then(|loan| Ok(loan.commit(0, 8, timeout)?)))
    }),
];

/// What each call gives as the first one, and all of them after it, on the channels that `make` makes.
pub fn every_call_gives(expected: Status, make: impl Fn() -> Channel) {
    for (name, call) in CALLS {
        let channel = make();
        assert_eq!(in_time(WAIT, || call(&channel, WAIT)), expected, "{name} first");
        for (later, call) in CALLS {
            let given = in_time(NOW, || call(&channel, NOW));
            assert_eq!(given, expected, "{later} after {name}");
        }
    }
    let channel = make();
    let fd = channel.fd().expect("a descriptor").as_raw_fd();
    assert_ne!(poll_soon(&fd), 0, "the descriptor shows it");
    assert_eq!(status(channel.recv_vec(NOW)), expected, "by the descriptor");
    let channel = make();
    let fd = channel.send_fd().expect("a descriptor").as_raw_fd();
    assert_ne!(poll_soon(&fd), 0, "the descriptor for sending shows it");
    assert_eq!(status(channel.send(b"x", NOW)), expected, "by the descriptor for sending");
}

/// Sends numbers for as long as the socket has room: how many were taken.
pub fn fill(channel: &Channel) -> u32 {
    let mut count = 0u32;
    while channel.send(&count.to_le_bytes().repeat(250), NOW).is_ok() {
        count += 1;
    }
    count
}

/// All of them arrive, in their order.
fn hears_numbers(raw: &mut Raw, count: u32) {
    for number in 0..count {
        assert_eq!(raw.expect(Kind::Data), number.to_le_bytes().repeat(250));
    }
}

/// The socket was full of them: they arrive, then the library's last frame, and what is sent after
/// that is in its ring.
pub fn moves_behind_numbers(channel: &Channel, hostile: &mut Hostile, count: u32) {
    thread::scope(|scope| {
        let sending = scope.spawn(|| status(channel.send(b"after", WAIT)));
        hears_numbers(&mut hostile.raw, count);
        assert_eq!(hostile.raw.expect(Kind::Share), [0; 4]);
        assert_eq!(sending.join().expect("it returns"), Status::Ok);
    });
    assert!(hostile.holds_next(b"after", &mut 0));
}
