//! How one thread wakes another that is inside `poll`: an eventfd a thread, made when the thread
//! first waits. Not one a channel, as there are many more channels than waiting threads.

use crate::os::fork::{Fd, generation};
use crate::os::thread_local::{PerThread, Slot};
use crate::os::wait_set;
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
                let fd = wait_set::eventfd().ok()?;
                *own = Some(Arc::new(Kick { fd, generation: generation() }));
            }
            own.clone()
        });
        own.flatten()
    }

    /// Makes the thread's poll return.
    pub fn give(&self) {
        wait_set::signal(self.fd.as_fd());
    }

    /// Forgets kicks that were given.
    pub fn clear(&self) {
        wait_set::clear(self.fd.as_fd());
    }

    /// What the thread polls.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
