//! How channels and listeners come to be.

use super::Way;
use crate::common::event::{Events, is_readable};
use crate::common::{Fails, SOON, at_once, directory, name, not_before, status, until, with};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;
use treenail::{Channel, FOREVER, Listener, NOW, Status};

/// Sends one message each way, in one thread.
fn assert_joined(one: &Channel, other: &Channel) {
    one.send(b"there", SOON).expect("there is room");
    assert_eq!(other.recv_vec(SOON).expect("it was sent"), b"there");
    other.send(b"and back", SOON).expect("there is room");
    assert_eq!(one.recv_vec(SOON).expect("it was sent"), b"and back");
}

/// Drives a channel that is connecting as its descriptor for sending says, and `step` as `other` says.
fn drive(channel: &Channel, other: impl std::os::fd::AsFd, mut step: impl FnMut() -> bool) {
    let events = Events::of(channel.send_fd().expect("a descriptor"));
    events.add(other, 1);
    let (mut open, mut stepped) = (false, false);
    while !(open && stepped) {
        for key in events.wait() {
            match key {
                0 => open |= status(channel.flush(NOW)) == Status::Ok,
                _ => stepped |= step(),
            }
        }
    }
}

pub fn connecting_and_accepting_go_on_by_events_alone(way: Way) {
    let endpoint = way.endpoint("");
    let listener = Listener::open(&endpoint).expect("the name is free");
    for _ in 0..20 {
        let (connector, acceptor) = way.during(|| {
            let connector = Channel::connect_start(&endpoint).expect("somebody listens");
            let mut acceptor = None;
            drive(&connector, &listener, || {
                match listener.accept(NOW) {
                    Ok(channel) => acceptor = Some(channel),
                    Err(error) => assert_eq!(error.status(), Status::Again, "{error}"),
                }
                acceptor.is_some()
            });
            (connector, acceptor.expect("it was accepted"))
        });
        assert_joined(&connector, &acceptor);
        assert_joined(&acceptor, &connector);
    }
}

pub fn two_programs_meet_without_a_listener(way: Way) {
    let endpoint = way.endpoint("");
    let patient =
        crate::common::with(&endpoint, if endpoint.contains('?') { "" } else { "retry=1" });
    let patient = if endpoint.contains('?') { format!("{patient}&retry=1") } else { patient };
    for _ in 0..5 {
        let (one, other) = way.during(|| {
            thread::scope(|scope| {
                let other = scope.spawn(|| Channel::connect(&patient, SOON));
                let one = Channel::create(&endpoint, SOON);
                (one.expect("it is met"), other.join().expect("no panic").expect("it meets"))
            })
        });
        assert_joined(&one, &other);
        // It listens no longer.
        assert_eq!(status(Channel::connect(&endpoint, NOW)), Status::NotFound);
    }
}

pub fn creating_goes_on_by_events_alone(way: Way) {
    let endpoint = way.endpoint("");
    let created = Channel::create_start(&endpoint).expect("the name is free");
    assert_eq!(status(created.send(b"x", NOW)), Status::Again);
    assert_eq!(status(created.recv_vec(NOW)), Status::Again);
    assert_eq!(status(created.recv_vec(Some(Duration::from_millis(5)))), Status::TimedOut);
    assert_eq!(status(Channel::create_start(&endpoint)), Status::Exists);
    let connector = way.during(|| {
        let connector = Channel::connect_start(&endpoint).expect("somebody listens");
        drive(&created, connector.send_fd().expect("a descriptor"), || {
            status(connector.flush(NOW)) == Status::Ok
        });
        connector
    });
    assert_joined(&created, &connector);
}

pub fn retry_waits_for_a_listener(way: Way) {
    let endpoint = way.endpoint("retry=1");
    let time = Duration::from_millis(50);
    let result = not_before(time, || Channel::connect(&endpoint, Some(time)));
    let error = result.fails_with(Status::TimedOut);
    assert!(error.to_string().contains("nobody listens"), "{error}");
    let (connector, acceptor) = way.during(|| {
        thread::scope(|scope| {
            let connector = scope.spawn(|| Channel::connect(&endpoint, SOON));
            let listener = Listener::open(&endpoint).expect("the name is free");
            let acceptor = listener.accept(SOON).expect("somebody tries");
            let connector = connector.join().expect("no panic");
            (connector.expect("somebody listens by now"), acceptor)
        })
    });
    assert_joined(&connector, &acceptor);
}

pub fn close_cancels_connecting(way: Way) {
    let endpoint = way.endpoint("retry=1");
    let channel = Channel::connect_start(&endpoint).expect("it goes on trying");
    thread::scope(|scope| {
        let waiter = scope.spawn(|| status(channel.recv_vec(FOREVER)));
        assert_eq!(status(channel.send(b"x", NOW)), Status::Again);
        at_once(|| {
            channel.close();
            assert_eq!(waiter.join().expect("no panic"), Status::Closed);
        });
    });
    assert_eq!(status(channel.send(b"x", FOREVER)), Status::Closed);
    let created = Channel::create_start(&endpoint).expect("the name is free");
    created.close();
    drop(created);
    drop(Listener::open(&endpoint).expect("the name is free again"));
}

pub fn a_name_has_one_listener(way: Way) {
    let endpoint = way.endpoint("");
    let listener = Listener::open(&endpoint).expect("the name is free");
    assert_eq!(status(Listener::open(&endpoint)), Status::Exists);
    assert_eq!(status(Channel::create(&endpoint, SOON)), Status::Exists);
    assert_eq!(listener.endpoint(), endpoint.split('?').next().expect("a part"));
    listener.close();
    let second = Listener::open(&endpoint).expect("it is free again");
    // A listener that was closed before doesn't take the name from its successor.
    drop(listener);
    assert_eq!(status(Listener::open(&endpoint)), Status::Exists);
    drop(second);
    drop(Listener::open(&endpoint).expect("it is free again"));
}

pub fn connecting_to_nobody_is_not_found(way: Way) {
    let endpoint = way.endpoint("");
    let error = at_once(|| Channel::connect(&endpoint, SOON)).fails_with(Status::NotFound);
    let text = error.to_string();
    assert!(text.contains(&endpoint) && text.contains(".sock"), "{text}");
    let error = Channel::connect_start(&endpoint);
    // Told at once, or by the first call.
    if let Ok(channel) = error {
        assert_eq!(status(channel.recv_vec(SOON)), Status::NotFound);
    }
    let path = format!("local:{}/{}/x.sock", std::env::temp_dir().display(), name());
    assert_eq!(status(Channel::connect(&path, NOW)), Status::NotFound);
}

pub fn a_closed_listener_wakes_whoever_accepts(way: Way) {
    for _ in 0..20 {
        let listener = Listener::open(&way.endpoint("")).expect("the name is free");
        thread::scope(|scope| {
            let waiters = [0; 3].map(|_| scope.spawn(|| status(listener.accept(FOREVER))));
            until("some may wait", || waiters.iter().all(|waiter| !waiter.is_finished()));
            at_once(|| {
                listener.close();
                for waiter in waiters {
                    assert_eq!(waiter.join().expect("no panic"), Status::Closed);
                }
            });
        });
        assert_eq!(status(listener.accept(FOREVER)), Status::Closed);
        let fd = listener.fd().expect("it stays");
        assert!(crate::common::event::is_readable(fd));
    }
}

/// The socket of a NAME.
fn socket_of(endpoint: &str) -> PathBuf {
    let name = endpoint.split([':', '?']).nth(1).expect("a name");
    directory().join(format!("{name}.sock"))
}

/// Calls at so many events, none of which gets the channel on.
fn go_on_in_vain(channel: &Channel, events: &Events, count: u32) {
    for _ in 0..count {
        events.wait();
        assert_eq!(status(channel.flush(NOW)), Status::Again);
    }
}

pub fn between_two_tries_the_fd_is_silent(way: Way) {
    let endpoint = way.endpoint("retry=1");
    let channel = Channel::connect_start(&endpoint).expect("it goes on trying");
    let events = Events::of(channel.send_fd().expect("a descriptor"));
    // The sixth try and each one after it comes 20 ms after the one before.
    not_before(Duration::from_millis(100), || go_on_in_vain(&channel, &events, 15));
    let listener = Listener::open(&endpoint).expect("the name is free");
    let mut acceptor = None;
    way.during(|| {
        drive(&channel, &listener, || {
            acceptor = listener.accept(NOW).ok();
            acceptor.is_some()
        });
    });
    assert_joined(&channel, &acceptor.expect("it was accepted"));
}

pub fn a_handshake_shows_on_the_fd_once_its_time_is_over(way: Way) {
    let time = Duration::from_millis(300);
    // Without early=0 it is connected as soon as somebody listens; with it the listener's first
    // byte begins the time.
    let endpoint = way.endpoint("retry=1&early=0&handshake_ms=300");
    let channel = Channel::connect_start(&endpoint).expect("it goes on trying");
    let events = Events::of(channel.send_fd().expect("a descriptor"));
    go_on_in_vain(&channel, &events, 5);
    let mute = UnixListener::bind(socket_of(&endpoint)).expect("nobody else listens there");
    let stuttering = thread::spawn(move || {
        let (mut stream, _) = mute.accept().expect("it connects");
        stream.write_all(&[32]).expect("there is room");
        stream
    });
    let result = not_before(time, || {
        // A few tries may come first; the handshake has that byte, and its end.
        for _ in 0..5 {
            events.wait();
            let result = status(channel.flush(NOW));
            if result != Status::Again {
                return result;
            }
        }
        panic!("the fd is readable for nothing");
    });
    assert_eq!(result, Status::TimedOut);
    drop(stuttering.join().expect("no panic"));
}

pub fn a_listener_is_silent_once_a_stalled_handshake_is_dropped(way: Way) {
    let endpoint = way.endpoint("handshake_ms=100");
    let listener = Listener::open(&endpoint).expect("the name is free");
    let events = Events::of(&listener);
    for _ in 0..3 {
        let stalled = UnixStream::connect(socket_of(&endpoint)).expect("it listens");
        stalled.set_nonblocking(true).expect("sockets can");
        let mut calls = 0;
        not_before(Duration::from_millis(90), || {
            while !is_dropped(&stalled) {
                events.wait();
                assert_eq!(status(listener.accept(NOW)), Status::Again);
                calls += 1;
            }
        });
        assert!(calls < 10, "{calls} calls for one handshake");
        assert!(!is_readable(&listener), "nothing is left to be done");
    }
    drop(Channel::connect_start(&with(&endpoint, "")).expect("it listens still"));
}

/// Whether the other side has closed this socket, whatever it has said before.
fn is_dropped(mut socket: &UnixStream) -> bool {
    let mut words = [0; 4096];
    loop {
        match socket.read(&mut words) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}

pub fn the_fd_starts_readable_whatever_came_before(way: Way) {
    let endpoint = way.endpoint("");
    way.during(|| {
        let listener = Listener::open(&endpoint).expect("the name is free");
        let connector = Channel::connect_start(&endpoint).expect("it listens");
        let acceptor = loop {
            // Either end's handshake goes on in its own calls.
            let _ = connector.flush(NOW);
            if let Ok(acceptor) = listener.accept(NOW) {
                break acceptor;
            }
        };
        connector.flush(SOON).expect("it is open");
        for (from, to) in [(&acceptor, &connector), (&connector, &acceptor)] {
            assert!(is_readable(to.fd().expect("a descriptor")), "at first");
            from.send(b"shown", SOON).expect("there is room");
            assert!(is_readable(to.fd().expect("a descriptor")), "a message is there");
            assert_eq!(to.recv_vec(SOON).expect("it was sent"), b"shown");
        }
    });
}
