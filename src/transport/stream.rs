//! A channel over a byte stream: frames that follow each other, or with `raw=1` bytes as they
//! come. A socket's file only dials and accepts; all framing is here.

mod end;
mod recv;
mod send;

pub use recv::StreamRecv;
pub use send::StreamSend;

use super::descriptor::{Token, Watched};
use super::peer::{Peer, lost};
use super::readiness::Direction;
use super::wait::{READ, WRITE};
use crate::error::{Error, Result};
use crate::os::event::{HANG_UP, READABLE, WRITABLE};
use crate::os::kick::Kick;
use crate::os::poll::Wanted;
use crate::os::socket;
use crate::sync::lock;
use crate::wire::{Header, Kind};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// Bytes that are read ahead at most, and sent together at most.
pub const BLOCK: usize = 64 << 10;
/// Answers to pings that are kept until there is room; more pings go unanswered.
const PONGS_MAX: usize = 16;

/// What both ends of this side share.
pub struct StreamLink {
    pub peer: Peer,
    raw: bool,
    pongs: Mutex<VecDeque<Vec<u8>>>,
    owes_pong: AtomicBool,
    /// The end, once the receiving end has met it.
    end: OnceLock<Error>,
}

impl StreamLink {
    /// A stream on which both sides may talk.
    pub fn new(
        peer: Peer,
        raw: bool,
        message_size_max: usize,
    ) -> (Arc<StreamLink>, StreamSend, StreamRecv) {
        let (pongs, owes_pong) = (Mutex::default(), AtomicBool::new(false));
        let link = Arc::new(StreamLink { peer, raw, pongs, owes_pong, end: OnceLock::new() });
        let (send, recv) = (StreamSend::new(&link), StreamRecv::new(&link, message_size_max));
        (link, send, recv)
    }

    /// What the descriptor of this direction watches: the kernel knows both states.
    pub fn watched(&self, direction: Direction) -> Vec<Watched<'_>> {
        self.peer.watched(
            match direction {
                Direction::Receive => READABLE,
                Direction::Send => WRITABLE | HANG_UP,
            },
            Token::Other,
        )
    }

    pub fn poll(&self, interest: u32, kick: Option<&Kick>, time: Option<Duration>) -> Result<()> {
        let socket = self.peer.socket.as_fd();
        let own = match (interest & READ != 0, interest & WRITE != 0) {
            (true, true) => Wanted::readable(socket).or_writable(),
            (true, false) => Wanted::readable(socket),
            (false, _) => Wanted::writable(socket),
        };
        self.peer.poll(own, kick, time)
    }

    pub fn close(&self, frame: Option<&[u8]>) {
        let socket = self.peer.socket.as_fd();
        if let Some(frame) = frame.filter(|_| !self.raw) {
            let sent = socket::send(socket, &[IoSlice::new(frame)]);
            if sent.is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
                socket::enlarge(socket);
                let _ = socket::send(socket, &[IoSlice::new(frame)]);
            }
        }
        socket::shutdown(socket);
    }

    /// Whether a ping waits for its answer.
    #[inline]
    pub fn owes_pong(&self) -> bool {
        self.owes_pong.load(Ordering::Relaxed)
    }

    fn owe_pong(&self, payload: &[u8]) {
        let mut pongs = lock(&self.pongs);
        if pongs.len() < PONGS_MAX {
            let mut frame = Header::plain(Kind::Pong, payload.len()).encode().to_vec();
            frame.extend_from_slice(payload);
            pongs.push_back(frame);
            self.owes_pong.store(true, Ordering::Relaxed);
        }
    }

    /// The next answer to a ping; once there is none, none is owed. To be called when the one
    /// before is out.
    fn next_pong(&self) -> Option<Vec<u8>> {
        let mut pongs = lock(&self.pongs);
        let next = pongs.pop_front();
        self.owes_pong.store(next.is_some(), Ordering::Relaxed);
        next
    }

    /// Sends; 0 where the kernel has no room.
    fn send(&self, parts: &[IoSlice<'_>]) -> Result<usize> {
        match socket::send(self.peer.socket.as_fd(), parts) {
            Ok(count) => Ok(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(match error.raw_os_error() {
                Some(libc::EPIPE | libc::ECONNRESET) => lost(),
                _ => Error::system("sending", &error),
            }),
        }
    }
}

fn closed_because(reason: &str) -> Error {
    let detail = format!("the peer has closed the channel: {reason}");
    Error::new(crate::error::Status::Closed, detail)
}
