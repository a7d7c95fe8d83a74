//! System calls that fail, or that an older kernel doesn't have.

use crate::common::child::{self, alone, kill};
use crate::common::{SOON, assert_payload, at_once, name, pair, payload, status, with};
use std::thread;
use std::time::{Duration, Instant};
use treenail::{Channel, FOREVER, Fault, Listener, Status, TransportKind, set_faults};

#[test]
fn the_other_side() {
    if child::role().as_deref() == Some("waits") {
        let endpoint = std::env::var("ENDPOINT").expect("the parent says");
        let channel = Channel::connect(&endpoint, SOON).expect("the parent listens");
        while channel.recv_vec(FOREVER).is_ok() {}
    }
}

/// Both directions work, with messages longer than a ring, and the end is seen.
fn assert_works(scheme: &str, transport: TransportKind) {
    let pair = pair(scheme, "ring=16KiB");
    for (from, to) in [(&pair.connector, &pair.acceptor), (&pair.acceptor, &pair.connector)] {
        let peer = from.peer().expect("it is joined");
        assert_eq!(peer.transport, transport);
        let stays = scheme == "shm" && transport == TransportKind::Local;
        assert_eq!(peer.fallback.is_empty(), !stays, "{peer:?}");
        assert!(!peer.fallback.starts_with("not yet"), "{peer:?}");
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..200 {
                    let sent = from.send(&payload(number, number as usize * 300), SOON);
                    sent.expect("the peer reads");
                }
            });
            for number in 0..200 {
                assert_payload(&to.recv_vec(SOON).expect("it was sent"), number);
            }
        });
    }
    drop(pair.connector);
    assert_eq!(status(pair.acceptor.recv_vec(SOON)), Status::Closed);
}

#[test]
fn without_memory_to_share_messages_go_through_the_socket() {
    if !alone(without_memory_to_share_messages_go_through_the_socket) {
        return;
    }
    set_faults(&[Fault::NoMemfd]);
    assert_works("shm", TransportKind::Local);
    assert_works("local", TransportKind::Local);
    set_faults(&[]);
    assert_works("shm", TransportKind::Shm);
}

#[test]
fn required_memory_that_is_not_there_is_a_clear_failure() {
    if !alone(required_memory_that_is_not_there_is_a_clear_failure) {
        return;
    }
    set_faults(&[Fault::NoMemfd]);
    for (connecting, listening) in
        [("shm=required", "shm=required"), ("shm=required", ""), ("", "shm=required")]
    {
        let endpoint = format!("shm:{}", name());
        let listener = Listener::open(&with(&endpoint, listening)).expect("the name is free");
        thread::scope(|scope| {
            // Who doesn't wait for the handshake hears of it in the first call.
            let waiting = with(&endpoint, connecting);
            let connect = move || Channel::connect(&waiting, SOON)?.recv_vec(SOON);
            let connector = scope.spawn(move || at_once(connect));
            let short = Some(Duration::from_millis(300));
            // A connection that came to nothing is none of accept's failures.
            let accepted = listener.accept(short);
            match listening {
                "" => {
                    let channel = accepted.expect("it asks for no more than the connector has");
                    assert_eq!(status(channel.recv_vec(SOON)), Status::Unsupported);
                }
                _ => assert_eq!(status(accepted), Status::TimedOut, "{connecting} {listening}"),
            }
            let error = connector.join().expect("no panic").expect_err("no memory");
            let possible = [Status::Unsupported, Status::NoSpace, Status::Io];
            assert!(possible.contains(&error.status()), "{connecting} {listening}: {error}");
            let text = error.to_string();
            assert!(text.contains(&endpoint) && text.contains("memory"), "{text}");
        });
    }
    let required = format!("local:{}?shm=required", name());
    assert_eq!(status(Listener::open(&required)), Status::Invalid);
}

#[test]
fn a_peer_without_memory_is_refused_where_it_is_required() {
    let endpoint = format!("shm:{}", name());
    let required = with(&endpoint, "shm=required");
    let listener = Listener::open(&required).expect("the name is free");
    let plain = endpoint.replacen("shm:", "local:", 1);
    thread::scope(|scope| {
        // It may hear of it while it connects, or at its first call.
        let connect = || Channel::connect(&plain, SOON).and_then(|channel| channel.recv_vec(SOON));
        let connector = scope.spawn(connect);
        let short = Some(Duration::from_millis(300));
        assert_eq!(status(listener.accept(short)), Status::TimedOut);
        let error = connector.join().expect("no panic").expect_err("it is refused");
        let possible = [Status::Unsupported, Status::Closed];
        assert!(possible.contains(&error.status()), "{error}");
        assert!(error.to_string().contains("shm=required"), "{error}");
    });
    drop(listener);
    let listener = Listener::open(&plain).expect("the name is free again");
    thread::scope(|scope| {
        let connector = scope.spawn(|| status(Channel::connect(&required, SOON)));
        // Whether it was refused before or after, the listener goes on.
        drop(listener.accept(Some(Duration::from_millis(300))));
        assert_eq!(connector.join().expect("no panic"), Status::Unsupported);
    });
}

#[test]
fn either_side_may_use_the_socket_alone() {
    for (connecting, listening) in [("local", "shm"), ("shm", "local")] {
        let name = name();
        let listener = Listener::open(&format!("{listening}:{name}")).expect("free");
        let endpoint = format!("{connecting}:{name}");
        thread::scope(|scope| {
            let connector = scope.spawn(|| Channel::connect(&endpoint, SOON));
            let acceptor = listener.accept(SOON).expect("it connects");
            let connector = connector.join().expect("no panic").expect("it listens");
            for (from, to) in [(&connector, &acceptor), (&acceptor, &connector)] {
                from.send(b"through the socket", SOON).expect("there is room");
                let received = to.recv_vec(SOON).expect("it was sent");
                assert_eq!(received, b"through the socket");
                let peer = to.peer().expect("it is joined");
                assert_eq!(peer.transport, TransportKind::Local);
            }
        });
    }
}

#[test]
fn an_older_kernel_is_enough() {
    if !alone(an_older_kernel_is_enough) {
        return;
    }
    let older = [Fault::NoExecSeal, Fault::NoPeerPidfd, Fault::NoPidfd, Fault::NoMembarrier];
    for faults in [&older[..1], &older[..2], &older[..3], &older] {
        set_faults(faults);
        assert_works("shm", TransportKind::Shm);
        assert_works("local", TransportKind::Local);
        assert_death_is_noticed("shm");
        assert_death_is_noticed("local");
    }
}

#[test]
fn without_proc_messages_arrive_all_the_same() {
    if !alone(without_proc_messages_arrive_all_the_same) {
        return;
    }
    set_faults(&[Fault::NoProc]);
    assert_works("shm", TransportKind::Local);
    assert_works("local", TransportKind::Local);
    set_faults(&[Fault::NoProc, Fault::NoMemfd, Fault::NoPeerPidfd, Fault::NoPidfd]);
    assert_works("shm", TransportKind::Local);
}

fn assert_death_is_noticed(scheme: &str) {
    let endpoint = format!("{scheme}:{}", name());
    let listener = Listener::open(&endpoint).expect("the name is free");
    let victim = child::start(the_other_side, "waits", &[("ENDPOINT", &endpoint)]);
    let channel = listener.accept(SOON).expect("it connects");
    let killed = Instant::now();
    kill(victim);
    assert_eq!(status(channel.recv_vec(FOREVER)), Status::PeerLost);
    assert!(killed.elapsed() < Duration::from_secs(5));
}
