//! Socket files that killed listeners left behind.

use super::traces::{Traces, warm_up};
use crate::common::child::alone;
use crate::common::{SOON, directory, name, status};
use std::os::unix::net::UnixListener;
use std::sync::Barrier;
use std::thread;
use treenail::{Channel, Listener, Status};

const ROUNDS: usize = 1000;

#[test]
fn of_two_that_race_for_a_stale_name_one_wins() {
    if !alone(of_two_that_race_for_a_stale_name_one_wins) {
        return;
    }
    warm_up();
    let before = Traces::now();
    let name = name();
    let endpoint = format!("local:{name}");
    let path = directory().join(format!("{name}.sock"));
    let [start, end, gone] = [(); 3].map(|()| Barrier::new(3));
    thread::scope(|scope| {
        let race = || {
            let mut wins = Vec::new();
            for _ in 0..ROUNDS {
                start.wait();
                let listener = Listener::open(&endpoint);
                let won = match &listener {
                    Ok(_) => true,
                    Err(error) if error.status() == Status::Exists => false,
                    Err(error) => panic!("{error}"),
                };
                wins.push(won);
                end.wait();
                drop(listener);
                gone.wait();
            }
            wins
        };
        let racers = [scope.spawn(race), scope.spawn(race)];
        for _ in 0..ROUNDS {
            // A file that nobody listens at any more.
            let _ = std::fs::remove_file(&path);
            drop(UnixListener::bind(&path).expect("the name is free"));
            start.wait();
            end.wait();
            gone.wait();
        }
        let [one, other] = racers.map(|racer| racer.join().expect("no panic"));
        for (round, (one, other)) in one.into_iter().zip(other).enumerate() {
            assert!(one != other, "round {round}: {one} {other}");
        }
    });
    before.assert_same();
}

#[test]
fn a_stale_name_is_taken_over_and_refuses_nobody() {
    if !alone(a_stale_name_is_taken_over_and_refuses_nobody) {
        return;
    }
    for scheme in ["shm", "local"] {
        let name = name();
        let path = directory().join(format!("{name}.sock"));
        drop(UnixListener::bind(&path).expect("the name is free"));
        let endpoint = format!("{scheme}:{name}");
        assert_eq!(status(Channel::connect(&endpoint, SOON)), Status::NotFound);
        let listener = Listener::open(&endpoint).expect("nobody listens there");
        thread::scope(|scope| {
            let connector = scope.spawn(|| Channel::connect(&endpoint, SOON));
            let acceptor = listener.accept(SOON).expect("it connects");
            acceptor.send(b"welcome", SOON).expect("there is room");
            let connector = connector.join().expect("no panic").expect("it listens");
            assert_eq!(connector.recv_vec(SOON).expect("it was sent"), b"welcome");
        });
        drop(listener);
        assert!(!path.exists());
    }
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let name = name();
    let path = directory().join(format!("{name}.sock"));
    std::fs::write(&path, "precious").expect("the directory is ours");
    assert_eq!(status(Listener::open(&format!("local:{name}"))), Status::Exists);
    assert_eq!(std::fs::read(&path).expect("it stays"), b"precious");
    let _ = std::fs::remove_file(path);
}

#[test]
fn a_listener_that_lost_its_name_leaves_it_to_the_next() {
    let name = name();
    let endpoint = format!("local:{name}");
    let path = directory().join(format!("{name}.sock"));
    let first = Listener::open(&endpoint).expect("nobody listens there");
    std::fs::remove_file(&path).expect("it is there");
    let next = Listener::open(&endpoint).expect("the name is free");
    drop(first);
    assert!(path.exists(), "the first one removed a file that is not its own");
    drop(next);
    assert!(!path.exists());
}
