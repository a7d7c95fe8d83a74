//! Names that a listener chooses.

use super::assert_joined;
use crate::common::{Fails, SOON, directory};
use std::collections::HashSet;
use std::fs;
use treenail::{Channel, Listener, NOW, Status};

#[test]
fn a_listener_with_a_name_of_its_own_tells_it() {
    directory();
    for scheme in ["shm", "local"] {
        let listener = Listener::open(&format!("{scheme}:*?max_channels=2")).expect("a name");
        let endpoint = listener.endpoint();
        let name = endpoint.strip_prefix(&format!("{scheme}:")).expect("the same scheme");
        assert!(!name.contains('*'), "{name}");
        assert!(directory().join(format!("{name}.sock")).exists());
        let connector = Channel::connect_start(&endpoint).expect("it listens");
        let acceptor = listener.accept(SOON).expect("somebody connects");
        assert_joined(&connector, &acceptor);
        assert_eq!(acceptor.peer().expect("it is connected").address, endpoint);
        // It is a name like any other.
        Listener::open(&endpoint).fails_with(Status::Exists);
        drop(listener);
        assert!(!directory().join(format!("{name}.sock")).exists());
    }
}

#[test]
fn names_of_their_own_are_different_in_all_threads() {
    directory();
    let open =
        || -> Vec<Listener> { (0..50).map(|_| Listener::open("shm:*").expect("a name")).collect() };
    let all: Vec<Listener> = std::thread::scope(|scope| {
        let threads = [0; 4].map(|_| scope.spawn(open));
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    let names: HashSet<String> = all.iter().map(Listener::endpoint).collect();
    assert_eq!(names.len(), all.len());
}

#[test]
fn a_file_that_was_taken_away_comes_back_under_the_same_name() {
    directory();
    let listener = Listener::open("shm:*").expect("a name");
    let endpoint = listener.endpoint();
    let name = endpoint.strip_prefix("shm:").expect("the same scheme");
    fs::remove_file(directory().join(format!("{name}.sock"))).expect("it is there");
    listener.accept(NOW).fails_with(Status::Again);
    Channel::connect(&endpoint, SOON).expect("it listens again");
    assert_eq!(listener.endpoint(), endpoint);
}

#[test]
fn only_a_listener_has_a_name_of_its_own() {
    directory();
    for endpoint in ["shm:*", "local:*?retry=1"] {
        for error in [
            Channel::connect(endpoint, SOON).fails_with(Status::Invalid),
            Channel::connect_start(endpoint).fails_with(Status::Invalid),
            Channel::create(endpoint, SOON).fails_with(Status::Invalid),
        ] {
            assert!(error.to_string().contains("listener"), "{error}");
        }
    }
    for endpoint in ["shm:a*", "shm:**", "shm:%2A", "shm:./*/"] {
        Listener::open(endpoint).fails_with(Status::Invalid);
    }
}
