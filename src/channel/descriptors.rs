//! A channel's two descriptors: one for receiving, one for sending. Each is made at the first
//! request for it, and stays the same.

use super::Channel;
use super::connection::Connection;
use super::core::Core;
use crate::error::{Error, Result};
use crate::os::fork::generation;
use crate::readiness::descriptor::{Descriptor, Marker};
use crate::readiness::{DIRECTIONS, Direction};
use crate::sync::lock;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

impl Channel {
    /// A descriptor that is readable while there may be a message, progress of connecting, the end,
    /// or something that the library itself must still send, such as the rest of a message. It
    /// shows a state: only a receiving call that returns [`Status::Again`] makes it unreadable.
    /// Never read or write it. It is made by the first call, and stays the same.
    ///
    /// [`Status::Again`]: crate::Status::Again
    pub fn fd(&self) -> Result<BorrowedFd<'_>> {
        let shown = self.explain("fd", self.core.descriptor(Direction::Receive))?;
        Ok(shown.wait_set().fd().as_fd())
    }

    /// A descriptor that is readable while a send may succeed, on progress of connecting, and at
    /// the end. It starts readable. Only a send, commit or flush that returns [`Status::Again`] or
    /// [`Status::TimedOut`], or leaves part of a message here, makes it unreadable. It then waits
    /// for the room that the last refused message needs: a shorter message may fit earlier.
    ///
    /// Wait for it only while there is something to send. Never read or write it. It is made by the
    /// first call, and stays the same.
    ///
    /// [`Status::Again`]: crate::Status::Again
    /// [`Status::TimedOut`]: crate::Status::TimedOut
    pub fn send_fd(&self) -> Result<BorrowedFd<'_>> {
        let shown = self.explain("send_fd", self.core.descriptor(Direction::Send))?;
        Ok(shown.wait_set().fd().as_fd())
    }
}

impl AsFd for Channel {
    /// Returns the descriptor of [`Channel::fd`]; panics if the process has no descriptor left for
    /// it.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd().expect("a descriptor for the channel")
    }
}

impl AsRawFd for Channel {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl Core {
    /// One of the channel's two descriptors, made by the first call.
    pub fn descriptor(&self, direction: Direction) -> Result<&Descriptor> {
        if self.generation != generation() {
            return Err(Error::forked());
        }
        let mut connecting = lock(&self.connecting);
        if let Some(descriptor) = self.readiness.get(direction) {
            return Ok(descriptor);
        }
        let of_link = self.get_connection().and_then(|connection| connection.link.marker());
        let known = DIRECTIONS.iter().find_map(|other| self.readiness.get(*other));
        let marker = match (of_link, known) {
            (Some(marker), _) => Ok(marker),
            (None, Some(other)) => Ok(other.marker()),
            (None, None) => Marker::eventfd(),
        };
        let made = marker.and_then(|marker| match (self.get_connection(), connecting.as_mut()) {
            (Some(connection), _) => Descriptor::new(marker, &connection.link.watched(direction)),
            (None, Some(stage)) => Descriptor::new(marker, &stage.watched()),
            (None, None) => Descriptor::new(marker, &[]),
        });
        let made = made.map_err(|error| Error::system("making its descriptor", &error))?;
        Ok(self.readiness.set(direction, made))
    }

    /// Changes what the descriptors show, as the channel has been connected or has moved on. The
    /// caller holds the lock `connecting`, under which they are made.
    pub fn show_link(&self, connection: &Connection) {
        for direction in DIRECTIONS {
            let Some(descriptor) = self.readiness.get(direction) else { continue };
            for watched in connection.link.watched(direction) {
                descriptor.watch(&watched);
            }
            if let Some(marker) = connection.link.marker() {
                descriptor.replace_marker(marker);
            }
        }
    }
}
