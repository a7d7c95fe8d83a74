//! The sending side of a connection: what the sending lock guards.

use super::in_flight::InFlight;
use super::lent::HeapId;
use crate::error::{Error, Result};
use crate::memory::Buffer;
use crate::transport::halves::SendHalf;
use std::collections::HashMap;
use std::mem::take;

/// Room for the rest of a message is kept for the next message up to this size. It is memory that
/// was never touched.
const SPARE_MAX: usize = 64 << 10;

/// The sending side of a connection; one thread at a time holds it.
pub struct SendState {
    pub half: SendHalf,
    /// What is still to be sent between the last message and the next.
    pub in_flight: InFlight,
    /// Room for the rest of a message.
    spare: Buffer,
    /// Bytes of the message that found no room last.
    pub refused: usize,
    pub heap_loans: HashMap<HeapId, Buffer>,
    pub next_heap_loan: HeapId,
    pub messages: u64,
    pub bytes: u64,
}

impl SendState {
    pub fn new(half: SendHalf) -> SendState {
        SendState {
            half,
            in_flight: InFlight::Nothing,
            spare: Buffer::default(),
            refused: 0,
            heap_loans: HashMap::new(),
            next_heap_loan: HeapId::default(),
            messages: 0,
            bytes: 0,
        }
    }

    /// Whether a frame could begin here.
    pub fn is_between_messages(&self) -> bool {
        let amid_pong = matches!(&self.half, SendHalf::Stream(half) if half.is_amid_pong());
        self.in_flight.is_nothing() && !amid_pong
    }

    /// Whether a message as long as the one refused last may go out now.
    pub fn has_room(&mut self) -> bool {
        match &self.in_flight {
            InFlight::Nothing => self.half.has_room_for(self.refused),
            InFlight::OfSender => false,
            InFlight::Remainder(remainder) => self.half.has_room_for(remainder.left().len()),
        }
    }

    pub fn count(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }

    /// Sends a plain message that fits as one record, if nothing must go before it.
    #[inline(always)]
    pub fn push_plain(&mut self, tag: u32, data: &[u8]) -> bool {
        let sent = match &mut self.half {
            SendHalf::Ring(half) if self.in_flight.is_nothing() => half.push_plain(tag, data),
            _ => false,
        };
        if sent {
            self.count(data.len());
        }
        sent
    }

    /// Bytes that were taken and are not out yet.
    pub fn pending(&self) -> usize {
        match &self.in_flight {
            InFlight::Remainder(remainder) => remainder.left().len(),
            InFlight::Nothing | InFlight::OfSender => 0,
        }
    }

    /// Makes room for the rest of a message of this length, before its first byte is out: once it
    /// has begun it must go on, even if there is no memory when the time is over.
    #[inline]
    pub fn make_spare(&mut self, len: usize) -> Result<()> {
        match len > self.half.whole_max() && len > self.spare.capacity() {
            true => self.spare.reserve(len).map_err(|_| Error::no_memory()),
            false => Ok(()),
        }
    }

    /// Frees the room for the rest of a long message, as the message is out.
    #[inline]
    pub fn trim_spare(&mut self) {
        if self.spare.capacity() > SPARE_MAX {
            self.spare = Buffer::default();
        }
    }

    /// Takes the room for the rest of the message.
    pub fn take_spare(&mut self) -> Buffer {
        take(&mut self.spare)
    }
}
