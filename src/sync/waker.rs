//! How one thread wakes another that is inside `poll`: by an eventfd of each thread, made when the
//! thread first waits. One of each channel would be more, as there are many more channels than
//! waiting threads.

use crate::os::fork::{Fd, generation};
use crate::os::poll::{Wanted, poll};
use crate::os::thread_local::{PerThread, Slot};
use crate::os::wait_set;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

/// The wake-up of a thread.
pub struct Waker {
    fd: Fd,
    generation: u32,
}

static OWN: PerThread<Option<Arc<Waker>>> = PerThread::new(Slot::Waker);

impl Waker {
    /// This thread's wake-up; None if the process has no descriptor left for it.
    pub fn own() -> Option<Arc<Waker>> {
        let own = OWN.with(|own| {
            let fresh = own.as_ref().is_some_and(|waker| waker.generation == generation());
            if !fresh {
                let fd = wait_set::event().ok()?;
                *own = Some(Arc::new(Waker { fd, generation: generation() }));
            }
            own.clone()
        });
        own.flatten()
    }

    /// Makes the thread's poll return.
    pub fn wake(&self) {
        wait_set::signal(self.fd.as_fd());
    }

    /// Forgets the wake-ups so far.
    fn clear(&self) {
        wait_set::clear(self.fd.as_fd());
    }
}

/// How many descriptors a thread can wait for at once, besides the waker.
const AT_ONCE: usize = 3;

/// Sleeps until one of `wanted` is ready, `waker` wakes this thread, or the time is over. Returns
/// the state of each of `wanted`.
/// is then.
pub fn poll_with_waker<const N: usize>(
    wanted: [Wanted; N],
    waker: Option<&Waker>,
    time: Option<Duration>,
) -> io::Result<[Wanted; N]> {
    const { assert!(N <= AT_ONCE) };
    let mut all = [Wanted::nothing(); AT_ONCE + 1];
    all[..N].copy_from_slice(&wanted);
    if let Some(waker) = waker {
        all[N] = Wanted::readable(waker.fd.as_fd());
    }
    poll(&mut all[..=N], time)?;
    if let Some(waker) = waker.filter(|_| all[N].is_readable()) {
        waker.clear();
    }
    Ok(std::array::from_fn(|index| all[index]))
}
