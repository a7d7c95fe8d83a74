//! Settling for TN_AGAIN: making the fd show what comes next, and only that.

use super::core::{Core, Open, again};
use crate::error::{Error, Result, Status};
use crate::transport::choked;
use crate::transport::wait::{READ, Source, Step, WRITE};
use std::sync::atomic::Ordering;

impl Core {
    /// Nothing can be done now, and the call may not wait. If somebody watches the fd, it is
    /// made to show what comes next: the mark is taken off, wake-ups are drained and armed, and
    /// then there is one more look.
    pub fn settle<T>(
        &self,
        open: &Open,
        interest: u32,
        attempt: &mut dyn FnMut(&Open, bool) -> Result<Step<T>>,
    ) -> Result<T> {
        if !self.readiness.is_watched() {
            open.link.peer().look_sometimes();
            return match attempt(open, false)? {
                Step::Done(value) => Ok(value),
                _ => Err(again()),
            };
        }
        self.readiness.unmark();
        match self.waiting.drain(&open.link) {
            // What made the fd readable was a wake-up. If the peer is gone as well, the fd stays
            // readable, and the next call finds nothing else that it could be.
            true => open.link.peer().look_sometimes(),
            false => open.link.peer().look(),
        }
        let sends = interest & WRITE != 0;
        if sends {
            self.want_room(open);
        }
        let remainder = open.has_remainder.load(Ordering::Relaxed);
        open.link.arm(if sends || remainder { READ | WRITE } else { READ });
        let again = match attempt(open, false).inspect_err(|_| self.readiness.mark())? {
            Step::Done(value) => {
                self.readiness.mark();
                return Ok(value);
            }
            Step::Choked => {
                self.readiness.mark();
                return Err(choked());
            }
            Step::InTurn | Step::More => true,
            // Another call has read the reply to a request; whoever began it is to fetch it.
            Step::Blocked if open.requests.has_answers() => true,
            Step::Blocked if sends => self.has_something_to_read(open),
            Step::Blocked => self.has_unheard_room(open),
        };
        if again {
            self.readiness.mark();
        }
        Err(self::again())
    }

    /// Another thread had the turn, and this call may not wait for it. If it came to send, the
    /// fd calls it back once that thread is done.
    pub fn turned_away<T>(
        &self,
        open: &Open,
        interest: u32,
        attempt: &mut dyn FnMut(&Open, bool) -> Result<Step<T>>,
    ) -> Result<T> {
        if interest & WRITE == 0 || !self.readiness.is_watched() {
            return Err(again());
        }
        self.readiness.want_room(true, open.link.watched_for_room(true));
        // Whoever has the turn now says so when it leaves, or has left by now.
        match attempt(open, false)? {
            Step::Done(value) => Ok(value),
            Step::Blocked => self.settle(open, interest, attempt),
            _ => Err(again()),
        }
    }

    /// A call that came to send has found the channel not open yet. Another call may open it, and
    /// find nothing to receive: then the fd must still call this one back.
    pub fn owe_room(&self, interest: u32, error: &Error) {
        let sends = interest & WRITE != 0 && error.status() == Status::Again;
        if sends && self.readiness.is_watched() {
            self.readiness.want_room(true, None);
        }
    }

    /// Makes the fd show when there is room again.
    pub fn want_room(&self, open: &Open) {
        if self.readiness.is_watched() {
            self.readiness.want_room(false, open.link.watched_for_room(true));
            open.link.arm(WRITE);
        }
    }

    /// A receiving call is about to make the fd unreadable: is there room that another thread
    /// has not heard of?
    fn has_unheard_room(&self, open: &Open) -> bool {
        if open.has_remainder.load(Ordering::Relaxed) {
            // Room is for the rest of a message, which this very call has tried to send.
            self.readiness.want_room(false, open.link.watched_for_room(true));
            return false;
        }
        let hide = open.link.watched_for_room(false);
        self.readiness.room_is_unheard(|| open.link.room_came(), hide)
    }

    /// Something changed in this process that others may wait for: threads inside a call, and
    /// senders that were turned away, at the fd.
    pub fn changed(&self) {
        self.waiting.notify();
        if self.readiness.room_is_wanted() {
            self.readiness.mark();
        }
    }

    /// A sending call is about to make the fd unreadable: is there something to receive?
    fn has_something_to_read(&self, open: &Open) -> bool {
        let mut left = false;
        let found = open.recv.run(false, &mut left, |state| state.has_something());
        self.tell_left(left);
        found.unwrap_or(true)
    }
}
