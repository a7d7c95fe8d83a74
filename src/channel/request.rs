//! Requests and replies over one channel, from any number of threads at once.

use super::connection::Connection;
use super::core::Core;
use super::lent::ViewParts;
use super::requests::{Pending, no_such_request};
use crate::error::{Error, Result, Status};
use crate::readiness::Direction;
use crate::readiness::interest::Interest;
use crate::readiness::waiters::Step;
use crate::sync::biased_mutex::Patience;
use crate::sync::lock;
use crate::timeout::Deadline;
use crate::transport::message::{Head, Label};
use crate::wire::{FLAG_REPLY, FLAG_REQUEST};
use std::time::Duration;

/// How many messages, and bytes of them, a waiting request moves out of the way before it looks at
/// the clock.
const WAY_MAX: u32 = 256;
const WAY_BYTES_MAX: usize = 1 << 20;

fn no_such_question() -> Error {
    let detail = "no request with this id is to be answered on this channel: it was answered \
                  before, or came to another channel; answer each request once, where it came";
    Error::invalid(detail)
}

impl Core {
    /// Sends a request and waits for its reply.
    pub fn request(&self, tag: u32, data: &[u8], timeout: Option<Duration>) -> Result<ViewParts> {
        let deadline = Deadline::after(timeout);
        let id = self.request_begin(tag, data, timeout)?;
        let reply = self.request_end(id, deadline.timeout_left());
        if reply.is_err() {
            self.forget(id);
        }
        reply
    }

    /// Sends a request, and returns the id by which the reply is fetched.
    pub fn request_begin(&self, tag: u32, data: &[u8], timeout: Option<Duration>) -> Result<u32> {
        let (connection, timeout) = self.connection(Direction::Send, timeout)?;
        self.refuse_raw()?;
        let id = connection.requests.begin(Pending::call())?;
        // It reads while it sends. Otherwise two peers that ask at once would wait for each other.
        let read =
            |connection: &Connection| self.make_way::<()>(connection, Patience::Wait).map(drop);
        let label = Label { tag, id, flags: FLAG_REQUEST };
        let sent = self.send_reading(label, &[data], timeout, read);
        if sent.is_err() {
            self.forget(id);
        }
        sent.map(|()| id)
    }

    /// The reply to the request that was begun under this id. If it has not come in time the
    /// request stays; any other failure ends the request.
    pub fn request_end(&self, id: u32, timeout: Option<Duration>) -> Result<ViewParts> {
        if timeout == crate::NOW
            && let Some(connection) = self.get_connection()
        {
            connection.requests.await_by_descriptor(id);
        }
        let reply = self.drive(Interest::READ, timeout, |connection, patience| {
            self.reply_step(connection, patience, id)
        });
        reply.map_err(|error| match error.status() {
            Status::Again => {
                self.show_inbox();
                error
            }
            Status::TimedOut => error,
            _ => {
                self.forget(id);
                error
            }
        })
    }

    /// Shows on the descriptor the other messages that requests have read: they can still be
    /// received.
    fn show_inbox(&self) {
        let Some(connection) = self.get_connection() else { return };
        if self.readiness.is_watched(Direction::Receive) {
            let holds = self.try_with_recv(connection, |state| state.holds_messages());
            if !matches!(holds, Ok(Some(false))) {
                self.readiness.mark(Direction::Receive);
            }
        }
    }

    /// Gives up the request that was begun or started under this id.
    pub fn request_cancel(&self, id: u32) -> Result<()> {
        self.alive_here()?;
        let is_open = |connection: &Connection| connection.requests.is_open(id);
        match self.get_connection().is_some_and(is_open) {
            true => self.forget(id),
            false => return Err(no_such_request()),
        }
        Ok(())
    }

    fn forget(&self, id: u32) {
        let Some(connection) = self.get_connection() else { return };
        if let Some(view) = connection.requests.finish(id) {
            let _ = self.with_recv(connection, |state| state.late_replies += 1);
            let _ = self.release(view.id);
        }
    }

    /// One look for the reply to this request.
    pub fn reply_step(
        &self,
        connection: &Connection,
        patience: Patience,
        id: u32,
    ) -> Result<Step<ViewParts>> {
        if let Some(view) = connection.requests.take_answer(id)? {
            return Ok(Step::Done(view));
        }
        self.help_sending(connection);
        let end = self.make_way(connection, patience);
        match (connection.requests.take_answer(id)?, end) {
            (Some(view), _) => Ok(Step::Done(view)),
            (None, Err(error)) => Err(error),
            (None, Ok(step)) => Ok(step),
        }
    }

    /// Reads what has come: replies go to their requests, the rest goes to the inbox.
    pub fn make_way<T>(&self, connection: &Connection, patience: Patience) -> Result<Step<T>> {
        let mut any = false;
        let step = self.taking(connection, patience, |state| {
            let mut bytes = 0;
            for _ in 0..WAY_MAX {
                let Some(len) = state.make_way(&self.replies(connection))? else {
                    return state.blocked();
                };
                any = true;
                bytes += len;
                if bytes > WAY_BYTES_MAX {
                    break;
                }
            }
            Ok(Step::More)
        });
        if any {
            connection.requests.hand_on();
            self.waiters.notify();
            self.readiness.mark(Direction::Receive);
        }
        step
    }

    /// Sends a request whose reply is received like a message.
    pub fn request_start(&self, tag: u32, data: &[u8], timeout: Option<Duration>) -> Result<u32> {
        let (connection, timeout) = self.connection(Direction::Send, timeout)?;
        self.refuse_raw()?;
        let id = connection.requests.begin(Pending::Receive)?;
        let sent = self.send(Label { tag, id, flags: FLAG_REQUEST }, &[data], timeout);
        if sent.is_err() {
            connection.requests.finish(id);
        }
        sent.map(|()| id)
    }

    /// Notes a request that is handed out, so that it can be answered.
    #[inline(always)]
    pub fn note_request(&self, head: Head) {
        if head.is_request() {
            self.may_be_answered(head.id());
        }
    }

    #[cold]
    fn may_be_answered(&self, id: u32) {
        if let Some(connection) = self.get_connection() {
            lock(&connection.requests.unanswered).add(id);
        }
    }

    /// Answers a request, once.
    pub fn reply(&self, tag: u32, id: u32, data: &[u8], timeout: Option<Duration>) -> Result<()> {
        let (connection, timeout) = self.connection(Direction::Send, timeout)?;
        self.refuse_raw()?;
        let unanswered = || lock(&connection.requests.unanswered);
        if !unanswered().take(id) {
            self.look_for_end_of_sending(connection)?;
            return Err(no_such_question());
        }
        let sent = self.send(Label { tag, id, flags: FLAG_REPLY }, &[data], timeout);
        if sent.is_err() {
            unanswered().put_back(id);
        }
        sent
    }

    /// Refuses a tag that can't be sent.
    #[inline]
    pub fn check_tag(&self, tag: u32) -> Result<()> {
        if tag == 0 { Ok(()) } else { self.refuse_raw() }
    }

    /// Refuses tags and requests with `raw=1`: they are in the frame, and a raw stream has no
    /// frames.
    fn refuse_raw(&self) -> Result<()> {
        match self.endpoint.raw {
            false => Ok(()),
            true => {
                let detail = "raw=1 has no frames that could carry tags, requests or replies; \
                              leave raw=1 out on both sides";
                Err(Error::new(Status::Unsupported, detail))
            }
        }
    }
}
