//! Sockets that a process was given by its parent, or as by systemd.

use super::{assert_joined, path};
use crate::common::child::{
    alone, command, die_with_parent, finish, fork, kill, name_of, reap, role,
};
use crate::common::{Fails, SOON, status};
use std::os::fd::{AsRawFd, IntoRawFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;
use treenail::{Channel, Listener, NOW, Status, TransportKind};

const LIMIT: Duration = Duration::from_secs(60);
/// The number under which children get their socket.
const NUMBER: RawFd = 3;

/// Lets a program have this descriptor under a number.
fn pass(command: &mut Command, given: RawFd) {
    let pass = move || {
        // SAFETY: takes no memory; a descriptor that has the number already keeps it.
        let passed = unsafe {
            match given == NUMBER {
                true => libc::fcntl(NUMBER, libc::F_SETFD, 0),
                false => libc::dup2(given, NUMBER),
            }
        };
        if passed == -1 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
    };
    // SAFETY: system calls alone, which may be made between fork and exec.
    unsafe { command.pre_exec(pass) };
}

/// Runs `test` in a child that has one end of a socketpair; the other end.
fn with_child(test: impl Fn(), role: &str) -> (std::process::Child, UnixStream) {
    let (own, given) = UnixStream::pair().expect("descriptors");
    let mut command = command(name_of(test), role);
    pass(&mut command, given.as_raw_fd());
    (command.spawn().expect("the test program can run itself"), own)
}

/// What a child does that was given a channel: answers until the other side closes.
fn answer(channel: &Channel) {
    while let Ok(message) = channel.recv_vec(SOON) {
        channel.send(&message, SOON).expect("there is room");
    }
}

#[test]
fn a_child_is_given_its_end() {
    match role().as_deref() {
        Some("connects") => answer(&Channel::connect("fd:3", SOON).expect("an end")),
        Some("creates") => answer(&Channel::create("fd:3", SOON).expect("an end")),
        _ => {
            for role in ["connects", "creates"] {
                let (child, own) = with_child(a_child_is_given_its_end, role);
                let endpoint = format!("fd:{}", own.into_raw_fd());
                let channel = match role {
                    "connects" => Channel::create(&endpoint, SOON),
                    _ => Channel::connect(&endpoint, SOON),
                };
                let channel = channel.expect("the child begins");
                for number in 0..10u32 {
                    channel.send(&number.to_le_bytes(), SOON).expect("there is room");
                    assert_eq!(channel.recv_vec(SOON).expect("answered"), number.to_le_bytes());
                }
                let peer = channel.peer().expect("it is connected");
                assert_eq!(peer.transport, TransportKind::Shm);
                channel.close();
                assert!(finish(child, LIMIT), "a child that {role}");
            }
        }
    }
}

#[test]
fn a_child_that_is_killed_is_lost_and_so_is_a_parent() {
    let test = a_child_that_is_killed_is_lost_and_so_is_a_parent;
    match role().as_deref() {
        None => {}
        Some("is killed") => {
            let channel = Channel::connect("fd:3", SOON).expect("an end");
            channel.send(b"alive", SOON).expect("there is room");
            let _ = channel.recv_vec(treenail::FOREVER);
            return;
        }
        _ => {
            let channel = Channel::connect("fd:3", SOON).expect("an end");
            channel.recv_vec(SOON).fails_with(Status::PeerLost);
            return;
        }
    }
    let (child, own) = with_child(test, "is killed");
    let channel = Channel::create(&format!("fd:{}", own.into_raw_fd()), SOON).expect("an end");
    assert_eq!(channel.recv_vec(SOON).expect("it lives"), b"alive");
    kill(child);
    channel.recv_vec(SOON).fails_with(Status::PeerLost);
    channel.send(b"x", SOON).fails_with(Status::PeerLost);
    let (child, own) = with_child(test, "has lost its parent");
    drop(own);
    assert!(finish(child, LIMIT));
    let (own, given) = UnixStream::pair().expect("descriptors");
    drop(given);
    let endpoint = format!("fd:{}", own.into_raw_fd());
    Channel::create(&endpoint, SOON).fails_with(Status::PeerLost);
}

#[test]
fn a_forked_child_keeps_nothing_of_a_channel_that_was_given() {
    if !alone(a_forked_child_keeps_nothing_of_a_channel_that_was_given) {
        return;
    }
    let (one, other) = UnixStream::pair().expect("descriptors");
    let connector = Channel::connect(&format!("fd:{}", one.into_raw_fd()), SOON).expect("an end");
    let creator = Channel::create(&format!("fd:{}", other.into_raw_fd()), SOON).expect("an end");
    assert_joined(&connector, &creator);
    let (mut reading, writing) = std::io::pipe().expect("descriptors");
    let child = fork(|| {
        let is_dead = status(connector.send(b"x", NOW)) == Status::Invalid;
        // It lives on until the parent has seen the end.
        drop(writing);
        let _ = std::io::Read::read(&mut reading, &mut [0]);
        i32::from(!is_dead)
    });
    drop(connector);
    // With a copy of the socket in the child this would not come.
    creator.recv_vec(SOON).fails_with(Status::Closed);
    drop(creator);
    assert_eq!(reap(child), 0);
}

/// Runs a test as systemd runs a service, with this socket and these variables.
fn as_service(name: &str, role: &str, given: RawFd, count: &str, pid: &str) -> Command {
    let inner = command(name, role);
    let mut outer = Command::new("sh");
    outer.args(["-c", &format!("LISTEN_FDS={count} LISTEN_PID={pid} exec \"$0\" \"$@\"")]);
    outer.arg(inner.get_program()).args(inner.get_args());
    for (key, value) in inner.get_envs() {
        outer.env(key, value.expect("each has a value"));
    }
    outer.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
    die_with_parent(&mut outer);
    pass(&mut outer, given);
    outer
}

/// What a service does; the role is what it must find.
fn serve(role: &str) {
    let opened = Listener::open("fd:systemd");
    match role {
        "is served" => {
            let listener = opened.expect("a socket was passed");
            let channel = listener.accept(SOON).expect("somebody connects");
            answer(&channel);
            drop((channel, listener));
            // Another descriptor may have its number by now.
            let _other = UnixStream::pair().expect("descriptors");
            let error = Listener::open("fd:systemd").fails_with(Status::Invalid);
            assert!(error.to_string().contains("has taken"), "{error}");
        }
        "an instance for each" => {
            let channel = Channel::create("fd:systemd", SOON).expect("a connection was passed");
            answer(&channel);
        }
        mention => {
            let error = opened.fails_with(Status::NotFound);
            assert!(error.to_string().contains(mention), "{error}");
        }
    }
}

#[test]
fn a_service_of_systemd_has_its_socket() {
    if let Some(role) = role() {
        return serve(&role);
    }
    let name = name_of(a_service_of_systemd_has_its_socket);
    let path = path();
    let socket = UnixListener::bind(&path).expect("the path is free");
    let endpoint = format!("shm:{}", path.display());
    // A client connects before the service runs.
    let client = Channel::connect(&endpoint, SOON).expect("systemd listens");
    client.send(b"early", SOON).expect("there is room");
    let service = as_service(name, "is served", socket.as_raw_fd(), "1", "$$").spawn();
    assert_eq!(client.recv_vec(SOON).expect("the service answers"), b"early");
    drop(client);
    assert!(finish(service.expect("sh runs"), LIMIT));
    // Accept=yes: the service gets each connection.
    let client = Channel::connect(&endpoint, SOON).expect("systemd listens");
    let (connection, _) = socket.accept().expect("it connects");
    let service = as_service(name, "an instance for each", connection.as_raw_fd(), "1", "$$");
    let service = { service }.spawn().expect("sh runs");
    drop(connection);
    client.send(b"mine", SOON).expect("there is room");
    assert_eq!(client.recv_vec(SOON).expect("the service answers"), b"mine");
    drop(client);
    assert!(finish(service, LIMIT));
}

#[test]
fn what_systemd_has_not_passed_is_not_found() {
    if let Some(role) = role() {
        return serve(&role);
    }
    let name = name_of(what_systemd_has_not_passed_is_not_found);
    let socket = UnixListener::bind(path()).expect("the path is free");
    for (mention, count, pid) in [
        ("LISTEN_FDS isn't set", "", "$$"),
        ("LISTEN_FDS is no number", "many", "$$"),
        ("LISTEN_FDS is 0", "0", "$$"),
        ("LISTEN_PID isn't set", "1", ""),
        ("another process'", "1", "1"),
    ] {
        let service = as_service(name, mention, socket.as_raw_fd(), count, pid).spawn();
        assert!(finish(service.expect("sh runs"), LIMIT), "{mention}");
    }
    assert_eq!(status(Listener::open("fd:systemd")), Status::NotFound);
}
