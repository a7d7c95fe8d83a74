//! A descriptor of a named object, which exists once it was asked for: an epoll of the handle's
//! doorbell, and on demand of a timer. It shows a state: it is readable unless the last call that
//! came for the same and may not wait was refused, and nothing was heard since.

use crate::error::{Error, Result};
use crate::object::holder::Holder;
use crate::object::layout::Purpose;
use crate::object::wait::slice_after;
use crate::os::fifo;
use crate::os::fork::Fd;
use crate::os::wait_set::{Epoll, READABLE, WRITABLE, set_timer, timerfd};
use crate::sync::{Mutex, lock};
use once_cell::sync::OnceCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// How soon it is shown again at first to who was refused, as nobody hears of a death; less often
/// where it takes longer.
const SOON_MIN: Duration = Duration::from_millis(5);
/// After a pause like this, waiting begins anew.
const RUN_PAUSE: Duration = Duration::from_secs(1);
/// Where only who came for less would be served.
const RARELY: Duration = Duration::from_millis(500);

/// When a descriptor is shown again though nobody signals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recheck {
    Never,
    /// Somebody's death may be what is waited for.
    Soon,
    /// Others may come for less, and what they get may come back by their deaths.
    Rarely,
}

/// The descriptor, if there is one.
pub struct ObjectDescriptor {
    purpose: Purpose,
    made: OnceCell<Made>,
}

struct Made {
    epoll: Epoll,
    state: Mutex<State>,
}

/// The doorbell can be read and written, and written unless it is full: so whether the epoll waits
/// for the one alone or for both is whether it shows the doorbell, or is readable in any case.
struct State {
    marked: bool,
    timer: Option<Fd>,
    /// When the timer goes off.
    due: Option<Instant>,
    /// When the first call and the last one of many were refused.
    refused: Option<(Instant, Instant)>,
}

impl ObjectDescriptor {
    pub fn new(purpose: Purpose) -> ObjectDescriptor {
        ObjectDescriptor { purpose, made: OnceCell::new() }
    }

    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The descriptor; it starts readable.
    pub fn fd(&self, holder: &Holder) -> Result<BorrowedFd<'_>> {
        let made = self.made.get_or_try_init(|| {
            let failed = |error: io::Error| Error::system("making a descriptor", &error);
            let epoll = Epoll::new().map_err(failed)?;
            let doorbell = holder.doorbell(self.purpose)?.as_fd();
            epoll.add(doorbell, READABLE | WRITABLE, 0).map_err(failed)?;
            let state = State { marked: true, timer: None, due: None, refused: None };
            Ok(Made { epoll, state: Mutex::new(state) })
        });
        made.map(|made| made.epoll.fd().as_fd())
    }

    /// A call is refused: makes the descriptor unreadable until the doorbell is signalled. False if
    /// there is none, or it stays readable. Whoever calls must look once more.
    pub fn hide(&self, holder: &Holder) -> bool {
        let Some(made) = self.made.get() else {
            return false;
        };
        let mut state = lock(&made.state);
        // After a close it stays readable: that comes here either before this look or behind it.
        let Some(doorbell) = holder.own_doorbell(self.purpose).filter(|_| !holder.is_detached())
        else {
            return false;
        };
        if state.marked && made.epoll.modify(doorbell.as_fd(), READABLE, 0).is_err() {
            return false;
        }
        state.marked = false;
        fifo::drain(doorbell);
        let now = Instant::now();
        if state.due.is_some_and(|due| due <= now) {
            state.stop();
        }
        let began = state.refused.filter(|(_, last)| now.duration_since(*last) < RUN_PAUSE);
        state.refused = Some((began.map_or(now, |(began, _)| began), now));
        holder.subscribe(self.purpose);
        true
    }

    /// Makes the descriptor readable until the next call is refused.
    pub fn show(&self, holder: &Holder) {
        if let Some(made) = self.made.get() {
            made.mark(&mut lock(&made.state), self.purpose, holder);
        }
    }

    /// Makes the descriptor readable in a while, if nothing else does.
    pub fn show_later(&self, holder: &Holder, recheck: Recheck) {
        let Some(made) = self.made.get() else {
            return;
        };
        let mut state = lock(&made.state);
        let now = Instant::now();
        let time = match recheck {
            Recheck::Never => return state.stop(),
            Recheck::Soon => {
                let taken = state.refused.map_or(Duration::ZERO, |(began, _)| now - began);
                slice_after(taken, SOON_MIN)
            }
            Recheck::Rarely => RARELY,
        };
        if state.due.is_some_and(|due| due <= now + time) {
            return;
        }
        match made.set_timer(&mut state, time) {
            Ok(()) => state.due = Some(now + time),
            Err(_) => made.mark(&mut state, self.purpose, holder),
        }
    }
}

impl State {
    fn stop(&mut self) {
        if let Some(timer) = self.timer.as_ref().filter(|_| self.due.take().is_some()) {
            set_timer(timer.as_fd(), None);
        }
    }
}

impl Made {
    /// What can't be marked has its doorbell signalled, which is as good.
    fn mark(&self, state: &mut State, purpose: Purpose, holder: &Holder) {
        if state.marked {
            return;
        }
        if let Some(doorbell) = holder.own_doorbell(purpose) {
            match self.epoll.modify(doorbell.as_fd(), READABLE | WRITABLE, 0) {
                Ok(()) => state.marked = true,
                Err(_) => drop(fifo::signal(doorbell)),
            }
        }
    }

    fn set_timer(&self, state: &mut State, time: Duration) -> io::Result<()> {
        if state.timer.is_none() {
            let fresh = timerfd()?;
            self.epoll.add(fresh.as_fd(), READABLE, 0)?;
            state.timer = Some(fresh);
        }
        if let Some(timer) = &state.timer {
            set_timer(timer.as_fd(), Some(time));
        }
        Ok(())
    }
}
