//! What a call does for the descriptors: it makes its own unreadable when it is refused, shows on
//! the other one what came for that, and asks for wake-ups only as long as a thread needs them.

use super::connection::Connection;
use super::core::Core;
use crate::error::{Error, Result};
use crate::readiness::interest::Interest;
use crate::readiness::waiters::{Source, Step};
use crate::readiness::{Direction, Ready, Shown};
use crate::sync::biased_mutex::Patience;
use crate::sync::waker::Waker;
use crate::transport::message::choked;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// An established connection, as its descriptors and waiting threads see it.
pub struct Side<'a> {
    pub core: &'a Core,
    pub connection: &'a Connection,
}

impl Source for Side<'_> {
    fn arm(&self, interest: Interest) {
        self.connection.link.arm(interest);
    }

    fn drain(&self) -> bool {
        self.connection.link.drain()
    }

    fn poll(
        &self,
        interest: Interest,
        waker: Option<&Waker>,
        time: Option<Duration>,
    ) -> Result<()> {
        self.connection.link.poll(interest, waker, time)
    }
}

impl Shown for Side<'_> {
    fn may(&self, direction: Direction) -> bool {
        match direction {
            Direction::Receive => self.core.may_receive(self.connection),
            Direction::Send => self.core.may_send(self.connection),
        }
    }

    fn is_idle(&self, direction: Direction, ready: Ready) -> bool {
        // The kernel knows what has come; only this side knows what was read ahead.
        direction == Direction::Receive
            && !ready.other
            && !ready.end
            && !self.connection.link.receives_by_ring()
            && !self.core.has_read_ahead(self.connection)
            && !self.core.owes(self.connection)
    }

    fn look_at_peer(&self) {
        self.connection.link.peer().look();
    }

    fn disarm(&self) -> bool {
        self.connection.link.disarm()
    }

    fn wake_self(&self) {
        self.connection.link.wake_self();
    }
}

impl Core {
    /// Refuses a call that can do nothing now and may not wait. If its descriptor is watched, the
    /// descriptor will show what comes next.
    #[cold]
    pub fn refuse<T>(
        &self,
        connection: &Connection,
        interest: Interest,
        attempt: &mut dyn FnMut(&Connection, Patience) -> Result<Step<T>>,
    ) -> Result<T> {
        let direction = Direction::of(interest);
        let step = match self.readiness.is_watched(direction) {
            true => self.refuse_watched(connection, interest, attempt)?,
            // The peer's end may be all there is to find.
            false if connection.link.peer().is_found_gone() => attempt(connection, Patience::Try)?,
            false => Step::Blocked,
        };
        match step {
            Step::Done(value) => Ok(value),
            Step::Choked => Err(choked()),
            Step::Blocked | Step::Busy | Step::More => Err(self.again(direction)),
        }
    }

    /// The error of a call that would have to wait and may not.
    pub fn again(&self, direction: Direction) -> Error {
        self.again[direction as usize].clone()
    }

    fn refuse_watched<T>(
        &self,
        connection: &Connection,
        interest: Interest,
        attempt: &mut dyn FnMut(&Connection, Patience) -> Result<Step<T>>,
    ) -> Result<Step<T>> {
        let side = Side { core: self, connection };
        let wanted = interest | Interest::WRITE.when(self.owes(connection));
        let direction = Direction::of(interest);
        let mut attempt = || attempt(connection, Patience::Try);
        let step = self.readiness.refuse(direction, &side, &self.waiters, wanted, &mut attempt)?;
        match direction {
            Direction::Send if matches!(step, Step::Done(_)) => self.disarm(connection),
            Direction::Send => {}
            Direction::Receive => {
                self.show_owed(connection);
                // The caller that waits for its reply at the descriptor has not seen the reply.
                if connection.requests.has_news() {
                    self.readiness.mark(Direction::Receive);
                }
            }
        }
        Ok(step)
    }

    /// Shows room, after a send that was as long as the one refused last, or longer.
    #[inline]
    pub fn show_room(&self) {
        if self.readiness.may_be_unmarked(Direction::Send) {
            self.show_room_again();
        }
    }

    #[cold]
    fn show_room_again(&self) {
        self.readiness.mark(Direction::Send);
        if let Some(connection) = self.get_connection() {
            self.disarm(connection);
        }
    }

    /// Takes back the wish to be woken for room, as a send has waited for room and got it.
    pub fn disarm(&self, connection: &Connection) {
        let owes = || connection.owes_remainder.load(Ordering::SeqCst);
        self.readiness.disarm(&Side { core: self, connection }, &self.waiters, owes);
    }

    /// Whether this side has something to send for which no call will come back.
    #[inline]
    pub fn owes(&self, connection: &Connection) -> bool {
        connection.link.owes() || connection.owes_remainder.load(Ordering::SeqCst)
    }

    /// Shows on both descriptors when there is room for the part of a message that stays here: a
    /// sender may come back, and a program that only receives also sends it.
    pub fn show_remainder(&self, connection: &Connection) {
        self.readiness.unmark(Direction::Send);
        if self.readiness.is_watched_at_all() {
            connection.link.arm(Interest::WRITE);
        }
        self.show_owed(connection);
        // Room may have come before that.
        self.help_sending(connection);
        self.waiters.notify();
    }

    /// Makes the receiving descriptor show room on a socket for as long as something is owed. (A
    /// ring's wake-ups tell of room anyway.)
    pub fn show_owed(&self, connection: &Connection) {
        if connection.link.sends_by_ring() {
            return;
        }
        if let Some(descriptor) = self.readiness.get(Direction::Receive) {
            let socket = connection.link.watched_socket(Direction::Receive);
            descriptor.show_room(&socket, || self.owes(connection));
        }
    }

    /// Tells of a change in this process that others may wait for: threads inside a call, and
    /// senders that were turned away and wait at their descriptor.
    pub fn changed(&self) {
        self.waiters.notify();
        self.readiness.mark(Direction::Send);
    }

    fn may_receive(&self, connection: &Connection) -> bool {
        // Another thread that receives may be about to leave something.
        may(self.try_with_recv(connection, |state| state.has_something()))
            || self.owes(connection) && self.may_send(connection)
    }

    /// Whether there may be something to receive that no descriptor of the transport shows.
    fn has_read_ahead(&self, connection: &Connection) -> bool {
        may(self.try_with_recv(connection, |state| state.has_read_ahead()))
    }

    fn may_send(&self, connection: &Connection) -> bool {
        may(self.try_with_send(connection, |state| state.has_room()))
    }
}

/// Whether a call may find something. It may if another thread holds the lock, or if it fails.
fn may(found: Result<Option<bool>>) -> bool {
    !matches!(found, Ok(Some(false)))
}
