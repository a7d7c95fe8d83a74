//! How long a call may wait: what a user says as a timeout, and until when that is.

use std::time::{Duration, Instant};

/// When a call has waited long enough. A time out that is beyond the clock is never.
#[derive(Clone, Copy, Debug)]
pub enum Deadline {
    /// The call does not wait at all.
    Now,
    /// The call waits until then.
    At(Instant),
    /// The call waits for ever.
    Never,
}

impl Deadline {
    /// The deadline of a call that begins now.
    #[inline]
    pub fn after(timeout: Option<Duration>) -> Deadline {
        match timeout {
            None => Deadline::Never,
            Some(Duration::ZERO) => Deadline::Now,
            Some(time) => Instant::now().checked_add(time).map_or(Deadline::Never, Deadline::At),
        }
    }

    /// What is left; None is for ever.
    pub fn left(self) -> Option<Duration> {
        match self {
            Deadline::Now => Some(Duration::ZERO),
            Deadline::At(end) => Some(end.saturating_duration_since(Instant::now())),
            Deadline::Never => None,
        }
    }

    /// What is left, for a call of its own: that one must not take "no time left" for "may not
    /// wait at all".
    pub fn timeout_left(self) -> Option<Duration> {
        match self {
            Deadline::Now => Some(Duration::ZERO),
            _ => self.left().map(|left| left.max(Duration::from_nanos(1))),
        }
    }

    /// Whether the time has passed.
    pub fn passed(self) -> bool {
        self.left() == Some(Duration::ZERO)
    }
}
