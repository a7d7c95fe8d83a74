//! Threads that use one handle in every way at once: calls that wait, calls by either descriptor,
//! in an epoll and in a poller. Nobody waits while a call would be answered.

use crate::common::event::{Events, Flag, is_readable};
use crate::common::{SOON, WATCHDOG, bounded, messages, pair};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use treenail::{Channel, NOW, Poller, Result, Status};

/// All messages of a handle have this size, so that room for one is room for all.
const SIZE: usize = 200;
/// Nobody waits longer than this for what a call would give at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the threads of one side have done together.
#[derive(Default)]
struct Tally {
    begun: AtomicU64,
    received: AtomicU64,
    sum: AtomicU64,
    done: Flag,
}

impl Tally {
    /// The next message to send, if any is left.
    fn next(&self, count: u64) -> Option<[u8; SIZE]> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        (number < count).then(|| {
            let mut bytes = [0; SIZE];
            bytes[..8].copy_from_slice(&number.to_le_bytes());
            bytes
        })
    }

    fn take(&self, bytes: &[u8], count: u64) {
        let number = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
        self.sum.fetch_add(number, Ordering::Relaxed);
        if self.received.fetch_add(1, Ordering::SeqCst) + 1 == count {
            self.done.raise();
        }
    }

    fn is_done(&self, count: u64) -> bool {
        self.received.load(Ordering::SeqCst) == count
    }
}

fn is_again<T>(result: &Result<T>) -> bool {
    matches!(result, Err(error) if error.status() == Status::Again)
}

/// How a thread waits for a descriptor, beside the flag that ends all of them.
enum Wait {
    Epoll(Events),
    Poller(Poller),
}

impl Wait {
    fn of(channel: &Channel, sends: bool, by_poller: bool, done: &Flag) -> Wait {
        if by_poller {
            let poller = Poller::new().expect("a descriptor");
            match sends {
                true => poller.add_channel_send(channel, 0).expect("the key is free"),
                false => poller.add_channel(channel, 0).expect("the key is free"),
            }
            poller.add_fd(done, 1).expect("the key is free");
            return Wait::Poller(poller);
        }
        let events = Events::of(descriptor(channel, sends));
        events.add(done, 1);
        Wait::Epoll(events)
    }

    /// Whether anything came in time.
    fn wait(&self) -> bool {
        match self {
            Wait::Epoll(events) => !events.wait_for(PATIENCE).is_empty(),
            Wait::Poller(poller) => poller.wait(&mut Vec::new(), 2, Some(PATIENCE)).is_ok(),
        }
    }
}

fn descriptor(channel: &Channel, sends: bool) -> BorrowedFd<'_> {
    let fd = if sends { channel.send_fd() } else { channel.fd() };
    fd.expect("a descriptor")
}

/// Waits for an event, and calls; what a call gives though no event came was lost.
fn on_event<T>(
    channel: &Channel,
    sends: bool,
    wait: &Wait,
    call: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let came = wait.wait();
    // On a busy machine it may come just now.
    let shows = came || is_readable(descriptor(channel, sends));
    let result = call();
    assert!(shows || is_again(&result), "an event was lost: sends {sends}");
    result
}

fn send_by_descriptor(channel: &Channel, tally: &Tally, count: u64, by_poller: bool) {
    let never = Flag::new();
    let wait = Wait::of(channel, true, by_poller, &never);
    while let Some(bytes) = tally.next(count) {
        let mut sent = channel.send(&bytes, NOW);
        while is_again(&sent) {
            sent = on_event(channel, true, &wait, || channel.send(&bytes, NOW));
        }
        sent.expect("the peer is there");
    }
}

fn receive_by_descriptor(channel: &Channel, tally: &Tally, count: u64, by_poller: bool) {
    let wait = Wait::of(channel, false, by_poller, &tally.done);
    while !tally.is_done(count) {
        let mut buffer = [0; SIZE];
        let mut received = on_event(channel, false, &wait, || channel.recv(&mut buffer, NOW));
        // By the poller one message an event, by the epoll all that there are.
        while !is_again(&received) {
            assert_eq!(received.expect("the peer is there"), SIZE);
            tally.take(&buffer, count);
            if by_poller {
                break;
            }
            received = channel.recv(&mut buffer, NOW);
        }
    }
}

fn mix(scheme: &str, spin: &str, count: u64) {
    let pair = pair(scheme, &format!("ring=4KiB&spin={spin}"));
    let ends = [(&pair.connector, Tally::default()), (&pair.acceptor, Tally::default())];
    thread::scope(|scope| {
        for (channel, tally) in &ends {
            for by_poller in [false, true] {
                scope.spawn(move || send_by_descriptor(channel, tally, count, by_poller));
                scope.spawn(move || receive_by_descriptor(channel, tally, count, by_poller));
            }
            scope.spawn(move || {
                while let Some(bytes) = tally.next(count) {
                    channel.send(&bytes, SOON).expect("room comes");
                }
            });
            scope.spawn(move || {
                let (mut buffer, short) = ([0; SIZE], Some(Duration::from_millis(20)));
                while !tally.is_done(count) {
                    match channel.recv(&mut buffer, short) {
                        Ok(len) => {
                            assert_eq!(len, SIZE);
                            tally.take(&buffer, count);
                        }
                        Err(error) => assert_eq!(error.status(), Status::TimedOut, "{error}"),
                    }
                }
            });
        }
    });
    for (_, tally) in &ends {
        assert_eq!(tally.sum.load(Ordering::Relaxed), count * (count - 1) / 2);
    }
}

/// As many messages in all.
fn mix_within_time(scheme: &'static str, spin: &'static str) {
    let count = messages() / 8;
    bounded(WATCHDOG * 30, move || mix(scheme, spin, count));
}

#[test]
fn calls_and_descriptors_mix_over_shm() {
    mix_within_time("shm", "auto");
}

#[test]
fn calls_and_descriptors_mix_over_shm_without_spinning() {
    mix_within_time("shm", "0");
}

#[test]
fn calls_and_descriptors_mix_over_local() {
    mix_within_time("local", "auto");
}

#[test]
fn calls_and_descriptors_mix_over_local_without_spinning() {
    mix_within_time("local", "0");
}
