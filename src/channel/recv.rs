//! Receiving: by copy, by a view in place, many at once, and the replies among the messages.

use super::connection::Connection;
use super::core::Core;
use super::lent::ViewParts;
use super::recv_state::{RecvState, Replies};
use crate::error::{Error, Result};
use crate::memory::{uninit, zeroed_vec};
use crate::readiness::Direction;
use crate::readiness::interest::Interest;
use crate::readiness::waiters::Step;
use crate::sync::biased_mutex::Patience;
use crate::transport::message::Head;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::time::Duration;

/// The most messages of a batch: empty ones take no room.
const BATCH_MAX: usize = 1 << 16;
/// Messages of a batch begin at multiples of this many bytes.
const BATCH_ALIGNMENT: usize = 16;

impl Core {
    /// Receives a message into `buf`.
    #[inline]
    pub fn recv(&self, buf: &mut [MaybeUninit<u8>], timeout: Option<Duration>) -> Result<Head> {
        self.drive(Interest::READ, timeout, |connection, patience| {
            self.receive(connection, patience, |state| {
                let Some(front) = state.front(&self.replies(connection), Some(&mut *buf))? else {
                    return Ok(Step::Blocked);
                };
                let len = front.head.len;
                if len > buf.len() {
                    if let Some(head) = state.take_raw(buf) {
                        return Ok(Step::Done(head));
                    }
                    return Err(over_buffer(len, buf.len()));
                }
                state.take_copy(&connection.requests, &front, &mut buf[..len]);
                state.half.give_back();
                Ok(Step::Done(front.head))
            })
        })
    }

    /// Receives a message of any size.
    pub fn recv_buffer(&self, timeout: Option<Duration>) -> Result<Vec<u8>> {
        self.drive(Interest::READ, timeout, |connection, patience| {
            self.receive(connection, patience, |state| {
                let Some(front) = state.front(&self.replies(connection), None)? else {
                    return Ok(Step::Blocked);
                };
                let mut bytes = zeroed_vec(front.head.len).ok_or_else(Error::no_memory)?;
                state.take_copy(&connection.requests, &front, uninit(&mut bytes));
                state.half.give_back();
                Ok(Step::Done(bytes))
            })
        })
    }

    /// Receives a message in place.
    pub fn recv_view(&self, timeout: Option<Duration>) -> Result<ViewParts> {
        self.drive(Interest::READ, timeout, |connection, patience| {
            self.receive(connection, patience, |state| {
                let Some(front) = state.front(&self.replies(connection), None)? else {
                    return Ok(Step::Blocked);
                };
                state.take_view(&connection.requests, &front).map(Step::Done)
            })
        })
    }

    /// Receives as many messages as are there and fit. `each` is told of each one, and of its place
    /// in `buf`.
    pub fn recv_many(
        &self,
        buf: &mut [MaybeUninit<u8>],
        max: usize,
        timeout: Option<Duration>,
        mut each: impl FnMut(Head, Range<usize>),
    ) -> Result<usize> {
        let skip = buf.as_ptr().align_offset(BATCH_ALIGNMENT).min(buf.len());
        let max = max.min(BATCH_MAX);
        self.drive(Interest::READ, timeout, |connection, patience| {
            self.receive(connection, patience, |state| {
                let (mut at, mut count) = (skip, 0);
                let result = loop {
                    if count == max {
                        break Ok(());
                    }
                    let front = match state.front(&self.replies(connection), Some(&mut buf[at..])) {
                        Ok(Some(front)) => front,
                        Ok(None) => break Ok(()),
                        Err(error) => break Err(error),
                    };
                    let len = front.head.len;
                    if len > buf.len() - at {
                        break Err(over_buffer(len, buf.len() - at));
                    }
                    state.take_copy(&connection.requests, &front, &mut buf[at..at + len]);
                    each(front.head, at..at + len);
                    count += 1;
                    at = skip + (at - skip + len).next_multiple_of(BATCH_ALIGNMENT);
                    at = at.min(buf.len());
                };
                state.half.give_back();
                match result {
                    Err(error) if count == 0 => Err(error),
                    _ if count == 0 && max > 0 => Ok(Step::Blocked),
                    _ => Ok(Step::Done(count)),
                }
            })
        })
    }

    /// One attempt of a receiving call: runs `act` as the thread that receives, and does what every
    /// receiving call must do for others.
    #[inline(always)]
    pub fn receive<T>(
        &self,
        connection: &Connection,
        patience: Patience,
        act: impl FnOnce(&mut RecvState) -> Result<Step<T>>,
    ) -> Result<Step<T>> {
        let mut ahead = false;
        let step = self.taking(connection, patience, |state| {
            let step = match act(state) {
                Ok(Step::Blocked) => state.blocked(),
                step => step,
            };
            ahead = state.has_read_ahead();
            step
        });
        self.help_sending(connection);
        // A message that was too large stays, and can still be received.
        if !matches!(step, Ok(Step::Blocked | Step::Busy | Step::Choked)) {
            // No descriptor shows what was read ahead, so others are told.
            if ahead {
                self.waiters.notify();
            }
            // A ring's wake-up stays in its pipe; a stream's descriptor shows nothing any more.
            if ahead || !connection.link.receives_by_ring() {
                self.readiness.mark(Direction::Receive);
            }
        }
        step
    }

    /// Where the replies among the received messages go.
    #[inline(always)]
    pub fn replies<'a>(&'a self, connection: &'a Connection) -> Replies<'a> {
        let (waiters, readiness) = (&self.waiters, &self.readiness);
        Replies { requests: &connection.requests, waiters, readiness }
    }
}

fn over_buffer(len: usize, room: usize) -> Error {
    let detail = format!(
        "the message has {len} bytes and the buffer {room}; it stays, so call again with more room"
    );
    Error::too_large(len, detail)
}
