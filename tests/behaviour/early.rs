//! Connecting is done when somebody listens: what is sent before the other side has accepted arrives
//! first, whatever becomes of its sender; and then messages move from the socket into rings.

use crate::common::child::{alone_for, role, start};
use crate::common::system::is_sanitized;
use crate::common::{
    self, NEVER_MIND, SOON, assert_payload, at_once, name, payload, setting, status, until,
    until_within,
};
use std::process::Child;
use std::thread;
use std::time::Duration;
use treenail::{Channel, FOREVER, Listener, NOW, Status, TransportKind};

const SCHEMES: [&str; 2] = ["shm", "local"];
const ENDPOINT: &str = "ENDPOINT";

fn listen(scheme: &str, options: &str) -> (Listener, String) {
    let endpoint = format!("{scheme}:{}", name());
    let listener = Listener::open(&common::with(&endpoint, options)).expect("the name is free");
    (listener, endpoint)
}

fn connect(endpoint: &str) -> Channel {
    at_once(|| Channel::connect(endpoint, NOW)).expect("somebody listens")
}

fn receive(channel: &Channel) -> Vec<u8> {
    channel.recv_vec(SOON).expect("it was sent")
}

#[test]
fn one_thread_does_it_all() {
    for scheme in SCHEMES {
        let (listener, endpoint) = listen(scheme, "");
        let client = connect(&endpoint);
        client.send(b"hi", NOW).expect("there is room");
        let asked = client.request_start(7, b"who?", NOW).expect("there is room");
        let server = listener.accept(NOW).expect("it has connected");
        assert_eq!(receive(&server), b"hi");
        let mut buffer = [0; 16];
        let request = server.recv_message(&mut buffer, NOW).expect("it was sent");
        assert_eq!((&buffer[..request.len], request.tag), (&b"who?"[..], 7));
        server.reply(&request, b"me", NOW).expect("there is room");
        let reply = client.recv_view(NOW).expect("it was sent");
        assert_eq!((reply.to_vec(), reply.info().id), (b"me".to_vec(), asked));
    }
}

#[test]
fn messages_move_into_rings_by_themselves() {
    for asks_early in [true, false] {
        let (listener, endpoint) = listen("shm", "");
        let client = connect(&endpoint);
        if asks_early {
            client.send(b"early", NOW).expect("there is room");
        }
        let server = listener.accept(NOW).expect("it has connected");
        if asks_early {
            assert_eq!(receive(&server), b"early");
        }
        for end in [&client, &server] {
            assert_eq!(end.peer().expect("it is known").transport, TransportKind::Local);
        }
        for number in 0..5u8 {
            client.send(&[number], NOW).expect("there is room");
            assert_eq!(receive(&server), [number]);
            server.send(&[number], NOW).expect("there is room");
            assert_eq!(receive(&client), [number]);
        }
        for end in [&client, &server] {
            assert_eq!(end.peer().expect("it is known").transport, TransportKind::Shm);
        }
    }
}

#[test]
fn who_asks_once_and_goes_has_no_rings() {
    let (listener, endpoint) = listen("shm", "");
    let client = connect(&endpoint);
    client.send(b"question", NOW).expect("there is room");
    let server = listener.accept(NOW).expect("it has connected");
    assert_eq!(receive(&server), b"question");
    server.send(b"answer", NOW).expect("there is room");
    assert_eq!(receive(&client), b"answer");
    for end in [&client, &server] {
        assert_eq!(end.peer().expect("it is known").transport, TransportKind::Local);
        assert_eq!(end.stats().expect("it is open").ring_bytes, 0);
    }
    drop(client);
    assert_eq!(status(server.recv_vec(SOON)), Status::Closed);
}

#[test]
fn a_sender_alone_and_a_receiver_alone_move_too() {
    for to_listener in [true, false] {
        let (listener, endpoint) = listen("shm", "ring=64KiB");
        let client = connect(&endpoint);
        client.send(b"early", NOW).expect("there is room");
        let server = listener.accept(NOW).expect("it has connected");
        assert_eq!(receive(&server), b"early");
        let (from, to) = if to_listener { (&client, &server) } else { (&server, &client) };
        for number in 0..100 {
            from.send(&payload(number, 64), SOON).expect("there is room");
            assert_payload(&receive(to), number);
        }
        assert!(from.stats().expect("it is open").ring_bytes > 0, "to the listener: {to_listener}");
    }
}

/// Sends from the first moment on, in both directions at once, over many channels: whatever the
/// moment at which a direction moves, the order is kept.
#[test]
fn order_is_kept_over_the_move() {
    const MESSAGES: u64 = 60;
    let channels = setting("TREENAIL_MESSAGES", 18_000) / (2 * MESSAGES);
    let (listener, endpoint) = listen("shm", "ring=4KiB");
    let talk = |channel: &Channel| {
        let send = || {
            for number in 0..MESSAGES {
                let len = 8 + (number as usize * 37) % 3000;
                channel.send(&payload(number, len), SOON).expect("the peer receives");
            }
        };
        let receive_all = || {
            for number in 0..MESSAGES {
                assert_payload(&receive(channel), number);
            }
        };
        thread::scope(|scope| {
            scope.spawn(send);
            receive_all();
        });
    };
    thread::scope(|scope| {
        for channel in 0..channels {
            let client = connect(&endpoint);
            if channel % 3 == 0 {
                thread::yield_now();
            }
            let server = scope.spawn(|| {
                let server = listener.accept(SOON).expect("it has connected");
                talk(&server);
            });
            talk(&client);
            server.join().expect("no panic");
        }
    });
}

/// The other process: a client that sends and ends, in the way that it is told.
fn be_a_client(how: &str) {
    let endpoint = std::env::var(ENDPOINT).expect("it was told where");
    let channel = Channel::connect(&endpoint, Some(NEVER_MIND)).expect("somebody listens");
    for number in 0..20 {
        channel.send(&payload(number, 100), NOW).expect("there is room");
    }
    match how {
        "closes" => drop(channel),
        "exits" => std::process::exit(0),
        "forks" => {
            // The child lives on for a while, and has no part of the channel.
            // SAFETY: the child makes system calls alone, and ends by a signal.
            unsafe {
                if libc::fork() == 0 {
                    libc::alarm(30);
                    libc::pause();
                }
                libc::_exit(0);
            }
        }
        // SAFETY: takes no memory.
        _ => unsafe {
            libc::kill(libc::getpid(), libc::SIGKILL);
        },
    }
}

fn clients_end(scheme: &str, test: impl Fn() + Copy) {
    if let Some(how) = role().filter(|role| role != "alone") {
        return be_a_client(&how);
    }
    if !alone_for(test, Duration::from_secs(240)) {
        return;
    }
    // More than the queue has places for.
    let count = if is_sanitized() { 40 } else { 200 };
    let places = count * 2 / 3;
    let (listener, endpoint) = listen(scheme, &format!("backlog={places}"));
    let ways = ["closes", "exits", "is killed", "forks"];
    let start_one = |number: usize| start(test, ways[number % 4], &[(ENDPOINT, &endpoint)]);
    let mut children: Vec<Child> = (0..count).map(start_one).collect();
    let has_ended = |child: &mut Child| matches!(child.try_wait(), Ok(Some(_)));
    until_within(NEVER_MIND, "all that have a place in the queue end", || {
        children.iter_mut().filter_map(|child| has_ended(child).then_some(())).count() >= places
    });
    let mut ends = Vec::new();
    for _ in 0..children.len() {
        let server = listener.accept(Some(NEVER_MIND)).expect("each has connected");
        for number in 0..20 {
            assert_payload(&receive(&server), number);
        }
        ends.push(status(server.recv_vec(SOON)));
        assert_eq!(Some(&status(server.send(b"x", SOON))), ends.last());
    }
    let closed = ends.iter().filter(|end| **end == Status::Closed).count();
    let lost = ends.iter().filter(|end| **end == Status::PeerLost).count();
    assert_eq!((closed, lost), (count / 4, count * 3 / 4));
    for mut child in children {
        child.wait().expect("it has ended");
    }
}

#[test]
fn clients_that_end_over_shm() {
    clients_end("shm", clients_that_end_over_shm);
}

#[test]
fn clients_that_end_over_local() {
    clients_end("local", clients_that_end_over_local);
}

#[test]
fn a_listener_that_ends_before_it_accepts_is_a_lost_peer() {
    for scheme in SCHEMES {
        let (listener, endpoint) = listen(scheme, "");
        let silent = connect(&endpoint);
        let client = connect(&endpoint);
        client.send(b"hi", NOW).expect("there is room");
        drop(listener);
        for client in [&client, &silent] {
            assert_eq!(status(client.recv_vec(SOON)), Status::PeerLost);
            assert_eq!(status(client.send(b"x", SOON)), Status::PeerLost);
            assert_eq!(status(client.send(&[0; 100_000], SOON)), Status::PeerLost);
        }
    }
}

#[test]
fn a_refusal_is_told_by_the_next_call_and_by_every_other() {
    let sent = |client: &Channel| status(client.send(b"x", SOON));
    let sent_long = |client: &Channel| status(client.send(&[0; 100_000], SOON));
    let received = |client: &Channel| status(client.recv_vec(SOON));
    let asked = |client: &Channel| status(client.request(1, b"?", SOON).map(drop));
    let flushed = |client: &Channel| status(client.flush(SOON));
    let calls: [&dyn Fn(&Channel) -> Status; 5] = [&sent, &sent_long, &received, &asked, &flushed];
    for (scheme, listening, connecting, expected) in [
        ("shm", "peer_uid=54321", "", Status::Denied),
        ("local", "peer_uid=54321", "", Status::Denied),
        ("shm", "max_channels=1", "", Status::NoSpace),
        ("local", "max_channels=1", "", Status::NoSpace),
        ("shm", "shm=required", "local", Status::Unsupported),
    ] {
        for first in calls {
            let (listener, endpoint) = listen(scheme, listening);
            let _taken = (expected == Status::NoSpace).then(|| {
                let taken = connect(&endpoint);
                (listener.accept(SOON).expect("the first is welcome"), taken)
            });
            let endpoint = match connecting {
                "" => endpoint.clone(),
                other => endpoint.replacen(scheme, other, 1),
            };
            let client = connect(&endpoint);
            assert_eq!(status(listener.accept(NOW)), Status::Again, "it is refused");
            for call in [first].iter().chain(&calls) {
                assert_eq!(call(&client), expected, "{scheme} {listening}");
            }
        }
    }
}

#[test]
fn an_early_message_over_the_limit_is_refused() {
    for scheme in SCHEMES {
        let (listener, endpoint) = listen(scheme, "max_message=1000");
        let client = connect(&endpoint);
        client.send(b"short", NOW).expect("there is room");
        client.send(&[0; 1001], NOW).expect("nothing is known of a limit");
        let server = listener.accept(SOON).expect("it has connected");
        assert_eq!(receive(&server), b"short");
        assert_eq!(status(server.recv_vec(SOON)), Status::Protocol);
        until("it is told", || status(client.recv_vec(NOW)) == Status::TooLarge);
        assert_eq!(status(client.send(b"x", NOW)), Status::TooLarge);
    }
}

#[test]
fn what_was_taken_in_part_arrives_whole() {
    for scheme in SCHEMES {
        let (listener, endpoint) = listen(scheme, "");
        let client = connect(&endpoint);
        let mut taken = 0;
        while client.send(&payload(taken, 60_000), Some(Duration::from_millis(1))).is_ok() {
            taken += 1;
        }
        assert!(taken > 1, "{taken} messages");
        let pending = client.stats().expect("it is connected").pending_bytes;
        let server = listener.accept(SOON).expect("it has connected");
        thread::scope(|scope| {
            scope.spawn(|| client.flush(SOON).expect("the peer receives"));
            for number in 0..taken {
                assert_payload(&receive(&server), number);
            }
        });
        assert!(pending > 0, "the last one was taken in part");
        client.send(b"and on", SOON).expect("there is room");
        assert_eq!(receive(&server), b"and on");
    }
}

#[test]
fn a_full_queue_is_waited_for() {
    for scheme in SCHEMES {
        let (listener, endpoint) = listen(scheme, "backlog=1");
        let mut waiting = Vec::new();
        let error = loop {
            match Channel::connect(&endpoint, Some(Duration::from_millis(30))) {
                Ok(channel) => waiting.push(channel),
                Err(error) => break error,
            }
        };
        assert_eq!(error.status(), Status::TimedOut, "{error}");
        thread::scope(|scope| {
            let late = scope.spawn(|| Channel::connect(&endpoint, SOON));
            for _ in 0..=waiting.len() {
                listener.accept(SOON).expect("each has connected");
            }
            late.join().expect("no panic").expect("there is a place now");
        });
    }
}

#[test]
fn an_accept_long_after_the_connection_is_in_time() {
    for scheme in SCHEMES {
        let (listener, endpoint) = listen(scheme, "handshake_ms=50");
        let client = connect(&endpoint);
        client.send(b"patience", NOW).expect("there is room");
        let long = Some(Duration::from_millis(300));
        assert_eq!(status(client.recv_vec(long)), Status::TimedOut);
        let server = listener.accept(SOON).expect("it has connected");
        assert_eq!(receive(&server), b"patience");
        server.send(b"at last", NOW).expect("there is room");
        assert_eq!(receive(&client), b"at last");
    }
}

#[test]
fn who_waits_for_the_handshake_is_admitted_afterwards() {
    for scheme in SCHEMES {
        let (listener, endpoint) = listen(scheme, "peer_uid=54321");
        let waiting = common::with_early(&endpoint);
        assert_eq!(status(Channel::connect(&waiting, NOW)), Status::Again);
        thread::scope(|scope| {
            let refused = scope.spawn(|| Channel::connect(&waiting, SOON).map(drop));
            while !refused.is_finished() {
                let _ = listener.accept(Some(Duration::from_millis(10)));
            }
            assert_eq!(status(refused.join().expect("no panic")), Status::Denied);
        });
    }
}

#[test]
fn loans_and_batches_go_early_and_over_the_move() {
    let (listener, endpoint) = listen("shm", "");
    let client = connect(&endpoint);
    let mut early = client.loan(100, NOW).expect("there is memory");
    early.write_at(0, &payload(1, 100));
    let batch: Vec<Vec<u8>> = (2..50).map(|number| payload(number, 50)).collect();
    let slices: Vec<_> = batch.iter().map(|one| std::io::IoSlice::new(one)).collect();
    let server = listener.accept(SOON).expect("it has connected");
    client.send(&payload(0, 8), NOW).expect("there is room");
    assert_eq!(status(early.commit(0, 100, NOW)), Status::Ok);
    assert_eq!(client.send_many(&slices, NOW).expect("there is room"), slices.len());
    for number in 0..50 {
        assert_payload(&receive(&server), number);
    }
    server.send(b"done", FOREVER).expect("there is room");
    assert_eq!(receive(&client), b"done");
}
