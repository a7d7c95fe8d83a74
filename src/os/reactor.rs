//! Descriptors that tokio's reactor waits for. Nothing here blocks.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A descriptor, and the handle that it belongs to, which keeps it open.
pub struct Kept<T> {
    fd: RawFd,
    _handle: Arc<T>,
}

impl<T> AsRawFd for Kept<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.fd
    }
}

impl<T> AsFd for Kept<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the handle keeps it open, and this value keeps the handle.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }
}

/// Registers a descriptor of a handle with the runtime of the caller, to wait until it is
/// readable. Fails where there is no memory for it, or the system refuses. Panics outside of a
/// runtime, and in one without I/O.
pub fn watch<T>(
    handle: &Arc<T>,
    fd: impl FnOnce(&T) -> BorrowedFd<'_>,
) -> io::Result<AsyncFd<Kept<T>>> {
    let kept = Kept { fd: fd(handle).as_raw_fd(), _handle: Arc::clone(handle) };
    // SAFETY: the descriptor was borrowed from the handle, so it is open and the same for as long
    // as the handle is there; `Kept` keeps the handle until tokio has forgotten the descriptor.
    let watched = unsafe { AsyncFd::register_with_interest(kept, Interest::READABLE) };
    Ok(watched?)
}
