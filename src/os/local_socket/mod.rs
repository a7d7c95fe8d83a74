//! Moving bytes and descriptors through a local socket, and who is at its other end. No verb
//! blocks, or raises a signal; none owns the socket. Descriptors that a peer attaches arrive by
//! [`recv_with_fds`] alone: everywhere else they are dropped, or refused.
//!
//! - [`pair`] makes two sockets that are connected to each other; the caller owns both. It fails
//!   where there is no descriptor.
//! - [`send`] sends what there is room for: how many bytes. [`send_with_fds`] does so with
//!   descriptors on the first byte, which stay the caller's. WouldBlock where there is no room; a
//!   peer that has gone is [`Cause::PeerGone`](crate::os::cause::Cause::PeerGone).
//! - [`enlarge`] makes room for a last frame, if the system lets it. It can't fail.
//! - [`recv`] receives what has come: how many bytes, 0 is the end. [`recv_filling`] does so behind
//!   what is filled of a caller's memory, [`recv_into`] behind what a buffer holds. WouldBlock
//!   where nothing has come; ConnectionReset where the peer has gone with bytes unread; OutOfMemory
//!   for the buffer.
//! - [`recv_with_fds`] receives descriptors too, which the caller owns then. Too many of them are
//!   an error, InvalidData, and closed; where this process has no place for them, they are lost.
//! - [`peek`] looks at the first bytes that have come, and leaves them there; None if fewer have.
//! - [`shutdown`] ends both directions, and wakes who waits on either side. It can't fail.
//! - [`refuse_descriptors`] lets the system refuse those that a peer attaches from here on, where
//!   it can.
//! - [`set_backlog`] sets how many connections a listening socket holds before they are accepted.
//! - [`is_connected`] tells whether a socket has a peer.
//! - [`is_bound`] tells whether a living socket has this path, without disturbing who listens
//!   there; it fails where the system can't tell.
//! - [`credentials`] tells who made the other end, as the system knows.
//! - [`watch_peer`] gives a descriptor, which the caller owns, that is readable once the process at
//!   the other end has died. By its number alone that may be another process by now: the socket
//!   must still be up afterwards. It fails where the system can't, or has no descriptor.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{
    credentials, enlarge, is_bound, is_connected, pair, peek, recv, recv_filling, recv_into,
    recv_with_fds, refuse_descriptors, send, send_with_fds, set_backlog, shutdown, watch_peer,
};

/// What [`recv_with_fds`] received.
pub struct WithFds {
    /// Bytes; 0 is the end.
    pub count: usize,
    /// Whether descriptors were lost, as this process has no place for them.
    pub has_lost_fds: bool,
}

/// Who is at the other end, as the system says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub pid: i32,
    pub uid: u32,
    pub gid: u32,
}
