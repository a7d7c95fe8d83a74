//! Giving views back.

use super::core::Core;
use super::loan::ON_HEAP;
use crate::error::{Error, Result};
use crate::readiness::Direction;
use crate::transport::RecvEnd;

impl Core {
    /// Gives a view back.
    pub fn release(&self, number: u64) -> Result<()> {
        self.alive_here()?;
        let Some(open) = self.get_open() else {
            return Err(no_such_view());
        };
        let mut left = false;
        let found =
            open.recv.run(true, &mut left, |state| match (&mut state.end, number & ON_HEAP) {
                (RecvEnd::Ring(end), 0) => end.release(number),
                _ => state.heap_views.remove(&number).is_some(),
            });
        self.tell_left(Direction::Receive, left);
        self.waiting.notify();
        if found == Some(true) { Ok(()) } else { Err(no_such_view()) }
    }
}

fn no_such_view() -> Error {
    Error::invalid("no view of this channel is open under that number: was it released before?")
}
