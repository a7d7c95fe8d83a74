//! Messages that came while a request waited for its reply, kept for a receiving call.

use crate::error::{Error, Result, Status};
use crate::transport::message::HeapMessage;
use std::collections::VecDeque;

/// The inbox; `inbox=` bounds it.
pub struct Inbox {
    messages: VecDeque<HeapMessage>,
    bytes: u64,
    bytes_max: u64,
}

impl Inbox {
    /// An empty inbox for at most this many bytes.
    pub fn new(bytes_max: u64) -> Inbox {
        Inbox { messages: VecDeque::new(), bytes: 0, bytes_max }
    }

    /// Whether it is empty.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The oldest message.
    #[inline]
    pub fn front(&self) -> Option<&HeapMessage> {
        self.messages.front()
    }

    /// Makes room for a message of this length, or refuses the message.
    pub fn make_room(&mut self, len: usize) -> Result<()> {
        if self.bytes + size_of_kept(len) <= self.bytes_max {
            return self.messages.try_reserve(1).map_err(|_| Error::no_memory());
        }
        let detail = "the inbox is full of messages that came before the reply; receive them, or \
                      raise inbox=";
        Err(Error::new(Status::NoSpace, detail))
    }

    /// Adds a message, for which there is room.
    pub fn push(&mut self, message: HeapMessage) {
        self.bytes += size_of_kept(message.data.len());
        self.messages.push_back(message);
    }

    /// Takes the oldest message.
    pub fn pop(&mut self) -> Option<HeapMessage> {
        let message = self.messages.pop_front()?;
        self.bytes -= size_of_kept(message.data.len());
        Some(message)
    }
}

/// The bytes that a message counts as: an empty one is not free either.
fn size_of_kept(len: usize) -> u64 {
    (len + size_of::<HeapMessage>()) as u64
}
