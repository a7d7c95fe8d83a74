//! Whose turn it is to send, and to receive: one thread's at a time.

use crate::channel::core::{Core, Open};
use crate::channel::recv::RecvState;
use crate::channel::send::SendState;
use crate::readiness::Direction;

impl Core {
    /// Runs `act` with the sending turn, for which this thread waits.
    pub fn with_send<R>(&self, open: &Open, act: impl FnOnce(&mut SendState) -> R) -> R {
        let mut left = false;
        let done = open.send.run(true, &mut left, act);
        self.tell_left(Direction::Send, left);
        done.expect("it waits for its turn")
    }

    /// Runs `act` with the receiving turn, for which this thread waits.
    pub fn with_recv<R>(&self, open: &Open, act: impl FnOnce(&mut RecvState) -> R) -> R {
        let mut left = false;
        let done = open.recv.run(true, &mut left, act);
        self.tell_left(Direction::Receive, left);
        done.expect("it waits for its turn")
    }

    /// The same, unless another thread has the turn for long.
    pub fn try_with_recv<R>(
        &self,
        open: &Open,
        act: impl FnOnce(&mut RecvState) -> R,
    ) -> Option<R> {
        let mut left = false;
        let done = open.recv.run(false, &mut left, act);
        self.tell_left(Direction::Receive, left);
        done
    }

    /// Another thread came back empty-handed while this one had the turn: its descriptor calls it
    /// back.
    #[inline]
    pub fn tell_left(&self, direction: Direction, left: bool) {
        if left {
            self.readiness.mark(direction);
        }
    }
}
