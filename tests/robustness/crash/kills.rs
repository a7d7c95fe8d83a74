//! kill -9 at random moments, of either side: the survivor gets whole messages in order, then
//! TN_PEER_LOST, and nothing stays behind.

use super::traces::{Traces, warm_up};
use crate::common::child::alone_for;
use crate::common::child::{self, kill};
use crate::common::page::Page;
use crate::common::trace::STEPPING_MAX;
use crate::common::{Random, SOON, assert_payload, directory, kills, name, payload, status, until};
use std::path::PathBuf;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};
use treenail::{Channel, FOREVER, Listener, Status};

/// How long a survivor may take to notice.
const NOTICE_MAX: Duration = Duration::from_secs(5);
/// The victim is killed within this time after it was joined.
const LIFE_MAX: u64 = 12_000;
const OPTIONS: &str = "ring=16KiB&max_message=1MiB&retry=1";
const ROLE: &str = "victim";

// Words of the page.
const BEGUN: usize = 0;
const DONE: usize = 1;
const READY: usize = 2;

/// Message `number`'s size: most are longer than a ring, so that most moments are amid a send.
fn len(number: u64) -> usize {
    match number % 4 {
        0 => 8 + number as usize % 100,
        1 | 2 => 70_000 + number as usize % 1000,
        _ => 300_000,
    }
}

/// The process that is killed: it sends and receives without end.
#[test]
fn the_victim() {
    if child::role().as_deref() != Some(ROLE) {
        return;
    }
    let get = |name| std::env::var(name).expect("the parent says");
    // The bytes that payloads are made of are ready before it begins.
    payload(0, 8);
    let (endpoint, page) = (get("ENDPOINT"), Page::open(&PathBuf::from(get("PAGE"))));
    let channel = match get("SIDE").as_str() {
        "listens" => {
            let listener = Listener::open(&endpoint).expect("a killed one's name is taken over");
            page.set(READY, 1);
            let channel = listener.accept(SOON);
            // Its name stays taken until it is killed.
            std::mem::forget(listener);
            channel
        }
        _ => {
            page.set(READY, 1);
            Channel::connect(&endpoint, SOON)
        }
    };
    let channel = channel.expect("the parent is there");
    thread::scope(|scope| {
        scope.spawn(|| receive_all(&channel));
        for number in 0.. {
            let bytes = payload(number, len(number));
            page.set(BEGUN, number + 1);
            channel.send(&bytes, FOREVER).expect("the parent lives");
            page.set(DONE, number + 1);
        }
    });
}

/// Receives until the end: how many messages came, and the end.
fn receive_all(channel: &Channel) -> (u64, Status) {
    for number in 0.. {
        match channel.recv_vec(FOREVER) {
            Ok(bytes) => {
                assert_eq!(bytes.len(), len(number), "the size of message {number}");
                assert_payload(&bytes, number);
            }
            Err(error) => return (number, error.status()),
        }
    }
    unreachable!("numbers do not end");
}

fn send_all(channel: &Channel) -> Status {
    for number in 0.. {
        if let Err(error) = channel.send(&payload(number, len(number)), FOREVER) {
            return error.status();
        }
    }
    unreachable!("numbers do not end");
}

/// Where victims live.
struct Stage {
    endpoint: String,
    path: PathBuf,
    page: Page,
}

impl Stage {
    fn new(scheme: &str) -> Stage {
        let path = std::env::temp_dir().join(format!("treenail-page-{}", name()));
        let page = Page::open(&path);
        let endpoint = format!("{scheme}:{}?{OPTIONS}", name());
        Stage { endpoint, path, page }
    }

    fn victim(&self, side: &str) -> Child {
        self.page.clear();
        let path = self.path.to_str().expect("a plain path");
        let settings = [("ENDPOINT", &*self.endpoint), ("SIDE", side), ("PAGE", path)];
        child::start(the_victim, ROLE, &settings)
    }

    fn wait_until_ready(&self) {
        until("the victim is ready", || self.page.get(READY) == 1);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Lets time pass, as exactly as the machine can.
fn spend(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        thread::yield_now();
    }
}

/// Both directions at work, and then the kill; whether it fell into a send.
fn survive(channel: &Channel, mut victim: Child, page: Page, life: Duration) -> bool {
    thread::scope(|scope| {
        let sender = scope.spawn(|| send_all(channel));
        let receiver = scope.spawn(|| receive_all(channel));
        spend(life);
        assert!(victim.try_wait().expect("our child").is_none(), "the victim failed by itself");
        let killed = Instant::now();
        kill(victim);
        let sent = sender.join().expect("no panic");
        let (received, end) = receiver.join().expect("no panic");
        let time = killed.elapsed();
        assert_eq!((sent, end), (Status::PeerLost, Status::PeerLost));
        assert!(time < NOTICE_MAX, "noticed after {time:?}");
        assert_eq!(status(channel.recv_vec(FOREVER)), Status::PeerLost, "for good");
        assert_eq!(status(channel.send(b"x", FOREVER)), Status::PeerLost, "for good");
        let (begun, done) = (page.get(BEGUN), page.get(DONE));
        assert!(received >= done, "{done} were sent, {received} came");
        assert!(received <= begun, "{begun} were begun, {received} came");
        begun != done
    })
}

fn kill_many(scheme: &str, side: &str, kills: u64, random: &mut Random) -> u64 {
    warm_up();
    let stage = Stage::new(scheme);
    let before = Traces::now();
    let mut amid = 0;
    let listener = (side == "connects").then(|| Listener::open(&stage.endpoint));
    let listener = listener.map(|listener| listener.expect("the name is free"));
    for _ in 0..kills {
        let victim = stage.victim(side);
        let channel = match &listener {
            Some(listener) => listener.accept(SOON),
            None => {
                stage.wait_until_ready();
                Channel::connect(&stage.endpoint, SOON)
            }
        };
        let channel = channel.expect("the victim is there");
        let life = Duration::from_micros(random.below(LIFE_MAX));
        amid += u64::from(survive(&channel, victim, stage.page, life));
    }
    // A killed listener's file stays until the next takes its name over.
    drop(listener.unwrap_or_else(|| Listener::open(&stage.endpoint).expect("taken over")));
    before.assert_same();
    amid
}

#[test]
fn survivors_get_whole_messages_in_order_and_then_the_loss() {
    if !alone_for(survivors_get_whole_messages_in_order_and_then_the_loss, STEPPING_MAX) {
        return;
    }
    let kills = kills(3, 60);
    let mut random = Random::printed("kills");
    let (mut amid, mut all) = (0, 0);
    for (index, (scheme, side)) in
        [("shm", "connects"), ("shm", "listens"), ("local", "connects"), ("local", "listens")]
            .into_iter()
            .enumerate()
    {
        let share = kills / 4 + u64::from((index as u64) < kills % 4);
        amid += kill_many(scheme, side, share, &mut random);
        all += share;
    }
    println!("{amid} of {all} kills fell into a send");
    assert!(amid * 10 >= all * 3, "only {amid} of {all} kills fell into a send");
}

#[test]
fn whoever_is_killed_amid_the_handshake_leaves_nothing() {
    if !alone_for(whoever_is_killed_amid_the_handshake_leaves_nothing, STEPPING_MAX) {
        return;
    }
    warm_up();
    let mut random = Random::printed("handshakes");
    for scheme in ["shm", "local"] {
        let stage = Stage::new(scheme);
        let before = Traces::now();
        let listener = Listener::open(&stage.endpoint).expect("the name is free");
        for _ in 0..10 {
            let victim = stage.victim("connects");
            stage.wait_until_ready();
            let life = Duration::from_micros(random.below(2000));
            thread::scope(|scope| {
                scope.spawn(move || {
                    spend(life);
                    kill(victim);
                });
                let short = Some(Duration::from_millis(100));
                if let Ok(channel) = listener.accept(short) {
                    assert_eq!(receive_all(&channel).1, Status::PeerLost);
                }
            });
        }
        // An honest one is served as ever.
        thread::scope(|scope| {
            scope.spawn(|| Channel::connect(&stage.endpoint, SOON).expect("it listens"));
            let own = std::process::id();
            let is_own = |channel: &Channel| {
                let peer = channel.peer().expect("it is joined");
                peer.pid == i64::from(own)
            };
            while !is_own(&listener.accept(SOON).expect("it has connected")) {}
        });
        drop(listener);
        before.assert_same();
    }
    assert!(directory().is_dir());
}
