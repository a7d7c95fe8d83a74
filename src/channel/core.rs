//! What every call on a channel does: it checks that the channel is alive and connected, tries, and
//! if need be spins, sleeps, or is refused with TN_AGAIN.

use super::connecting::{ConnectSource, Connecting};
use super::connection::Connection;
use super::spinner::spin_on_handshake;
use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Status};
use crate::log::{self, Level};
use crate::os::fork::generation;
use crate::readiness::descriptor::Descriptor;
use crate::readiness::interest::Interest;
use crate::readiness::waiters::{Step, Waiters};
use crate::readiness::{DIRECTIONS, Direction, Readiness};
use crate::sync::lock;
use crate::timeout::Deadline;
use crate::transport::link::Joined;
use crate::transport::meet::counts::Counted;
use crate::wire::{Header, Kind};
use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// A channel, whatever its state.
pub struct Core {
    /// Distinguishes this channel's views and loans from those of others; never 0.
    pub mark: u16,
    pub endpoint: Arc<Endpoint>,
    pub generation: u32,
    /// Whether every call is refused: closed by this program, or failed.
    ended: AtomicBool,
    connection: OnceLock<Connection>,
    /// Why it never connected, or broke.
    failure: OnceLock<Error>,
    /// The errors of calls that would have to wait: of one that receives, and of one that sends.
    pub again: [Error; 2],
    pub connecting: Mutex<Option<Connecting>>,
    pub waiters: Waiters,
    pub readiness: Readiness<Descriptor>,
    is_end_logged: AtomicBool,
}

impl Core {
    /// A channel that is connected later, by `connecting` if it is given.
    pub fn new(endpoint: Arc<Endpoint>, connecting: Option<Connecting>) -> Core {
        static MARKS: AtomicU32 = AtomicU32::new(0);
        Core {
            again: [("recv", NOTHING_YET), ("send", FULL)]
                .map(|(verb, why)| Error::new(Status::Again, why).during(verb, &endpoint.text)),
            mark: (MARKS.fetch_add(1, Ordering::Relaxed) % 0xffff) as u16 + 1,
            endpoint,
            generation: generation(),
            ended: AtomicBool::new(false),
            connection: OnceLock::new(),
            failure: OnceLock::new(),
            connecting: Mutex::new(connecting),
            waiters: Waiters::new(),
            readiness: Readiness::new(),
            is_end_logged: AtomicBool::new(false),
        }
    }

    /// A channel whose handshake is done.
    pub fn joined(endpoint: Arc<Endpoint>, joined: Joined, slot: Option<Counted>) -> Core {
        let core = Core::new(endpoint, None);
        core.set_connection("accept", joined, slot);
        core
    }

    /// Puts in the connection, as the handshake is done.
    fn set_connection(&self, verb: &str, joined: Joined, slot: Option<Counted>) {
        let who = joined.link.peer().credentials;
        let connection = Connection::new(&self.endpoint, joined, slot);
        // Only the holder of `connecting` comes here, and only once.
        let _ = self.connection.set(connection);
        if let Some(connection) = self.connection.get() {
            self.show_link(connection);
        }
        self.readiness.mark_both();
        log::note(Level::Info, |line| {
            let endpoint = &self.endpoint.text;
            write!(line, "{verb} {endpoint}: process {} of user {} is there", who.pid, who.uid)
        });
    }

    /// Writes down, once, how the channel ended.
    fn log_end(&self, error: &Error) {
        let level = match error.status() {
            Status::Closed => Level::Info,
            _ => Level::Warn,
        };
        log::note(level, |line| match self.is_end_logged.swap(true, Ordering::Relaxed) {
            true => Err(fmt::Error),
            false => {
                let error = error.clone().during("end", &self.endpoint.text);
                write!(line, "{error} ({})", error.status().name())
            }
        });
    }

    /// Ends the channel for good, because its handshake has failed or its peer does not keep to the
    /// format.
    pub fn fail(&self, error: &Error) {
        let _ = self.failure.set(error.clone());
        self.log_end(error);
        if self.ended.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(connection) = self.connection.get() {
            self.end_link(connection, &connection.link.refusal_of(error));
        }
        self.tell_end();
    }

    /// Ends the connection, and tells the peer by `frame`. It holds the sending lock, so no send is
    /// in the middle of a message meanwhile and says TN_OK afterwards.
    fn end_link(&self, connection: &Connection, frame: &[u8]) {
        if self.with_send(connection, |send| connection.close(send, frame)).is_err() {
            connection.link.close(None);
        }
    }

    /// Wakes all waiting threads, as every call comes to an end from here on.
    fn tell_end(&self) {
        self.readiness.mark_both();
        self.waiters.notify();
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

    /// Whether calls are allowed; `alive` says why they are refused.
    #[inline(always)]
    pub fn is_alive(&self) -> bool {
        self.generation == generation() && !self.ended.load(Ordering::Acquire)
    }

    /// Adds to a failure what was tried on what.
    #[inline]
    pub fn explain<T>(&self, verb: &'static str, result: Result<T>) -> Result<T> {
        result.map_err(|error| error.during(verb, &self.endpoint.text))
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

    /// The established connection, if there is one by now.
    pub fn get_connection(&self) -> Option<&Connection> {
        self.connection.get()
    }

    /// The established connection, and what is left of `timeout` after waiting for it.
    #[inline]
    pub fn connection(
        &self,
        direction: Direction,
        timeout: Option<Duration>,
    ) -> Result<(&Connection, Option<Duration>)> {
        self.alive()?;
        match self.connection.get() {
            Some(connection) => Ok((connection, timeout)),
            None => self.await_connection(direction, timeout),
        }
    }

    /// The established connection, for calls that report on it: these don't count as the progress
    /// that a descriptor waits for.
    pub fn connection_now(&self) -> Result<&Connection> {
        self.alive()?;
        if self.connection.get().is_none() {
            self.step_connecting()?;
        }
        self.connection.get().ok_or_else(Error::again)
    }

    #[cold]
    fn await_connection(
        &self,
        direction: Direction,
        timeout: Option<Duration>,
    ) -> Result<(&Connection, Option<Duration>)> {
        let deadline = Deadline::after(timeout);
        let mut attempt = || self.step_connecting();
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
                    let source = ConnectSource(&self.connecting);
                    self.waiters.wait(
                        &source,
                        &|| Interest::READ,
                        deadline,
                        &|| (),
                        &mut attempt,
                    )?
                }
            },
        };
        match (stepped, self.connection.get()) {
            (Some(()), Some(connection)) => Ok((connection, deadline.timeout_left())),
            _ => Err(timed_out(match lock(&self.connecting).as_ref() {
                Some(stage) => format!("it was not connected in time: {}", stage.obstacle()),
                None => "it was not connected in time; give it longer".to_owned(),
            })),
        }
    }

    /// Goes on with connecting, as far as that is possible without waiting.
    pub fn step_connecting(&self) -> Result<Step<()>> {
        self.alive()?;
        let mut connecting = lock(&self.connecting);
        if self.connection.get().is_some() {
            return Ok(Step::Done(()));
        }
        let Some(stage) = connecting.as_mut() else {
            return Err(closed_by_us());
        };
        let descriptors = || DIRECTIONS.iter().filter_map(|one| self.readiness.get(*one));
        match stage.step(|watched| descriptors().for_each(|one| one.watch(watched))) {
            Ok(None) => Ok(Step::Blocked),
            Ok(Some((joined, slot))) => {
                self.set_connection(stage.verb(), joined, slot);
                *connecting = None;
                drop(connecting);
                self.waiters.notify();
                Ok(Step::Done(()))
            }
            Err(error) => {
                let error = error.during(stage.verb(), &self.endpoint.text);
                *connecting = None;
                drop(connecting);
                self.fail(&error);
                Err(error)
            }
        }
    }

    /// Decides what a failure means for the channel, and which error the call gives.
    #[cold]
    pub fn judge(&self, error: Error) -> Error {
        match error.status() {
            // The socket broke because this program closed it.
            Status::PeerLost | Status::Io if self.ended.load(Ordering::Acquire) => self.end(),
            Status::PeerLost | Status::Closed => {
                self.log_end(&error);
                self.tell_end();
                error
            }
            Status::Protocol => {
                // Each call that meets it says its own name.
                let error = error.on(&self.endpoint.text);
                self.fail(&error);
                error
            }
            // The peer has refused, or this side can't do without rings. Any other failure ends
            // nothing, even if another thread has met the end meanwhile.
            _ if self.get_connection().is_some_and(|one| one.link.ended_by(&error)) => {
                self.fail(&error);
                error
            }
            _ => error,
        }
    }

    /// Ends the channel: every call is TN_CLOSED from here on.
    pub fn close(&self) {
        if self.generation != generation() || self.ended.swap(true, Ordering::AcqRel) {
            return;
        }
        *lock(&self.connecting) = None;
        if let Some(connection) = self.connection.get() {
            self.end_link(connection, &Header::plain(Kind::Close, 0).encode());
        }
        self.tell_end();
    }
}

/// Why a call would have to wait.
const NOTHING_YET: &str = "not without waiting, and the timeout was 0: nothing has come; give it \
                           time, or wait until fd is readable";
const FULL: &str = "not without waiting, and the timeout was 0: there is no room, as the peer has \
                    not received what was sent before; give it time, wait until send_fd is \
                    readable, or raise ring= on shm:";

fn timed_out(what: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Status::TimedOut, what)
}

fn closed_by_us() -> Error {
    Error::new(Status::Closed, "the channel was closed by this program; make a new one to go on")
}
