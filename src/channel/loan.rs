//! Loans: messages that are written in place, and sent when they are committed.

use super::core::{Core, Open};
use super::send::SendState;
use crate::error::{Error, Result, Status};
use crate::os::buffer::{Buffer, Lent};
use crate::readiness::Direction;
use crate::readiness::waiters::{Step, WRITE};
use crate::transport::SendEnd;
use crate::wire::{Header, Kind};
use std::time::Duration;

/// Loans on the heap at a time.
const HEAP_LOANS_MAX: usize = 1024;
/// Marks the number of a loan or a view that is on the heap.
pub const ON_HEAP: u64 = 1 << 47;

/// A message that is being written in place.
pub struct LoanParts {
    pub number: u64,
    pub bytes: Lent,
}

impl Core {
    /// Lends room for a message: in the ring where it fits as one record, else on the heap.
    pub fn loan(&self, len: usize, timeout: Option<Duration>) -> Result<LoanParts> {
        let timeout = self.await_hello_for(len, timeout)?;
        self.drive(WRITE, timeout, |open, wait| {
            self.look_for_handshake(open)?;
            check_size(open, len)?;
            let mut left = false;
            let step = open.send.run(wait, &mut left, |state| {
                self.alive()?;
                self.loan_step(open, state, len)
            });
            self.tell_left(Direction::Send, left);
            self.follow(open);
            step.unwrap_or(Ok(Step::InTurn))
        })
    }

    fn loan_step(&self, open: &Open, state: &mut SendState, len: usize) -> Result<Step<LoanParts>> {
        if state.busy {
            return Ok(Step::InTurn);
        }
        if !self.push_owed(open, state)? {
            return Ok(Step::Blocked);
        }
        if let SendEnd::Ring(end) = &mut state.end
            && len <= end.writer.payload_size_max()
        {
            let Some(number) = end.reserve(len)? else {
                state.refused = len;
                return Ok(Step::Blocked);
            };
            let room = end.writer.reserved(number).expect("it was just reserved");
            let bytes = Lent::new(room.as_mut_ptr(), len);
            return Ok(Step::Done(LoanParts { number, bytes }));
        }
        if let SendEnd::Stream(end) = &state.end {
            end.check_end()?;
        }
        if state.heap_loans.len() >= HEAP_LOANS_MAX {
            let detail = format!("{HEAP_LOANS_MAX} loans are open; commit or discard some");
            return Err(Error::new(Status::NoSpace, detail));
        }
        let mut buffer = Buffer::zeroed(len).ok_or_else(Error::no_memory)?;
        let bytes = Lent::new(buffer.bytes_mut().as_mut_ptr(), len);
        let number = ON_HEAP | state.heap_loans_made;
        state.heap_loans_made += 1;
        state.heap_loans.insert(number, buffer);
        Ok(Step::Done(LoanParts { number, bytes }))
    }

    /// Sends the first `len` bytes of a loan. One in the ring is complete and never waits; one on
    /// the heap is sent as any message is.
    pub fn commit(
        &self,
        number: u64,
        tag: u32,
        len: usize,
        timeout: Option<Duration>,
    ) -> Result<()> {
        let open = self.opened()?;
        if number & ON_HEAP != 0 {
            return self.commit_on_heap(open, number, tag, len, timeout);
        }
        let result = self.with_send(open, |state| commit_in_ring(state, number, tag, len));
        self.changed();
        result
    }

    /// Meanwhile nobody else finds the loan; it comes back where nothing of it could be sent.
    fn commit_on_heap(
        &self,
        open: &Open,
        number: u64,
        tag: u32,
        len: usize,
        timeout: Option<Duration>,
    ) -> Result<()> {
        let data = self.with_send(open, |state| {
            let data = state.heap_loans.get(&number).ok_or_else(no_such_loan)?;
            check_committed(len, data.len())?;
            state.heap_loans.remove(&number).ok_or_else(no_such_loan)
        })?;
        let sent = self.send(tag, 0, 0, &[&data.bytes()[..len]], timeout);
        if sent.as_ref().is_err_and(|error| is_still_lent(error.status())) {
            self.with_send(open, |state| state.heap_loans.insert(number, data));
        }
        sent
    }

    /// Gives a loan back unsent.
    pub fn discard(&self, number: u64) -> Result<()> {
        let open = self.opened()?;
        let found = self.with_send(open, |state| match (&mut state.end, number & ON_HEAP) {
            (SendEnd::Ring(end), 0) => {
                let found = end.writer.fill(number, None);
                end.show();
                found
            }
            _ => state.heap_loans.remove(&number).is_some(),
        });
        self.changed();
        if found { Ok(()) } else { Err(no_such_loan()) }
    }
}

fn commit_in_ring(state: &mut SendState, number: u64, tag: u32, len: usize) -> Result<()> {
    let SendEnd::Ring(end) = &mut state.end else {
        return Err(no_such_loan());
    };
    check_committed(len, end.writer.reserved(number).ok_or_else(no_such_loan)?.len())?;
    let ended = end.check_peer();
    let header = Header { tag, ..Header::plain(Kind::Data, len) };
    end.writer.fill(number, ended.is_ok().then_some(&header));
    end.show();
    if ended.is_ok() {
        state.count(len);
    }
    ended
}

/// Whether a loan is open still after a commit that came to this.
pub fn is_still_lent(status: Status) -> bool {
    matches!(status, Status::Again | Status::TimedOut | Status::Invalid | Status::Unsupported)
}

/// Refuses to send more of a loan than was lent.
pub fn check_committed(len: usize, lent: usize) -> Result<()> {
    match len <= lent {
        true => Ok(()),
        false => Err(Error::invalid(format!("{len} bytes were committed of a loan of {lent}"))),
    }
}

fn no_such_loan() -> Error {
    Error::invalid("no loan of this channel is open under that number: was it committed before?")
}

/// Refuses what the peer would not take.
pub fn check_size(open: &Open, len: usize) -> Result<()> {
    let most = open.link.message_size_max();
    if len <= most {
        return Ok(());
    }
    let detail =
        format!("the message has {len} bytes, and the peer takes {most} (its max_message)");
    Err(Error::too_large(len, detail))
}
