//! A side of a channel in the models of waiting: two rings, and a pipe that tells of both. What
//! waits, and what the descriptors show, is the product's own code. A call goes through it as in
//! channel/, in short form. The locks are plain ones here, as the biased mutex has models of its
//! own.

use super::mapping::Shared;
use super::records::{RING_SIZE, read, write};
use crate::error::Result;
use crate::models::waker::{Readable, Waker};
use crate::readiness::interest::Interest;
use crate::readiness::waiters::{Source, Step, Waiters};
use crate::readiness::{Direction, Mark, Readiness, Ready, Shown, Shows};
use crate::ring::doorbell;
use crate::ring::spsc::{Reader, Writer};
use crate::sync::{Mutex, lock, spin_loop};
use crate::timeout::Deadline;
use std::sync::Arc;
use std::time::Duration;

/// What the threads of one side share.
pub struct Side {
    shared: Arc<Shared>,
    /// The ring in which this side writes. It reads the other one.
    outgoing: usize,
    writer: Mutex<Writer>,
    reader: Mutex<Reader>,
    waiters: Waiters,
    readiness: Readiness<Descriptor>,
    /// The wake-up of this side, and that of the other.
    own: Arc<Readable>,
    other: Arc<Readable>,
}

/// A descriptor. It is readable while its mark or the pipe of wake-ups is.
struct Descriptor {
    mark: Readable,
    pipe: Arc<Readable>,
}

impl Shows for Descriptor {
    fn show(&self, mark: Mark) {
        match mark {
            Mark::Set => self.mark.signal(),
            Mark::Off => drop(self.mark.drain()),
        }
    }

    fn ready(&self) -> Ready {
        Ready { wake_up: self.pipe.is_readable(), end: false, other: false }
    }
}

/// Both sides of a channel. `watched` says of which directions each side's descriptors are given
/// out.
pub fn pair(watched: [&[Direction]; 2]) -> [Arc<Side>; 2] {
    let shared = Shared::model(RING_SIZE);
    let wakes = [(); 2].map(|()| Arc::new(Readable::new(false)));
    [0, 1].map(|own: usize| {
        let readiness = Readiness::new();
        for &direction in watched[own] {
            let (mark, pipe) = (Readable::new(true), Arc::clone(&wakes[own]));
            readiness.set(direction, Descriptor { mark, pipe });
        }
        Arc::new(Side {
            shared: Arc::clone(&shared),
            outgoing: own,
            writer: Mutex::new(Writer::new(&shared, own)),
            reader: Mutex::new(Reader::new(&shared, 1 - own)),
            waiters: Waiters::new(),
            readiness,
            own: Arc::clone(&wakes[own]),
            other: Arc::clone(&wakes[1 - own]),
        })
    })
}

impl Source for Side {
    fn arm(&self, interest: Interest) {
        if interest.has(Interest::READ) {
            assert!(doorbell::arm_reader(&self.shared, 1 - self.outgoing));
        }
        if interest.has(Interest::WRITE) {
            assert!(doorbell::arm_writer(&self.shared, self.outgoing));
        }
    }

    fn drain(&self) -> bool {
        self.own.drain()
    }

    fn poll(&self, _: Interest, waker: Option<&Waker>, _: Option<Duration>) -> Result<()> {
        let waker = waker.expect("each thread has one");
        Readable::poll(&[&self.own, &waker.0]);
        waker.clear();
        Ok(())
    }
}

impl Shown for Side {
    fn may(&self, direction: Direction) -> bool {
        match direction {
            Direction::Receive => {
                lock(&self.reader).front_plain().unwrap().is_some() || self.is_closed()
            }
            Direction::Send => lock(&self.writer).has_room_for(super::records::PAYLOAD).unwrap(),
        }
    }

    fn is_idle(&self, _: Direction, _: Ready) -> bool {
        false
    }

    fn look_at_peer(&self) {}

    fn disarm(&self) -> bool {
        doorbell::disarm_writer(&self.shared, self.outgoing)
    }

    fn wake_self(&self) {
        self.own.signal();
    }
}

impl Side {
    /// Runs a call as Core::drive does it without spinning.
    fn drive<T>(&self, interest: Interest, mut attempt: impl FnMut() -> Result<Step<T>>) -> T {
        if let Step::Done(value) = attempt().unwrap() {
            return value;
        }
        let on_drain = || self.readiness.after_drain(self, None);
        let (interests, forever) = (|| interest, Deadline::Never);
        let waited = self.waiters.wait(self, &interests, forever, &on_drain, &mut attempt);
        if interest.has(Interest::WRITE) {
            self.readiness.disarm(self, &self.waiters, || false);
        }
        waited.unwrap().expect("it waits for ever")
    }

    /// Runs a call as an event loop does it: one that does not wait, at each event.
    fn by_fd<T>(&self, direction: Direction, mut attempt: impl FnMut() -> Result<Step<T>>) -> T {
        let descriptor = self.readiness.get(direction).expect("it was given out");
        loop {
            Readable::poll(&[&self.own, &descriptor.mark]);
            if let Step::Done(value) = attempt().unwrap() {
                return value;
            }
            let (waiting, interest) = (&self.waiters, direction.interest());
            let step = self.readiness.refuse(direction, self, waiting, interest, &mut attempt);
            if let Step::Done(value) = step.unwrap() {
                if direction == Direction::Send {
                    self.readiness.disarm(self, &self.waiters, || false);
                }
                return value;
            }
            // The descriptor stays readable until a leader has drained the pipe, and until a thread
            // that looks has gone to sleep; this lets that thread run.
            spin_loop();
        }
    }

    /// Waits for an act of another thread of this side.
    pub fn wait_until(&self, done: impl Fn() -> bool) {
        self.drive(Interest::READ, || Ok(if done() { Step::Done(()) } else { Step::Busy }));
    }

    /// Tells that the act is done.
    pub fn notify(&self) {
        self.waiters.notify();
    }

    fn try_send(&self, number: u8) -> Result<Step<()>> {
        let mut writer = lock(&self.writer);
        if !write(&mut writer, number)? {
            return Ok(Step::Blocked);
        }
        if writer.publish() {
            self.other.signal();
        }
        Ok(Step::Done(()))
    }

    /// Sends, and waits for room.
    pub fn send(&self, number: u8) {
        self.drive(Interest::WRITE, || self.try_send(number));
    }

    /// Sends by the descriptor.
    pub fn send_by_fd(&self, number: u8) {
        self.by_fd(Direction::Send, || self.try_send(number));
        // Core::show_room does this too, after a successful send.
        if self.readiness.may_be_unmarked(Direction::Send) {
            self.readiness.mark(Direction::Send);
            self.readiness.disarm(self, &self.waiters, || false);
        }
    }

    /// Closes the ring in which this side writes.
    pub fn close(&self) {
        if Writer::close(&self.shared, self.outgoing) {
            self.other.signal();
        }
    }

    fn is_closed(&self) -> bool {
        doorbell::is_closed(&self.shared, 1 - self.outgoing)
    }

    fn try_recv(&self) -> Result<Step<Option<u8>>> {
        let mut reader = lock(&self.reader);
        let mut number = read(&mut reader)?;
        let ended = number.is_none() && self.is_closed();
        if ended {
            number = read(&mut reader)?;
        }
        if reader.publish() {
            self.other.signal();
        }
        match number.is_some() || ended {
            true => Ok(Step::Done(number)),
            false => Ok(Step::Blocked),
        }
    }

    /// Receives, and waits for a record; None at the end.
    pub fn recv(&self) -> Option<u8> {
        self.drive(Interest::READ, || self.try_recv())
    }

    /// Receives as `recv` does, but only once `turn` allows it.
    pub fn recv_after(&self, turn: impl Fn() -> bool) -> Option<u8> {
        self.drive(Interest::READ, || if turn() { self.try_recv() } else { Ok(Step::Busy) })
    }

    /// Receives by the descriptor.
    pub fn recv_by_fd(&self) -> Option<u8> {
        self.by_fd(Direction::Receive, || self.try_recv())
    }
}
