//! Handles that a forked child has inherited: they are dead there, and their parent's lives on.

use crate::common::child::{alone, fork, reap, reap_within};
use crate::common::system::{descriptors, is_sanitized};
use crate::common::{Pair, SOON, assert_payload, name, pair, payload, status};
use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use treenail::{Channel, FOREVER, Listener, NOW, Poller, Status};

/// Sends both ways, and through the fds.
fn assert_works(pair: &Pair, poller: &Poller) {
    for (from, to) in [(&pair.connector, &pair.acceptor), (&pair.acceptor, &pair.connector)] {
        from.send(&payload(1, 5000), SOON).expect("there is room");
        assert_payload(&to.recv_vec(SOON).expect("it was sent"), 1);
    }
    pair.connector.send(b"x", SOON).expect("there is room");
    let mut keys = Vec::new();
    let found = poller.wait(&mut keys, 1, SOON).expect("it comes");
    assert_eq!((found, keys[0]), (1, 1));
    pair.acceptor.recv_vec(NOW).expect("it has come");
}

/// Every call on what was inherited; the first that is not Invalid, by its place.
fn touch(pair: &Pair, poller: &Poller) -> i32 {
    let channel = &pair.connector;
    let mut buffer = [0; 64];
    let results = [
        status(channel.send(b"x", NOW)),
        status(channel.send(b"x", FOREVER)),
        status(channel.sendv(1, &[IoSlice::new(b"x")], SOON)),
        status(channel.send_many(&[IoSlice::new(b"x")], SOON)),
        status(channel.recv(&mut buffer, FOREVER)),
        status(channel.recv_vec(NOW)),
        status(channel.recv_view(SOON)),
        status(channel.recv_many(&mut buffer, &mut Vec::new(), 4, SOON)),
        status(channel.loan(4, SOON)),
        status(channel.request(1, b"x", SOON)),
        status(channel.request_start(1, b"x", SOON)),
        status(channel.flush(SOON)),
        status(channel.peer()),
        status(channel.stats()),
        status(channel.fd()),
        status(pair.listener.accept(SOON)),
        status(pair.listener.fd()),
        status(poller.wait(&mut Vec::new(), 1, SOON)),
        status(poller.wake()),
        status(poller.remove(1)),
        status(poller.add_channel(&pair.acceptor, 9)),
    ];
    let wrong = results.iter().position(|result| *result != Status::Invalid);
    wrong.map_or(0, |place| place as i32 + 1)
}

fn inherit(scheme: &str) {
    let pair = pair(scheme, "");
    let poller = Poller::new().expect("a descriptor");
    pair.connector.fd().expect("a descriptor");
    poller.add_channel(&pair.acceptor, 1).expect("the key is free");
    while poller.wait(&mut Vec::new(), 1, NOW).is_ok() {
        assert_eq!(status(pair.acceptor.recv_vec(NOW)), Status::Again);
    }
    assert_works(&pair, &poller);
    pair.connector.send(b"across", SOON).expect("there is room");
    assert_eq!(reap(fork(|| touch(&pair, &poller))), 0, "{scheme}");
    assert_eq!(pair.acceptor.recv_vec(SOON).expect("the child took nothing"), b"across");
    assert_works(&pair, &poller);
    // Whoever closes and frees them in the child does no harm either.
    let mut whole = Some((pair, poller));
    let child = fork(|| {
        let (pair, poller) = whole.take().expect("the child's copy");
        pair.connector.close();
        pair.acceptor.close();
        pair.listener.close();
        drop((pair, poller));
        0
    });
    assert_eq!(reap(child), 0, "{scheme}");
    let (pair, poller) = whole.expect("the parent's own");
    assert_works(&pair, &poller);
    assert_listens(&pair);
}

/// The name is still there, and still this listener's.
fn assert_listens(pair: &Pair) {
    thread::scope(|scope| {
        let connector = scope.spawn(|| Channel::connect(&pair.endpoint, SOON));
        let acceptor = pair.listener.accept(SOON).expect("it connects");
        acceptor.send(b"welcome", SOON).expect("there is room");
        let connector = connector.join().expect("no panic").expect("it listens");
        assert_eq!(connector.recv_vec(SOON).expect("it was sent"), b"welcome");
    });
}

#[test]
fn inherited_handles_are_invalid_and_harm_nobody() {
    if alone(inherited_handles_are_invalid_and_harm_nobody) {
        inherit("shm");
        inherit("local");
    }
}

#[test]
fn an_open_view_and_a_loan_may_be_freed_in_a_child() {
    if !alone(an_open_view_and_a_loan_may_be_freed_in_a_child) {
        return;
    }
    for scheme in ["shm", "local"] {
        let pair = pair(scheme, "");
        pair.connector.send(b"seen", SOON).expect("there is room");
        let view = pair.acceptor.recv_view(SOON).expect("it was sent");
        let mut loan = pair.connector.loan(4, SOON).expect("there is room");
        loan.write_at(0, b"lent");
        let mut held = Some((view, loan));
        let child = fork(|| {
            drop(held.take());
            0
        });
        assert_eq!(reap(child), 0);
        let (view, loan) = held.expect("the parent's own");
        assert_eq!(view.to_vec(), b"seen");
        loan.commit(3, 4, SOON).expect("it is still lent");
        assert_eq!(pair.acceptor.recv_vec(SOON).expect("it was committed"), b"lent");
    }
}

#[test]
fn a_child_makes_channels_of_its_own() {
    if !alone(a_child_makes_channels_of_its_own) {
        return;
    }
    for scheme in ["shm", "local"] {
        let pair = pair(scheme, "");
        let before = descriptors();
        let child = fork(|| {
            let inherited = descriptors();
            let channel = Channel::connect(&pair.endpoint, SOON).expect("the parent listens");
            channel.send(b"from the child", SOON).expect("there is room");
            assert_eq!(channel.recv_vec(SOON).expect("it is answered"), b"to the child");
            channel.fd().expect("a descriptor");
            // All of the library's own were closed.
            i32::from(inherited >= before)
        });
        let channel = pair.listener.accept(SOON).expect("it connects");
        assert_eq!(channel.peer().expect("it is joined").pid, i64::from(child));
        assert_eq!(channel.recv_vec(SOON).expect("it was sent"), b"from the child");
        channel.send(b"to the child", SOON).expect("there is room");
        assert_eq!(reap(child), 0);
        let end = status(channel.recv_vec(SOON));
        assert!(matches!(end, Status::PeerLost | Status::Closed), "{end:?}");
    }
}

#[test]
fn forking_while_other_threads_use_handles_is_safe() {
    if !alone(forking_while_other_threads_use_handles_is_safe) {
        return;
    }
    let pair = pair("shm", "ring=16KiB");
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..100_000 {
                let sent = pair.connector.send(&payload(number, 100), SOON);
                sent.expect("the peer reads");
            }
            pair.connector.close();
        });
        let receiver = scope.spawn(|| {
            for number in 0.. {
                match pair.acceptor.recv_vec(FOREVER) {
                    Ok(bytes) => assert_payload(&bytes, number),
                    Err(error) => return (number, error.status()),
                }
            }
            unreachable!("numbers do not end")
        });
        while !receiver.is_finished() {
            let child = fork(|| match status(pair.acceptor.recv_vec(FOREVER)) {
                Status::Invalid => 0,
                _ => 1,
            });
            assert_eq!(reap(child), 0);
        }
        assert_eq!(receiver.join().expect("no panic"), (100_000, Status::Closed));
    });
}

#[test]
fn forking_while_other_threads_open_and_close_leaves_a_child_nothing() {
    if !alone(forking_while_other_threads_open_and_close_leaves_a_child_nothing) {
        return;
    }
    let before = descriptors();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for scheme in ["shm", "local"] {
            let done = &done;
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let pair = pair(scheme, "ring=4KiB");
                    pair.acceptor.fd().expect("a descriptor");
                    // Marks it and takes the mark off.
                    pair.connector.send(b"x", SOON).expect("there is room");
                    pair.acceptor.recv_vec(SOON).expect("it was sent");
                    assert_eq!(status(pair.acceptor.recv_vec(NOW)), Status::Again);
                }
            });
        }
        // A sanitizer makes forking ten times slower.
        for _ in 0..if is_sanitized() { 30 } else { 100 } {
            let child = fork(|| {
                let left = descriptors().saturating_sub(before);
                // Where another thread held a lock at the fork, this would wait for ever. No threads
                // here: the standard library may have held a lock of its own for them.
                let endpoint = format!("local:{}", name());
                let listener = Listener::open(&endpoint).expect("the name is free");
                let connector = Channel::connect_start(&endpoint).expect("it listens");
                let acceptor = loop {
                    if let Err(error) = connector.flush(NOW) {
                        assert_eq!(error.status(), Status::Again, "{error}");
                    }
                    match listener.accept(NOW) {
                        Ok(acceptor) => break acceptor,
                        Err(error) => assert_eq!(error.status(), Status::Again, "{error}"),
                    }
                };
                acceptor.fd().expect("a descriptor");
                i32::from(left > 0)
            });
            assert_eq!(reap_within(child, Duration::from_secs(60)), 0);
        }
        done.store(true, Ordering::Relaxed);
    });
}
