//! The rest of a message whose sender ran out of time: it stays in the handle, and later calls send
//! it.

use super::connection::Connection;
use super::core::Core;
use super::in_flight::InFlight;
use super::send_state::SendState;
use crate::error::{Error, Result, Status};
use crate::transport::message::Outgoing;
use std::mem::replace;

impl Core {
    /// Sends what is left of a message whose sender ran out of time; true once nothing is left.
    pub fn push_remainder(&self, connection: &Connection, state: &mut SendState) -> Result<bool> {
        if let InFlight::Remainder(remainder) = &mut state.in_flight {
            if !remainder.push(&mut state.half)? {
                return Ok(false);
            }
            connection.set_in_flight(state, InFlight::Nothing);
            self.changed();
        }
        state.half.push_owed()
    }

    /// Sends everything that goes before a new message; true once nothing of it is left.
    #[inline]
    pub fn push_owed(&self, connection: &Connection, state: &mut SendState) -> Result<bool> {
        match state.in_flight {
            InFlight::Remainder(_) => self.push_remainder(connection, state),
            InFlight::Nothing | InFlight::OfSender => state.half.push_owed(),
        }
    }

    /// Lets a call that has nothing to send move a remainder, or answer pings. The next sending
    /// call reports a failure.
    #[inline]
    pub fn help_sending(&self, connection: &Connection) {
        if self.owes(connection) {
            let _ = self.try_with_send(connection, |state| match state.in_flight {
                InFlight::OfSender => Ok(true),
                _ => self.push_remainder(connection, state),
            });
            self.follow(connection);
        }
    }

    /// Keeps the rest of a message that has begun to go out: the message counts as taken.
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
        let Some(connection) = self.get_connection() else {
            return Err(error);
        };
        if !out.sent.has_begun() {
            return Err(self.end_of_sending(connection, error));
        }
        let (was_of_sender, kept) = self.with_send(connection, |state| {
            let before = replace(&mut state.in_flight, InFlight::Nothing);
            let kept = is_the_end || connection.keep(state, parts, out.label, out.sent);
            if kept && !is_the_end {
                state.count(len);
            }
            (before.is_of_sender(), kept)
        })?;
        if was_of_sender {
            self.changed();
        }
        if !kept {
            // The send was to wait for ever, and broke off for another reason. The peer has the
            // beginning of the message, and will never have the rest.
            self.fail(&error);
            return Err(error);
        }
        if is_the_end {
            return Err(self.end_of_sending(connection, error));
        }
        self.show_remainder(connection);
        // The rest goes out in any case, as the peer has the beginning.
        if timed_out { Ok(()) } else { Err(error) }
    }
}
