//! A channel over two rings in shared memory. A message goes in as one record, or as fragments
//! where it is longer than half a ring; nobody is woken who does not wait.

mod recv;

pub use recv::RingRecv;

use super::peer::{Peer, closed_by_peer};
use super::{Label, Outgoing, Role};
use crate::error::Result;
use crate::os::fork::Fd;
use crate::os::pipe;
use crate::os::poll::Wanted;
use crate::readiness::descriptor::Marker;
use crate::readiness::interest::Interest;
use crate::ring::doorbell;
use crate::ring::layout::{TO_CONNECTOR, TO_LISTENER};
use crate::ring::mapping::Shared;
use crate::ring::spans::SpanId;
use crate::ring::spsc::{Reader, Writer};
use crate::transport::handshake::share::Rings;
use crate::wire::{FLAG_MORE, Gather, Header, Kind};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of a batch after which the peer is shown what is there, to work at the same time.
const BATCH_SHOWN: u64 = 16 << 10;

/// What both ends of this side share.
pub struct RingLink {
    peer: Arc<Peer>,
    shared: Arc<Shared>,
    incoming: usize,
    outgoing: usize,
    /// Open for reading and writing, and with no description shared.
    own_wake: Arc<Fd>,
    peer_wake: Fd,
    pub wakeups_sent: AtomicU64,
}

impl RingLink {
    /// This side of what a listener has handed over.
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

    /// The sending end, to be made once.
    pub fn sending(self: &Arc<RingLink>) -> RingSend {
        RingSend { link: Arc::clone(self), writer: Writer::new(&self.shared, self.outgoing) }
    }

    /// The receiving end, to be made once.
    pub fn receiving(self: &Arc<RingLink>, message_size_max: usize) -> RingRecv {
        RingRecv::new(self, Reader::new(&self.shared, self.incoming), message_size_max)
    }

    #[cold]
    fn wake_peer(&self) {
        self.wakeups_sent.fetch_add(1, Ordering::Relaxed);
        pipe::signal(&self.peer_wake);
    }

    /// The peer's end, if it has come: nothing can be sent any more.
    #[inline]
    fn check_peer(&self) -> Result<()> {
        self.peer.look_sometimes();
        if self.is_closed_by_peer() {
            return Err(closed_by_peer());
        }
        match self.peer.is_gone() {
            true => Err(self.peer.loss()),
            false => Ok(()),
        }
    }

    /// The pipe of wake-ups carries a descriptor's mark.
    pub fn marker(&self) -> Marker {
        Marker::pipe(&self.own_wake)
    }

    /// Takes back that this side waits for room; whether it had said so.
    pub fn disarm(&self) -> bool {
        doorbell::disarm_writer(&self.shared, self.outgoing)
    }

    /// Wakes whoever sleeps on this side.
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
            // The look that follows may miss something: rather woken for nothing than never.
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

    /// Nothing more is sent: all that was taken is in the ring.
    pub fn close(&self) {
        if Writer::close(&self.shared, self.outgoing) {
            self.wake_peer();
        }
    }
}

/// The sending end.
pub struct RingSend {
    link: Arc<RingLink>,
    pub writer: Writer,
}

impl RingSend {
    #[inline]
    pub fn push(&mut self, out: &mut Outgoing<'_>) -> Result<bool> {
        self.link.check_peer()?;
        let left = out.data.len();
        if left > self.writer.payload_size_max() || out.sent.has_begun() {
            return self.push_fragments(out);
        }
        let header = data_header(out, left, 0);
        let written = self.writer.write(&header, &mut out.data)?;
        self.show();
        if !written {
            self.tell_refused();
        }
        Ok(written)
    }

    /// Sends a plain message that goes in as one record. False: nothing was done, and `push` says
    /// why.
    #[inline(always)]
    pub fn push_plain(&mut self, tag: u32, data: &[u8]) -> bool {
        let header = Header { tag, ..Header::plain(Kind::Data, data.len()) };
        let written = data.len() <= self.writer.payload_size_max()
            && self.link.check_peer().is_ok()
            && matches!(self.writer.write(&header, &mut Gather::new(&[data])), Ok(true));
        if written {
            self.show();
        }
        written
    }

    /// Sends fragments of a quarter of a ring, so that both sides work at the same time.
    #[cold]
    fn push_fragments(&mut self, out: &mut Outgoing<'_>) -> Result<bool> {
        let most = self.writer.payload_size_max() / 2;
        while !out.data.is_empty() {
            let len = out.data.len().min(most);
            let more = if len < out.data.len() { FLAG_MORE } else { 0 };
            if !self.writer.write(&data_header(out, len, more), &mut out.data)? {
                self.tell_refused();
                return Ok(false);
            }
            out.sent.data += len;
            self.show();
        }
        Ok(true)
    }

    pub fn push_many(&mut self, messages: &[&[u8]]) -> Result<usize> {
        self.link.check_peer()?;
        let most = self.writer.payload_size_max();
        let (mut count, mut hidden, mut full) = (0, 0, false);
        for message in messages {
            if message.len() > most {
                break;
            }
            let header = Header::plain(Kind::Data, message.len());
            if !self.writer.write(&header, &mut Gather::new(&[message]))? {
                full = true;
                break;
            }
            count += 1;
            hidden += message.len() as u64;
            if hidden > BATCH_SHOWN {
                self.show();
                hidden = 0;
            }
        }
        self.show();
        if full {
            self.tell_refused();
        }
        Ok(count)
    }

    /// There is no room. Open views of the reader's may be in the way, so it is to hear of that.
    #[cold]
    fn tell_refused(&self) {
        let (shared, ring) = (&self.link.shared, self.link.outgoing);
        if self.writer.shown().is_some_and(|tail| doorbell::refuse(shared, ring, tail)) {
            self.link.wake_peer();
        }
    }

    /// Shows the peer what is whole, and wakes it if it waits.
    #[inline]
    pub fn show(&mut self) {
        if self.writer.publish() {
            self.link.wake_peer();
        }
    }

    /// The peer's end, if it has come.
    pub fn check_peer(&self) -> Result<()> {
        self.link.check_peer()
    }

    /// Whether there is room for a message of this length, or for its next piece.
    pub fn has_room_for(&mut self, len: usize) -> bool {
        let most = self.writer.payload_size_max();
        let piece = if len > most { most / 2 } else { len };
        // A broken peer is told of by the next send.
        self.writer.has_room_for(piece).unwrap_or(true)
    }

    /// Drops what is being written in place, so that what was sent behind it goes out.
    pub fn discard_loans(&mut self) {
        self.writer.discard_loans();
        self.show();
    }

    /// Reserves a record to be written in place.
    pub fn reserve(&mut self, len: usize) -> Result<Option<SpanId>> {
        self.link.check_peer()?;
        let id = self.writer.reserve(len)?;
        if id.is_none() {
            self.tell_refused();
        }
        Ok(id)
    }
}

#[inline]
fn data_header(out: &Outgoing<'_>, len: usize, more: u8) -> Header {
    let Label { tag, id, flags } = out.label;
    Header { length: len as u32, kind: Kind::Data, flags: flags | more, tag, id }
}
