//! The private part that a side has of the wait words of its rings.

use crate::sync::{AtomicU32, Mutex};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// The private part of one wait word.
pub(crate) struct OwnWait {
    /// 1: this side has said BUSY at some time. If it never did, a peer that writes BUSY can't make
    /// it call for a barrier.
    pub said_busy: AtomicU32,
    /// Whether it has armed since it last considered saying BUSY. This is a hint, which no model
    /// needs.
    pub armed: AtomicBool,
    /// A thread that arms holds this lock. So a thread that finds WAITS knows that the barrier for
    /// it is done. The value is the time since when WAITS has replaced BUSY without a barrier.
    pub unfenced: Mutex<Option<Instant>>,
}

/// The private parts of both halves of a ring.
pub(crate) struct OwnWaits {
    pub reader: OwnWait,
    pub writer: OwnWait,
}

impl OwnWaits {
    /// The private parts of a ring that no thread has used yet.
    pub fn new() -> OwnWaits {
        let own = || OwnWait {
            said_busy: AtomicU32::new(0),
            armed: AtomicBool::new(false),
            unfenced: Mutex::new(None),
        };
        OwnWaits { reader: own(), writer: own() }
    }
}
