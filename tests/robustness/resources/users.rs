//! Other users: refused unless they are let in, by both sides, over both ways.

use crate::common::child::{self, alone, as_user, finish, kill, root_for, start};
use crate::common::system::{become_user, make_directory, set_mode};
use crate::common::{SOON, directory, name, status, with};
use std::process::Child;
use std::time::Duration;
use treenail::{Channel, Listener, Status, TransportKind};

const OTHER: u32 = 65534;

/// Connects as another user, and answers one message.
#[test]
fn somebody_else() {
    if child::role().as_deref() != Some("another user") {
        return;
    }
    let get = |name| std::env::var(name).expect("the parent says");
    become_user(OTHER);
    let endpoint = get("ENDPOINT");
    let result = match get("SIDE").as_str() {
        "connects" => Channel::connect(&endpoint, SOON),
        _ => Channel::create(&endpoint, SOON),
    };
    // Whoever sent it has the answer before this ends.
    let echo = |channel: Channel| -> treenail::Result<()> {
        loop {
            channel.send(&channel.recv_vec(SOON)?, SOON)?;
        }
    };
    let result = result.and_then(echo);
    if let Err(error) = &result {
        assert!(!error.to_string().is_empty());
    }
    // The parent closes once it has its answer.
    let end = if status(result) == Status::Closed { "Closed" } else { "Denied" };
    assert_eq!(end, get("EXPECTED"));
}

fn somebody(side: &str, endpoint: &str, expected: &str) -> Child {
    let settings = [("SIDE", side), ("ENDPOINT", endpoint), ("EXPECTED", expected)];
    start(somebody_else, "another user", &settings)
}

/// A path in a directory that everybody can reach, and the other user can write.
fn endpoint(scheme: &str) -> String {
    set_mode(directory(), 0o711);
    let path = directory().join(name());
    make_directory(&path, 0o777);
    format!("{scheme}:{}/socket", path.display())
}

fn assert_echo(channel: &Channel) {
    let peer = channel.peer().expect("it is joined");
    assert_eq!((peer.uid, peer.gid), (OTHER, OTHER));
    ask(channel);
    channel.close();
}

/// Asks until messages have moved into rings, where there are any.
fn ask(channel: &Channel) {
    for _ in 0..4 {
        channel.send(b"who are you?", SOON).expect("there is room");
        assert_eq!(channel.recv_vec(SOON).expect("it answers"), b"who are you?");
    }
}

#[test]
fn another_user_is_refused_by_default() {
    if !root_for(another_user_is_refused_by_default) {
        return;
    }
    for scheme in ["shm", "local"] {
        for options in ["mode=0666", "mode=0666&peer_uid=12345", ""] {
            let endpoint = endpoint(scheme);
            let listener = Listener::open(&with(&endpoint, options)).expect("free");
            let other = somebody("connects", &endpoint, "Denied");
            let accepted = listener.accept(Some(Duration::from_millis(500)));
            assert_eq!(status(accepted), Status::TimedOut, "{options}");
            assert!(finish(other, Duration::from_secs(20)), "{scheme} {options}");
        }
    }
}

#[test]
fn another_user_is_let_in_where_that_is_said() {
    if !root_for(another_user_is_let_in_where_that_is_said) {
        return;
    }
    for scheme in ["shm", "local"] {
        for options in ["mode=0666&peer_uid=any", "mode=0666&peer_uid=65534"] {
            let endpoint = endpoint(scheme);
            let listener = Listener::open(&with(&endpoint, options)).expect("free");
            let other = somebody("connects", &endpoint, "Closed");
            let channel = listener.accept(SOON).expect("it may");
            ask(&channel);
            let transport = channel.peer().expect("it is joined").transport;
            let shm = transport == TransportKind::Shm;
            assert_eq!(shm, scheme == "shm", "rings, also with another user");
            assert_echo(&channel);
            assert!(finish(other, Duration::from_secs(20)), "{scheme} {options}");
        }
    }
}

#[test]
fn a_connector_looks_at_who_listens_too() {
    if !root_for(a_connector_looks_at_who_listens_too)
        || !alone(a_connector_looks_at_who_listens_too)
    {
        return;
    }
    for scheme in ["shm", "local"] {
        let endpoint = endpoint(scheme);
        let listening = with(&endpoint, "mode=0666&peer_uid=any");
        let other = somebody("listens", &listening, "Closed");
        let patient = with(&endpoint, "retry=1&peer_uid=65534");
        let channel = Channel::connect(&patient, SOON).expect("it is let in");
        assert_echo(&channel);
        assert!(finish(other, Duration::from_secs(20)));
        let other = somebody("listens", &listening, "it is killed");
        as_user(65533, 65533, || {
            let refused = Channel::connect(&with(&endpoint, "retry=1"), SOON);
            assert_eq!(status(refused), Status::Denied, "neither its own user nor root");
        });
        kill(other);
    }
}

#[test]
fn root_connects_to_anybody_s_listener() {
    if !root_for(root_connects_to_anybody_s_listener) {
        return;
    }
    for scheme in ["shm", "local"] {
        // A listener that lets in nobody but its own user and root.
        let endpoint = endpoint(scheme);
        let other = somebody("listens", &endpoint, "Closed");
        let channel = Channel::connect(&with(&endpoint, "retry=1"), SOON).expect("it is let in");
        ask(&channel);
        let transport = channel.peer().expect("it is joined").transport;
        assert_eq!(transport == TransportKind::Shm, scheme == "shm");
        channel.send(b"who are you?", SOON).expect("there is room");
        let view = channel.recv_view(SOON).expect("it answers");
        assert_eq!(view.to_vec(), b"who are you?");
        assert!(!is_shared(view.as_ptr()), "a user's bytes are copied before root looks at them");
        drop(view);
        channel.close();
        assert!(finish(other, Duration::from_secs(20)), "{scheme}");
        let other = somebody("listens", &endpoint, "it is killed");
        let refused = Channel::connect(&with(&endpoint, "retry=1&peer_uid=0"), SOON);
        assert_eq!(status(refused), Status::Denied, "a number admits that user alone");
        kill(other);
    }
}

/// Whether an address lies in shared memory.
fn is_shared(address: *const u8) -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("/proc");
    let hex = |text| usize::from_str_radix(text, 16).expect("an address");
    maps.lines().filter(|line| line.contains("memfd:")).any(|line| {
        let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        (hex(start)..hex(end)).contains(&address.addr())
    })
}

#[test]
fn a_directory_that_may_be_searched_but_not_read_is_enough_to_connect() {
    if !root_for(a_directory_that_may_be_searched_but_not_read_is_enough_to_connect)
        || !alone(a_directory_that_may_be_searched_but_not_read_is_enough_to_connect)
    {
        return;
    }
    let deep = "a".repeat(80);
    for (scheme, file) in [("shm", "socket"), ("local", "socket"), ("local", deep.as_str())] {
        set_mode(directory(), 0o711);
        let path = directory().join(name());
        make_directory(&path, 0o711);
        let endpoint = format!("{scheme}:{}/{file}", path.display());
        let listener = Listener::open(&with(&endpoint, "mode=0666&peer_uid=any")).expect("free");
        let accepting = std::thread::spawn(move || listener.accept(SOON).map(drop));
        as_user(OTHER, OTHER, || {
            Channel::connect(&endpoint, SOON).expect("connect(2) may");
        });
        accepting.join().expect("no panic").expect("somebody connects");
    }
}
