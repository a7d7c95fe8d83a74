//! How a stream ends, as its receiving half sees it.

use super::link::BLOCK;
use crate::error::Error;
use crate::os::local_socket;
use crate::transport::peer::{closed_by_peer, lost};
use crate::transport::stream::recv::StreamRecv;
use crate::wire::{HEADER_SIZE, Header, Kind, SHARE_ANSWER_SIZE};
use std::os::fd::AsFd;

impl StreamRecv {
    /// Whether bytes come without frames.
    pub fn is_raw(&self) -> bool {
        self.link.raw
    }

    /// The error for an end without CLOSE. With raw=1 a stream can't end otherwise.
    pub(super) fn end_without_close(&self) -> Error {
        if self.link.raw { closed_by_peer() } else { lost() }
    }

    /// Notes the end, after which nothing comes; the first reason counts.
    pub(super) fn ended(&self, end: Error) -> Error {
        let end = self.link.end.get_or_init(|| end).clone();
        self.link.peer.note_end();
        end
    }

    /// Why the peer ended, if it said so behind what is still to be received. A sender that found
    /// the socket broken asks this.
    pub fn end_seen_ahead(&mut self) -> Option<Error> {
        if self.link.raw {
            return Some(closed_by_peer());
        }
        self.compact();
        self.has_dropped_fds = true;
        // The peer is gone, so its frames come to an end; the limit bounds what a hostile one has
        // sent.
        for _ in 0..64 {
            let socket = self.link.peer.socket.as_fd();
            if !local_socket::recv_into(socket, &mut self.ahead, BLOCK).is_ok_and(|count| count > 0)
            {
                break;
            }
        }
        if let Some(end) = self.link.end.get() {
            return Some(end.clone());
        }
        let mut at = self.frame.left();
        loop {
            let header = self.ahead.bytes().get(at..)?.first_chunk::<HEADER_SIZE>()?;
            let header = Header::decode(header).ok()?;
            let payload = self.ahead.bytes().get(at + HEADER_SIZE..)?;
            let payload = payload.get(..header.length as usize)?;
            match header.kind {
                Kind::Close => return Some(self.end_by_close(payload)),
                // After the move the rest is in the ring.
                Kind::Share if payload.len() == SHARE_ANSWER_SIZE => {
                    return self.link.upgrade.end_in_ring();
                }
                _ => at += HEADER_SIZE + header.length as usize,
            }
        }
    }
}
