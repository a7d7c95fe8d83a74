//! Spinning: it is faster than sleeping, as long as the awaited event comes soon.

use super::connection::Connection;
use super::core::Core;
use super::spinner::{SPIN_MAX, in_ticks};
use crate::endpoint::Spin;
use crate::error::Result;
use crate::os::clock::ticks;
use crate::os::processors;
use crate::readiness::waiters::Step;
use crate::sync::biased_mutex::Patience;
use crate::timeout::Deadline;

impl Core {
    /// Tries again for a while before the call sleeps.
    pub fn spin<T>(
        &self,
        connection: &Connection,
        deadline: Deadline,
        attempt: &mut dyn FnMut() -> Result<Step<T>>,
    ) -> Result<Option<T>> {
        let limit = match deadline {
            Deadline::At(_) => in_ticks(deadline.left().unwrap_or_default()),
            _ => u64::MAX,
        };
        self.spin_within(connection, limit, attempt)
    }

    /// Looks for a short while whether there is something to receive, and leaves it there.
    pub fn busy_poll(&self) -> Result<bool> {
        self.alive()?;
        let Some(connection) = self.get_connection() else {
            return Ok(false);
        };
        let mut attempt = || {
            self.receive(connection, Patience::Try, |state| match state.has_something() {
                true => Ok(Step::Done(())),
                false => Ok(Step::Blocked),
            })
        };
        // What is there already does not tell whether spinning pays off.
        let found = match attempt()? {
            Step::Done(()) => Some(()),
            _ => self.spin_within(connection, in_ticks(SPIN_MAX), &mut attempt)?,
        };
        Ok(found.is_some())
    }

    /// Looks for as long as `spin=` says, and at most for `limit` ticks.
    fn spin_within<T>(
        &self,
        connection: &Connection,
        limit: u64,
        attempt: &mut dyn FnMut() -> Result<Step<T>>,
    ) -> Result<Option<T>> {
        let limit = limit.min(match self.endpoint.spin {
            Spin::Forever => u64::MAX,
            Spin::For(_) if processors::allowed() == 1 => 0,
            Spin::For(time) => in_ticks(time),
            // All processors count, not those allowed here: the peer may run on another one.
            Spin::Auto if processors::online() == 1 => 0,
            Spin::Auto => connection.spinner.limit(),
        });
        if limit == 0 {
            return Ok(None);
        }
        let began = ticks();
        loop {
            let glance = connection.link.glance();
            // The peer's positions don't tell of this, so it looks again at once.
            let glance = match attempt()? {
                Step::Done(value) => {
                    connection.spinner.paid_off();
                    return Ok(Some(value));
                }
                Step::Blocked => glance,
                Step::Busy | Step::Choked | Step::More => None,
            };
            let over = ticks().wrapping_sub(began) >= limit;
            if over || !self.watch(connection, glance, began, limit) {
                connection.spinner.in_vain();
                break;
            }
        }
        Ok(None)
    }

    /// Watches the shared positions until one moves; false once the time is over.
    fn watch(
        &self,
        connection: &Connection,
        glance: Option<(u64, u64)>,
        began: u64,
        limit: u64,
    ) -> bool {
        loop {
            for _ in 0..32 {
                if glance.is_some() && connection.link.glance() != glance {
                    return true;
                }
                std::hint::spin_loop();
            }
            if ticks().wrapping_sub(began) >= limit {
                return false;
            }
            connection.link.peer().look_sometimes();
            if glance.is_none() || self.alive().is_err() {
                return true;
            }
            if limit == u64::MAX && processors::allowed() == 1 {
                std::thread::yield_now();
            }
        }
    }
}
