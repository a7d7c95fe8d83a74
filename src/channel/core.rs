//! What every verb of a channel goes through: is it open, try, and if need be spin, sleep, or
//! be refused with TN_AGAIN.

use super::connecting::{ConnectSource, Connecting};
use super::rearm::Side;
use super::recv::RecvState;
use super::request::Requests;
use super::send::SendState;
use super::spin::{Spinner, spin_on_handshake};
use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Status};
use crate::os::clock::Deadline;
use crate::os::fork::generation;
use crate::readiness::descriptor::Descriptor;
use crate::readiness::waiters::{READ, Step, WRITE, Waiting};
use crate::readiness::{DIRECTIONS, Direction, Readiness};
use crate::sync::biased_mutex::Turn;
use crate::sync::lock;
use crate::transport::choked;
use crate::transport::link::{Joined, Link};
use crate::transport::meet::accept::ChannelSlot;
use crate::wire::{Header, Kind};
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// How long a call waits for other threads to release views that keep the peer from sending.
const CHOKED_MAX: Duration = Duration::from_millis(100);

/// A channel, whatever its state.
pub struct Core {
    /// Tells this channel's views and loans from another's; never 0.
    pub mark: u16,
    pub endpoint: Arc<Endpoint>,
    pub generation: u32,
    /// Whether every call is refused: closed by this program, or failed.
    ended: AtomicBool,
    open: OnceLock<Open>,
    /// Why it never opened, or broke.
    failure: OnceLock<Error>,
    /// Why a call is refused that would have to wait: one that receives, and one that sends.
    pub again: [Error; 2],
    pub connecting: Mutex<Option<Connecting>>,
    pub waiting: Waiting,
    pub readiness: Readiness<Descriptor>,
}

/// A channel whose handshake is done.
pub struct Open {
    pub link: Link,
    pub send: Turn<SendState>,
    pub recv: Turn<RecvState>,
    pub requests: Requests,
    /// Bits of the directions that go through rings, as descriptors and sleepers know.
    pub known_moved: AtomicU32,
    /// Whether nothing of that changes any more.
    pub is_settled: AtomicBool,
    /// Whether a sender waits for the peer's HELLO.
    pub awaits_hello: AtomicBool,
    /// Whether part of a message that was taken is still in this process.
    pub has_remainder: AtomicBool,
    pub spinner: Spinner,
    pub send_waits: AtomicU64,
    pub recv_waits: AtomicU64,
    _slot: Option<ChannelSlot>,
}

impl Core {
    /// A channel that is still to be connected, unless it is None.
    pub fn new(endpoint: Arc<Endpoint>, connecting: Option<Connecting>) -> Core {
        static MARKS: AtomicU32 = AtomicU32::new(0);
        Core {
            again: ["recv", "send"].map(|verb| Error::again().during(verb, &endpoint.text)),
            mark: (MARKS.fetch_add(1, Ordering::Relaxed) % 0xffff) as u16 + 1,
            endpoint,
            generation: generation(),
            ended: AtomicBool::new(false),
            open: OnceLock::new(),
            failure: OnceLock::new(),
            connecting: Mutex::new(connecting),
            waiting: Waiting::new(),
            readiness: Readiness::new(),
        }
    }

    /// A channel whose handshake is done.
    pub fn joined(endpoint: Arc<Endpoint>, joined: Joined, slot: Option<ChannelSlot>) -> Core {
        let core = Core::new(endpoint, None);
        core.set_open(joined, slot);
        core
    }

    /// The handshake is done.
    pub fn set_open(&self, joined: Joined, slot: Option<ChannelSlot>) {
        let Joined { link, send, recv } = joined;
        let open = Open {
            send: Turn::new(SendState::new(send)),
            recv: Turn::new(RecvState::new(recv, &self.endpoint, link.peer().is_trusted())),
            known_moved: AtomicU32::new(link.stage().moved()),
            is_settled: AtomicBool::new(link.stage().is_final()),
            awaits_hello: AtomicBool::new(false),
            link,
            requests: Requests::new(),
            has_remainder: AtomicBool::new(false),
            spinner: Spinner::new(),
            send_waits: AtomicU64::new(0),
            recv_waits: AtomicU64::new(0),
            _slot: slot,
        };
        // Only the holder of `connecting` comes here, and only once.
        let _ = self.open.set(open);
        if let Some(open) = self.open.get() {
            self.show_link(open);
        }
        self.readiness.mark_both();
    }

    /// Nothing more can be done with the channel, for good: its handshake has failed, or its peer
    /// does not keep to the format.
    pub fn fail(&self, error: &Error) {
        let _ = self.failure.set(error.clone());
        if self.ended.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(open) = self.open.get() {
            self.with_send(open, |send| send.close(open, &open.link.refusal_of(error)));
        }
        self.tell_end();
    }

    /// Every call comes to an end from here on: whoever waits is told.
    fn tell_end(&self) {
        self.readiness.mark_both();
        self.waiting.notify();
    }

    /// Refuses a handle that is closed, or that a fork left to the parent.
    #[inline]
    pub fn alive(&self) -> Result<()> {
        if self.generation != generation() {
            return Err(Error::forked());
        }
        match self.ended.load(Ordering::Acquire) {
            true => Err(self.end()),
            false => Ok(()),
        }
    }

    /// Whether calls are not refused; `alive` says why they are.
    #[inline(always)]
    pub fn is_alive(&self) -> bool {
        self.generation == generation() && !self.ended.load(Ordering::Acquire)
    }

    /// Why every call is refused.
    #[cold]
    fn end(&self) -> Error {
        self.failure.get().cloned().unwrap_or_else(closed_by_us)
    }

    /// Refuses a handle that a fork left to the parent; a closed one is fine.
    pub fn alive_here(&self) -> Result<()> {
        if self.generation == generation() { Ok(()) } else { Err(Error::forked()) }
    }

    /// The open channel, if it is that by now.
    pub fn get_open(&self) -> Option<&Open> {
        self.open.get()
    }

    /// The open channel, and what is left of `timeout` after waiting for it.
    #[inline]
    pub fn open(
        &self,
        direction: Direction,
        timeout: Option<Duration>,
    ) -> Result<(&Open, Option<Duration>)> {
        self.alive()?;
        match self.open.get() {
            Some(open) => Ok((open, timeout)),
            None => self.wait_open(direction, timeout),
        }
    }

    /// The open channel, for what tells of it: that is no progress that a descriptor waits for.
    pub fn opened(&self) -> Result<&Open> {
        self.alive()?;
        if self.open.get().is_none() {
            self.step_open()?;
        }
        self.open.get().ok_or_else(Error::again)
    }

    #[cold]
    fn wait_open(
        &self,
        direction: Direction,
        timeout: Option<Duration>,
    ) -> Result<(&Open, Option<Duration>)> {
        let deadline = Deadline::after(timeout);
        let mut attempt = || self.step_open();
        let stepped = match attempt()? {
            Step::Done(()) => Some(()),
            _ if matches!(deadline, Deadline::Now) => {
                self.readiness.unmark(direction);
                match attempt()? {
                    Step::Done(()) => Some(()),
                    _ => return Err(self.again(direction)),
                }
            }
            _ => match spin_on_handshake(self.endpoint.spin, &mut attempt)? {
                Some(()) => Some(()),
                None => {
                    let source = ConnectSource(self);
                    self.waiting.wait(&source, &|| READ, deadline, &|| (), &mut attempt)?
                }
            },
        };
        match (stepped, self.open.get()) {
            (Some(()), Some(open)) => Ok((open, deadline.timeout_left())),
            _ => Err(timed_out(match lock(&self.connecting).as_ref() {
                Some(stage) => format!("the connection was not made in time: {}", stage.obstacle()),
                None => "the connection was not made in time".to_owned(),
            })),
        }
    }

    /// Goes on with connecting, as far as that goes without waiting.
    pub fn step_open(&self) -> Result<Step<()>> {
        self.alive()?;
        let mut connecting = lock(&self.connecting);
        if self.open.get().is_some() {
            return Ok(Step::Done(()));
        }
        let Some(stage) = connecting.as_mut() else {
            return Err(closed_by_us());
        };
        let descriptors = || DIRECTIONS.iter().filter_map(|one| self.readiness.get(*one));
        match stage.step(|watched| descriptors().for_each(|one| one.watch(watched))) {
            Ok(None) => Ok(Step::Blocked),
            Ok(Some((joined, slot))) => {
                self.set_open(joined, slot);
                *connecting = None;
                drop(connecting);
                self.waiting.notify();
                Ok(Step::Done(()))
            }
            Err(error) => {
                let error = error.during("connect", &self.endpoint.text);
                *connecting = None;
                drop(connecting);
                self.fail(&error);
                Err(error)
            }
        }
    }

    /// Runs `attempt` until it is done, fails, or the time is over. `attempt` is told whether it
    /// may wait for its turn behind another thread.
    #[inline]
    pub fn drive<T>(
        &self,
        interest: u32,
        timeout: Option<Duration>,
        mut attempt: impl FnMut(&Open, bool) -> Result<Step<T>>,
    ) -> Result<T> {
        let (open, timeout) = self.open(Direction::of(interest), timeout)?;
        let now = timeout == Some(Duration::ZERO);
        match attempt(open, !now) {
            Ok(Step::Done(value)) => Ok(value),
            Ok(Step::Choked) if now => Err(choked()),
            Ok(_) => {
                let result = match now {
                    true => self.refuse(open, interest, &mut attempt),
                    false => self.drive_slowly(open, interest, timeout, &mut attempt),
                };
                result.map_err(|error| self.judge(error))
            }
            Err(error) => Err(self.judge(error)),
        }
    }

    /// What a failure means for the channel, and what to call it.
    #[cold]
    pub fn judge(&self, error: Error) -> Error {
        match error.status() {
            // The socket broke because this program closed it.
            Status::PeerLost | Status::Io if self.ended.load(Ordering::Acquire) => self.end(),
            Status::PeerLost | Status::Closed => {
                self.tell_end();
                error
            }
            Status::Protocol => {
                let error = error.during("use", &self.endpoint.text);
                self.fail(&error);
                error
            }
            // The peer has refused, or this side can't do without rings.
            _ if self.get_open().is_some_and(|open| open.link.has_ended()) => {
                self.fail(&error);
                error
            }
            _ => error,
        }
    }

    #[cold]
    fn drive_slowly<T>(
        &self,
        open: &Open,
        interest: u32,
        timeout: Option<Duration>,
        attempt: &mut dyn FnMut(&Open, bool) -> Result<Step<T>>,
    ) -> Result<T> {
        let deadline = Deadline::after(timeout);
        let mut choked_since = None;
        let mut patient = || {
            self.alive()?;
            let step = attempt(open, true)?;
            if let Step::Choked = step {
                let since = choked_since.get_or_insert_with(Instant::now);
                if since.elapsed() > CHOKED_MAX {
                    return Err(choked());
                }
            }
            Ok(step)
        };
        let waits = if interest & WRITE != 0 { &open.send_waits } else { &open.recv_waits };
        if let Some(value) = self.spin(open, deadline, &mut patient)? {
            return Ok(value);
        }
        waits.fetch_add(1, Ordering::Relaxed);
        open.link.idle();
        self.help_sending(open);
        let wanted = || match open.has_remainder.load(Ordering::Relaxed) {
            true => interest | WRITE,
            false => interest,
        };
        let side = Side { core: self, open };
        let on_drain = || self.readiness.after_drain(&side, None);
        let done = self.waiting.wait(&side, &wanted, deadline, &on_drain, &mut patient)?;
        if interest & WRITE != 0 {
            return match done {
                Some(value) => {
                    self.disarm(open);
                    Ok(value)
                }
                None => self.time_out(open, interest, attempt),
            };
        }
        done.ok_or_else(out_of_time)
    }

    /// A call that came to send is out of time: its descriptor shows when there is room.
    fn time_out<T>(
        &self,
        open: &Open,
        interest: u32,
        attempt: &mut dyn FnMut(&Open, bool) -> Result<Step<T>>,
    ) -> Result<T> {
        if !self.readiness.is_watched(Direction::Send) {
            self.disarm(open);
            return Err(out_of_time());
        }
        self.refuse(open, interest, attempt).map_err(|error| match error.status() {
            Status::Again => out_of_time(),
            _ => error,
        })
    }

    /// Ends the channel: every call is TN_CLOSED from here on.
    pub fn close(&self) {
        if self.generation != generation() || self.ended.swap(true, Ordering::AcqRel) {
            return;
        }
        *lock(&self.connecting) = None;
        if let Some(open) = self.open.get() {
            // In turn, so that no send is in the middle of a message and then says TN_OK.
            let close = Header::plain(Kind::Close, 0).encode();
            self.with_send(open, |send| send.close(open, &close));
        }
        self.tell_end();
    }
}

pub fn out_of_time() -> Error {
    timed_out("the timeout passed")
}

fn timed_out(what: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Status::TimedOut, what)
}

fn closed_by_us() -> Error {
    Error::new(Status::Closed, "the channel was closed by this program")
}
