//! What a listener counts: each connection that it takes ends up in one of these numbers.

use crate::error::{Error, Status};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A listener's counts. The thread that drives the acceptor writes them, and any may read them.
#[derive(Default)]
pub struct Counts {
    pub accepted: AtomicU64,
    pub refused_user: AtomicU64,
    pub refused_full: AtomicU64,
    pub refused_protocol: AtomicU64,
    pub timed_out: AtomicU64,
    pub lost: AtomicU64,
    /// Handshakes that are under way now.
    pub pending: AtomicU64,
    /// Channels that exist now.
    pub channels: AtomicU64,
}

impl Counts {
    /// Counts a connection that becomes no channel.
    pub fn end_without_channel(&self, why: &Error) {
        let count = match why.status() {
            Status::Denied => &self.refused_user,
            Status::NoSpace => &self.refused_full,
            Status::TimedOut => &self.timed_out,
            Status::PeerLost | Status::Closed => &self.lost,
            _ => &self.refused_protocol,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// One of those that exist now, counted until it is dropped.
pub struct Counted {
    counts: Arc<Counts>,
    among: fn(&Counts) -> &AtomicU64,
}

impl Counted {
    /// A handshake.
    pub fn handshake(counts: &Arc<Counts>) -> Counted {
        Counted::among(counts, |counts| &counts.pending)
    }

    /// A channel.
    pub fn channel(counts: &Arc<Counts>) -> Counted {
        counts.accepted.fetch_add(1, Ordering::Relaxed);
        Counted::among(counts, |counts| &counts.channels)
    }

    fn among(counts: &Arc<Counts>, among: fn(&Counts) -> &AtomicU64) -> Counted {
        among(counts).fetch_add(1, Ordering::Relaxed);
        Counted { counts: Arc::clone(counts), among }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.among)(&self.counts).fetch_sub(1, Ordering::Relaxed);
    }
}
