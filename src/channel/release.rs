//! Giving views back.

use super::core::Core;
use super::lent::{LentId, Place};
use crate::error::{Error, Result};
use crate::transport::halves::RecvHalf;

impl Core {
    /// Gives a view back.
    pub fn release(&self, id: LentId) -> Result<()> {
        self.alive_here()?;
        let Some(connection) = self.get_connection() else {
            return Err(no_such_view());
        };
        let found = self.with_recv(connection, |state| match (&mut state.half, id.place()) {
            (_, Place::OnHeap(id)) => state.heap_views.remove(&id).is_some(),
            (RecvHalf::Ring(half), Place::InRing(id)) => half.release(id),
            (RecvHalf::Stream(_), Place::InRing(_)) => false,
        })?;
        self.waiters.notify();
        if found { Ok(()) } else { Err(no_such_view()) }
    }
}

fn no_such_view() -> Error {
    Error::invalid("no view of this channel is open under that number; release each view once")
}
