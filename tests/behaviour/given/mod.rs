//! Sockets that a program was given, and names that a listener chooses.

mod names;
mod processes;
mod refusals;

use crate::common::child::alone;
use crate::common::{Fails, SOON, at_once, move_into_rings, name, socketpair, status};
use std::os::fd::IntoRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use treenail::{Channel, Listener, NOW, Status, TransportKind};

/// Sends one message each way.
fn assert_joined(one: &Channel, other: &Channel) {
    for (from, to) in [(one, other), (other, one)] {
        from.send(b"across", SOON).expect("there is room");
        assert_eq!(to.recv_vec(SOON).expect("it was sent"), b"across");
    }
}

/// A path that nobody else uses.
fn path() -> PathBuf {
    let name = name();
    crate::common::directory().join(format!("{name}.given"))
}

#[test]
fn the_ends_of_a_socketpair_share_memory_unless_told_otherwise() {
    for (options, expected) in [
        ("", TransportKind::Shm),
        ("?shm=required", TransportKind::Shm),
        ("?shm=off", TransportKind::Local),
        ("?raw=1", TransportKind::Local),
    ] {
        let [one, other] = socketpair();
        // Connecting doesn't wait for the other side, so one thread can be both.
        let connector = Channel::connect_start(&format!("{one}{options}")).expect("an end");
        let creator = Channel::create(&format!("{other}{options}"), SOON).expect("an end");
        move_into_rings(&connector, &creator);
        assert_joined(&connector, &creator);
        for (end, endpoint) in [(&connector, one), (&creator, other)] {
            let peer = end.peer().expect("it is connected");
            assert_eq!((peer.transport, peer.address), (expected, endpoint), "{options}");
        }
    }
}

#[test]
fn whoever_begins_first_finds_the_other_later() {
    let [one, other] = socketpair();
    let creator = Channel::create_start(&other).expect("an end");
    assert_eq!(status(creator.recv_vec(NOW)), Status::Again);
    let connector = Channel::connect(&one, SOON).expect("an end");
    connector.send(b"early", SOON).expect("there is room");
    drop(connector);
    assert_eq!(creator.recv_vec(SOON).expect("it was sent"), b"early");
    creator.recv_vec(SOON).fails_with(Status::Closed);
}

#[test]
fn two_that_connect_are_told_at_once() {
    let [one, other] = socketpair();
    let channels = [one, other].map(|end| Channel::connect(&end, SOON).expect("an end"));
    for channel in &channels {
        let error = at_once(|| channel.recv_vec(SOON)).fails_with(Status::Protocol);
        assert!(error.to_string().contains("both sides connect"), "{error}");
        channel.send(b"x", SOON).fails_with(Status::Protocol);
    }
}

#[test]
fn two_that_create_are_told_at_once() {
    for options in ["", "?shm=off", "?handshake_ms=3600000"] {
        let [one, other] = socketpair().map(|end| format!("{end}{options}"));
        let first = Channel::create_start(&one).expect("an end");
        let error = at_once(|| Channel::create(&other, SOON)).fails_with(Status::Protocol);
        assert!(error.to_string().contains("let one of them connect"), "{error}");
        at_once(|| first.recv_vec(SOON)).fails_with(Status::Protocol);
    }
}

#[test]
fn a_listening_socket_is_listened_at() {
    let path = path();
    let socket = UnixListener::bind(&path).expect("the path is free");
    let listener = Listener::open(&format!("fd:{}", socket.into_raw_fd())).expect("it listens");
    assert_eq!(listener.endpoint(), format!("shm:{}", path.display()));
    for _ in 0..3 {
        let connector = Channel::connect_start(&listener.endpoint()).expect("it listens");
        let acceptor = listener.accept(SOON).expect("somebody connects");
        assert_joined(&connector, &acceptor);
    }
    listener.accept(NOW).fails_with(Status::Again);
    // The file is its maker's.
    drop(listener);
    assert!(path.exists());
    let endpoint = format!("shm:{}", path.display());
    Channel::connect(&endpoint, NOW).fails_with(Status::NotFound);
}

#[test]
fn the_endpoint_of_a_given_socket_can_be_connected_to() {
    for (file, options, scheme) in
        [("a?b%41 c", "", "shm"), ("plain", "?shm=off", "local"), ("plain", "?raw=1", "local")]
    {
        let path = path().with_extension(file);
        let socket = UnixListener::bind(&path).expect("the path is free");
        let endpoint = format!("fd:{}{options}", socket.into_raw_fd());
        let listener = Listener::open(&endpoint).expect("it listens");
        assert!(listener.endpoint().starts_with(scheme), "{}", listener.endpoint());
        Channel::connect(&listener.endpoint(), SOON).expect("it listens there");
        std::fs::remove_file(&path).expect("it is there");
    }
}

#[test]
fn a_socket_without_a_path_has_its_number_for_an_endpoint() {
    use std::os::linux::net::SocketAddrExt;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name()).expect("a name");
    let socket = UnixListener::bind_addr(&address).expect("the name is free");
    let endpoint = format!("fd:{}", socket.into_raw_fd());
    let listener = Listener::open(&format!("{endpoint}?backlog=16")).expect("it listens");
    assert_eq!(listener.endpoint(), endpoint);
    let client = UnixStream::connect_addr(&address).expect("it listens");
    let connector = Channel::connect_start(&format!("fd:{}", client.into_raw_fd()));
    let acceptor = listener.accept(SOON).expect("somebody connects");
    assert_joined(&connector.expect("it is connected"), &acceptor);
}

#[test]
fn a_channel_is_created_of_a_listening_socket_too() {
    let path = path();
    let socket = UnixListener::bind(&path).expect("the path is free");
    let creator = Channel::create_start(&format!("fd:{}", socket.into_raw_fd())).expect("an end");
    let endpoint = format!("shm:{}", path.display());
    let connector = Channel::connect(&endpoint, SOON).expect("it listens");
    assert_joined(&creator, &connector);
    // It listens no longer.
    Channel::connect(&endpoint, NOW).fails_with(Status::NotFound);
}

#[test]
fn a_number_that_is_free_again_may_be_given_again() {
    if !alone(a_number_that_is_free_again_may_be_given_again) {
        return;
    }
    let mut numbers = None;
    for _ in 0..3 {
        let (one, other) = UnixStream::pair().expect("descriptors");
        let [one, other] = [one, other].map(IntoRawFd::into_raw_fd);
        assert_eq!(*numbers.get_or_insert([one, other]), [one, other], "the lowest are free again");
        let connector = Channel::connect(&format!("fd:{one}"), SOON).expect("an end");
        let creator = Channel::create(&format!("fd:{other}"), SOON).expect("an end");
        assert_joined(&connector, &creator);
    }
}
