//! A local socket that moves bytes. No call here blocks, or owns the socket. If the kernel has no
//! room nothing is sent; if the peer is gone the call gives TN_PEER_LOST.

use crate::error::{Error, Result};
use crate::os::cause::Cause;
use crate::os::local_socket;
use crate::transport::peer::lost;
use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::BorrowedFd;

/// Sends as much of the parts as there is room for, and returns how many bytes.
pub fn send(socket: BorrowedFd<'_>, parts: &[IoSlice<'_>]) -> Result<usize> {
    or_full(local_socket::send(socket, parts))
}

/// Sends a short frame whole or not at all; false if the kernel has no room.
pub fn say(socket: BorrowedFd<'_>, frame: &[u8]) -> Result<bool> {
    whole(send(socket, &[IoSlice::new(frame)])?, frame)
}

/// Sends a short frame with descriptors whole or not at all; false if the kernel has no room.
pub fn say_with_fds(socket: BorrowedFd<'_>, frame: &[u8], fds: &[BorrowedFd<'_>]) -> Result<bool> {
    whole(or_full(local_socket::send_with_fds(socket, frame, fds))?, frame)
}

fn whole(sent: usize, frame: &[u8]) -> Result<bool> {
    match sent {
        0 => Ok(false),
        sent if sent == frame.len() => Ok(true),
        _ => Err(lost()),
    }
}

/// The result of sending; 0 if the kernel has no room.
fn or_full(sent: io::Result<usize>) -> Result<usize> {
    match sent {
        Ok(count) => Ok(count),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        Err(error) => Err(match Cause::of(&error) {
            Cause::PeerGone => lost(),
            _ => Error::system("sending", &error),
        }),
    }
}
