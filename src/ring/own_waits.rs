//! What a side keeps to itself of the wait words of its rings.

use crate::sync::{AtomicU32, Mutex};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// What a side keeps to itself of one of its wait words.
pub(crate) struct OwnWait {
    /// 1: it has said BUSY at some time. So a peer that writes BUSY where this side never did
    /// makes it call for no barrier.
    pub said_busy: AtomicU32,
    /// Whether it has armed since it last came to saying BUSY. A hint, which no model needs.
    pub armed: AtomicBool,
    /// Held by one who arms: so whoever finds WAITS knows that the barrier for it is through.
    /// Since when WAITS stands there for BUSY, where no barrier was to be had.
    pub unfenced: Mutex<Option<Instant>>,
}

/// Those of both halves of a ring.
pub(crate) struct OwnWaits {
    pub reader: OwnWait,
    pub writer: OwnWait,
}

impl OwnWaits {
    /// Those of a ring that nobody has used yet.
    pub fn new() -> OwnWaits {
        let own = || OwnWait {
            said_busy: AtomicU32::new(0),
            armed: AtomicBool::new(false),
            unfenced: Mutex::new(None),
        };
        OwnWaits { reader: own(), writer: own() }
    }
}
