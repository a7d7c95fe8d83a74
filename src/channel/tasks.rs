//! What tasks of a runtime call instead of threads. They never wait, and their descriptors show
//! only what the transport brings: what one call has read for another is counted, and the tasks
//! tell each other.

use super::connection::Connection;
use super::core::Core;
use super::lent::ViewParts;
use crate::error::{Result, Status};
use crate::readiness::interest::Interest;
use std::sync::atomic::Ordering;

impl Core {
    /// The reply to the request that was begun under this id, if it is here.
    pub fn reply_now(&self, id: u32) -> Result<ViewParts> {
        self.drive(Interest::READ, crate::NOW, |connection, patience| {
            self.reply_step(connection, patience, id)
        })
    }

    /// Reads what has come, so that the peer finds room while this side waits for room itself.
    pub fn make_way_now(&self) -> Result<()> {
        let made = self.drive(Interest::READ, crate::NOW, |connection, patience| {
            self.make_way::<()>(connection, patience)
        });
        made.or_else(|error| match error.status() {
            Status::Again => Ok(()),
            _ => Err(error),
        })
    }

    /// How often a call has read what is another's.
    pub fn handed_on(&self) -> u64 {
        self.get_connection().map_or(0, |connection| connection.requests.handed_on())
    }

    /// Whether a message that a request has passed may be left for a receiving call. True also
    /// while another thread is in the middle of a call.
    pub fn may_be_passed(&self) -> bool {
        let left = |one: &Connection| self.try_with_recv(one, |state| !state.inbox.is_empty());
        !matches!(self.get_connection().map(left), None | Some(Ok(Some(false))))
    }

    /// Whether part of a message that was taken is still in this process.
    pub fn owes_remainder(&self) -> bool {
        let connection = self.get_connection();
        connection.is_some_and(|one| one.owes_remainder.load(Ordering::SeqCst))
    }
}
