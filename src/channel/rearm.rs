//! What a call owes the descriptors: to make its own unreadable when it is refused, to show what
//! came for the other one, and to ask for wake-ups only as long as somebody needs them.

use super::core::{Core, Open};
use crate::error::{Error, Result};
use crate::readiness::waiters::{Source, Step, WRITE};
use crate::readiness::{Direction, Ready, Shown};
use crate::sync::waker::Kick;
use crate::transport::choked;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// An open channel, as its descriptors and those who wait see it.
pub struct Side<'a> {
    pub core: &'a Core,
    pub open: &'a Open,
}

impl Source for Side<'_> {
    fn arm(&self, interest: u32) {
        self.open.link.arm(interest);
    }

    fn drain(&self) -> bool {
        self.open.link.drain()
    }

    fn poll(&self, interest: u32, kick: Option<&Kick>, time: Option<Duration>) -> Result<()> {
        self.open.link.poll(interest, kick, time)
    }
}

impl Shown for Side<'_> {
    fn may(&self, direction: Direction) -> bool {
        match direction {
            Direction::Receive => self.core.may_receive(self.open),
            Direction::Send => self.core.may_send(self.open),
        }
    }

    fn is_idle(&self, direction: Direction, ready: Ready) -> bool {
        // The kernel knows what has come; what was read ahead is known here.
        direction == Direction::Receive
            && !ready.other
            && !ready.end
            && !self.open.link.receives_by_ring()
            && !self.core.has_read_ahead(self.open)
            && !self.core.owes(self.open)
    }

    fn look_at_peer(&self) {
        self.open.link.peer().look();
    }

    fn disarm(&self) -> bool {
        self.open.link.disarm()
    }

    fn wake_self(&self) {
        self.open.link.wake_self();
    }
}

impl Core {
    /// Nothing can be done now, and the call may not wait. If somebody watches its descriptor, that
    /// is made to show what comes next.
    #[cold]
    pub fn refuse<T>(
        &self,
        open: &Open,
        interest: u32,
        attempt: &mut dyn FnMut(&Open, bool) -> Result<Step<T>>,
    ) -> Result<T> {
        let direction = Direction::of(interest);
        let step = match self.readiness.is_watched(direction) {
            true => self.refuse_watched(open, interest, attempt)?,
            // The peer's end may be all there is to find.
            false if open.link.peer().is_found_gone() => attempt(open, false)?,
            false => Step::Blocked,
        };
        match step {
            Step::Done(value) => Ok(value),
            Step::Choked => Err(choked()),
            Step::Blocked | Step::InTurn | Step::More => Err(self.again(direction)),
        }
    }

    /// The call would have to wait, and may not.
    pub fn again(&self, direction: Direction) -> Error {
        self.again[direction as usize].clone()
    }

    fn refuse_watched<T>(
        &self,
        open: &Open,
        interest: u32,
        attempt: &mut dyn FnMut(&Open, bool) -> Result<Step<T>>,
    ) -> Result<Step<T>> {
        let side = Side { core: self, open };
        let wanted = interest | if self.owes(open) { WRITE } else { 0 };
        let direction = Direction::of(interest);
        let mut attempt = || attempt(open, false);
        let step = self.readiness.refuse(direction, &side, &self.waiting, wanted, &mut attempt)?;
        match direction {
            Direction::Send if matches!(step, Step::Done(_)) => self.disarm(open),
            Direction::Send => {}
            Direction::Receive => {
                self.show_owed(open);
                // Whoever asked for a reply, and waits for it at the descriptor, has not seen it.
                if open.requests.has_news() {
                    self.readiness.mark(Direction::Receive);
                }
            }
        }
        Ok(step)
    }

    /// A send has succeeded. `fits`: it was as long as what was refused last, or longer.
    #[inline]
    pub fn show_room(&self, fits: bool) {
        if fits && self.readiness.may_be_unmarked(Direction::Send) {
            self.show_room_again();
        }
    }

    #[cold]
    fn show_room_again(&self) {
        self.readiness.mark(Direction::Send);
        if let Some(open) = self.get_open() {
            self.disarm(open);
        }
    }

    /// A send has waited for room and got it: nobody is to be woken for that any more.
    pub fn disarm(&self, open: &Open) {
        let owes = || open.has_remainder.load(Ordering::SeqCst);
        self.readiness.disarm(&Side { core: self, open }, &self.waiting, owes);
    }

    /// Whether this side has something to send that no call will come back for.
    #[inline]
    pub fn owes(&self, open: &Open) -> bool {
        open.link.owes() || open.has_remainder.load(Ordering::SeqCst)
    }

    /// Part of a message that was taken stays here. Both descriptors tell when there is room for
    /// it: a sender may come back, and whoever only receives gets it out as well.
    pub fn show_rest(&self, open: &Open) {
        self.readiness.unmark(Direction::Send);
        if self.readiness.is_watched_at_all() {
            open.link.arm(WRITE);
        }
        self.show_owed(open);
        // Room may have come before that.
        self.help_sending(open);
        self.waiting.notify();
    }

    /// Makes the receiving descriptor show room on a socket for as long as something is owed. (A
    /// ring's wake-ups tell of room anyway.)
    pub fn show_owed(&self, open: &Open) {
        if open.link.sends_by_ring() {
            return;
        }
        if let Some(descriptor) = self.readiness.get(Direction::Receive) {
            let socket = open.link.watched_socket(Direction::Receive);
            descriptor.show_room(&socket, || self.owes(open));
        }
    }

    /// Something changed in this process that others may wait for: threads inside a call, and
    /// senders that were turned away, at their descriptor.
    pub fn changed(&self) {
        self.waiting.notify();
        self.readiness.mark(Direction::Send);
    }

    fn may_receive(&self, open: &Open) -> bool {
        // Where another thread has the turn, it may be about to leave something.
        self.try_with_recv(open, |state| state.has_something()).unwrap_or(true)
            || self.owes(open) && self.may_send(open)
    }

    /// Whether there may be something to receive that no descriptor of the transport shows.
    fn has_read_ahead(&self, open: &Open) -> bool {
        self.try_with_recv(open, |state| state.has_read_ahead()).unwrap_or(true)
    }

    fn may_send(&self, open: &Open) -> bool {
        let mut left = false;
        let found = open.send.run(false, &mut left, |state| state.has_room());
        self.tell_left(Direction::Send, left);
        found.unwrap_or(true)
    }
}
