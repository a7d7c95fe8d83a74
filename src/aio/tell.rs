//! How the tasks of one channel tell each other that one has read what is another's.

use crate::channel::core::Core;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Wakes tasks.
pub struct Tell {
    notify: Notify,
    /// How often something had been handed on when the tasks were last woken.
    told: AtomicU64,
}

impl Tell {
    pub fn new() -> Tell {
        Tell { notify: Notify::new(), told: AtomicU64::new(0) }
    }

    /// Wakes all tasks that wait, if anything was handed on since. Every task calls this after each
    /// attempt, also if it was another that has read: its own attempt may have hidden that from the
    /// descriptor.
    pub fn tell(&self, core: &Core) {
        let now = core.handed_on();
        if self.told.load(Ordering::SeqCst) != now && self.told.swap(now, Ordering::SeqCst) != now {
            self.notify.notify_waiters();
        }
    }

    /// Waits for the next time that tasks are woken, from when it is enabled on.
    pub fn told(&self) -> Notified<'_> {
        self.notify.notified()
    }
}
