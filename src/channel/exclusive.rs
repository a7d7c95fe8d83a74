//! One thread at a time sends on a connection, and one receives: each direction has a lock.

use super::connection::Connection;
use super::core::Core;
use super::recv_state::RecvState;
use super::send_state::SendState;
use crate::error::{Error, Result, Status};
use crate::readiness::Direction;
use crate::readiness::waiters::Step;
use crate::sync::biased_mutex::{Attempt, Patience, Refused};

impl Core {
    /// Runs `act` as the thread that sends. Waits while another thread sends.
    #[inline]
    pub fn with_send<R>(
        &self,
        connection: &Connection,
        act: impl FnOnce(&mut SendState) -> R,
    ) -> Result<R> {
        let attempt = connection.send.run(Patience::Wait, act);
        self.got(Direction::Send, attempt)?.ok_or_else(Error::again)
    }

    /// Runs `act` as the thread that sends. None if another thread sends.
    pub fn try_with_send<R>(
        &self,
        connection: &Connection,
        act: impl FnOnce(&mut SendState) -> R,
    ) -> Result<Option<R>> {
        self.got(Direction::Send, connection.send.run(Patience::Try, act))
    }

    /// Runs `act` as the thread that receives. Waits while another thread receives.
    #[inline]
    pub fn with_recv<R>(
        &self,
        connection: &Connection,
        act: impl FnOnce(&mut RecvState) -> R,
    ) -> Result<R> {
        let attempt = connection.recv.run(Patience::Wait, act);
        self.got(Direction::Receive, attempt)?.ok_or_else(Error::again)
    }

    /// Runs `act` as the thread that receives. None if another thread receives.
    pub fn try_with_recv<R>(
        &self,
        connection: &Connection,
        act: impl FnOnce(&mut RecvState) -> R,
    ) -> Result<Option<R>> {
        self.got(Direction::Receive, connection.recv.run(Patience::Try, act))
    }

    /// One attempt of a sending call: takes what the handshake brings, and runs `act` as the thread
    /// that sends.
    #[inline]
    pub fn sending<T>(
        &self,
        connection: &Connection,
        patience: Patience,
        act: impl FnOnce(&mut SendState) -> Result<Step<T>>,
    ) -> Result<Step<T>> {
        self.look_for_handshake(connection)?;
        self.step_of(connection, Direction::Send, connection.send.run(patience, act))
    }

    /// One attempt of a receiving call: runs `act` as the thread that receives.
    #[inline(always)]
    pub fn taking<T>(
        &self,
        connection: &Connection,
        patience: Patience,
        act: impl FnOnce(&mut RecvState) -> Result<Step<T>>,
    ) -> Result<Step<T>> {
        self.step_of(connection, Direction::Receive, connection.recv.run(patience, act))
    }

    /// The outcome of one attempt of a call.
    #[inline(always)]
    fn step_of<T>(
        &self,
        connection: &Connection,
        direction: Direction,
        attempt: Attempt<Result<Step<T>>>,
    ) -> Result<Step<T>> {
        if attempt.turned_away {
            self.readiness.mark(direction);
        }
        self.follow(connection);
        match attempt.result {
            Ok(step) => step,
            Err(Refused::Held) => Ok(Step::Busy),
            Err(Refused::Poisoned) => Err(poisoned()),
        }
    }

    /// The outcome of an attempt to lock a direction; None if another thread holds the lock. A
    /// thread that was turned away meanwhile is called back by its descriptor.
    #[inline]
    pub fn got<R>(&self, direction: Direction, attempt: Attempt<R>) -> Result<Option<R>> {
        if attempt.turned_away {
            self.readiness.mark(direction);
        }
        match attempt.result {
            Ok(value) => Ok(Some(value)),
            Err(Refused::Held) => Ok(None),
            Err(Refused::Poisoned) => Err(poisoned()),
        }
    }
}

#[cold]
fn poisoned() -> Error {
    let detail = "an earlier call on this channel broke off in the middle, by a bug in treenail; \
                  close the channel, and please report it";
    Error::new(Status::Internal, detail)
}
