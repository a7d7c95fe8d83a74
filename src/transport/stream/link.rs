//! What both halves of a channel over a byte stream share.

use crate::error::{Error, Result};
use crate::os::local_socket;
use crate::sync::lock;
use crate::transport::carrier::socket as carrier;
use crate::transport::handshake::upgrade::Upgrade;
use crate::transport::peer::Peer;
use crate::wire::{Header, Kind, refusal};
use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// The most bytes that are read ahead, and that are sent together.
pub const BLOCK: usize = 64 << 10;
/// How many answers to pings are kept until there is room; further pings get no answer.
const PONGS_MAX: usize = 16;

/// How messages are separated on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Each has a header.
    Frames,
    /// Messages are not separated: bytes come as they are.
    Raw,
}

/// What both halves of this side share.
pub struct StreamLink {
    pub peer: Arc<Peer>,
    pub raw: bool,
    pub upgrade: Upgrade,
    pongs: Mutex<VecDeque<Vec<u8>>>,
    owes_pong: AtomicBool,
    /// The end, once the receiving half has met it.
    pub end: OnceLock<Error>,
    /// What the peer is told about the end, if that differs.
    pub refusal: OnceLock<Error>,
}

impl StreamLink {
    /// A stream on which both sides may send.
    pub fn new(peer: Peer, framing: Framing, upgrade: Upgrade) -> Arc<StreamLink> {
        Arc::new(StreamLink {
            peer: Arc::new(peer),
            raw: framing == Framing::Raw,
            upgrade,
            pongs: Mutex::default(),
            owes_pong: AtomicBool::new(false),
            end: OnceLock::new(),
            refusal: OnceLock::new(),
        })
    }

    /// The end, once the receiving half has met it.
    pub fn end(&self) -> Option<&Error> {
        self.end.get()
    }

    /// What the peer is told of a failure.
    pub fn refusal_of(&self, error: &Error) -> Vec<u8> {
        refusal(self.refusal.get().unwrap_or(error))
    }

    /// Sends CLOSE.
    pub fn close(&self, frame: &[u8]) {
        let socket = self.peer.socket.as_fd();
        if !self.raw {
            let sent = local_socket::send(socket, &[IoSlice::new(frame)]);
            if sent.is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
                local_socket::enlarge(socket);
                let _ = local_socket::send(socket, &[IoSlice::new(frame)]);
            }
        }
    }

    /// Whether a ping waits for its answer, which goes out on the socket alone.
    #[inline]
    pub fn owes_pong(&self) -> bool {
        self.owes_pong.load(Ordering::Relaxed)
    }

    /// Keeps the answer to a ping.
    pub fn owe_pong(&self, payload: &[u8]) {
        let mut pongs = lock(&self.pongs);
        if pongs.len() < PONGS_MAX {
            let mut frame = Header::plain(Kind::Pong, payload.len()).encode().to_vec();
            frame.extend_from_slice(payload);
            pongs.push_back(frame);
            self.owes_pong.store(true, Ordering::Relaxed);
        }
    }

    /// The next answer to a ping. Once it returns None, none is owed. Call it when the previous
    /// answer is out.
    pub fn next_pong(&self) -> Option<Vec<u8>> {
        let mut pongs = lock(&self.pongs);
        let next = pongs.pop_front();
        self.owes_pong.store(next.is_some(), Ordering::Relaxed);
        next
    }

    /// Sends; 0 if the kernel has no room.
    pub fn send(&self, parts: &[IoSlice<'_>]) -> Result<usize> {
        carrier::send(self.peer.socket.as_fd(), parts)
    }
}

/// The error for an end in good order, with the reason that the peer gave.
pub fn closed_because(reason: &str) -> Error {
    let detail = format!("the peer has closed the channel: {reason}; connect again to go on");
    Error::new(crate::error::Status::Closed, detail)
}
