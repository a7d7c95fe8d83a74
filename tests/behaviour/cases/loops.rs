//! Event loops that never wait by time: each message is due to an event, so one lost wake-up
//! stops everything, and the watchdog tells.

use super::Way;
use crate::common::event::{Events, Flag};
use crate::common::{SOON, messages};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use treenail::{Channel, FOREVER, NOW, Status};

/// Messages each way.
fn count(way: Way) -> u64 {
    match way {
        Way::Shm | Way::Local => messages(),
        Way::Fallback | Way::Raw | Way::Pair => messages() / 10,
    }
}

/// Puts numbers back together, in whatever pieces they come, and checks their order.
#[derive(Default)]
struct Sink {
    next: u64,
    rest: Vec<u8>,
}

impl Sink {
    fn feed(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let whole = self.rest.len() / 8 * 8;
        for number in self.rest[..whole].chunks_exact(8) {
            let number = u64::from_le_bytes(number.try_into().expect("eight bytes"));
            assert_eq!(number, self.next);
            self.next += 1;
        }
        self.rest.drain(..whole);
    }
}

/// Whether there would be waiting; any other failure is one of the test.
fn is_again<T>(result: &treenail::Result<T>) -> bool {
    match result {
        Ok(_) => false,
        Err(error) if error.status() == Status::Again => true,
        Err(error) => panic!("{error}"),
    }
}

fn send_until_again(channel: &Channel, sent: &mut u64, count: u64) {
    while *sent < count {
        if is_again(&channel.send(&sent.to_le_bytes(), NOW)) {
            return;
        }
        *sent += 1;
    }
}

fn receive_until_again(channel: &Channel, sink: &mut Sink) {
    let mut buffer = [0; 8];
    loop {
        let received = channel.recv(&mut buffer, NOW);
        if is_again(&received) {
            return;
        }
        sink.feed(&buffer[..received.expect("a message")]);
    }
}

pub fn no_wake_up_is_lost_in_an_event_loop(way: Way) {
    let pair = way.pair("ring=16KiB");
    let count = count(way);
    thread::scope(|scope| {
        for channel in [&pair.connector, &pair.acceptor] {
            scope.spawn(move || {
                let events = Events::of(channel.fd().expect("a descriptor"));
                let (mut sent, mut sink) = (0, Sink::default());
                events.add(channel.send_fd().expect("a descriptor"), 1);
                while sent < count || sink.next < count {
                    for key in events.wait() {
                        match key {
                            0 => receive_until_again(channel, &mut sink),
                            _ => send_until_again(channel, &mut sent, count),
                        }
                    }
                }
                channel.flush(SOON).expect("the peer reads on");
            });
        }
    });
}

pub fn one_message_an_event_is_enough(way: Way) {
    let pair = way.pair("ring=4KiB");
    let count = count(way) / 20;
    let ends = [&pair.connector, &pair.acceptor];
    for (from, to) in [(ends[0], ends[1]), (ends[1], ends[0])] {
        thread::scope(|scope| {
            scope.spawn(move || {
                let events = Events::of(from.send_fd().expect("a descriptor"));
                let mut sent = 0u64;
                while sent < count {
                    events.wait();
                    let result = from.send(&sent.to_le_bytes(), NOW);
                    sent += u64::from(!is_again(&result));
                }
                from.flush(SOON).expect("the peer reads on");
            });
            let events = Events::of(to.fd().expect("a descriptor"));
            let (mut sink, mut buffer) = (Sink::default(), [0; 8]);
            while sink.next < count {
                events.wait();
                let received = to.recv(&mut buffer, NOW);
                if !is_again(&received) {
                    sink.feed(&buffer[..received.expect("a message")]);
                }
            }
        });
    }
}

/// What the threads of one end have done together.
#[derive(Default)]
struct End {
    sent: AtomicU64,
    received: AtomicU64,
    sum: AtomicU64,
    done: Flag,
}

impl End {
    fn look(&self, count: u64) {
        let counts = [&self.sent, &self.received].map(|count| count.load(Ordering::SeqCst));
        if counts == [count, count] {
            self.done.raise();
        }
    }
}

pub fn threads_that_share_the_fd_lose_no_wake_up(way: Way) {
    const THREADS: u64 = 3;
    let pair = way.pair("ring=4KiB");
    let count = count(way) / 10 / THREADS * THREADS;
    let ends = [End::default(), End::default()];
    thread::scope(|scope| {
        for (channel, end) in [&pair.connector, &pair.acceptor].into_iter().zip(&ends) {
            for thread in 0..THREADS {
                let numbers = (thread..count).step_by(THREADS as usize);
                scope.spawn(move || share(channel, end, numbers, count));
            }
        }
    });
    for end in ends {
        assert_eq!(end.sum.into_inner(), count * (count - 1) / 2);
    }
}

/// One of several threads: its own epoll, the common fd, its own share of the sending.
fn share(channel: &Channel, end: &End, numbers: impl Iterator<Item = u64>, count: u64) {
    let events = Events::of(channel.fd().expect("a descriptor"));
    events.add(channel.send_fd().expect("a descriptor"), 2);
    events.add(&end.done, 1);
    let mut numbers = numbers.peekable();
    while !events.wait().contains(&1) {
        while let Some(number) = numbers.peek() {
            if is_again(&channel.send(&number.to_le_bytes(), NOW)) {
                break;
            }
            numbers.next();
            end.sent.fetch_add(1, Ordering::SeqCst);
        }
        let mut buffer = [0; 8];
        while !is_again(&channel.recv(&mut buffer, NOW)) {
            end.sum.fetch_add(u64::from_le_bytes(buffer), Ordering::Relaxed);
            end.received.fetch_add(1, Ordering::SeqCst);
        }
        end.look(count);
    }
    channel.flush(SOON).expect("the peer reads on");
}

pub fn one_loop_may_only_send_and_another_only_receive(way: Way) {
    let pair = way.pair("ring=4KiB");
    let count = count(way) / 4;
    thread::scope(|scope| {
        for channel in [&pair.connector, &pair.acceptor] {
            scope.spawn(move || {
                let events = Events::of(channel.send_fd().expect("a descriptor"));
                let mut sent = 0;
                while sent < count {
                    events.wait();
                    send_until_again(channel, &mut sent, count);
                }
                channel.flush(SOON).expect("the peer reads on");
            });
            scope.spawn(move || {
                let events = Events::of(channel.fd().expect("a descriptor"));
                let mut sink = Sink::default();
                while sink.next < count {
                    events.wait();
                    receive_until_again(channel, &mut sink);
                }
            });
        }
    });
}

pub fn loops_and_waiting_threads_mix(way: Way) {
    let pair = way.pair("ring=4KiB");
    let count = count(way) / 10;
    let (received, sum) = (AtomicU64::new(0), AtomicU64::new(0));
    let take = |number: &[u8; 8]| {
        sum.fetch_add(u64::from_le_bytes(*number), Ordering::Relaxed);
        received.fetch_add(1, Ordering::Relaxed);
    };
    let is_end = |result: &treenail::Result<usize>| match result {
        Err(error) if error.status() == Status::Closed => true,
        Err(error) => panic!("{error}"),
        Ok(_) => false,
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..count {
                let sent = pair.connector.send(&number.to_le_bytes(), SOON);
                sent.expect("room comes");
            }
            pair.connector.flush(SOON).expect("room comes");
            pair.connector.close();
        });
        scope.spawn(|| {
            let mut buffer = [0; 8];
            while !is_end(&pair.acceptor.recv(&mut buffer, FOREVER)) {
                take(&buffer);
            }
        });
        let events = Events::of(pair.acceptor.fd().expect("a descriptor"));
        let mut buffer = [0; 8];
        loop {
            events.wait();
            match pair.acceptor.recv(&mut buffer, NOW) {
                Err(error) if error.status() == Status::Again => {}
                result if is_end(&result) => break,
                _ => take(&buffer),
            }
        }
    });
    assert_eq!(received.into_inner(), count);
    assert_eq!(sum.into_inner(), count * (count - 1) / 2);
}
