//! Loans: messages that are written in place, and sent when they are committed.

use super::connection::Connection;
use super::core::Core;
use super::lent::{HeapId, LentId, LoanParts, Place};
use super::send_state::SendState;
use crate::error::{Error, Result, Status};
use crate::memory::{Buffer, Lent};
use crate::readiness::interest::Interest;
use crate::readiness::waiters::Step;
use crate::ring::spans::SpanId;
use crate::transport::halves::SendHalf;
use crate::transport::message::Label;
use crate::wire::{Header, Kind};
use std::time::Duration;

/// How many loans may be on the heap at a time.
const HEAP_LOANS_MAX: usize = 1024;

impl Core {
    /// Lends room for a message: in the ring if it fits as one record, else on the heap.
    pub fn loan(&self, len: usize, timeout: Option<Duration>) -> Result<LoanParts> {
        let timeout = self.await_hello_for(len, timeout)?;
        self.drive(Interest::WRITE, timeout, |connection, patience| {
            self.sending(connection, patience, |state| {
                check_size(connection, len)?;
                self.alive()?;
                self.loan_step(connection, state, len)
            })
        })
    }

    fn loan_step(
        &self,
        connection: &Connection,
        state: &mut SendState,
        len: usize,
    ) -> Result<Step<LoanParts>> {
        if state.in_flight.is_of_sender() {
            return Ok(Step::Busy);
        }
        if !self.push_owed(connection, state)? {
            return Ok(Step::Blocked);
        }
        if let SendHalf::Ring(half) = &mut state.half
            && len <= half.writer.payload_size_max()
        {
            let Some(span) = half.reserve(len)? else {
                state.refused = len;
                return Ok(Step::Blocked);
            };
            let room = half.writer.reserved(span).expect("it was just reserved");
            let bytes = Lent::new(room.as_mut_ptr(), len);
            return Ok(Step::Done(LoanParts { id: span.into(), bytes }));
        }
        if let SendHalf::Stream(half) = &state.half {
            half.check_end()?;
        }
        if state.heap_loans.len() >= HEAP_LOANS_MAX {
            let detail = format!("{HEAP_LOANS_MAX} loans are open; commit or discard some");
            return Err(Error::new(Status::NoSpace, detail));
        }
        let mut buffer = Buffer::zeroed(len).ok_or_else(Error::no_memory)?;
        let bytes = Lent::new(buffer.bytes_mut().as_mut_ptr(), len);
        let id = state.next_heap_loan;
        state.next_heap_loan = id.next();
        state.heap_loans.insert(id, buffer);
        Ok(Step::Done(LoanParts { id: id.into(), bytes }))
    }

    /// Sends the first `len` bytes of a loan of `lent` bytes. A failure says what was tried.
    pub fn commit_lent(
        &self,
        id: LentId,
        lent: usize,
        tag: u32,
        len: usize,
        timeout: Option<Duration>,
    ) -> Result<()> {
        let checked = self.check_tag(tag).and_then(|()| check_committed(len, lent));
        let sent = checked.and_then(|()| self.commit(id, tag, len, timeout));
        self.explain("commit", sent)
    }

    /// Sends the first `len` bytes of a loan. A loan in the ring is complete and never waits; a
    /// loan on the heap is sent as any message is.
    pub fn commit(
        &self,
        id: LentId,
        tag: u32,
        len: usize,
        timeout: Option<Duration>,
    ) -> Result<()> {
        let connection = self.connection_now()?;
        match id.place() {
            Place::OnHeap(id) => self.commit_on_heap(connection, id, tag, len, timeout),
            Place::InRing(id) => {
                let commit = |state: &mut SendState| commit_in_ring(state, id, tag, len);
                let committed = self.with_send(connection, commit).flatten();
                self.changed();
                committed
            }
        }
    }

    /// Takes the loan out meanwhile, so that no other thread finds it. It puts the loan back if
    /// nothing of it could be sent.
    fn commit_on_heap(
        &self,
        connection: &Connection,
        id: HeapId,
        tag: u32,
        len: usize,
        timeout: Option<Duration>,
    ) -> Result<()> {
        let data = self.with_send(connection, |state| {
            let data = state.heap_loans.get(&id).ok_or_else(no_such_loan)?;
            check_committed(len, data.len())?;
            state.heap_loans.remove(&id).ok_or_else(no_such_loan)
        })??;
        let sent = self.send(Label::tagged(tag), &[&data.bytes()[..len]], timeout);
        if sent.as_ref().is_err_and(|error| is_still_lent(error.status())) {
            self.with_send(connection, |state| state.heap_loans.insert(id, data))?;
        }
        sent
    }

    /// Gives a loan back unsent.
    pub fn discard(&self, id: LentId) -> Result<()> {
        let connection = self.connection_now()?;
        let found = self.with_send(connection, |state| match (&mut state.half, id.place()) {
            (_, Place::OnHeap(id)) => state.heap_loans.remove(&id).is_some(),
            (SendHalf::Ring(half), Place::InRing(id)) => {
                let found = half.writer.fill(id, None);
                half.show();
                found
            }
            (SendHalf::Stream(_), Place::InRing(_)) => false,
        })?;
        self.changed();
        if found { Ok(()) } else { Err(no_such_loan()) }
    }
}

fn commit_in_ring(state: &mut SendState, id: SpanId, tag: u32, len: usize) -> Result<()> {
    let SendHalf::Ring(half) = &mut state.half else {
        return Err(no_such_loan());
    };
    check_committed(len, half.writer.reserved(id).ok_or_else(no_such_loan)?.len())?;
    let ended = half.check_peer();
    let header = Header { tag, ..Header::plain(Kind::Data, len) };
    half.writer.fill(id, ended.is_ok().then_some(&header));
    half.show();
    if ended.is_ok() {
        state.count(len);
    }
    ended
}

/// Whether a loan stays open after a commit with this status.
pub fn is_still_lent(status: Status) -> bool {
    matches!(status, Status::Again | Status::TimedOut | Status::Invalid | Status::Unsupported)
}

/// Refuses to send more of a loan than was lent.
pub fn check_committed(len: usize, lent: usize) -> Result<()> {
    match len <= lent {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "{len} bytes were committed of a loan of {lent}; commit at most what was lent"
        ))),
    }
}

fn no_such_loan() -> Error {
    Error::invalid("no loan of this channel is open under that number; commit or discard each once")
}

/// Refuses what the peer would not take.
pub fn check_size(connection: &Connection, len: usize) -> Result<()> {
    let most = connection.link.message_size_max();
    if len <= most {
        return Ok(());
    }
    let detail = format!(
        "the message has {len} bytes, and the peer takes {most} (its max_message); send it in \
         parts, or raise max_message= where the peer opens its end"
    );
    Err(Error::too_large(len, detail))
}
