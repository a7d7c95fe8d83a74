//! Loans: messages that are written in place, and sent when they are committed.

use super::core::{Core, Open, again};
use super::remainder::Remainder;
use super::send::SendState;
use crate::error::{Error, Result, Status};
use crate::os::buffer::{Buffer, Lent};
use crate::transport::readiness::Direction;
use crate::transport::wait::{Step, WRITE};
use crate::transport::{Outgoing, SendEnd};
use crate::wire::Gather;
use std::sync::atomic::Ordering;
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
        self.drive(WRITE, timeout, |open, wait| {
            check_size(open, len)?;
            let mut left = false;
            let step = open.send.run(wait, &mut left, |state| {
                self.alive()?;
                self.loan_step(open, state, len)
            });
            self.tell_left(Direction::Send, left);
            step.unwrap_or(Ok(Step::InTurn))
        })
    }

    fn loan_step(&self, open: &Open, state: &mut SendState, len: usize) -> Result<Step<LoanParts>> {
        if state.busy {
            return Ok(Step::InTurn);
        }
        if state.remainder.is_some() && !self.push_remainder(open, state)? {
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
        let no_memory = || Error::new(Status::NoSpace, "no memory for a loan of this size");
        let mut buffer = Buffer::zeroed(len).ok_or_else(no_memory)?;
        let bytes = Lent::new(buffer.bytes_mut().as_mut_ptr(), len);
        let number = ON_HEAP | state.heap_loans_made;
        state.heap_loans_made += 1;
        state.heap_loans.insert(number, buffer);
        Ok(Step::Done(LoanParts { number, bytes }))
    }

    /// Sends the first `len` bytes of a loan.
    pub fn commit(&self, number: u64, tag: u32, len: usize) -> Result<()> {
        let open = self.opened()?;
        let result = self.with_send(open, |state| self.commit_in(open, state, number, tag, len));
        self.changed();
        if open.has_remainder.load(Ordering::SeqCst) {
            self.show_rest(open);
        }
        result
    }

    fn commit_in(
        &self,
        open: &Open,
        state: &mut SendState,
        number: u64,
        tag: u32,
        len: usize,
    ) -> Result<()> {
        let room = state.loan_size(number).ok_or_else(no_such_loan)?;
        if len > room {
            let detail = format!("{len} bytes were committed of a loan of {room}");
            return Err(Error::invalid(detail));
        }
        let result = match number & ON_HEAP {
            0 => commit_in_ring(state, number, tag, len),
            _ => self.commit_on_heap(open, state, number, tag, len),
        };
        if result.is_ok() {
            state.count(len);
        }
        result
    }

    fn commit_on_heap(
        &self,
        open: &Open,
        state: &mut SendState,
        number: u64,
        tag: u32,
        len: usize,
    ) -> Result<()> {
        if state.busy {
            return Err(again());
        }
        if state.remainder.is_some() {
            match self.push_remainder(open, state) {
                Ok(true) => {}
                Ok(false) => return Err(again()),
                Err(end) => {
                    state.heap_loans.remove(&number);
                    return Err(end);
                }
            }
        }
        let mut data = state.heap_loans.remove(&number).ok_or_else(no_such_loan)?;
        data.truncate(len);
        let bytes = [data.bytes()];
        let mut out = Outgoing {
            tag,
            id: 0,
            flags: 0,
            data: Gather::new(&bytes),
            started: false,
            header_sent: 0,
        };
        if state.end.push(&mut out)? {
            return Ok(());
        }
        let (header_sent, started, left) = (out.header_sent, out.started, out.data.len());
        let done = data.len() - left;
        state.remainder =
            Some(Remainder { tag, id: 0, flags: 0, data, done, header_sent, started });
        open.has_remainder.store(true, Ordering::SeqCst);
        Ok(())
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
    let ended = end.check_peer();
    let header =
        crate::wire::Header { tag, ..crate::wire::Header::plain(crate::wire::Kind::Data, len) };
    end.writer.fill(number, ended.is_ok().then_some(&header));
    end.show();
    ended
}

impl SendState {
    fn loan_size(&self, number: u64) -> Option<usize> {
        match (&self.end, number & ON_HEAP) {
            (SendEnd::Ring(end), 0) => end.writer.reserved(number).map(|room| room.len()),
            _ => self.heap_loans.get(&number).map(Buffer::len),
        }
    }
}

fn no_such_loan() -> Error {
    Error::invalid("no loan of this channel is open under that number: was it committed before?")
}

/// Refuses what the peer would not take.
pub fn check_size(open: &Open, len: usize) -> Result<()> {
    let most = open.peer_message_size_max;
    if len <= most {
        return Ok(());
    }
    let detail =
        format!("the message has {len} bytes, and the peer takes {most} (its max_message)");
    Err(Error::too_large(len, detail))
}
