//! What both halves of a channel over rings share: the memory, and the wake-ups.

use crate::error::Result;
use crate::os::fork::Fd;
use crate::os::pipe;
use crate::os::poll::Wanted;
use crate::readiness::descriptor::Marker;
use crate::readiness::interest::Interest;
use crate::ring::doorbell;
use crate::ring::layout::{TO_CONNECTOR, TO_LISTENER};
use crate::ring::mapping::Shared;
use crate::ring::spsc::Writer;
use crate::transport::Role;
use crate::transport::handshake::share::Rings;
use crate::transport::peer::{Peer, closed_by_peer};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What both halves of this side share.
pub struct RingLink {
    pub peer: Arc<Peer>,
    pub shared: Arc<Shared>,
    pub incoming: usize,
    pub outgoing: usize,
    /// Open for reading and writing. Its open file description is shared with nothing else.
    own_wake: Arc<Fd>,
    peer_wake: Fd,
    pub wakeups_sent: AtomicU64,
}

impl RingLink {
    /// This side of the rings that a listener has handed over.
    pub fn new(peer: &Arc<Peer>, rings: Rings, role: Role) -> Arc<RingLink> {
        let (incoming, outgoing) = match role {
            Role::Listener => (TO_LISTENER, TO_CONNECTOR),
            Role::Connector => (TO_CONNECTOR, TO_LISTENER),
        };
        Arc::new(RingLink {
            peer: Arc::clone(peer),
            shared: rings.shared,
            incoming,
            outgoing,
            own_wake: Arc::new(rings.own_wake),
            peer_wake: rings.peer_wake,
            wakeups_sent: AtomicU64::new(0),
        })
    }

    #[cold]
    pub fn wake_peer(&self) {
        self.wakeups_sent.fetch_add(1, Ordering::Relaxed);
        pipe::signal(&self.peer_wake);
    }

    /// Returns the peer's end, if it has come: nothing can be sent any more.
    #[inline]
    pub fn check_peer(&self) -> Result<()> {
        self.peer.look_sometimes();
        if self.is_closed_by_peer() {
            return Err(closed_by_peer());
        }
        match self.peer.is_gone() {
            true => Err(self.peer.loss()),
            false => Ok(()),
        }
    }

    /// The pipe of wake-ups, which carries the mark of a descriptor.
    pub fn marker(&self) -> Marker {
        Marker::pipe(&self.own_wake)
    }

    /// Takes back the wish to be woken for room; false if there was none.
    pub fn disarm(&self) -> bool {
        doorbell::disarm_writer(&self.shared, self.outgoing)
    }

    /// Wakes the threads that sleep on this side.
    pub fn wake_self(&self) {
        pipe::signal(&self.own_wake);
    }

    #[inline]
    pub fn glance(&self) -> (u64, u64) {
        let (tail, head) = doorbell::positions(&self.shared, self.incoming, self.outgoing);
        // The end counts as a change too.
        let ended = self.is_closed_by_peer() || self.peer.is_gone();
        (tail, head | u64::from(ended))
    }

    pub fn arm(&self, interest: Interest) {
        let records =
            !interest.has(Interest::READ) || doorbell::arm_reader(&self.shared, self.incoming);
        let room =
            !interest.has(Interest::WRITE) || doorbell::arm_writer(&self.shared, self.outgoing);
        if !(records && room) {
            // The next look may miss something: a needless wake-up is better than none.
            pipe::signal(&self.own_wake);
        }
    }

    pub fn drain(&self) -> bool {
        pipe::drain(&self.own_wake)
    }

    /// The pipe of wake-ups, to wait for.
    pub fn wake_ups(&self) -> Wanted {
        Wanted::readable(self.own_wake.as_fd())
    }

    /// Whether the peer's writer has ended in good order.
    pub fn is_closed_by_peer(&self) -> bool {
        doorbell::is_closed(&self.shared, self.incoming)
    }

    /// Tells the peer that nothing more is sent: everything that was taken is in the ring.
    pub fn close(&self) {
        if Writer::close(&self.shared, self.outgoing) {
            self.wake_peer();
        }
    }
}
