//! The descriptor of a segment, which exists once it was asked for: an epoll of a watch on the
//! object, a timer, and a mark.
//!
//! A watch hears of a death when the kernel closes the dead one's descriptor, a moment before it
//! gives up the locks of that. So the timer makes the descriptor readable once more a little
//! later.

use super::refused::{Refusals, Wish};
use crate::error::{Error, Result};
use crate::os::event::{Epoll, READABLE, always_ready, clear, set_timer, timerfd};
use crate::os::fork::Fd;
use crate::os::watch::{Watch, drain};
use crate::shm::holder::Holder;
use crate::shm::lock::Around;
use crate::sync::{Mutex, Ordering, lock};
use once_cell::sync::OnceCell;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How long after somebody left one looks again whether it had the lock.
const SECOND_LOOK: Duration = Duration::from_millis(10);

/// The descriptor, if there is one.
pub struct Ready {
    set: OnceCell<Set>,
    /// Whether calls were refused whose wishes were not granted since.
    owes: AtomicBool,
}

struct Set {
    epoll: Epoll,
    watch: Watch,
    always: std::sync::Arc<Fd>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    timer: Option<Fd>,
    refusals: Refusals,
}

impl Ready {
    pub fn new() -> Ready {
        Ready { set: OnceCell::new(), owes: AtomicBool::new(false) }
    }

    /// The descriptor; it starts readable.
    pub fn fd(&self, holder: &Holder) -> Result<BorrowedFd<'_>> {
        let made = self.set.get_or_try_init(|| {
            let set = Set {
                epoll: Epoll::new()?,
                watch: Watch::new(holder.fd().as_fd())?,
                always: always_ready()?,
                state: Mutex::default(),
            };
            set.epoll.add(set.watch.as_fd(), READABLE, 0)?;
            set.epoll.add(set.always.as_fd(), READABLE, 0)?;
            Ok(set)
        });
        let made = made.map_err(|error: std::io::Error| Error::system("watching", &error));
        made.map(|set| set.epoll.fd().as_fd())
    }

    /// A call is refused its wish: makes the descriptor unreadable, and asks to be told of the next
    /// change and unlock; false if there is none. Whoever calls must look once more.
    pub fn settle(&self, holder: &Holder, wish: Wish) -> bool {
        let Some(set) = self.set.get() else {
            return false;
        };
        let mut state = lock(&set.state);
        set.epoll.remove(set.always.as_fd());
        let second_look = drain(set.watch.as_fd()).closed.then_some(SECOND_LOOK);
        if let Some(timer) = &state.timer {
            clear(timer.as_fd());
        }
        if let Some(lock) = holder.lock() {
            // SYNC watched: SeqCst, before the look that follows.
            holder.header().watched.store(1, Ordering::SeqCst);
            lock.watch();
        }
        // What others came for may have been among what was just drained.
        let due = state.refusals.refuse(wish, |wish| is_granted(holder, wish));
        self.owes.store(true, Ordering::Relaxed);
        if due == Some(Duration::ZERO) {
            set.mark();
        }
        if let Some(time) = second_look.into_iter().chain(due).filter(|time| !time.is_zero()).min()
        {
            let _ = set.look_later(&mut state.timer, time);
        }
        true
    }

    /// A call was granted its wish.
    #[inline]
    pub fn granted(&self, wish: Wish) {
        if self.owes.load(Ordering::Relaxed) {
            self.forget(wish);
        }
    }

    #[cold]
    fn forget(&self, wish: Wish) {
        if let Some(set) = self.set.get() {
            let mut state = lock(&set.state);
            state.refusals.grant(wish);
            self.owes.store(!state.refusals.is_empty(), Ordering::Relaxed);
        }
    }

    /// Makes the descriptor readable until the next [`Ready::settle`].
    pub fn mark(&self) {
        if let Some(set) = self.set.get() {
            let _state = lock(&set.state);
            set.mark();
        }
    }

    /// What was found after settling: what was looked for, so that there may be more, or dead ones
    /// to look for again later.
    pub fn after(&self, found: bool, later: bool) {
        if found {
            self.mark();
        } else if let Some(set) = self.set.get().filter(|_| later) {
            let _ = set.look_later(&mut lock(&set.state).timer, SECOND_LOOK);
        }
    }
}

impl Set {
    fn mark(&self) {
        let _ = self.epoll.set(self.always.as_fd(), READABLE, 0);
    }

    fn look_later(&self, timer: &mut Option<Fd>, time: Duration) -> std::io::Result<()> {
        if timer.is_none() {
            let fresh = timerfd()?;
            self.epoll.add(fresh.as_fd(), READABLE, 0)?;
            *timer = Some(fresh);
        }
        if let Some(timer) = timer {
            set_timer(timer.as_fd(), Some(time));
        }
        Ok(())
    }
}

/// Whether a call that comes now would be granted a wish, as far as that can be told.
fn is_granted(holder: &Holder, wish: Wish) -> bool {
    match wish {
        Wish::Change(seen) => holder.header().version.load(Ordering::SeqCst) != seen,
        Wish::Lock(mode) => holder.lock().is_some_and(|lock| lock.is_open_for(mode)),
        Wish::Units(count) => {
            holder.bring_back();
            holder.semaphore(false).is_some_and(|units| units.free() >= count)
        }
    }
}
