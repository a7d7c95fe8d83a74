//! A message of which one part is out and the rest is still in this process.

use crate::error::Result;
use crate::memory::Buffer;
use crate::transport::halves::SendHalf;
use crate::transport::message::{Label, Outgoing, Sent};
use crate::wire::Gather;

/// What is still to be sent between the last message and the next.
pub enum InFlight {
    /// Nothing: a message may begin.
    Nothing,
    /// A message whose sender is inside a call and waits for room.
    OfSender,
    /// The rest of a message whose sender ran out of time. Later calls send it.
    Remainder(Remainder),
}

impl InFlight {
    /// Whether a message may begin.
    #[inline]
    pub fn is_nothing(&self) -> bool {
        matches!(self, InFlight::Nothing)
    }

    /// Whether a thread inside a call sends it.
    #[inline]
    pub fn is_of_sender(&self) -> bool {
        matches!(self, InFlight::OfSender)
    }

    /// Whether later calls send it.
    #[inline]
    pub fn is_remainder(&self) -> bool {
        matches!(self, InFlight::Remainder(_))
    }
}

/// A message that was taken, and how much of it is out.
pub struct Remainder {
    pub label: Label,
    pub data: Buffer,
    pub sent: Sent,
}

impl Remainder {
    /// What is left of its payload.
    pub fn left(&self) -> &[u8] {
        &self.data.bytes()[self.sent.data..]
    }

    /// Sends as much as there is room for; true once all of it is out.
    pub fn push(&mut self, half: &mut SendHalf) -> Result<bool> {
        let parts = [&self.data.bytes()[self.sent.data..]];
        let data = Gather::new(&parts);
        let mut out = Outgoing { label: self.label, data, sent: self.sent };
        let done = half.push(&mut out);
        self.sent = out.sent;
        done
    }
}
