//! An established connection: what a channel has once the two sides have met.

use super::in_flight::{InFlight, Remainder};
use super::recv_state::RecvState;
use super::requests::Requests;
use super::send_state::SendState;
use super::spinner::Spinner;
use crate::endpoint::Endpoint;
use crate::sync::biased_mutex::BiasedMutex;
use crate::transport::link::{Joined, Link};
use crate::transport::meet::counts::Counted;
use crate::transport::message::{Label, Sent};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// An established connection.
pub struct Connection {
    pub link: Link,
    pub send: BiasedMutex<SendState>,
    pub recv: BiasedMutex<RecvState>,
    pub requests: Requests,
    /// Bits of the directions that go through rings, as descriptors and sleepers know them.
    pub known_moved: AtomicU32,
    /// Whether `known_moved` no longer changes.
    pub is_settled: AtomicBool,
    /// Whether a sender waits for the peer's HELLO.
    pub awaits_hello: AtomicBool,
    /// Whether part of a message that was taken is still in this process. `SendState` knows it too;
    /// this copy can be read without its lock. Only [`Connection::set_in_flight`] writes it.
    pub owes_remainder: AtomicBool,
    pub spinner: Spinner,
    pub send_waits: AtomicU64,
    pub recv_waits: AtomicU64,
    _slot: Option<Counted>,
}

impl Connection {
    /// Makes a connection of what dialling or accepting has brought together.
    pub fn new(endpoint: &Endpoint, joined: Joined, slot: Option<Counted>) -> Connection {
        let Joined { link, send, recv } = joined;
        Connection {
            send: BiasedMutex::new(SendState::new(send)),
            recv: BiasedMutex::new(RecvState::new(recv, endpoint, link.peer().trust())),
            known_moved: AtomicU32::new(link.stage().moved().bits()),
            is_settled: AtomicBool::new(link.stage().is_final()),
            awaits_hello: AtomicBool::new(false),
            link,
            requests: Requests::new(),
            owes_remainder: AtomicBool::new(false),
            spinner: Spinner::new(),
            send_waits: AtomicU64::new(0),
            recv_waits: AtomicU64::new(0),
            _slot: slot,
        }
    }

    /// Ends it. Loans are dropped; `frame` tells the peer, unless part of a message that was taken
    /// is here still.
    pub fn close(&self, state: &mut SendState, frame: &[u8]) {
        state.half.discard_loans();
        self.link.close(state.is_between_messages().then_some(frame));
    }

    /// Changes what is in flight.
    pub fn set_in_flight(&self, state: &mut SendState, in_flight: InFlight) {
        state.in_flight = in_flight;
        self.owes_remainder.store(state.in_flight.is_remainder(), Ordering::SeqCst);
    }

    /// Keeps the rest of a message that consists of these parts; false if there is no memory.
    pub fn keep(&self, state: &mut SendState, parts: &[&[u8]], label: Label, sent: Sent) -> bool {
        let mut data = state.take_spare();
        let kept = parts.iter().try_for_each(|part| data.extend(part)).is_ok();
        if kept {
            let remainder = Remainder { label, data, sent };
            self.set_in_flight(state, InFlight::Remainder(remainder));
        }
        kept
    }

    /// Keeps the rest of a message for which there is room.
    pub fn keep_rest(&self, state: &mut SendState, message: &[u8], label: Label, sent: Sent) {
        let kept = self.keep(state, &[message], label, sent);
        debug_assert!(kept, "there is room for it");
    }
}
