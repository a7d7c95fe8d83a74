//! The rest of a message whose sender ran out of time: it stays in the handle, and goes out with
//! later calls.

use super::core::{Core, Open};
use super::send::SendState;
use crate::error::{Error, Result, Status};
use crate::os::buffer::Buffer;
use crate::readiness::Direction;
use crate::transport::{Cut, Outgoing};
use crate::wire::Gather;
use std::mem::take;
use std::sync::atomic::Ordering;

/// Room for the rest of messages up to this size is kept from one to the next. It is memory that
/// was never touched.
const SPARE_MAX: usize = 64 << 10;

/// The rest of a message that was taken.
pub struct Remainder {
    pub tag: u32,
    pub id: u32,
    pub flags: u8,
    pub data: Buffer,
    /// Bytes of it that are out.
    pub done: usize,
    pub header_sent: usize,
    pub started: bool,
}

impl SendState {
    /// Bytes that were taken and are not out.
    pub fn pending(&self) -> usize {
        self.remainder.as_ref().map_or(0, |rest| rest.data.len() - rest.done)
    }

    /// Makes room for the rest of a message of this length, before its first byte is out: whatever
    /// memory is like when the time is over, what began has to go on.
    #[inline]
    pub fn make_spare(&mut self, len: usize) -> Result<()> {
        match len > self.end.whole_max() && len > self.spare.capacity() {
            true => self.spare.reserve(len).map_err(|_| Error::no_memory()),
            false => Ok(()),
        }
    }

    /// A message is out: room for the rest of a long one is no longer needed.
    #[inline]
    pub fn trim_spare(&mut self) {
        if self.spare.capacity() > SPARE_MAX {
            self.spare = Buffer::default();
        }
    }

    /// Keeps the rest of a message that consists of these parts; false if there is no memory.
    fn keep(&mut self, open: &Open, out: &Outgoing<'_>, parts: &[&[u8]]) -> bool {
        let mut data = take(&mut self.spare);
        let kept = parts.iter().try_for_each(|part| data.extend(part)).is_ok();
        if kept {
            self.keep_data(out, data);
            open.has_remainder.store(true, Ordering::SeqCst);
        }
        kept
    }

    fn keep_data(&mut self, out: &Outgoing<'_>, data: Buffer) {
        let done = data.len() - out.data.len();
        self.remainder = Some(Remainder {
            tag: out.tag,
            id: out.id,
            flags: out.flags,
            data,
            done,
            header_sent: out.header_sent,
            started: out.started,
        });
    }
}

impl Core {
    /// Sends what is left of a message whose sender ran out of time; true once nothing is left.
    pub fn push_remainder(&self, open: &Open, state: &mut SendState) -> Result<bool> {
        if let Some(rest) = &mut state.remainder {
            let parts = [&rest.data.bytes()[rest.done..]];
            let mut out = Outgoing {
                tag: rest.tag,
                id: rest.id,
                flags: rest.flags,
                data: Gather::new(&parts),
                started: rest.started,
                header_sent: rest.header_sent,
            };
            let done = state.end.push(&mut out);
            rest.header_sent = out.header_sent;
            rest.done = rest.data.len() - out.data.len();
            rest.started = out.started;
            if !done? {
                return Ok(false);
            }
            state.remainder = None;
            open.has_remainder.store(false, Ordering::SeqCst);
            self.changed();
        }
        state.end.push_owed()
    }

    /// Sends all that goes before a new message; true once nothing of it is left.
    #[inline]
    pub fn push_owed(&self, open: &Open, state: &mut SendState) -> Result<bool> {
        match state.remainder {
            Some(_) => self.push_remainder(open, state),
            None => state.end.push_owed(),
        }
    }

    /// Lets a call that has nothing to send move a remainder, or answer pings.
    #[inline]
    pub fn help_sending(&self, open: &Open) {
        if self.owes(open) {
            let mut left = false;
            open.send.run(false, &mut left, |state| {
                if !state.busy {
                    let _ = self.push_remainder(open, state);
                }
            });
            self.tell_left(Direction::Send, left);
            self.follow(open);
        }
    }

    /// A message that has begun to go out has been taken: the rest of it stays in the handle.
    #[cold]
    pub fn after_failed_send(
        &self,
        error: Error,
        out: &Outgoing<'_>,
        parts: &[&[u8]],
        len: usize,
    ) -> Result<()> {
        let timed_out = matches!(error.status(), Status::Again | Status::TimedOut);
        let is_the_end = matches!(
            error.status(),
            Status::Closed | Status::PeerLost | Status::Protocol | Status::Invalid
        );
        let Some(open) = self.get_open() else {
            return Err(error);
        };
        if !out.started {
            return Err(self.end_of_sending(open, error));
        }
        let (was_busy, kept) = self.with_send(open, |state| {
            let kept = is_the_end || state.keep(open, out, parts);
            if kept && !is_the_end {
                state.count(len);
            }
            (take(&mut state.busy), kept)
        });
        if was_busy {
            self.changed();
        }
        if !kept {
            // It was to wait for ever, and broke off for another reason. The peer has its
            // beginning, and will never have its end.
            self.fail(&error);
            return Err(error);
        }
        if is_the_end {
            return Err(self.end_of_sending(open, error));
        }
        self.show_rest(open);
        // The rest goes out in any case, as the peer has its beginning.
        if timed_out { Ok(()) } else { Err(error) }
    }

    pub fn keep_cut(&self, open: &Open, state: &mut SendState, message: &[u8], cut: &Cut) {
        let parts = [&message[cut.data_sent..]];
        let data = Gather::new(&parts);
        let header_sent = cut.header_sent;
        let out = Outgoing { tag: 0, id: 0, flags: 0, data, started: true, header_sent };
        state.count(message.len());
        self.keep_rest(open, state, message, &out);
    }

    /// Keeps the rest of a message for which there is room.
    pub fn keep_rest(
        &self,
        open: &Open,
        state: &mut SendState,
        message: &[u8],
        out: &Outgoing<'_>,
    ) {
        let kept = state.keep(open, out, &[message]);
        debug_assert!(kept, "there is room for it");
    }
}
