//! What both halves of a channel share: its socket, and its rings once there are some. Each
//! direction goes through one of them.

use super::peer::{Peer, SocketUse};
use super::ring::RingLink;
use super::stream::{Framing, StreamLink, StreamRecv, StreamSend};
use crate::error::{Error, Result};
use crate::os::local_socket;
use crate::os::poll::Wanted;
use crate::os::wait_set::{HANG_UP, READABLE, WRITABLE};
use crate::readiness::Direction;
use crate::readiness::descriptor::{Marker, Token, Watched};
use crate::readiness::interest::Interest;
use crate::readiness::waiters::Source;
use crate::sync::waker::Waker;
use crate::transport::halves::{RecvHalf, SendHalf};
use crate::transport::handshake::stage::Stage;
use crate::transport::handshake::upgrade::Upgrade;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

/// What a handshake has brought together, or the beginning of one.
pub struct Joined {
    pub link: Link,
    pub send: SendHalf,
    pub recv: RecvHalf,
}

impl Joined {
    /// A channel that uses its socket for both directions so far.
    pub fn new(peer: Peer, framing: Framing, upgrade: Upgrade, message_size_max: usize) -> Joined {
        let stream = StreamLink::new(peer, framing, upgrade);
        let send = SendHalf::Stream(StreamSend::new(&stream));
        let recv = RecvHalf::Stream(StreamRecv::new(&stream, message_size_max));
        Joined { link: Link { stream }, send, recv }
    }
}

/// What both halves of a channel share.
pub struct Link {
    stream: Arc<StreamLink>,
}

impl Link {
    /// The peer.
    #[inline]
    pub fn peer(&self) -> &Peer {
        &self.stream.peer
    }

    /// How far the channel has moved into rings.
    #[inline]
    pub fn stage(&self) -> Stage {
        self.stream.upgrade.stage()
    }

    /// Whether this side receives through the ring.
    #[inline]
    pub fn receives_by_ring(&self) -> bool {
        self.stream.upgrade.is_at(Stage::Rings) || self.stage().moved().has(Interest::READ)
    }

    /// Whether this side sends through the ring.
    pub fn sends_by_ring(&self) -> bool {
        self.stage().moved().has(Interest::WRITE)
    }

    /// The size of the largest message that the peer takes, as far as this side knows.
    #[inline]
    pub fn message_size_max(&self) -> usize {
        self.stream.upgrade.message_size_max()
    }

    /// The rings, if a direction uses them.
    pub fn rings(&self) -> Option<&Arc<RingLink>> {
        self.stream.upgrade.rings().filter(|_| self.stage().moved() != Interest::NONE)
    }

    /// Notes that a call of this side is about to sleep.
    pub fn idle(&self) {
        self.stream.upgrade.idle();
    }

    /// Whether this side owes a frame that no call of the program asked for.
    #[inline]
    pub fn owes(&self) -> bool {
        if self.stream.upgrade.is_at(Stage::Rings) {
            return false;
        }
        let stage = self.stage();
        stage.owes() || !stage.moved().has(Interest::WRITE) && self.stream.owes_pong()
    }

    /// Whether this failure is the end that the receiving half has met on the socket.
    pub fn ended_by(&self, failure: &Error) -> bool {
        self.stream.end().is_some_and(|end| end.status() == failure.status())
    }

    /// What the peer is told of a failure.
    pub fn refusal_of(&self, error: &Error) -> Vec<u8> {
        self.stream.refusal_of(error)
    }

    /// Why messages go through the socket, though the endpoint is shm:.
    pub fn fallback(&self) -> Option<&str> {
        self.stream.upgrade.fallback()
    }

    /// The socket events that the channel's descriptor of this direction watches.
    pub fn watched_socket(&self, direction: Direction) -> Watched<'_> {
        let moved = self.stage().moved();
        let (events, token) = match direction {
            _ if moved == Interest::BOTH => (READABLE, Token::End),
            Direction::Receive if moved.has(Interest::READ) => (READABLE, Token::End),
            Direction::Receive => (READABLE, Token::Other),
            Direction::Send if moved.has(Interest::WRITE) => (HANG_UP, Token::End),
            Direction::Send => (WRITABLE | HANG_UP, Token::Other),
        };
        Watched { fd: self.stream.peer.socket.as_fd(), events, token }
    }

    /// What the channel's descriptor of this direction watches beside its marker.
    pub fn watched(&self, direction: Direction) -> Vec<Watched<'_>> {
        let Watched { events, token, .. } = self.watched_socket(direction);
        self.stream.peer.watched(events, token)
    }

    /// What carries the marks of the descriptors, if the link has something that can.
    pub fn marker(&self) -> Option<Marker> {
        self.rings().map(|rings| rings.marker())
    }

    /// Takes back the wish to be woken for room; false if there was none.
    pub fn disarm(&self) -> bool {
        self.sends_by_ring() && self.rings().is_some_and(|rings| rings.disarm())
    }

    /// Wakes the threads that sleep on this side.
    pub fn wake_self(&self) {
        if let Some(rings) = self.rings() {
            rings.wake_self();
        }
    }

    /// A value to compare with later, to see whether looking again is worth it. None if only
    /// looking tells.
    #[inline]
    pub fn glance(&self) -> Option<(u64, u64)> {
        match self.stage() {
            Stage::Rings => self.stream.upgrade.rings().map(|rings| rings.glance()),
            _ => None,
        }
    }

    /// Ends the connection, and wakes polling threads. `frame` is the CLOSE frame that tells the
    /// peer, unless part of a message that was taken is still here: then the peer sees a loss.
    pub fn close(&self, frame: Option<&[u8]>) {
        match (frame, self.rings()) {
            (Some(_), Some(rings)) if self.sends_by_ring() => rings.close(),
            (Some(frame), _) => self.stream.close(frame),
            (None, _) => {}
        }
        local_socket::shutdown(self.stream.peer.socket.as_fd());
    }
}

impl Source for Link {
    fn arm(&self, interest: Interest) {
        if let Some(rings) = self.rings() {
            rings.arm(interest & self.stage().moved());
        }
    }

    fn drain(&self) -> bool {
        self.rings().is_some_and(|rings| rings.drain())
    }

    fn poll(
        &self,
        interest: Interest,
        waker: Option<&Waker>,
        time: Option<Duration>,
    ) -> Result<()> {
        let on_socket = match interest.without(self.stage().moved()) {
            Interest::NONE => SocketUse::End,
            Interest::READ => SocketUse::Read,
            Interest::WRITE => SocketUse::Write,
            _ => SocketUse::Both,
        };
        let wake_ups = self.rings().map_or(Wanted::nothing(), |rings| rings.wake_ups());
        self.stream.peer.poll(on_socket, wake_ups, waker, time)
    }
}
