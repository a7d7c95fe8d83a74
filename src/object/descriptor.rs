//! A descriptor of a named object, which exists once it was asked for. It shows a state: it is
//! readable unless the last call that came for the same thing, and may not wait, was refused, and
//! nothing has happened since.
//!
//! It is a [`Descriptor`] whose marker is the handle's doorbell, and on demand a timer. The
//! doorbell can always be written unless it is full, so the mark is that the descriptor shows that
//! too.

use crate::error::{Error, Result};
use crate::object::holder::Holder;
use crate::object::layout::Purpose;
use crate::object::wait::slice_after;
use crate::os::fifo;
use crate::os::fork::Fd;
use crate::os::wait_set::{READABLE, set_timer, timer};
use crate::readiness::descriptor::{Descriptor, Marker, Token};
use crate::readiness::{Mark, Shows};
use crate::sync::{Mutex, lock};
use once_cell::sync::OnceCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// How soon the descriptor is shown again at first after a refused call, as nobody signals a death.
/// It is shown less often the longer that takes.
const SOON_MIN: Duration = Duration::from_millis(5);
/// If the last refused call is so long ago, waiting begins anew.
const RUN_PAUSE: Duration = Duration::from_secs(1);
/// How soon it is shown again where only a call that wants less would succeed.
const RARELY: Duration = Duration::from_millis(500);

/// When a descriptor is shown again though nobody signals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recheck {
    /// Whatever the call waits for is signalled.
    Never,
    /// The call may wait for a holder's death.
    Soon,
    /// Calls that want less may succeed, and the holders that get that may die.
    Rarely,
}

/// The descriptor, if it was asked for.
pub struct ObjectDescriptor {
    purpose: Purpose,
    made: OnceCell<Made>,
}

struct Made {
    descriptor: Descriptor,
    state: Mutex<State>,
}

struct State {
    timer: Option<Fd>,
    /// When the timer goes off; None: it doesn't run.
    due: Option<Instant>,
    refusals: Option<Refusals>,
}

/// Calls that were refused one after another.
#[derive(Clone, Copy)]
struct Refusals {
    first: Instant,
    last: Instant,
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
            let marker = Marker::pipe(holder.doorbell(self.purpose)?);
            let descriptor = Descriptor::new(marker, &[]);
            let failed = |error| Error::system("making a descriptor", &error);
            let state = Mutex::new(State { timer: None, due: None, refusals: None });
            Ok(Made { descriptor: descriptor.map_err(failed)?, state })
        });
        made.map(|made| made.descriptor.wait_set().fd().as_fd())
    }

    /// A call is refused: makes the descriptor unreadable until the doorbell is signalled. False if
    /// there is none, or it stays readable. The caller must look once more.
    pub fn hide(&self, holder: &Holder) -> bool {
        let Some(made) = self.made.get() else {
            return false;
        };
        let mut state = lock(&made.state);
        // After a close it stays readable: `show` comes either before this look or after it.
        let Some(doorbell) = holder.own_doorbell(self.purpose).filter(|_| !holder.is_detached())
        else {
            return false;
        };
        made.descriptor.show(Mark::Off);
        fifo::drain(doorbell);
        let now = Instant::now();
        if state.due.is_some_and(|due| due <= now) {
            state.stop();
        }
        let recent = state.refusals.filter(|old| now.duration_since(old.last) < RUN_PAUSE);
        state.refusals = Some(Refusals { first: recent.map_or(now, |old| old.first), last: now });
        holder.subscribe(self.purpose);
        true
    }

    /// Makes the descriptor readable until the next call is refused.
    pub fn show(&self) {
        if let Some(made) = self.made.get() {
            let _state = lock(&made.state);
            made.descriptor.show(Mark::Set);
        }
    }

    /// Makes the descriptor readable in a while, if nothing else does.
    pub fn show_later(&self, recheck: Recheck) {
        let Some(made) = self.made.get() else {
            return;
        };
        let mut state = lock(&made.state);
        let now = Instant::now();
        let time = match recheck {
            Recheck::Never => return state.stop(),
            Recheck::Soon => {
                let taken = state.refusals.map_or(Duration::ZERO, |refusals| now - refusals.first);
                slice_after(taken, SOON_MIN)
            }
            Recheck::Rarely => RARELY,
        };
        if state.due.is_some_and(|due| due <= now + time) {
            return;
        }
        match made.set_timer(&mut state, time) {
            Ok(()) => state.due = Some(now + time),
            Err(_) => made.descriptor.show(Mark::Set),
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
    fn set_timer(&self, state: &mut State, time: Duration) -> io::Result<()> {
        if state.timer.is_none() {
            let fresh = timer()?;
            self.descriptor.wait_set().add(fresh.as_fd(), READABLE, Token::Other as u64)?;
            state.timer = Some(fresh);
        }
        if let Some(timer) = &state.timer {
            set_timer(timer.as_fd(), Some(time));
        }
        Ok(())
    }
}
