//! Sending: one message, or many.

use super::connection::Connection;
use super::core::Core;
use super::in_flight::InFlight;
use super::loan::check_size;
use super::send_state::SendState;
use crate::error::{Error, Result, Status};
use crate::readiness::Direction;
use crate::readiness::interest::Interest;
use crate::readiness::waiters::Step;
use crate::transport::message::{Label, Outgoing};
use crate::wire::{EARLY_SIZE_MAX, Gather};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How a thread comes to send without waiting for another.
#[derive(Clone, Copy)]
enum Via {
    /// It owns the lock of the sending half.
    Owner,
    /// That lock is free.
    FreeLock,
}

impl Core {
    /// Sends one message. `interest` is WRITE, or more if `meanwhile` must be called whenever
    /// something comes.
    #[inline]
    fn send_while(
        &self,
        interest: Interest,
        label: Label,
        parts: &[&[u8]],
        timeout: Option<Duration>,
        mut meanwhile: impl FnMut(&Connection) -> Result<()>,
    ) -> Result<()> {
        let data = Gather::new(parts);
        let len = data.len();
        let timeout = self.await_hello_for(len, timeout)?;
        let mut out = Outgoing::new(label, data);
        let mut fits = false;
        let result = self.drive(interest, timeout, |connection, patience| {
            meanwhile(connection)?;
            self.sending(connection, patience, |state| {
                check_size(connection, len)?;
                self.alive()?;
                if timeout.is_some() && !out.sent.has_begun() {
                    state.make_spare(len)?;
                }
                let step = self.send_step(connection, state, &mut out)?;
                if let Step::Done(()) = step {
                    state.trim_spare();
                    state.count(len);
                    fits = len >= state.refused;
                }
                Ok(step)
            })
        });
        match result {
            Ok(()) => {
                if fits {
                    self.show_room();
                }
                Ok(())
            }
            Err(error) => self.after_failed_send(error, &out, parts, len),
        }
    }

    /// Sends one message.
    #[inline(always)]
    pub fn send(&self, label: Label, parts: &[&[u8]], timeout: Option<Duration>) -> Result<()> {
        match parts {
            [data] if label.is_plain() && self.send_plain(Via::Owner, label.tag, data) => Ok(()),
            _ => self.send_otherwise(label, parts, timeout),
        }
    }

    /// Sends a plain message on the fast path, which nearly all take: one record in a ring that has
    /// room, by a thread that need not wait for another. False if nothing was done.
    #[inline(always)]
    fn send_plain(&self, via: Via, tag: u32, data: &[u8]) -> bool {
        let Some(connection) = self.get_connection().filter(|_| self.is_alive()) else {
            return false;
        };
        if data.len() > connection.link.message_size_max() {
            return false;
        }
        let mut fits = false;
        let push = |state: &mut SendState| {
            fits = data.len() >= state.refused;
            self.is_alive() && state.push_plain(tag, data)
        };
        let attempt = match via {
            Via::Owner => connection.send.run_as_owner(push),
            Via::FreeLock => connection.send.run_if_free(push),
        };
        // The slow path reports a poisoned lock.
        let is_sent = matches!(self.got(Direction::Send, attempt), Ok(Some(true)));
        if is_sent && fits {
            self.show_room();
        }
        is_sent
    }

    #[inline(never)]
    fn send_otherwise(
        &self,
        label: Label,
        parts: &[&[u8]],
        timeout: Option<Duration>,
    ) -> Result<()> {
        match parts {
            [data] if label.is_plain() && self.send_plain(Via::FreeLock, label.tag, data) => Ok(()),
            _ => self.send_while(Interest::WRITE, label, parts, timeout, |_| Ok(())),
        }
    }

    /// Sends one message, and calls `meanwhile` whenever something comes while it waits.
    pub fn send_reading(
        &self,
        label: Label,
        parts: &[&[u8]],
        timeout: Option<Duration>,
        meanwhile: impl FnMut(&Connection) -> Result<()>,
    ) -> Result<()> {
        self.send_while(Interest::BOTH, label, parts, timeout, meanwhile)
    }

    fn send_step(
        &self,
        connection: &Connection,
        state: &mut SendState,
        out: &mut Outgoing<'_>,
    ) -> Result<Step<()>> {
        let had_begun = out.sent.has_begun();
        if !had_begun {
            if state.in_flight.is_of_sender() {
                return Ok(Step::Busy);
            }
            if !self.push_owed(connection, state)? {
                state.refused = out.data.len();
                return Ok(Step::Blocked);
            }
        }
        let done = state.half.push(out);
        match done {
            Ok(false) => {
                state.refused = out.data.len();
                if out.sent.has_begun() {
                    connection.set_in_flight(state, InFlight::OfSender);
                }
            }
            Ok(true) | Err(_) if had_begun => {
                connection.set_in_flight(state, InFlight::Nothing);
                self.changed();
            }
            Ok(true) | Err(_) => {}
        }
        match done? {
            true => Ok(Step::Done(())),
            false => Ok(Step::Blocked),
        }
    }

    /// Picks the error at the end: a peer that has closed a stream in good order said so before the
    /// socket broke.
    pub fn end_of_sending(&self, connection: &Connection, error: Error) -> Error {
        if error.status() != Status::PeerLost {
            return error;
        }
        let seen = self.with_recv(connection, |recv| recv.half.end_seen_ahead());
        seen.ok().flatten().unwrap_or(error)
    }

    /// Looks for the end, if nothing can be sent any more.
    pub fn look_for_end_of_sending(&self, connection: &Connection) -> Result<()> {
        let ended = self.with_send(connection, |state| state.half.look_for_end())?;
        ended.map_err(|error| self.end_of_sending(connection, error))
    }

    /// Sends as many messages as there is room and time for.
    pub fn send_many(&self, messages: &[&[u8]], timeout: Option<Duration>) -> Result<usize> {
        let (messages, timeout) = self.await_hello_for_batch(messages, timeout)?;
        let mut sent = 0;
        let result = self.drive(Interest::WRITE, timeout, |connection, patience| {
            self.sending(connection, patience, |state| {
                self.alive()?;
                self.send_many_step(connection, state, messages, &mut sent)
            })
        });
        match (result, self.get_connection()) {
            (Err(error), None) if sent == 0 => Err(error),
            (Err(error), Some(connection)) if sent == 0 => {
                Err(self.end_of_sending(connection, error))
            }
            (_, Some(connection)) if connection.owes_remainder.load(Ordering::Relaxed) => {
                self.show_remainder(connection);
                Ok(sent)
            }
            // Also where it did not get to the end: only a call that is refused hides room.
            _ => {
                self.show_room();
                Ok(sent)
            }
        }
    }

    /// Waits for the peer's HELLO if a message of the batch needs it. If there is no time to wait,
    /// the messages before that one may go.
    #[inline]
    fn await_hello_for_batch<'a, 'b>(
        &self,
        messages: &'a [&'b [u8]],
        timeout: Option<Duration>,
    ) -> Result<(&'a [&'b [u8]], Option<Duration>)> {
        if !self.may_await_hello() {
            return Ok((messages, timeout));
        }
        let is_long = |message: &&[u8]| message.len() > EARLY_SIZE_MAX;
        let Some(first_long) = messages.iter().position(is_long) else {
            return Ok((messages, timeout));
        };
        match self.await_hello(timeout) {
            Ok(timeout) => Ok((messages, timeout)),
            Err(error) => {
                let waits = matches!(error.status(), Status::Again | Status::TimedOut);
                match waits && first_long > 0 {
                    true => Ok((&messages[..first_long], crate::NOW)),
                    false => Err(error),
                }
            }
        }
    }

    fn send_many_step(
        &self,
        connection: &Connection,
        state: &mut SendState,
        messages: &[&[u8]],
        sent: &mut usize,
    ) -> Result<Step<()>> {
        if state.in_flight.is_of_sender() {
            return Ok(Step::Busy);
        }
        while *sent < messages.len() {
            if !self.push_owed(connection, state)? {
                return Ok(Step::Blocked);
            }
            let rest = &messages[*sent..];
            let too_large =
                rest.iter().position(|message| check_size(connection, message.len()).is_err());
            let fitting = &rest[..too_large.unwrap_or(rest.len())];
            state.make_spare(state.half.cut_max())?;
            let (count, cut) = state.half.push_many(fitting)?;
            fitting[..count].iter().for_each(|message| state.count(message.len()));
            *sent += count;
            if let Some(cut) = cut {
                state.count(messages[*sent].len());
                connection.keep_rest(state, messages[*sent], Label::default(), cut);
                *sent += 1;
            } else if *sent < messages.len() && count == 0 {
                // One that doesn't fit whole, or is too large, is sent as a message of its own.
                if !send_one_of_many(connection, state, messages[*sent])? {
                    return Ok(Step::Blocked);
                }
                *sent += 1;
            }
        }
        state.trim_spare();
        match state.in_flight.is_remainder() && !self.push_remainder(connection, state)? {
            true => Ok(Step::Blocked),
            false => Ok(Step::Done(())),
        }
    }

    /// Waits until everything that sends have taken is out of this process.
    pub fn flush(&self, timeout: Option<Duration>) -> Result<()> {
        let result = self.drive(Interest::WRITE, timeout, |connection, patience| {
            self.sending(connection, patience, |state| self.flush_step(connection, state))
        });
        match (result, self.get_connection()) {
            (Err(error), Some(connection)) => Err(self.end_of_sending(connection, error)),
            (result, _) => result,
        }
    }

    fn flush_step(&self, connection: &Connection, state: &mut SendState) -> Result<Step<()>> {
        let waits_for_others = match state.in_flight {
            InFlight::OfSender => true,
            InFlight::Remainder(_) => false,
            InFlight::Nothing => state.half.is_held_back(),
        };
        if waits_for_others {
            return Ok(Step::Busy);
        }
        Ok(match self.push_remainder(connection, state)? {
            true => Step::Done(()),
            false => Step::Blocked,
        })
    }
}

/// Sends a message of a batch on its own: false if there is no room for its beginning. If it has
/// begun, the rest is kept.
fn send_one_of_many(
    connection: &Connection,
    state: &mut SendState,
    message: &[u8],
) -> Result<bool> {
    check_size(connection, message.len())?;
    state.make_spare(message.len())?;
    let parts = [message];
    let mut out = Outgoing::new(Label::default(), Gather::new(&parts));
    let done = state.half.push(&mut out)?;
    if !done && !out.sent.has_begun() {
        state.refused = message.len();
        return Ok(false);
    }
    state.count(message.len());
    if !done {
        connection.keep_rest(state, message, out.label, out.sent);
    }
    Ok(true)
}
