//! Peers that begin a handshake and never end it hold up nobody.

use super::calls::connected;
use super::shared::{Place, SOON, Stop, WAIT, alone, descriptors, eventually, in_time};
use super::shared::{poll_soon, status};
use super::talk::{Raw, hello};
use crate::common::limit::once_of;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use treenail::{Channel, Listener, Status};

const STALLED: usize = 100;
const CONNECTS: usize = 400;
/// Connects in a row with, and then without, stalled ones beside them.
const SLICE: usize = 20;
/// What the noise of a busy machine may add.
const NOISE: Duration = Duration::from_micros(150);

/// Somebody who said the first bytes of a HELLO, and no more.
fn stalled(place: &Place, said: usize) -> Raw {
    let mut raw = Raw::connect(place);
    assert!(raw.say(&hello(1)[..said]));
    raw
}

/// Runs `act` while another thread accepts, keeping channels for no longer than they live.
fn while_accepting(listener: &Listener, act: impl FnOnce()) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                drop(listener.accept(Some(Duration::from_millis(20))));
            }
        });
        let _stop = Stop(&done);
        act();
    });
}

/// How long an honest connect takes.
fn connect_time(place: &Place, scheme: &str) -> Duration {
    let began = Instant::now();
    drop(place.connect(scheme).expect("an honest one gets in"));
    began.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Median times of connects with a hundred stalled handshakes open, and without, in turns.
fn measure(scheme: &str) -> (Duration, Duration) {
    let place = Place::new();
    let listener = place.listener(scheme, "handshake_ms=60000");
    let (mut with, mut without) = (Vec::new(), Vec::new());
    while_accepting(&listener, || {
        for _ in 0..CONNECTS / SLICE {
            without.extend((0..SLICE).map(|_| connect_time(&place, scheme)));
            let stalls: Vec<Raw> = (0..STALLED).map(|said| stalled(&place, said % 48)).collect();
            // Once one more is through, all before it have been begun.
            connect_time(&place, scheme);
            with.extend((0..SLICE).map(|_| connect_time(&place, scheme)));
            drop(stalls);
            connect_time(&place, scheme);
        }
    });
    (median(with), median(without))
}

#[test]
fn with_a_hundred_stalled_an_honest_connect_takes_at_most_twice_as_long() {
    if !alone(with_a_hundred_stalled_an_honest_connect_takes_at_most_twice_as_long) {
        return;
    }
    for scheme in ["local", "shm"] {
        let what = format!("{scheme}: (with {STALLED} stalled, without)");
        once_of(6, &what, || measure(scheme), |(with, without)| *with <= 2 * *without + NOISE);
    }
}

#[test]
fn they_are_dropped_after_their_time() {
    if !alone(they_are_dropped_after_their_time) {
        return;
    }
    let place = Place::new();
    let listener = place.listener("shm", "handshake_ms=300");
    while_accepting(&listener, || {
        drop(place.connect("shm").expect("an honest one gets in"));
        let began = Instant::now();
        let before = descriptors();
        let mut stalls: Vec<Raw> = (0..STALLED).map(|said| stalled(&place, said % 48)).collect();
        for raw in &mut stalls {
            raw.last_words();
        }
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(250), "they were dropped after {took:?}");
        assert!(took < SOON, "they were dropped after {took:?}");
        let own = stalls.len();
        eventually("nothing is left of them", || descriptors() <= before + own);
    });
}

#[test]
fn a_trickle_of_bytes_does_not_make_the_time_longer() {
    if !alone(a_trickle_of_bytes_does_not_make_the_time_longer) {
        return;
    }
    let place = Place::new();
    let listener = place.listener("local", "handshake_ms=300");
    while_accepting(&listener, || {
        let mut raw = Raw::connect(&place);
        // Were the time to begin anew with each byte, all of them would be taken.
        let cut_off = hello(0).chunks(1).position(|byte| {
            thread::park_timeout(Duration::from_millis(100));
            !raw.say(byte)
        });
        assert!(cut_off.is_some(), "a trickle has all the time of the world");
    });
}

#[test]
fn a_listener_that_stalls_keeps_no_connector_beyond_its_timeout() {
    if !alone(a_listener_that_stalls_keeps_no_connector_beyond_its_timeout) {
        return;
    }
    let place = Place::new();
    let _server = Raw::listen(&place);
    for options in ["handshake_ms=200", "handshake_ms=60000"] {
        let timeout = Some(Duration::from_millis(400));
        let patient = place.endpoint("shm", &format!("{options}&early=0"));
        let connect = || Channel::connect(&patient, timeout);
        assert_eq!(in_time(timeout, || status(connect())), Status::TimedOut);
        let channel = Channel::connect(&place.endpoint("shm", options), timeout);
        let channel = channel.expect("somebody listens");
        assert_eq!(in_time(timeout, || status(channel.recv_vec(timeout))), Status::TimedOut);
    }
}

#[test]
fn more_of_them_than_the_backlog_do_not_keep_an_honest_one_out() {
    if !alone(more_of_them_than_the_backlog_do_not_keep_an_honest_one_out) {
        return;
    }
    for scheme in ["local", "shm"] {
        let place = Place::new();
        let listener = place.listener(scheme, "backlog=4&handshake_ms=60000");
        while_accepting(&listener, || {
            let mut stalls = Vec::new();
            for round in 0..6 {
                stalls.extend((0..3).map(|said| stalled(&place, 5 * round + said)));
                in_time(WAIT, || connect_time(&place, scheme));
            }
        });
    }
}

#[test]
fn those_who_come_back_all_the_time_do_not_keep_an_honest_one_out() {
    if !alone(those_who_come_back_all_the_time_do_not_keep_an_honest_one_out) {
        return;
    }
    let place = Place::new();
    let listener = place.listener("local", "handshake_ms=60000");
    let done = AtomicBool::new(false);
    while_accepting(&listener, || {
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut stalls = std::collections::VecDeque::new();
                while !done.load(Ordering::Relaxed) {
                    stalls.push_back(stalled(&place, 16));
                    if stalls.len() > 50 {
                        stalls.pop_front();
                    }
                }
            });
            let _stop = Stop(&done);
            for _ in 0..5 {
                in_time(WAIT, || connect_time(&place, "local"));
            }
        });
    });
}

#[test]
fn a_listener_that_stalls_amid_its_handshake_is_given_up_after_its_time() {
    if !alone(a_listener_that_stalls_amid_its_handshake_is_given_up_after_its_time) {
        return;
    }
    for said in [1, 15, 16, 47, 48] {
        for by_descriptor in [false, true] {
            let (channel, mut raw, _server) = connected("shm", "early=0&handshake_ms=50");
            assert!(raw.say(&hello(1)[..said]));
            let given = match by_descriptor {
                // It goes off when the time is over.
                true => loop {
                    let given = status(channel.recv_vec(treenail::NOW));
                    if given != Status::Again {
                        break given;
                    }
                    assert_ne!(poll_soon(&channel), 0, "after {said} bytes");
                },
                false => status(channel.recv_vec(None)),
            };
            assert_eq!(given, Status::TimedOut, "after {said} bytes");
        }
    }
}
