//! How one thread wakes another that is inside `poll`: an eventfd a thread, made when the thread
//! first waits. Not one a channel, as there are many more channels than waiting threads.

use super::event;
use super::fork::{Fd, generation};
use super::thread::{PerThread, Slot};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// A thread's own wake-up.
pub struct Kick {
    fd: Fd,
    generation: u32,
}

static OWN: PerThread<Option<Arc<Kick>>> = PerThread::new(Slot::Kick);

impl Kick {
    /// This thread's wake-up; None where no descriptor is left for it.
    pub fn own() -> Option<Arc<Kick>> {
        let own = OWN.with(|own| {
            let fresh = own.as_ref().is_some_and(|kick| kick.generation == generation());
            if !fresh {
                let fd = event::eventfd().ok()?;
                *own = Some(Arc::new(Kick { fd, generation: generation() }));
            }
            own.clone()
        });
        own.flatten()
    }

    /// Makes the thread's poll return.
    pub fn give(&self) {
        event::signal(self.fd.as_fd());
    }

    /// Forgets kicks that were given.
    pub fn clear(&self) {
        event::clear(self.fd.as_fd());
    }

    /// What the thread polls.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
