//! A channel that moves from its socket into rings, as its calls see it: the handshake goes on
//! while they send and receive.

use super::connection::Connection;
use super::core::Core;
use super::rearm::Side;
use crate::error::{Error, Result, Status};
use crate::os::wait_set::READABLE;
use crate::readiness::Direction;
use crate::readiness::descriptor::{Token, Watched};
use crate::readiness::interest::Interest;
use crate::readiness::waiters::Step;
use crate::sync::lock;
use crate::timeout::Deadline;
use crate::transport::handshake::stage::Stage;
use crate::wire::EARLY_SIZE_MAX;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl Core {
    /// Runs after a thread has sent or received, which may have moved the channel on: tells
    /// descriptors and sleepers where messages come from now.
    #[inline]
    pub fn follow(&self, connection: &Connection) {
        if !connection.is_settled.load(Ordering::Relaxed) {
            self.follow_stage(connection);
        }
    }

    fn follow_stage(&self, connection: &Connection) {
        let stage = connection.link.stage();
        let is_awaited =
            || stage != Stage::AwaitsHello && connection.awaits_hello.load(Ordering::SeqCst);
        let has_moved = connection.known_moved.load(Ordering::Relaxed) != stage.moved().bits();
        if has_moved || stage == Stage::Socket || is_awaited() {
            self.tell_stage(connection);
        }
    }

    #[cold]
    fn tell_stage(&self, connection: &Connection) {
        let descriptors = lock(&self.connecting);
        let stage = connection.link.stage();
        connection.known_moved.store(stage.moved().bits(), Ordering::Relaxed);
        connection.is_settled.store(stage.is_final(), Ordering::Relaxed);
        connection.awaits_hello.store(false, Ordering::SeqCst);
        self.show_link(connection);
        self.show_owed(connection);
        drop(descriptors);
        self.readiness.mark_both();
        self.waiters.notify();
    }

    /// Takes what the handshake brings for a call that only sends, as no other thread may receive.
    #[inline]
    pub fn look_for_handshake(&self, connection: &Connection) -> Result<()> {
        match !connection.is_settled.load(Ordering::Relaxed) && connection.link.stage().listens() {
            true => self.take_handshake(connection),
            false => Ok(()),
        }
    }

    #[cold]
    fn take_handshake(&self, connection: &Connection) -> Result<()> {
        let taken = self.try_with_recv(connection, |recv| {
            let taken = recv.half.take_handshake();
            (taken, recv.has_read_ahead())
        })?;
        self.follow(connection);
        let Some((taken, ahead)) = taken else {
            return Ok(());
        };
        // No descriptor shows what was read ahead.
        if ahead {
            self.waiters.notify();
            self.readiness.mark(Direction::Receive);
        }
        match taken {
            Err(end) if connection.link.ended_by(&end) => Err(end),
            // The frame stays, and the receiving call reports the shortage.
            Err(error) if error.status() == Status::NoSpace => Ok(()),
            taken => taken.map(drop),
        }
    }

    /// Waits for the peer's HELLO if this side can't know without it whether the peer takes a
    /// message of this size. Returns what is left of the timeout.
    #[inline]
    pub fn await_hello_for(
        &self,
        len: usize,
        timeout: Option<Duration>,
    ) -> Result<Option<Duration>> {
        match len > EARLY_SIZE_MAX && self.may_await_hello() {
            true => self.await_hello(timeout),
            false => Ok(timeout),
        }
    }

    /// Whether the peer's HELLO may still have to come.
    #[inline]
    pub fn may_await_hello(&self) -> bool {
        self.get_connection().is_none_or(|connection| {
            !connection.is_settled.load(Ordering::Relaxed)
                && connection.link.stage() == Stage::AwaitsHello
        })
    }

    #[cold]
    pub fn await_hello(&self, timeout: Option<Duration>) -> Result<Option<Duration>> {
        let (connection, timeout) = self.connection(Direction::Send, timeout)?;
        let mut attempt = || {
            self.alive()?;
            if connection.link.stage() != Stage::AwaitsHello {
                return Ok(Step::Done(()));
            }
            let taken = self.with_recv(connection, |recv| recv.half.take_handshake())?;
            self.follow(connection);
            taken.map_err(|error| self.judge(error))?;
            Ok(match connection.link.stage() {
                Stage::AwaitsHello => Step::Blocked,
                _ => Step::Done(()),
            })
        };
        if let Step::Done(()) = attempt()? {
            return Ok(timeout);
        }
        // This is set before it looks again: a thread that takes HELLO later sees it, and one that
        // took HELLO earlier is seen by the look.
        connection.awaits_hello.store(true, Ordering::SeqCst);
        let deadline = Deadline::after(timeout);
        if matches!(deadline, Deadline::Now) {
            self.readiness.unmark(Direction::Send);
            if let Some(descriptor) = self.readiness.get(Direction::Send) {
                let socket = connection.link.peer().socket.as_fd();
                // There is room already, so the descriptor shows the socket's next frame.
                descriptor.watch(&Watched { fd: socket, events: READABLE, token: Token::Other });
            }
            return match attempt()? {
                Step::Done(()) => Ok(timeout),
                _ => Err(self.again(Direction::Send)),
            };
        }
        let side = Side { core: self, connection };
        let on_drain = || self.readiness.after_drain(&side, None);
        let done =
            self.waiters.wait(&side, &|| Interest::READ, deadline, &on_drain, &mut attempt)?;
        done.map(|()| deadline.timeout_left()).ok_or_else(not_answered)
    }
}

/// The error of a send that must know first how large a message the peer takes.
#[cold]
fn not_answered() -> Error {
    let detail = "the listener has not answered in time, and a message of this size must wait for \
                  that; give it longer, or see whether it calls accept";
    Error::new(Status::TimedOut, detail)
}
