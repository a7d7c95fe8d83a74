//! No descriptors left, at each point of each call: TN_NO_SPACE, nothing leaks, and it works again
//! once there are some.

use crate::common::child::{self, alone, kill};
use crate::common::system::{descriptor_list, descriptors, limit_descriptors, process_time};
use crate::common::{SOON, name, pair, status, with};
use std::fs::File;
use std::process::Child;
use std::time::{Duration, Instant};
use treenail::{Channel, FOREVER, Listener, NOW, Poller, Result, Status};

const LIMIT: u64 = 100;

/// An honest peer in a process with descriptors of its own.
#[test]
fn the_other_side() {
    let endpoint = std::env::var("ENDPOINT").unwrap_or_default();
    match child::role().as_deref() {
        Some("listens") => {
            let listener = Listener::open(&endpoint).expect("the name is free");
            loop {
                // Until the peer goes; it sends nothing.
                let channel = listener.accept(FOREVER).expect("it listens");
                while channel.recv_vec(FOREVER).is_ok() {}
            }
        }
        Some("connects") => loop {
            let endpoint = with(&endpoint, "retry=1");
            if let Ok(channel) = Channel::connect(&endpoint, SOON) {
                while channel.recv_vec(FOREVER).is_ok() {}
            }
        },
        _ => {}
    }
}

fn other_side(role: &str, endpoint: &str) -> Child {
    child::start(the_other_side, role, &[("ENDPOINT", endpoint)])
}

/// All descriptors but `free` are taken, until this is dropped.
fn leave(free: usize) -> Vec<File> {
    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    taken.truncate(taken.len() - free);
    taken
}

/// Tries with ever more free descriptors: at first none, at last enough.
fn starve<T>(what: &str, mut act: impl FnMut() -> Result<T>) {
    act().map(drop).unwrap_or_else(|error| panic!("{what} with plenty: {error}"));
    let before = settled();
    let (mut refused, mut done) = (0, 0);
    for free in 0..=16 {
        let taken = leave(free);
        let result = act();
        match &result {
            Ok(_) => done += 1,
            Err(error) => {
                assert_eq!(error.status(), Status::NoSpace, "{what} with {free} free: {error}");
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
        drop(result);
        drop(taken);
        let after = settled();
        assert_eq!(after, before, "{what} with {free} free leaks: {:#?}", descriptor_list());
    }
    assert!(refused > 0, "{what} needs a descriptor");
    assert!(done > 0, "{what} needs no more than 16");
    act().map(drop).unwrap_or_else(|error| panic!("{what} afterwards: {error}"));
}

/// How many descriptors there are once ending threads have closed theirs.
fn settled() -> usize {
    descriptors()
}

/// What a process and its thread have once and keep.
fn warm_up() {
    limit_descriptors(LIMIT);
    let pair = pair("shm", "");
    pair.connector.fd().expect("a descriptor");
    let short = Some(Duration::from_millis(1));
    assert_eq!(status(pair.connector.recv_vec(short)), Status::TimedOut);
}

#[test]
fn connecting_without_descriptors_leaks_none() {
    if !alone(connecting_without_descriptors_leaks_none) {
        return;
    }
    warm_up();
    for scheme in ["shm", "local"] {
        let endpoint = format!("{scheme}:{}", name());
        let listener = other_side("listens", &endpoint);
        let patient = with(&endpoint, "retry=1");
        drop(Channel::connect(&patient, SOON).expect("it listens soon"));
        starve(&format!("connect {scheme}"), || Channel::connect(&endpoint, SOON));
        kill(listener);
    }
}

#[test]
fn accepting_without_descriptors_leaks_none() {
    if !alone(accepting_without_descriptors_leaks_none) {
        return;
    }
    warm_up();
    for scheme in ["shm", "local"] {
        let endpoint = format!("{scheme}:{}", name());
        let listener = Listener::open(&endpoint).expect("the name is free");
        let connector = other_side("connects", &endpoint);
        drop(listener.accept(SOON).expect("it connects"));
        let before = descriptors();
        let mut refused = 0;
        for free in 0..=16 {
            let taken = leave(free);
            let accepted = listener.accept(Some(Duration::from_millis(300)));
            match &accepted {
                Ok(_) => {}
                // What fails in its handshake is a client's bad luck, and no failure of accept.
                Err(error) => {
                    let possible = [Status::NoSpace, Status::TimedOut];
                    assert!(possible.contains(&error.status()), "{free} free: {error}");
                    refused += 1;
                }
            }
            drop((accepted, taken));
            drop(listener.accept(SOON).expect("it works again"));
            // A handshake may be under way already.
            let left = descriptors();
            assert!(left <= before + 6, "{free} free: {left} {:#?}", descriptor_list());
        }
        assert!(refused > 0, "accept needs a descriptor");
        kill(connector);
        let gone = listener.accept(Some(Duration::from_millis(100)));
        drop(gone);
        let _ = listener.accept(Some(Duration::from_millis(100)));
        assert!(descriptors() <= before, "{:#?}", descriptor_list());
    }
}

#[test]
fn a_listener_without_descriptors_does_not_spin() {
    if !alone(a_listener_without_descriptors_does_not_spin) {
        return;
    }
    warm_up();
    let endpoint = format!("shm:{}", name());
    let listener = Listener::open(&endpoint).expect("the name is free");
    let poller = Poller::new().expect("a descriptor");
    poller.add_listener(&listener, 1).expect("a descriptor");
    let taken = leave(0);
    // The library in this process can't dial without a descriptor; the other can.
    let connector = other_side_without_descriptors(&endpoint, taken);
    let (mut keys, mut refused, began) = (Vec::new(), 0, Instant::now());
    let cpu = process_time();
    while began.elapsed() < Duration::from_millis(500) {
        if poller.wait(&mut keys, 1, Some(Duration::from_millis(50))).is_ok() {
            match listener.accept(NOW) {
                Err(error) if error.status() == Status::NoSpace => refused += 1,
                Err(error) => assert_eq!(error.status(), Status::Again, "{error}"),
                Ok(_) => panic!("there is no descriptor for it"),
            }
        }
    }
    let cpu = process_time() - cpu;
    assert!(refused > 0, "nobody connected");
    assert!(refused < 200, "{refused} times in half a second");
    assert!(cpu < Duration::from_millis(250), "{cpu:?} of processor time");
    drop(connector.1);
    drop(listener.accept(SOON).expect("it works again"));
    kill(connector.0);
}

/// Starts the peer, for which descriptors are needed, and then takes all of them again.
fn other_side_without_descriptors(endpoint: &str, taken: Vec<File>) -> (Child, Vec<File>) {
    drop(taken);
    let child = other_side("connects", endpoint);
    (child, leave(0))
}

#[test]
fn everything_else_without_descriptors_leaks_none() {
    if !alone(everything_else_without_descriptors_leaks_none) {
        return;
    }
    warm_up();
    starve("a poller", Poller::new);
    for scheme in ["shm", "local"] {
        let endpoint = format!("{scheme}:{}", name());
        starve("a listener", || Listener::open(&endpoint));
        starve("create", || Channel::create_start(&endpoint));
    }
    the_fd_and_waiting_need_few();
}

/// The fd of a channel is made on demand; channels work without it, and without a way to be
/// kicked.
fn the_fd_and_waiting_need_few() {
    for scheme in ["shm", "local"] {
        let pair = pair(scheme, "");
        let before = descriptors();
        let taken = leave(0);
        assert_eq!(status(pair.connector.fd()), Status::NoSpace);
        std::thread::scope(|scope| {
            // A thread that waits for the first time, without a descriptor for its wake-up.
            let waiter = scope.spawn(|| pair.acceptor.recv_vec(SOON));
            pair.connector.send(b"without", SOON).expect("there is room");
            assert_eq!(waiter.join().expect("no panic").expect("it was sent"), b"without");
            let waiter = scope.spawn(|| status(pair.acceptor.recv_vec(FOREVER)));
            let waits = || pair.acceptor.stats().expect("it is open").recv_waits;
            crate::common::until("it waits", || waits() > 0);
            pair.acceptor.close();
            assert_eq!(waiter.join().expect("no panic"), Status::Closed);
        });
        drop(taken);
        assert_eq!(descriptors(), before);
        assert_eq!(status(pair.connector.fd()), Status::Ok);
    }
}
