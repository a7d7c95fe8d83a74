//! Descriptors that carry no channel.

use crate::common::{Fails, SOON, directory, socketpair};
use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use treenail::{Channel, Error, Listener, Status};

/// What each of the calls that adopt a descriptor says of this one.
fn refusals(number: RawFd, expected: Status) -> [Error; 3] {
    let endpoint = format!("fd:{number}?retry=1");
    [
        Channel::connect(&endpoint, SOON).fails_with(expected),
        Channel::create(&endpoint, SOON).fails_with(expected),
        Listener::open(&endpoint).fails_with(expected),
    ]
}

/// Refused by each call, with a text that names the number and says `mention`, and left open.
fn assert_refused(given: impl AsRawFd, expected: Status, mention: &str) {
    let number = given.as_raw_fd();
    for error in refusals(number, expected) {
        let text = error.to_string();
        assert!(text.contains(&format!("descriptor {number} ")), "{text}");
        assert!(text.contains(mention), "{text}");
    }
    assert!(is_open(number), "it stays its owner's");
}

fn is_open(number: RawFd) -> bool {
    // SAFETY: takes no memory.
    unsafe { libc::fcntl(number, libc::F_GETFD) != -1 }
}

fn socket(domain: i32, kind: i32) -> OwnedFd {
    // SAFETY: takes no memory.
    let fd = unsafe { libc::socket(domain, kind | libc::SOCK_CLOEXEC, 0) };
    assert!(fd >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the call just made it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

#[test]
fn what_carries_no_channel_is_refused_and_left_alone() {
    let file = File::open(directory()).expect("it is there");
    assert_refused(file, Status::Invalid, "is no socket");
    let (reading, writing) = std::io::pipe().expect("descriptors");
    assert_refused(reading, Status::Invalid, "is no socket");
    assert_refused(writing, Status::Invalid, "is no socket");
    let (datagrams, _) = UnixDatagram::pair().expect("descriptors");
    assert_refused(datagrams, Status::Invalid, "no stream");
    let packets = socket(libc::AF_UNIX, libc::SOCK_SEQPACKET);
    assert_refused(packets, Status::Invalid, "no stream");
    let fresh = socket(libc::AF_UNIX, libc::SOCK_STREAM);
    assert_refused(fresh, Status::Invalid, "neither connected nor listening");
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
    assert_refused(tcp, Status::Unsupported, "TCP or UDP");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
    assert_refused(udp, Status::Unsupported, "TCP or UDP");
    let netlink = socket(libc::AF_NETLINK, libc::SOCK_RAW);
    assert_refused(netlink, Status::Unsupported, "another family");
}

#[test]
fn a_number_that_is_not_open_is_invalid() {
    let (one, _other) = UnixStream::pair().expect("descriptors");
    // SAFETY: makes a descriptor that nothing else gets by chance, and closes it.
    let high = unsafe {
        let high = libc::fcntl(one.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 900);
        libc::close(high);
        high
    };
    for number in [high, 1 << 19, i32::MAX] {
        for error in refusals(number, Status::Invalid) {
            assert!(error.to_string().contains("isn't open"), "{error}");
        }
    }
}

#[test]
fn a_socket_for_the_other_purpose_is_refused_and_left_alone() {
    let path = super::path();
    let listening = UnixListener::bind(&path).expect("the path is free");
    let endpoint = format!("fd:{}", listening.as_raw_fd());
    let error = Channel::connect(&endpoint, SOON).fails_with(Status::Invalid);
    assert!(error.to_string().contains("is a listening socket"), "{error}");
    let (connected, _other) = UnixStream::pair().expect("descriptors");
    let endpoint = format!("fd:{}", connected.as_raw_fd());
    let error = Listener::open(&endpoint).fails_with(Status::Invalid);
    assert!(error.to_string().contains("is a connected socket"), "{error}");
    assert!(is_open(listening.as_raw_fd()) && is_open(connected.as_raw_fd()));
}

#[test]
fn what_is_no_number_is_invalid() {
    for address in ["", "0", "1", "2", "-1", "+3", "3.0", "0x3", "x", "4294967299", "Systemd", "*"]
    {
        let endpoint = format!("fd:{address}");
        Channel::connect(&endpoint, SOON).fails_with(Status::Invalid);
        Channel::create(&endpoint, SOON).fails_with(Status::Invalid);
        Listener::open(&endpoint).fails_with(Status::Invalid);
    }
}

#[test]
fn a_descriptor_belongs_to_one_handle() {
    let [one, _other] = socketpair();
    let channel = Channel::connect(&one, SOON).expect("an end");
    for error in [
        Channel::connect(&one, SOON).fails_with(Status::Invalid),
        Channel::create(&one, SOON).fails_with(Status::Invalid),
    ] {
        assert!(error.to_string().contains("belongs to a handle"), "{error}");
    }
    // What the library has made itself can't be given to it either.
    let own = channel.fd().expect("a descriptor").as_raw_fd();
    Channel::connect(&format!("fd:{own}"), SOON).fails_with(Status::Invalid);
    let listener = Listener::open("shm:*").expect("a name");
    let own = listener.fd().expect("a descriptor").as_raw_fd();
    Listener::open(&format!("fd:{own}")).fails_with(Status::Invalid);
    listener.accept(treenail::NOW).fails_with(Status::Again);
    channel.send(b"it works", SOON).expect("there is room");
}

#[test]
fn of_threads_that_take_one_number_one_gets_it() {
    for _ in 0..200 {
        let [one, other] = socketpair();
        let winners: Vec<Channel> = std::thread::scope(|scope| {
            let threads = [0; 3].map(|_| scope.spawn(|| Channel::connect(&one, SOON).ok()));
            threads.into_iter().filter_map(|thread| thread.join().expect("no panic")).collect()
        });
        assert_eq!(winners.len(), 1);
        let creator = Channel::create(&other, SOON).expect("an end");
        super::assert_joined(&winners[0], &creator);
    }
}
