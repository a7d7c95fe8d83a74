//! How a stream ends, as its receiving end sees it.

use super::BLOCK;
use super::recv::StreamRecv;
use crate::error::Error;
use crate::os::socket;
use crate::transport::peer::{closed_by_peer, lost};
use crate::wire::{HEADER_SIZE, Header, Kind};
use std::os::fd::AsFd;

impl StreamRecv {
    /// With raw=1 there is no other way to end.
    pub(super) fn end_without_close(&self) -> Error {
        if self.link.raw { closed_by_peer() } else { lost() }
    }

    /// Nothing more comes; the first reason counts.
    pub(super) fn ended(&self, end: Error) -> Error {
        self.link.end.get_or_init(|| end).clone()
    }

    /// Why the peer ended, if it said so behind what is still to be received: for a sender that
    /// found the socket broken.
    pub fn end_seen_ahead(&mut self) -> Option<Error> {
        if self.link.raw {
            return Some(closed_by_peer());
        }
        self.compact();
        // The peer is gone, so this ends; a hostile one is not followed further than this.
        for _ in 0..64 {
            let socket = self.link.peer.socket.as_fd();
            if !socket::recv_into(socket, &mut self.ahead, BLOCK).is_ok_and(|count| count > 0) {
                break;
            }
        }
        if let Some(end) = self.link.end.get() {
            return Some(end.clone());
        }
        let mut at = self.partial.as_ref().map_or(0, |partial| partial.frame_left);
        loop {
            let header = self.ahead.bytes().get(at..)?.first_chunk::<HEADER_SIZE>()?;
            let header = Header::decode(header).ok()?;
            if header.kind == Kind::Close {
                return Some(closed_by_peer());
            }
            at += HEADER_SIZE + header.length as usize;
        }
    }
}
