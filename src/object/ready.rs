//! The descriptor of a segment, which exists once it was asked for: an epoll of a watch on the
//! object, a timer, and a mark.
//!
//! A watch hears of a death when the kernel closes the dead one's descriptor, a moment before it
//! gives up the locks of that. So the timer makes the descriptor readable once more a little
//! later.

use crate::error::{Error, Result};
use crate::os::event::{Epoll, READABLE, always_ready, clear, set_timer, timerfd};
use crate::os::fork::Fd;
use crate::os::watch::{Watch, drain};
use crate::shm::holder::Holder;
use crate::sync::{Mutex, Ordering, lock};
use once_cell::sync::OnceCell;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// How long after somebody left one looks again whether it had the lock.
const SECOND_LOOK: Duration = Duration::from_millis(10);

/// The descriptor, if there is one.
pub struct Ready(OnceCell<Set>);

struct Set {
    epoll: Epoll,
    watch: Watch,
    always: std::sync::Arc<Fd>,
    timer: Mutex<Option<Fd>>,
}

impl Ready {
    pub fn new() -> Ready {
        Ready(OnceCell::new())
    }

    /// The descriptor; it starts readable.
    pub fn fd(&self, holder: &Holder) -> Result<BorrowedFd<'_>> {
        let made = self.0.get_or_try_init(|| {
            let set = Set {
                epoll: Epoll::new()?,
                watch: Watch::new(holder.fd().as_fd())?,
                always: always_ready()?,
                timer: Mutex::new(None),
            };
            set.epoll.add(set.watch.as_fd(), READABLE, 0)?;
            set.epoll.add(set.always.as_fd(), READABLE, 0)?;
            Ok(set)
        });
        let made = made.map_err(|error: std::io::Error| Error::system("watching", &error));
        made.map(|set| set.epoll.fd().as_fd())
    }

    /// Makes the descriptor unreadable, and asks to be told of the next change and unlock; false
    /// if there is none. Whoever calls must look once more.
    pub fn settle(&self, holder: &Holder) -> bool {
        let Some(set) = self.0.get() else {
            return false;
        };
        let mut timer = lock(&set.timer);
        set.epoll.remove(set.always.as_fd());
        if drain(set.watch.as_fd()).closed {
            let _ = set.look_later(&mut timer);
        } else if let Some(timer) = &*timer {
            clear(timer.as_fd());
        }
        if let Some(lock) = holder.lock() {
            // SYNC watched: SeqCst, before the look that follows.
            holder.header().watched.store(1, Ordering::SeqCst);
            lock.watch();
        }
        true
    }

    /// Makes the descriptor readable until the next [`Ready::settle`].
    pub fn mark(&self) {
        if let Some(set) = self.0.get() {
            let _timer = lock(&set.timer);
            let _ = set.epoll.set(set.always.as_fd(), READABLE, 0);
        }
    }

    /// What was found after settling: what was looked for, so that there may be more, or dead ones
    /// to look for again later.
    pub fn after(&self, found: bool, later: bool) {
        if found {
            self.mark();
        } else if let Some(set) = self.0.get().filter(|_| later) {
            let _ = set.look_later(&mut lock(&set.timer));
        }
    }
}

impl Set {
    fn look_later(&self, timer: &mut Option<Fd>) -> std::io::Result<()> {
        if timer.is_none() {
            let fresh = timerfd()?;
            self.epoll.add(fresh.as_fd(), READABLE, 0)?;
            *timer = Some(fresh);
        }
        if let Some(timer) = timer {
            set_timer(timer.as_fd(), Some(SECOND_LOOK));
        }
        Ok(())
    }
}
