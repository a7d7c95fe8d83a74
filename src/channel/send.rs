//! Sending: one message, many, one written in place, and what of one is still to go out.

use super::core::{Core, Open};
use super::loan::check_size;
use crate::error::{Error, Result, Status};
use crate::os::buffer::Buffer;
use crate::transport::wait::{READ, Step, WRITE};
use crate::transport::{Cut, Outgoing, SendEnd};
use crate::wire::Gather;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The sending side of an open channel; one thread at a time has it.
pub struct SendState {
    pub end: SendEnd,
    /// A thread is in the middle of a message and waits for room.
    pub busy: bool,
    /// The rest of a message whose sender ran out of time.
    pub remainder: Option<Remainder>,
    pub heap_loans: HashMap<u64, Buffer>,
    pub heap_loans_made: u64,
    pub messages: u64,
    pub bytes: u64,
}

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
    pub fn new(end: SendEnd) -> SendState {
        SendState {
            end,
            busy: false,
            remainder: None,
            heap_loans: HashMap::new(),
            heap_loans_made: 0,
            messages: 0,
            bytes: 0,
        }
    }

    /// Whether a frame could begin here.
    pub fn is_between_messages(&self) -> bool {
        let amid_pong = matches!(&self.end, SendEnd::Stream(end) if end.is_amid_pong());
        !self.busy && self.remainder.is_none() && !amid_pong
    }

    /// Bytes that were taken and are not out.
    pub fn pending(&self) -> usize {
        self.remainder.as_ref().map_or(0, |rest| rest.data.len() - rest.done)
    }

    pub fn count(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }

    fn keep(&mut self, out: &Outgoing<'_>, data: Buffer) {
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
            open.has_remainder.store(false, Ordering::Relaxed);
            self.changed();
        }
        if let SendEnd::Stream(end) = &mut state.end {
            return end.push_pongs();
        }
        Ok(true)
    }

    /// Lets a call that has nothing to send move a remainder, or answer pings.
    #[inline]
    pub fn help_sending(&self, open: &Open) {
        let owes = match &open.link {
            crate::transport::Link::Ring(_) => false,
            crate::transport::Link::Stream(link) => link.owes_pong(),
        };
        if owes || open.has_remainder.load(Ordering::Relaxed) {
            let mut left = false;
            open.send.run(false, &mut left, |state| {
                if !state.busy {
                    let _ = self.push_remainder(open, state);
                }
            });
            self.tell_left(left);
        }
    }

    /// Another thread came back empty-handed while this one had the turn: the fd calls it back.
    #[inline]
    pub fn tell_left(&self, left: bool) {
        if left {
            self.readiness.mark();
        }
    }

    /// Sends one message. `interest` is WRITE, or more where `meanwhile` is to be called whenever
    /// something comes.
    #[inline]
    #[allow(clippy::too_many_arguments)]
    fn send_while(
        &self,
        interest: u32,
        tag: u32,
        id: u32,
        flags: u8,
        parts: &[&[u8]],
        timeout: Option<Duration>,
        mut meanwhile: impl FnMut(&Open) -> Result<()>,
    ) -> Result<()> {
        let data = Gather::new(parts);
        let len = data.len();
        let mut out = Outgoing { tag, id, flags, data, started: false, header_sent: 0 };
        let result = self.drive(interest, timeout, |open, wait| {
            meanwhile(open)?;
            check_size(open, len)?;
            let mut left = false;
            let step = open.send.run(wait, &mut left, |state| {
                self.alive()?;
                let step = self.send_step(open, state, &mut out)?;
                if let Step::Done(()) = step {
                    state.count(len);
                }
                Ok(step)
            });
            self.tell_left(left);
            step.unwrap_or(Ok(Step::InTurn))
        });
        match result {
            Ok(()) => {
                self.sends_again();
                Ok(())
            }
            Err(error) => self.after_failed_send(error, &out, parts, len),
        }
    }

    /// Sends one message.
    #[inline]
    pub fn send(
        &self,
        tag: u32,
        id: u32,
        flags: u8,
        parts: &[&[u8]],
        timeout: Option<Duration>,
    ) -> Result<()> {
        self.send_while(WRITE, tag, id, flags, parts, timeout, |_| Ok(()))
    }

    /// Sends one message, and calls `meanwhile` whenever something comes while it waits.
    pub fn send_reading(
        &self,
        tag: u32,
        id: u32,
        flags: u8,
        parts: &[&[u8]],
        timeout: Option<Duration>,
        meanwhile: impl FnMut(&Open) -> Result<()>,
    ) -> Result<()> {
        self.send_while(READ | WRITE, tag, id, flags, parts, timeout, meanwhile)
    }

    fn send_step(
        &self,
        open: &Open,
        state: &mut SendState,
        out: &mut Outgoing<'_>,
    ) -> Result<Step<()>> {
        if !out.started {
            if state.busy {
                return Ok(Step::InTurn);
            }
            if state.remainder.is_some() && !self.push_remainder(open, state)? {
                return Ok(Step::Blocked);
            }
        }
        let was_started = out.started;
        let done = state.end.push(out);
        if was_started && !matches!(done, Ok(false)) {
            state.busy = false;
            self.changed();
        } else if out.started && matches!(done, Ok(false)) {
            state.busy = true;
        }
        match done? {
            true => Ok(Step::Done(())),
            false => Ok(Step::Blocked),
        }
    }

    /// A message that has begun to go out has been taken: the rest of it stays in the handle.
    #[cold]
    fn after_failed_send(
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
        let was_busy = self.with_send(open, |state| {
            if !is_the_end {
                let mut data = Buffer::with_capacity(len);
                parts.iter().for_each(|part| data.extend(part));
                state.keep(out, data);
                state.count(len);
                open.has_remainder.store(true, Ordering::Relaxed);
            }
            std::mem::replace(&mut state.busy, false)
        });
        if was_busy {
            self.changed();
        }
        if is_the_end {
            return Err(self.end_of_sending(open, error));
        }
        self.want_room(open);
        self.changed();
        // The rest goes out in any case, as the peer has its beginning.
        if timed_out { Ok(()) } else { Err(error) }
    }

    /// A peer that has closed a stream in good order said so before the socket broke.
    fn end_of_sending(&self, open: &Open, error: Error) -> Error {
        if error.status() != Status::PeerLost {
            return error;
        }
        self.with_recv(open, |recv| recv.end_seen_ahead()).unwrap_or(error)
    }

    /// Sends as many messages as there is room and time for.
    pub fn send_many(&self, messages: &[&[u8]], timeout: Option<Duration>) -> Result<usize> {
        let mut sent = 0;
        let result = self.drive(WRITE, timeout, |open, wait| {
            let mut left = false;
            let step = open.send.run(wait, &mut left, |state| {
                self.alive()?;
                self.send_many_step(open, state, messages, &mut sent)
            });
            self.tell_left(left);
            step.unwrap_or(Ok(Step::InTurn))
        });
        match result {
            Err(error) if sent == 0 => match self.get_open() {
                Some(open) => Err(self.end_of_sending(open, error)),
                None => Err(error),
            },
            _ => {
                match self.get_open() {
                    Some(open) if open.has_remainder.load(Ordering::Relaxed) => {
                        self.want_room(open);
                        self.changed();
                    }
                    _ => self.sends_again(),
                }
                Ok(sent)
            }
        }
    }

    fn send_many_step(
        &self,
        open: &Open,
        state: &mut SendState,
        messages: &[&[u8]],
        sent: &mut usize,
    ) -> Result<Step<()>> {
        if state.busy {
            return Ok(Step::InTurn);
        }
        while *sent < messages.len() {
            if state.remainder.is_some() && !self.push_remainder(open, state)? {
                return Ok(Step::Blocked);
            }
            let rest = &messages[*sent..];
            let too_large =
                rest.iter().position(|message| check_size(open, message.len()).is_err());
            let fitting = &rest[..too_large.unwrap_or(rest.len())];
            let (count, cut) = state.end.push_many(fitting)?;
            fitting[..count].iter().for_each(|message| state.count(message.len()));
            *sent += count;
            if let Some(cut) = cut {
                self.keep_cut(open, state, messages[*sent], &cut);
                *sent += 1;
            } else if *sent < messages.len() && count == 0 {
                // One that doesn't go in whole, or is too large: as a message of its own.
                let message = messages[*sent];
                check_size(open, message.len())?;
                let parts = [message];
                let data = Gather::new(&parts);
                let mut out =
                    Outgoing { tag: 0, id: 0, flags: 0, data, started: false, header_sent: 0 };
                let done = state.end.push(&mut out)?;
                if !out.started && !done {
                    return Ok(Step::Blocked);
                }
                state.count(message.len());
                *sent += 1;
                if !done {
                    self.keep_rest(open, state, message, &out);
                }
            }
        }
        match state.remainder.is_some() && !self.push_remainder(open, state)? {
            true => Ok(Step::Blocked),
            false => Ok(Step::Done(())),
        }
    }

    fn keep_cut(&self, open: &Open, state: &mut SendState, message: &[u8], cut: &Cut) {
        let parts = [&message[cut.data_sent..]];
        let data = Gather::new(&parts);
        let header_sent = cut.header_sent;
        let out = Outgoing { tag: 0, id: 0, flags: 0, data, started: true, header_sent };
        state.count(message.len());
        self.keep_rest(open, state, message, &out);
    }

    fn keep_rest(&self, open: &Open, state: &mut SendState, message: &[u8], out: &Outgoing<'_>) {
        let mut data = Buffer::with_capacity(message.len());
        data.extend(message);
        state.keep(out, data);
        open.has_remainder.store(true, Ordering::Relaxed);
        self.want_room(open);
    }

    /// Waits until all that was taken is out of this process.
    pub fn flush(&self, timeout: Option<Duration>) -> Result<()> {
        let result = self.drive(WRITE, timeout, |open, wait| {
            let mut left = false;
            let step = open.send.run(wait, &mut left, |state| {
                if state.busy || (state.remainder.is_none() && state.end.is_held_back()) {
                    return Ok(Step::InTurn);
                }
                Ok(match self.push_remainder(open, state)? {
                    true => Step::Done(()),
                    false => Step::Blocked,
                })
            });
            self.tell_left(left);
            step.unwrap_or(Ok(Step::InTurn))
        });
        match (result, self.get_open()) {
            (Err(error), Some(open)) => Err(self.end_of_sending(open, error)),
            (result, _) => result,
        }
    }
}
