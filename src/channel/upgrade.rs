//! A channel on its way from its socket into rings, as its calls see it: the handshake goes on
//! while they send and receive.

use super::core::{Core, Open, out_of_time};
use super::rearm::Side;
use crate::error::{Result, Status};
use crate::os::clock::Deadline;
use crate::os::wait_set::READABLE;
use crate::readiness::Direction;
use crate::readiness::descriptor::{Token, Watched};
use crate::readiness::waiters::{READ, Step};
use crate::sync::lock;
use crate::transport::handshake::stage::Stage;
use crate::wire::EARLY_SIZE_MAX;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl Core {
    /// A turn is over in which the channel may have got further: descriptors and sleepers are told
    /// where messages come from now.
    #[inline]
    pub fn follow(&self, open: &Open) {
        if !open.is_settled.load(Ordering::Relaxed) {
            self.follow_stage(open);
        }
    }

    fn follow_stage(&self, open: &Open) {
        let stage = open.link.stage();
        let is_awaited = || stage != Stage::AwaitsHello && open.awaits_hello.load(Ordering::SeqCst);
        let has_moved = open.known_moved.load(Ordering::Relaxed) != stage.moved();
        if has_moved || stage == Stage::Socket || is_awaited() {
            self.tell_stage(open);
        }
    }

    #[cold]
    fn tell_stage(&self, open: &Open) {
        let descriptors = lock(&self.connecting);
        let stage = open.link.stage();
        open.known_moved.store(stage.moved(), Ordering::Relaxed);
        open.is_settled.store(stage.is_final(), Ordering::Relaxed);
        open.awaits_hello.store(false, Ordering::SeqCst);
        self.show_link(open);
        self.show_owed(open);
        drop(descriptors);
        self.readiness.mark_both();
        self.waiting.notify();
    }

    /// A call that only sends takes what the handshake brings, as nobody else may receive.
    #[inline]
    pub fn look_for_handshake(&self, open: &Open) -> Result<()> {
        match !open.is_settled.load(Ordering::Relaxed) && open.link.stage().listens() {
            true => self.take_handshake(open),
            false => Ok(()),
        }
    }

    #[cold]
    fn take_handshake(&self, open: &Open) -> Result<()> {
        let taken = self.try_with_recv(open, |recv| {
            let taken = recv.end.take_handshake();
            (taken, recv.has_read_ahead())
        });
        self.follow(open);
        let Some((taken, ahead)) = taken else {
            return Ok(());
        };
        // What was read ahead shows on no descriptor.
        if ahead {
            self.waiting.notify();
            self.readiness.mark(Direction::Receive);
        }
        match taken {
            // It stays, and who receives is told what is short.
            Err(error) if error.status() == Status::NoSpace && !open.link.has_ended() => Ok(()),
            taken => taken.map(drop),
        }
    }

    /// Waits for the peer's HELLO, if only that tells whether it takes a message of this size: what
    /// is left of the timeout.
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
        self.get_open().is_none_or(|open| {
            !open.is_settled.load(Ordering::Relaxed) && open.link.stage() == Stage::AwaitsHello
        })
    }

    #[cold]
    pub fn await_hello(&self, timeout: Option<Duration>) -> Result<Option<Duration>> {
        let (open, timeout) = self.open(Direction::Send, timeout)?;
        let mut attempt = || {
            self.alive()?;
            if open.link.stage() != Stage::AwaitsHello {
                return Ok(Step::Done(()));
            }
            let taken = self.with_recv(open, |recv| recv.end.take_handshake());
            self.follow(open);
            taken.map_err(|error| self.judge(error))?;
            Ok(match open.link.stage() {
                Stage::AwaitsHello => Step::Blocked,
                _ => Step::Done(()),
            })
        };
        if let Step::Done(()) = attempt()? {
            return Ok(timeout);
        }
        // Said before it looks again, so that whoever takes HELLO hears of it, or is seen.
        open.awaits_hello.store(true, Ordering::SeqCst);
        let deadline = Deadline::after(timeout);
        if matches!(deadline, Deadline::Now) {
            self.readiness.unmark(Direction::Send);
            if let Some(descriptor) = self.readiness.get(Direction::Send) {
                let socket = open.link.peer().socket.as_fd();
                // There is room: what is waited for comes.
                descriptor.watch(&Watched { fd: socket, events: READABLE, token: Token::Other });
            }
            return match attempt()? {
                Step::Done(()) => Ok(timeout),
                _ => Err(self.again(Direction::Send)),
            };
        }
        let side = Side { core: self, open };
        let on_drain = || self.readiness.after_drain(&side, None);
        let done = self.waiting.wait(&side, &|| READ, deadline, &on_drain, &mut attempt)?;
        done.map(|()| deadline.timeout_left()).ok_or_else(out_of_time)
    }
}
