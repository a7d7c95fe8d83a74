//! Changes of a segment's data: notifying of them, and waiting for them.

use super::Segment;
use crate::error::Result;
use crate::object::descriptor::Recheck;
use crate::object::layout::Purpose;
use crate::object::wait::{WaitError, looks_before_sleep, pause, wake_all};
use crate::os::futex;
use crate::sync::Ordering;
use crate::timeout::Deadline;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// The longest sleep of a call that waits for a change. Then it looks by itself, as the process
/// that made the change may have been killed before it woke anybody.
const SLEEP_MAX: Duration = Duration::from_millis(50);
/// The same for a handle that may only read: it can't announce itself, so nobody wakes it.
const BLIND_SLEEP_MAX: Duration = Duration::from_millis(5);

impl Segment {
    /// Notifies of a change: the version moves on, and the calls that wait for that return.
    pub fn notify(&self) -> Result<()> {
        self.usable().map_err(|error| self.0.with_context(error, "notify"))?;
        self.change();
        Ok(())
    }

    pub(super) fn change(&self) {
        let (holder, header) = (&self.0.holder, self.0.holder.header());
        holder.publish(Purpose::Change, || {
            // SYNC version: SeqCst, before the looks for waiting calls, which announce themselves
            // and then look at it.
            header.version.fetch_add(1, Ordering::SeqCst);
            if holder.is_awaited() && header.awaited.swap(0, Ordering::SeqCst) != 0 {
                wake_all(&header.changes);
            }
        });
    }

    /// How many changes were notified of.
    pub fn version(&self) -> u64 {
        self.0.holder.header().version.load(Ordering::SeqCst)
    }

    /// Waits until the version isn't `seen` any more; returns the new one.
    pub fn wait(&self, seen: u64, timeout: Option<Duration>) -> Result<u64> {
        self.wait_by(seen, timeout).map_err(|error| self.0.with_context(error, "wait"))
    }

    fn wait_by(&self, seen: u64, timeout: Option<Duration>) -> Result<u64> {
        let _waiting = self.0.holder.begin_wait();
        let recheck = |others_publish| if others_publish { Recheck::Soon } else { Recheck::Never };
        let attempt = || self.await_change(seen, timeout);
        self.0.attempt(&self.0.changes, timeout, recheck, attempt).map_err(|error| match error {
            WaitError::TimedOut => self.0.unchanged(timeout),
            _ => self.0.alive().err().unwrap_or_else(|| self.0.closed()),
        })
    }

    fn await_change(
        &self,
        seen: u64,
        timeout: Option<Duration>,
    ) -> std::result::Result<u64, WaitError> {
        let (header, deadline) = (self.0.holder.header(), Deadline::after(timeout));
        let can_tell = self.0.holder.lock().is_some();
        let mut looks = looks_before_sleep();
        loop {
            if !self.0.is_alive() {
                return Err(WaitError::Closed);
            }
            let changes = header.changes.load(Ordering::SeqCst);
            let version = self.version();
            if version != seen {
                return Ok(version);
            }
            if deadline.passed() {
                return Err(WaitError::TimedOut);
            }
            if looks > 0 {
                looks -= 1;
                pause();
                continue;
            }
            if can_tell && header.awaited.swap(1, Ordering::SeqCst) == 0 {
                // Looks again: from here on whoever makes a change sees that this call sleeps.
                continue;
            }
            let slice = if can_tell { SLEEP_MAX } else { BLIND_SLEEP_MAX };
            let slice = deadline.left().map_or(slice, |left| left.min(slice));
            futex::wait_across(&header.changes, changes, Some(slice));
        }
    }

    /// A descriptor that is readable while the version may differ from what [`Segment::wait`] with
    /// [`NOW`](crate::NOW) last found: until that returns [`Status::Again`](crate::Status::Again).
    /// Never read or write it.
    pub fn fd(&self) -> Result<BorrowedFd<'_>> {
        let fd = self.usable().and_then(|_| self.0.changes.fd(&self.0.holder));
        fd.map_err(|error| self.0.with_context(error, "fd"))
    }
}
