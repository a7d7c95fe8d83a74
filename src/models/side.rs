//! The two sides of a ring in the models of waiting: what transport/ring.rs and channel/ do, in
//! short. The turns are plain locks here, as they have models of their own.

use super::kick::{Kick, Readable};
use super::mapping::Shared;
use super::records::{RING_SIZE, read, write};
use crate::error::Result;
use crate::os::clock::Deadline;
use crate::shm::ring::{Reader, Writer};
use crate::shm::waits;
use crate::sync::{Mutex, lock, spin_loop};
use crate::transport::wait::{READ, Source, Step, WRITE, Waiting};
use std::sync::Arc;
use std::time::Duration;

/// What the threads of one side share.
pub struct Side {
    shared: Arc<Shared>,
    waiting: Waiting,
    /// This side's wake-up, and the other's.
    own: Arc<Readable>,
    other: Arc<Readable>,
    /// The mark of the fd.
    mark: Readable,
}

/// The side that sends.
pub struct Sender {
    pub side: Side,
    writer: Mutex<Writer>,
}

/// The side that receives.
pub struct Receiver {
    pub side: Side,
    reader: Mutex<Reader>,
}

/// Both sides of a ring.
pub fn pair() -> (Arc<Sender>, Arc<Receiver>) {
    let shared = Shared::model(RING_SIZE);
    let wakes = [(); 2].map(|()| Arc::new(Readable::new(false)));
    let side = |own: usize| Side {
        shared: Arc::clone(&shared),
        waiting: Waiting::new(),
        own: Arc::clone(&wakes[own]),
        other: Arc::clone(&wakes[1 - own]),
        mark: Readable::new(true),
    };
    let writer = Mutex::new(Writer::new(&shared, 0));
    let reader = Mutex::new(Reader::new(&shared, 0));
    (Arc::new(Sender { side: side(0), writer }), Arc::new(Receiver { side: side(1), reader }))
}

impl Source for Side {
    fn arm(&self, interest: u32) {
        if interest & READ != 0 {
            waits::arm_reader(&self.shared, 0);
        }
        if interest & WRITE != 0 {
            waits::arm_writer(&self.shared, 0);
        }
    }

    fn drain(&self) -> bool {
        self.own.drain()
    }

    fn poll(&self, _: u32, kick: Option<&Kick>, _: Option<Duration>) -> Result<()> {
        let kick = kick.expect("each thread has one");
        Readable::poll(&[&self.own, &kick.0]);
        kick.clear();
        Ok(())
    }
}

impl Side {
    /// As Core::drive does it without spinning.
    fn drive<T>(&self, interest: u32, mut attempt: impl FnMut() -> Result<Step<T>>) -> T {
        if let Step::Done(value) = attempt().unwrap() {
            return value;
        }
        let on_drain = || self.mark.signal();
        let waited =
            self.waiting.wait(self, &|| interest, Deadline::Never, &on_drain, &mut attempt);
        waited.unwrap().expect("it waits for ever")
    }

    /// Waits for what another thread of this side does.
    pub fn wait_until(&self, done: impl Fn() -> bool) {
        self.drive(READ, || Ok(if done() { Step::Done(()) } else { Step::InTurn }));
    }

    /// It is done.
    pub fn notify(&self) {
        self.waiting.notify();
    }

    /// As Core::settle does it for a call that receives.
    fn settle<T>(&self, mut attempt: impl FnMut() -> Result<Step<T>>) -> Option<T> {
        self.mark.drain();
        self.waiting.drain(self);
        self.arm(READ);
        match attempt().unwrap() {
            Step::Done(value) => {
                self.mark.signal();
                Some(value)
            }
            Step::Blocked => None,
            _ => {
                self.mark.signal();
                None
            }
        }
    }
}

impl Sender {
    fn attempt(&self, number: u8) -> Result<Step<()>> {
        let mut writer = lock(&self.writer);
        if !write(&mut writer, number)? {
            return Ok(Step::Blocked);
        }
        if writer.publish() {
            self.side.other.signal();
        }
        Ok(Step::Done(()))
    }

    /// Sends, and waits for room.
    pub fn send(&self, number: u8) {
        self.side.drive(WRITE, || self.attempt(number));
    }

    /// Closes the ring.
    pub fn close(&self) {
        if Writer::close(&self.side.shared, 0) {
            self.side.other.signal();
        }
    }
}

impl Receiver {
    fn attempt(&self) -> Result<Step<Option<u8>>> {
        let mut reader = lock(&self.reader);
        let mut number = read(&mut reader)?;
        let ended = number.is_none() && waits::is_closed(&self.side.shared, 0);
        if ended {
            number = read(&mut reader)?;
        }
        if reader.publish() {
            self.side.other.signal();
        }
        match number.is_some() || ended {
            true => Ok(Step::Done(number)),
            false => Ok(Step::Blocked),
        }
    }

    /// Receives, and waits for a record; None at the end.
    pub fn recv(&self) -> Option<u8> {
        self.side.drive(READ, || self.attempt())
    }

    /// The same, once it is this thread's turn.
    pub fn recv_after(&self, turn: impl Fn() -> bool) -> Option<u8> {
        self.side.drive(READ, || if turn() { self.attempt() } else { Ok(Step::InTurn) })
    }

    /// Receives by the fd, as an event loop does: a call that does not wait at each event.
    pub fn recv_by_fd(&self) -> Option<u8> {
        loop {
            Readable::poll(&[&self.side.own, &self.side.mark]);
            if let Step::Done(value) = self.attempt().unwrap() {
                return value;
            }
            if let Some(value) = self.side.settle(|| self.attempt()) {
                return value;
            }
            // The fd stays readable while a leader has not come to draining it; let that run.
            spin_loop();
        }
    }
}
