//! What a listener counts: each connection is in exactly one of its numbers.

use crate::common::system::own_uid;
use crate::common::{Fails, SOON, directory, name, status, until, with, with_early};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use treenail::{Channel, Listener, ListenerStats, NOW, Status};

/// A listener at a socket file whose path plain clients know.
struct Place {
    listener: Listener,
    path: std::path::PathBuf,
}

impl Place {
    fn new(options: &str) -> Place {
        let path = directory().join(name());
        let endpoint = with(&format!("shm:{}", path.display()), options);
        Place { listener: Listener::open(&endpoint).expect("the name is free"), path }
    }

    /// A client that speaks for itself.
    fn client(&self) -> UnixStream {
        let client = UnixStream::connect(&self.path).expect("somebody listens");
        client.set_read_timeout(SOON).expect("it is no zero");
        client
    }

    /// A client of the library's, and the listener's end of its channel.
    fn channel(&self) -> (Channel, Channel) {
        let client = Channel::connect(&format!("shm:{}", self.path.display()), SOON);
        (client.expect("somebody listens"), self.listener.accept(SOON).expect("it has connected"))
    }

    fn stats(&self) -> ListenerStats {
        self.listener.stats().expect("it is this process' own")
    }

    /// Accepts nobody until `count` says 1.
    fn until_counted(&self, count: impl Fn(&ListenerStats) -> u64) {
        until("it is counted", || {
            self.listener.accept(NOW).fails_with(Status::Again);
            count(&self.stats()) == 1
        });
    }

    /// The numbers in their order.
    #[track_caller]
    fn assert_counts(&self, expected: [u64; 8]) {
        let stats = self.stats();
        let refused = [stats.refused_user, stats.refused_full, stats.refused_protocol];
        let [user, full, protocol] = refused;
        let (slow, now, channels) = (stats.timed_out, stats.pending, stats.channels);
        let counts = [stats.accepted, user, full, protocol, slow, now, channels, stats.lost];
        assert_eq!(counts, expected, "{stats:?}");
    }
}

/// What the listener says to a client that it refuses.
fn refusal(mut client: UnixStream) -> String {
    let mut said = Vec::new();
    let _ = client.read_to_end(&mut said);
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn channels_are_counted_as_they_come_and_go() {
    let place = Place::new("");
    place.assert_counts([0; 8]);
    let first = place.channel();
    let second = place.channel();
    place.assert_counts([2, 0, 0, 0, 0, 0, 2, 0]);
    drop(first);
    place.assert_counts([2, 0, 0, 0, 0, 0, 1, 0]);
    // A closed channel is one until it is dropped.
    second.1.close();
    place.assert_counts([2, 0, 0, 0, 0, 0, 1, 0]);
    drop(second);
    place.assert_counts([2, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn clients_of_users_who_are_not_admitted_are_counted() {
    let place = Place::new(&format!("peer_uid={}", own_uid() + 1));
    let client = place.client();
    place.until_counted(|stats| stats.refused_user);
    assert!(refusal(client).contains("TN_DENIED"));
    place.assert_counts([0, 1, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn clients_beyond_max_channels_are_counted() {
    let place = Place::new("max_channels=1");
    let channel = place.channel();
    let client = place.client();
    place.until_counted(|stats| stats.refused_full);
    assert!(refusal(client).contains("TN_NO_SPACE"));
    place.assert_counts([1, 0, 1, 0, 0, 0, 1, 0]);
    drop(channel);
    let _channel = place.channel();
    place.assert_counts([2, 0, 1, 0, 0, 0, 1, 0]);
}

#[test]
fn clients_that_speak_something_else_are_counted() {
    let place = Place::new("");
    let mut client = place.client();
    client.write_all(&b"GET / HTTP/1.1\r\n".repeat(4)).expect("it is taken");
    place.until_counted(|stats| stats.refused_protocol);
    assert!(refusal(client).contains("TN_PROTOCOL"));
    place.assert_counts([0, 0, 0, 1, 0, 0, 0, 0]);
}

#[test]
fn clients_that_shm_required_refuses_are_counted() {
    let place = Place::new("shm=required");
    let endpoint = with_early(&format!("local:{}", place.path.display()));
    std::thread::scope(|scope| {
        let client = scope.spawn(|| status(Channel::connect(&endpoint, SOON)));
        place.until_counted(|stats| stats.refused_protocol);
        assert_eq!(client.join().expect("no panic"), Status::Unsupported);
    });
    place.assert_counts([0, 0, 0, 1, 0, 0, 0, 0]);
}

#[test]
fn clients_that_say_nothing_are_pending_and_then_timed_out() {
    let place = Place::new("handshake_ms=500");
    let client = place.client();
    place.until_counted(|stats| stats.pending);
    place.until_counted(|stats| stats.timed_out);
    place.assert_counts([0, 0, 0, 0, 1, 0, 0, 0]);
    drop(client);
    place.assert_counts([0, 0, 0, 0, 1, 0, 0, 0]);
}

#[test]
fn clients_that_make_way_for_others_have_timed_out() {
    let place = Place::new("backlog=1");
    let slow = place.client();
    place.until_counted(|stats| stats.pending);
    let _channel = place.channel();
    place.assert_counts([1, 0, 0, 0, 1, 0, 1, 0]);
    drop(slow);
}

#[test]
fn clients_that_go_before_they_have_said_anything_are_lost() {
    let place = Place::new("");
    let client = place.client();
    place.until_counted(|stats| stats.pending);
    drop(client);
    place.until_counted(|stats| stats.lost);
    place.assert_counts([0, 0, 0, 0, 0, 0, 0, 1]);
}

#[test]
fn the_counts_stay_when_it_is_closed() {
    let place = Place::new("");
    let channel = place.channel();
    let client = place.client();
    place.until_counted(|stats| stats.pending);
    place.listener.close();
    place.assert_counts([1, 0, 0, 0, 0, 0, 1, 0]);
    drop((channel, client));
    place.assert_counts([1, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn counts_are_told_while_another_thread_waits_for_a_client() {
    let place = Place::new("");
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| status(place.listener.accept(SOON)));
        let _client = place.client();
        until("it is pending", || place.stats().pending == 1);
        place.listener.close();
        assert_eq!(waiter.join().expect("no panic"), Status::Closed);
    });
}
