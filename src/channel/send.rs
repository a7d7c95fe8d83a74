//! Sending: one message, or many.

use super::core::{Core, Open};
use super::loan::check_size;
use super::remainder::Remainder;
use crate::error::{Error, Result, Status};
use crate::os::buffer::Buffer;
use crate::readiness::Direction;
use crate::readiness::waiters::{READ, Step, WRITE};
use crate::transport::{Outgoing, SendEnd};
use crate::wire::{EARLY_SIZE_MAX, Gather};
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
    /// Room for one.
    pub spare: Buffer,
    /// Bytes of the message that found no room last.
    pub refused: usize,
    pub heap_loans: HashMap<u64, Buffer>,
    pub heap_loans_made: u64,
    pub messages: u64,
    pub bytes: u64,
}

impl SendState {
    pub fn new(end: SendEnd) -> SendState {
        SendState {
            end,
            busy: false,
            remainder: None,
            spare: Buffer::default(),
            refused: 0,
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

    /// Ends the connection. Loans are dropped; `frame` tells the peer, unless part of a message
    /// that was taken is here still.
    pub fn close(&mut self, open: &Open, frame: &[u8]) {
        self.end.discard_loans();
        open.link.close(self.is_between_messages().then_some(frame));
    }

    /// Whether a message like the one that was refused last may go out now.
    pub fn has_room(&mut self) -> bool {
        let len = self.remainder.as_ref().map_or(self.refused, |rest| rest.data.len() - rest.done);
        !self.busy && self.end.has_room_for(len)
    }

    pub fn count(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }

    /// Sends a plain message that goes in as one record, if nothing is before it.
    #[inline(always)]
    fn push_plain(&mut self, tag: u32, data: &[u8]) -> bool {
        let sent = match &mut self.end {
            SendEnd::Ring(end) if !self.busy && self.remainder.is_none() => {
                end.push_plain(tag, data)
            }
            _ => false,
        };
        if sent {
            self.count(data.len());
        }
        sent
    }
}

impl Core {
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
        let timeout = self.await_hello_for(len, timeout)?;
        let mut out = Outgoing { tag, id, flags, data, started: false, header_sent: 0 };
        let mut fits = false;
        let result = self.drive(interest, timeout, |open, wait| {
            meanwhile(open)?;
            self.look_for_handshake(open)?;
            check_size(open, len)?;
            let mut left = false;
            let step = open.send.run(wait, &mut left, |state| {
                self.alive()?;
                if timeout.is_some() && !out.started {
                    state.make_spare(len)?;
                }
                let step = self.send_step(open, state, &mut out)?;
                if let Step::Done(()) = step {
                    state.trim_spare();
                    state.count(len);
                    fits = len >= state.refused;
                }
                Ok(step)
            });
            self.tell_left(Direction::Send, left);
            self.follow(open);
            step.unwrap_or(Ok(Step::InTurn))
        });
        match result {
            Ok(()) => {
                self.show_room(fits);
                Ok(())
            }
            Err(error) => self.after_failed_send(error, &out, parts, len),
        }
    }

    /// Sends one message.
    #[inline(always)]
    pub fn send(
        &self,
        tag: u32,
        id: u32,
        flags: u8,
        parts: &[&[u8]],
        timeout: Option<Duration>,
    ) -> Result<()> {
        match parts {
            [data] if id == 0 && flags == 0 && self.send_plain(tag, data) => Ok(()),
            _ => self.send_otherwise(tag, id, flags, parts, timeout),
        }
    }

    /// Sends a plain message in the way of nearly all: one record in a ring that has room, by the
    /// thread that owns the turn. False: nothing was done.
    #[inline(always)]
    fn send_plain(&self, tag: u32, data: &[u8]) -> bool {
        let Some(open) = self.get_open().filter(|_| self.is_alive()) else {
            return false;
        };
        if data.len() > open.link.message_size_max() {
            return false;
        }
        let (mut left, mut fits) = (false, false);
        let sent = open.send.run_as_owner(&mut left, |state| {
            fits = data.len() >= state.refused;
            self.is_alive() && state.push_plain(tag, data)
        });
        self.tell_left(Direction::Send, left);
        let sent = sent == Some(true);
        self.show_room(sent && fits);
        sent
    }

    #[inline(never)]
    fn send_otherwise(
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
            if !self.push_owed(open, state)? {
                state.refused = out.data.len();
                return Ok(Step::Blocked);
            }
        }
        let was_started = out.started;
        let done = state.end.push(out);
        if matches!(done, Ok(false)) {
            state.refused = out.data.len();
        }
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

    /// A peer that has closed a stream in good order said so before the socket broke.
    pub fn end_of_sending(&self, open: &Open, error: Error) -> Error {
        if error.status() != Status::PeerLost {
            return error;
        }
        self.with_recv(open, |recv| recv.end.end_seen_ahead()).unwrap_or(error)
    }

    /// The end, where nothing can be sent any more.
    pub fn look_for_end_of_sending(&self, open: &Open) -> Result<()> {
        let ended = self.with_send(open, |state| state.end.look_for_end());
        ended.map_err(|error| self.end_of_sending(open, error))
    }

    /// Sends as many messages as there is room and time for.
    pub fn send_many(&self, messages: &[&[u8]], timeout: Option<Duration>) -> Result<usize> {
        let (mut sent, mut messages) = (0, messages);
        let is_long = |message: &&[u8]| message.len() > EARLY_SIZE_MAX;
        let first_long = match self.may_await_hello() {
            true => messages.iter().position(is_long),
            false => None,
        };
        let timeout = match first_long.map_or(Ok(timeout), |_| self.await_hello(timeout)) {
            Ok(timeout) => timeout,
            Err(error) => {
                // Those before the first that has to wait may go.
                messages = &messages[..first_long.unwrap_or(0)];
                let waits = matches!(error.status(), Status::Again | Status::TimedOut);
                if !waits || messages.is_empty() {
                    return Err(error);
                }
                crate::NOW
            }
        };
        let result = self.drive(WRITE, timeout, |open, wait| {
            self.look_for_handshake(open)?;
            let mut left = false;
            let step = open.send.run(wait, &mut left, |state| {
                self.alive()?;
                self.send_many_step(open, state, messages, &mut sent)
            });
            self.tell_left(Direction::Send, left);
            self.follow(open);
            step.unwrap_or(Ok(Step::InTurn))
        });
        match (result, self.get_open()) {
            (Err(error), None) if sent == 0 => Err(error),
            (Err(error), Some(open)) if sent == 0 => Err(self.end_of_sending(open, error)),
            (_, Some(open)) if open.has_remainder.load(Ordering::Relaxed) => {
                self.show_rest(open);
                Ok(sent)
            }
            // Also where it did not get to the end: only a call that is refused hides room.
            _ => {
                self.show_room(true);
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
            if !self.push_owed(open, state)? {
                return Ok(Step::Blocked);
            }
            let rest = &messages[*sent..];
            let too_large =
                rest.iter().position(|message| check_size(open, message.len()).is_err());
            let fitting = &rest[..too_large.unwrap_or(rest.len())];
            state.make_spare(state.end.cut_max())?;
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
                state.make_spare(message.len())?;
                let parts = [message];
                let data = Gather::new(&parts);
                let mut out =
                    Outgoing { tag: 0, id: 0, flags: 0, data, started: false, header_sent: 0 };
                let done = state.end.push(&mut out)?;
                if !out.started && !done {
                    state.refused = message.len();
                    return Ok(Step::Blocked);
                }
                state.count(message.len());
                *sent += 1;
                if !done {
                    self.keep_rest(open, state, message, &out);
                }
            }
        }
        state.trim_spare();
        match state.remainder.is_some() && !self.push_remainder(open, state)? {
            true => Ok(Step::Blocked),
            false => Ok(Step::Done(())),
        }
    }

    /// Waits until all that was taken is out of this process.
    pub fn flush(&self, timeout: Option<Duration>) -> Result<()> {
        let result = self.drive(WRITE, timeout, |open, wait| {
            self.look_for_handshake(open)?;
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
            self.tell_left(Direction::Send, left);
            step.unwrap_or(Ok(Step::InTurn))
        });
        match (result, self.get_open()) {
            (Err(error), Some(open)) => Err(self.end_of_sending(open, error)),
            (result, _) => result,
        }
    }
}
