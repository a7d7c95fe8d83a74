//! Thousands of channels in one epoll, by both descriptors, with their peers in another process.

use crate::common::child::{alone, finish, role, start};
use crate::common::event::Events;
use crate::common::system::{limit_descriptors, thread_time};
use crate::common::{SOON, WATCHDOG, bounded, name, status, with};
use std::collections::BTreeSet;
use std::process::Child;
use std::time::Duration;
use treenail::{Channel, FOREVER, Listener, NOW, Status};

/// Five times as many as the kernel allows paths from one file.
const MANY: usize = 2500;
/// How long the peer may take with all of them.
const PEER_MAX: Option<Duration> = Some(Duration::from_secs(60));
const ENDPOINT: &str = "TREENAIL_TEST_ENDPOINT";
/// Where a sending descriptor's key begins.
const SENDS: u64 = 1 << 32;

/// The size of a message such that few fill a ring, or the kernel's buffer.
fn size(endpoint: &str) -> usize {
    if endpoint.starts_with("shm:") { 500 } else { 40_000 }
}

/// The other process: it connects, and then does what it is told on the first channel.
fn be_the_peer() {
    let endpoint = std::env::var(ENDPOINT).expect("it was told where");
    // All that the handshake brings is over before room is counted.
    let endpoint = with(&endpoint, "early=0");
    let connect = || Channel::connect(&endpoint, SOON).expect("it listens");
    let control = connect();
    let channels: Vec<Channel> = (0..MANY).map(|_| connect()).collect();
    loop {
        match &control.recv_vec(FOREVER).expect("the other process lives")[..] {
            b"send" => channels.iter().for_each(|channel| {
                (0..3).for_each(|_| channel.send(b"news", SOON).expect("there is room"));
            }),
            b"drain" => channels.iter().for_each(|channel| while channel.recv_vec(NOW).is_ok() {}),
            _ => return,
        }
        control.send(b"done", SOON).expect("there is room");
    }
}

fn expect_again<T>(result: treenail::Result<T>) {
    assert_eq!(status(result), Status::Again);
}

/// Thousands of channels to one process, both descriptors of each in one epoll.
struct Thousands {
    peer: Child,
    /// Tells the peer what to do.
    control: Channel,
    channels: Vec<Channel>,
    events: Events,
    /// Few of these fill a ring, or the kernel's buffer.
    bytes: Vec<u8>,
}

impl Thousands {
    /// Joins them; each has been refused a message and room, so that from here on each event is due to
    /// something that came.
    fn new(scheme: &str, test: impl Fn()) -> Thousands {
        limit_descriptors(20_000);
        let endpoint = format!("{scheme}:{}?ring=4KiB", name());
        let listener = Listener::open(&endpoint).expect("the name is free");
        let peer = start(test, "peer", &[(ENDPOINT, &endpoint)]);
        let accept = || listener.accept(SOON).expect("the peer connects");
        let control = accept();
        let channels: Vec<Channel> = (0..MANY).map(|_| accept()).collect();
        let events = Events::new();
        for (key, channel) in channels.iter().enumerate() {
            events.add(channel.fd().expect("a descriptor"), key as u64);
            events.add(channel.send_fd().expect("a descriptor"), SENDS + key as u64);
        }
        let bytes = vec![7; size(&endpoint)];
        let all = Thousands { peer, control, channels, events, bytes };
        all.have_no_message();
        all.channels.iter().for_each(|channel| all.fill(channel));
        assert!(all.events.wait_for(Duration::ZERO).is_empty(), "all were refused");
        all
    }

    fn fill(&self, channel: &Channel) {
        // A socket takes the beginning of a message, and then no other.
        while channel.send(&self.bytes, NOW).is_ok() {}
        expect_again(channel.send(&self.bytes, NOW));
    }

    fn have_no_message(&self) {
        self.channels.iter().for_each(|channel| expect_again(channel.recv_vec(NOW)));
    }

    fn tell(&self, what: &[u8]) {
        self.control.send(what, SOON).expect("there is room");
    }

    fn peer_is_done(&self) {
        assert_eq!(self.control.recv_vec(PEER_MAX).expect("the peer lives"), b"done");
    }

    /// Every message is shown, where at most so many are received an event.
    fn show_messages(&self, most: usize) {
        self.tell(b"send");
        let mut left = 3 * MANY;
        while left > 0 {
            for key in self.events.wait() {
                // A wake-up of a ring shows at both descriptors, until a call looks.
                match key.checked_sub(SENDS) {
                    Some(key) => expect_again(self.channels[key as usize].send(&self.bytes, NOW)),
                    None => left -= receive(&self.channels[key as usize], most),
                }
            }
        }
        self.peer_is_done();
        self.have_no_message();
    }

    /// Room is shown on every channel.
    fn show_room(&self) {
        self.tell(b"drain");
        self.peer_is_done();
        let mut waiting: BTreeSet<u64> = (0..MANY as u64).collect();
        while !waiting.is_empty() {
            for key in self.events.wait() {
                match key.checked_sub(SENDS) {
                    None => expect_again(self.channels[key as usize].recv_vec(NOW)),
                    Some(key) => {
                        waiting.remove(&key);
                        self.fill(&self.channels[key as usize]);
                    }
                }
            }
        }
        self.have_no_message();
    }
}

/// Receives so many messages at most, or until there is none: how many came.
fn receive(channel: &Channel, most: usize) -> usize {
    let mut count = 0;
    while count < most {
        match channel.recv_vec(NOW) {
            Ok(_) => count += 1,
            Err(error) => {
                assert_eq!(error.status(), Status::Again, "{error}");
                break;
            }
        }
    }
    count
}

fn share_one_epoll(scheme: &str, test: impl Fn() + Copy) {
    if role().is_some_and(|role| role == "peer") {
        return be_the_peer();
    }
    if !alone(test) {
        return;
    }
    let all = Thousands::new(scheme, test);
    for most in [1, usize::MAX] {
        all.show_messages(most);
        all.show_room();
    }
    all.tell(b"end");
    assert!(finish(all.peer, WATCHDOG), "the peer failed");
}

#[test]
fn thousands_share_one_epoll_over_shm() {
    share_one_epoll("shm", thousands_share_one_epoll_over_shm);
}

#[test]
fn thousands_share_one_epoll_over_local() {
    share_one_epoll("local", thousands_share_one_epoll_over_local);
}

/// The processor time that it takes to receive until nothing is left, which sets a mark and takes it off.
fn cost_of_marking(sender: &Channel, receiver: &Channel) -> Duration {
    let before = thread_time();
    for _ in 0..2000 {
        sender.send(b"x", NOW).expect("there is room");
        receiver.recv_vec(NOW).expect("it was sent");
        expect_again(receiver.recv_vec(NOW));
    }
    thread_time() - before
}

#[test]
fn a_mark_costs_the_same_among_many() {
    if !alone(a_mark_costs_the_same_among_many) {
        return;
    }
    bounded(WATCHDOG * 5, || {
        limit_descriptors(20_000);
        let listener = Listener::open(&format!("local:{}", name())).expect("the name is free");
        let join = || {
            let connector = Channel::connect_start(&listener.endpoint()).expect("it listens");
            (connector, listener.accept(SOON).expect("somebody connects"))
        };
        let poller = treenail::Poller::new().expect("a descriptor");
        let one = join();
        poller.add_channel(&one.1, u64::MAX).expect("the key is free");
        let mut others = Vec::new();
        let mut costs = [Duration::MAX; 2];
        // They stay marked, as nobody receives from them.
        for (count, cost) in [10, MANY].into_iter().zip(&mut costs) {
            while others.len() < count {
                let other = join();
                poller.add_channel(&other.1, others.len() as u64).expect("it is free");
                others.push(other);
            }
            // The quietest of many.
            for _ in 0..10 {
                *cost = (*cost).min(cost_of_marking(&one.0, &one.1));
            }
        }
        // A mark that looked at all the others would cost a hundred times as much.
        let [few, many] = costs;
        assert!(many < 3 * few, "{few:?} with 10 that are marked, {many:?} with {MANY}");
    });
}
