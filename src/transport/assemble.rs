//! A message that comes in fragments and is put together on the heap.

use crate::error::{Error, Result};
use crate::memory::Buffer;
use crate::transport::message::{Head, HeapMessage};
use crate::wire::Header;
use std::mem::replace;

/// Puts fragments together, a message at a time.
#[derive(Default)]
pub struct Assembler {
    state: State,
}

#[derive(Default)]
enum State {
    /// No message has begun.
    #[default]
    Idle,
    /// More fragments must come.
    Partial(HeapMessage),
    /// All of it is here.
    Whole(HeapMessage),
}

impl Assembler {
    /// Whether no message has begun.
    #[inline(always)]
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// The message, if all of it is here.
    #[inline]
    pub fn whole(&self) -> Option<&HeapMessage> {
        match &self.state {
            State::Whole(message) => Some(message),
            State::Idle | State::Partial(_) => None,
        }
    }

    /// Hands out the message, if all of it is here.
    #[inline]
    pub fn take_whole(&mut self) -> Option<HeapMessage> {
        match self.state {
            State::Whole(_) => match replace(&mut self.state, State::Idle) {
                State::Whole(message) => Some(message),
                State::Idle | State::Partial(_) => None,
            },
            State::Idle | State::Partial(_) => None,
        }
    }

    /// How many bytes of the message are here; 0 if none has begun.
    pub fn len(&self) -> usize {
        match &self.state {
            State::Idle => 0,
            State::Partial(message) | State::Whole(message) => message.data.len(),
        }
    }

    /// Where the payload of the next fragment goes. The fragment must belong to the message that
    /// has begun.
    pub fn fragment(&mut self, header: &Header) -> Result<&mut Buffer> {
        let head = Head::of(header).with_len(0);
        if self.is_idle() {
            self.begin(HeapMessage { head, data: Buffer::default() });
        }
        match &mut self.state {
            State::Partial(message) if message.head == head => Ok(&mut message.data),
            _ => Err(Error::protocol("fragments of two messages that are mixed")),
        }
    }

    /// Begins with a message of which the first bytes are here.
    pub fn begin(&mut self, message: HeapMessage) {
        let head = message.head.with_len(0);
        self.state = State::Partial(HeapMessage { head, ..message });
    }

    /// Where the rest of the current fragment goes, if a message has begun.
    pub fn partial(&mut self) -> Option<&mut Buffer> {
        match &mut self.state {
            State::Partial(message) => Some(&mut message.data),
            State::Idle | State::Whole(_) => None,
        }
    }

    /// Notes that the last fragment is here, and returns the head of the whole message.
    pub fn complete(&mut self) -> Option<Head> {
        let State::Partial(mut message) = replace(&mut self.state, State::Idle) else {
            return None;
        };
        message.head.len = message.data.len();
        let head = message.head;
        self.state = State::Whole(message);
        Some(head)
    }
}
