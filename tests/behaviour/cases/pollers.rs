//! Many channels at once; and what a channel that does nothing costs.

use super::Way;
use crate::common::child::alone;
use crate::common::limit::once_of;
use crate::common::system::{descriptors, limit_descriptors, thread_time, times_asleep};
use crate::common::{SOON, WATCHDOG, at_once, bounded, name, not_before, pair, status, until};
use std::collections::{BTreeSet, HashMap};
use std::thread;
use std::time::Duration;
use treenail::{Channel, FOREVER, Listener, NOW, Poller, Status};

const MANY: u64 = 1000;
/// How often a thread that waits for two seconds may fall asleep: whoever looked at something each
/// tenth of a second would do it twenty times.
const SLEEPS_MAX: i64 = 8;
/// What the kernel may need for them, however cold its caches are: a two hundredth.
const IDLE_MAX: Duration = Duration::from_millis(10);

#[test]
fn a_thousand_channels_on_one_listener_over_shm() {
    if alone(a_thousand_channels_on_one_listener_over_shm) {
        bounded(Duration::from_secs(100), || a_thousand_channels("shm", 4, 1));
    }
}

#[test]
fn a_thousand_channels_on_one_listener_over_local() {
    if alone(a_thousand_channels_on_one_listener_over_local) {
        bounded(Duration::from_secs(100), || a_thousand_channels("local", 2, 2));
    }
}

/// All in one poller, both ends here: each side has at most `most` descriptors a channel, and
/// `watched` more once somebody waits for it.
fn a_thousand_channels(scheme: &str, most: usize, watched: usize) {
    limit_descriptors(20_000);
    let endpoint = format!("{scheme}:{}?ring=4KiB", name());
    let listener = Listener::open(&endpoint).expect("the name is free");
    let poller = Poller::new().expect("a descriptor");
    poller.add_listener(&listener, u64::MAX).expect("a descriptor");
    let mut keys = Vec::new();
    let (mut connectors, mut acceptors) = (Vec::new(), Vec::new());
    warm_up(scheme);
    let before = descriptors();
    for number in 0..MANY {
        let connector = thread::scope(|scope| {
            let connecting = scope.spawn(|| Channel::connect(&endpoint, SOON));
            let accepted = loop {
                poller.wait(&mut keys, 16, Some(WATCHDOG)).expect("somebody connects");
                match listener.accept(NOW) {
                    Ok(channel) => break channel,
                    Err(error) => assert_eq!(error.status(), Status::Again, "{error}"),
                }
            };
            acceptors.push(accepted);
            connecting.join().expect("no panic").expect("it is accepted")
        });
        connectors.push(connector);
        poller.remove(u64::MAX).expect("it is in");
        poller.add_listener(&listener, u64::MAX).expect("it is out");
        assert_eq!(acceptors.len() as u64, number + 1);
    }
    let used = descriptors() - before;
    assert!(used <= 2 * most * MANY as usize, "{used} descriptors");
    poller.remove(u64::MAX).expect("it is in");
    let all = connectors.iter().chain(&acceptors);
    for (key, channel) in all.clone().enumerate() {
        poller.add_channel(channel, key as u64).expect("it is in no poller");
    }
    let used = descriptors() - before;
    let most = most + watched;
    assert!(used <= 2 * most * MANY as usize, "{used} descriptors with a poller");
    let channels: Vec<&Channel> = all.collect();
    exchange(&poller, &channels);
    drop((connectors, acceptors));
    let left = descriptors();
    assert!(left <= before, "{left} descriptors are left of {before}");
    assert_eq!(status(poller.wait(&mut keys, 16, NOW)), Status::Again);
}

/// Has what a process or a thread has once and keeps: it is no part of a channel.
fn warm_up(scheme: &str) {
    let pair = pair(scheme, "");
    pair.connector.fd().expect("a descriptor");
    let short = Some(Duration::from_millis(1));
    assert_eq!(status(pair.connector.recv_vec(short)), Status::TimedOut);
}

/// Every channel sends three messages, and the poller tells of all that arrive.
fn exchange(poller: &Poller, channels: &[&Channel]) {
    for round in 0..3u32 {
        for (key, channel) in channels.iter().enumerate() {
            let bytes = (key as u32 + round).to_le_bytes();
            channel.send(&bytes, NOW).expect("there is room");
        }
    }
    let mut received: HashMap<u64, u32> = HashMap::new();
    let mut keys = Vec::new();
    let (count, half) = (channels.len() as u64, channels.len() as u64 / 2);
    while received.values().sum::<u32>() < 3 * count as u32 {
        poller.wait(&mut keys, 64, Some(WATCHDOG)).expect("a wake-up was lost");
        for &key in &keys {
            let Ok(bytes) = channels[key as usize].recv_vec(NOW) else {
                continue;
            };
            let sender = (key + half) % count;
            let round = received.entry(key).or_default();
            assert_eq!(bytes, (sender as u32 + *round).to_le_bytes());
            *round += 1;
        }
    }
    quiet(poller, channels);
}

/// Once each has said Again, the poller is silent.
fn quiet(poller: &Poller, channels: &[&Channel]) {
    let mut keys = Vec::new();
    for _ in 0..3 * channels.len() {
        match poller.wait(&mut keys, 64, NOW) {
            Err(error) => return assert_eq!(error.status(), Status::Again),
            Ok(_) => keys.iter().for_each(|&key| {
                assert_eq!(status(channels[key as usize].recv_vec(NOW)), Status::Again);
            }),
        }
    }
    panic!("the poller is never silent");
}

#[test]
fn whoever_waits_uses_no_processor() {
    if !alone(whoever_waits_uses_no_processor) {
        return;
    }
    for (scheme, options) in [("shm", ""), ("local", ""), ("shm", "spin=0")] {
        // The quietest of five: other programs make this one's caches cold meanwhile.
        let what = format!("{scheme} {options}: (sleeps, processor time)");
        once_of(
            5,
            &what,
            || idle(scheme, options),
            |(sleeps, used)| *sleeps <= SLEEPS_MAX && *used < IDLE_MAX,
        );
    }
}

/// How often a thread that waits for two seconds falls asleep, and its processor time.
fn idle(scheme: &str, options: &str) -> (i64, Duration) {
    let pair = pair(scheme, options);
    let wait = |ms| {
        let time = Duration::from_millis(ms);
        let idle = not_before(time, || pair.acceptor.recv_vec(Some(time)));
        assert_eq!(status(idle), Status::TimedOut);
    };
    // Once before, so that what is only done once is done.
    wait(20);
    let before = (times_asleep(), thread_time());
    wait(2000);
    (times_asleep() - before.0, thread_time() - before.1)
}

#[test]
fn a_woken_poller_returns_without_keys() {
    let poller = Poller::new().expect("a descriptor");
    let mut keys = vec![1, 2, 3];
    assert_eq!(status(poller.wait(&mut keys, 4, NOW)), Status::Again);
    assert!(keys.is_empty());
    poller.wake().expect("it is ours");
    assert_eq!(poller.wait(&mut keys, 4, FOREVER).expect("woken before"), 0);
    assert_eq!(status(poller.wait(&mut keys, 4, NOW)), Status::Again);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| poller.wait(&mut Vec::new(), 4, FOREVER));
        poller.wake().expect("it is ours");
        assert_eq!(waiter.join().expect("no panic").expect("woken"), 0);
    });
    let time = Duration::from_millis(20);
    let late = not_before(time, || poller.wait(&mut keys, 4, Some(time)));
    assert_eq!(status(late), Status::TimedOut);
}

#[test]
fn keys_are_unique_and_can_be_removed() {
    let pair = pair("shm", "");
    let (poller, other) = (Poller::new().expect("room"), Poller::new().expect("room"));
    poller.add_channel(&pair.connector, 1).expect("the key is free");
    assert_eq!(status(poller.add_channel(&pair.acceptor, 1)), Status::Exists);
    assert_eq!(status(poller.add_listener(&pair.listener, 1)), Status::Exists);
    assert_eq!(status(poller.add_channel(&pair.connector, 2)), Status::Exists);
    other.add_channel(&pair.connector, 1).expect("another poller");
    assert_eq!(status(poller.remove(7)), Status::NotFound);
    let mut keys = Vec::new();
    for each in [&poller, &other] {
        assert_eq!(each.wait(&mut keys, 4, SOON).expect("readable at first"), 1);
        assert_eq!(keys, [1]);
    }
    poller.remove(1).expect("it is in");
    assert_eq!(status(poller.wait(&mut keys, 4, NOW)), Status::Again);
    assert_eq!(status(pair.connector.recv_vec(NOW)), Status::Again);
    assert_eq!(status(other.wait(&mut keys, 4, NOW)), Status::Again);
    pair.acceptor.send(b"x", SOON).expect("there is room");
    assert_eq!(other.wait(&mut keys, 4, SOON).expect("it comes"), 1);
    drop(pair.connector);
    until("a freed channel leaves", || status(other.wait(&mut keys, 4, NOW)) == Status::Again);
    other.add_channel(&pair.acceptor, 1).expect("the key is free again");
}

#[test]
fn everything_that_is_ready_is_told() {
    let one = pair("shm", "");
    let two = pair("local", "");
    let poller = Poller::new().expect("room");
    let (plain, mut feeder) = std::os::unix::net::UnixStream::pair().expect("room");
    poller.add_channel(&one.acceptor, 10).expect("free");
    poller.add_channel(&two.acceptor, 20).expect("free");
    poller.add_listener(&one.listener, 30).expect("free");
    poller.add_fd(&plain, 40).expect("free");
    assert_eq!(status(one.acceptor.recv_vec(NOW)), Status::Again);
    assert_eq!(status(two.acceptor.recv_vec(NOW)), Status::Again);
    let mut keys = Vec::new();
    until("silence", || status(poller.wait(&mut keys, 9, NOW)) == Status::Again);
    one.connector.send(b"x", SOON).expect("room");
    two.connector.send(b"x", SOON).expect("room");
    std::io::Write::write_all(&mut feeder, b"x").expect("room");
    let connecting = Channel::connect_start(&one.endpoint).expect("somebody listens");
    let mut found = BTreeSet::new();
    at_once(|| {
        while found.len() < 4 {
            // One at a time: none starves another for good.
            poller.wait(&mut keys, 4, Some(WATCHDOG)).expect("all are ready");
            found.extend(keys.iter().copied());
        }
    });
    assert_eq!(found, BTreeSet::from([10, 20, 30, 40]));
    drop(connecting);
}

#[test]
fn a_listener_that_was_freed_has_left_its_poller() {
    let poller = Poller::new().expect("a descriptor");
    for _ in 0..2 {
        let listener = Listener::open(&format!("local:{}", name())).expect("the name is free");
        poller.add_listener(&listener, 7).expect("the key is free");
    }
    // The next descriptor has the number that the listener's had.
    let listener = Listener::open(&format!("local:{}", name())).expect("the name is free");
    poller.add_listener(&listener, 8).expect("the key is free");
    poller.remove(7).expect("it is known still");
    let _connector = Channel::connect_start(&listener.endpoint()).expect("it listens");
    let mut keys = Vec::new();
    poller.wait(&mut keys, 16, SOON).expect("somebody connects");
    assert_eq!(keys, [8]);
}

pub fn a_second_key_leaves_the_first_as_it_was(way: Way) {
    let pair = way.pair("ring=4KiB");
    let (channel, poller) = (&pair.connector, Poller::new().expect("room"));
    poller.add_channel(channel, 1).expect("the key is free");
    poller.add_channel_send(channel, 3).expect("room has a key of its own");
    let bytes = [7; 500];
    let add_again = || {
        let mut keys = Vec::new();
        until("silence", || {
            let nothing = status(channel.recv_vec(NOW)) == Status::Again;
            while channel.send(&bytes, NOW).is_ok() {}
            nothing && status(poller.wait(&mut keys, 4, NOW)) == Status::Again
        });
        assert_eq!(status(poller.add_channel(channel, 2)), Status::Exists);
        assert_eq!(status(poller.add_channel_send(channel, 2)), Status::Exists);
        assert_eq!(status(poller.add_channel_send(channel, 1)), Status::Exists);
    };
    let assert_shows = |key| {
        let mut keys = Vec::new();
        poller.wait(&mut keys, 4, Some(WATCHDOG)).expect("it is in still");
        assert!(keys.contains(&key), "{keys:?}");
    };
    add_again();
    pair.acceptor.send(b"news", SOON).expect("there is room");
    assert_shows(1);
    assert_eq!(channel.recv_vec(NOW).expect("it was shown"), b"news");
    add_again();
    while pair.acceptor.recv_vec(NOW).is_ok() {}
    assert_shows(3);
    channel.send(&bytes, NOW).expect("there is room");
}
