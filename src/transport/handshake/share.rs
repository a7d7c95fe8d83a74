//! What a listener hands over with SHARE: the memory of two rings, and a wake-up pipe for each
//! side.

use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::os::fork::Fd;
use crate::os::pipe;
use crate::ring::mapping::{Shared, granted_ring_size};
use crate::wire::Share;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// Descriptors that come with SHARE: the memfd and two pipes.
pub const SHARED_FDS: usize = 3;

/// The wake-ups and the memory of a channel over rings.
pub struct Rings {
    pub shared: Arc<Shared>,
    pub own_wake: Fd,
    pub peer_wake: Fd,
}

/// What a listener hands over.
pub struct Offer {
    share: Share,
    memfd: Fd,
    /// The descriptor of this side's pipe that the peer writes to, and that of the peer's own pipe,
    /// which it reads.
    ends: (Fd, Fd),
}

impl Offer {
    /// Makes rings for a peer of this user, with the ring size that its HELLO asks for.
    pub fn new(own: &Endpoint, ring_wish: u32, uid: u32) -> Result<(Offer, Rings)> {
        let to_listener = granted_ring_size(own.ring, ring_wish.into(), own.ring_max);
        let to_connector = granted_ring_size(own.ring, 0, own.ring_max);
        let (shared, memfd, share) = Shared::create(to_listener, to_connector)?;
        let failed = |error| Error::system("making a wake-up pipe", &error);
        let (own_read, own_write) = pipe::make(uid).map_err(failed)?;
        let (peer_read, peer_write) = pipe::make(uid).map_err(failed)?;
        let own_wake = pipe::reopen(own_read.as_fd()).map_err(failed)?;
        let peer_wake = pipe::reopen(peer_write.as_fd()).map_err(failed)?;
        let rings = Rings { shared, own_wake, peer_wake };
        Ok((Offer { share, memfd, ends: (own_write, peer_read) }, rings))
    }

    /// The SHARE frame.
    pub fn frame(&self) -> Vec<u8> {
        self.share.encode()
    }

    /// The descriptors that go with it.
    pub fn descriptors(&self) -> [BorrowedFd<'_>; SHARED_FDS] {
        [self.memfd.as_fd(), self.ends.0.as_fd(), self.ends.1.as_fd()]
    }
}

/// Checks and maps what a listener handed over: the memfd, and two pipes.
pub fn open(payload: &[u8], fds: Vec<Fd>) -> Result<Rings> {
    let share = Share::decode(payload)?;
    let Ok([memfd, peer_wake, own_wake]) = <[Fd; SHARED_FDS]>::try_from(fds) else {
        return Err(wrong_descriptors());
    };
    let reopen = |fd: &Fd| {
        pipe::reopen(fd.as_fd()).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => Error::protocol(error.to_string()),
            _ => Error::system("opening a wake-up pipe", &error),
        })
    };
    let shared = Shared::open(memfd.as_fd(), &share)?;
    Ok(Rings { shared, own_wake: reopen(&own_wake)?, peer_wake: reopen(&peer_wake)? })
}

pub fn wrong_descriptors() -> Error {
    Error::protocol(format!("SHARE did not bring exactly {SHARED_FDS} descriptors"))
}
