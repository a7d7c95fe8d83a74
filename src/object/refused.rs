//! What calls that may not wait were refused. All of them share one descriptor: a call that makes
//! it unreadable may have come for something else than what it was readable for, and then whoever
//! came for that is to find it readable again.

use crate::shm::acquire::Mode;
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// What a call comes for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// Another version than this.
    Change(u64),
    Lock(Mode),
    /// So many units.
    Units(u32),
}

impl Wish {
    /// Whether a thread that has this one has the other no more.
    fn replaces(self, other: Wish) -> bool {
        matches!((self, other), (Wish::Change(_), Wish::Change(_))) || self == other
    }
}

/// How long a thread is shown, again and again, that its wish would be granted. It may not come
/// back, and shall not keep the others awake for ever.
const SHOWN_MAX: Duration = Duration::from_secs(1);
/// Before it is shown a second time; each time after that twice as long.
const SHOWN_AGAIN_MIN: Duration = Duration::from_millis(1);
/// Refusals that are remembered; then the oldest is forgotten.
const REFUSED_MAX: usize = 64;

struct Refused {
    thread: ThreadId,
    wish: Wish,
    shown: Option<Shown>,
}

struct Shown {
    since: Instant,
    /// When it is shown again, and how much later than the last time that is.
    next: Instant,
    pause: Duration,
}

#[derive(Default)]
pub struct Refusals(Vec<Refused>);

impl Refusals {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// This thread is refused a wish. When the descriptor is to be readable again, as other wishes
    /// would be granted.
    pub fn refuse(&mut self, wish: Wish, is_granted: impl Fn(Wish) -> bool) -> Option<Duration> {
        let thread = thread::current().id();
        let (mut due, mut known, is_alone) = (None, false, self.0.len() == 1);
        self.0.retain_mut(|refused| {
            let is_own = refused.thread == thread && wish.replaces(refused.wish);
            if is_own {
                refused.wish = wish;
                known = true;
            }
            if is_own && is_alone || !is_granted(refused.wish) {
                refused.shown = None;
                return true;
            }
            is_own || refused.show(&mut due)
        });
        if !known {
            if self.0.len() == REFUSED_MAX {
                self.0.remove(0);
            }
            self.0.push(Refused { thread, wish, shown: None });
        }
        due
    }

    /// This thread was granted a wish.
    pub fn grant(&mut self, wish: Wish) {
        let thread = thread::current().id();
        self.0.retain(|refused| refused.thread != thread || !wish.replaces(refused.wish));
    }
}

impl Refused {
    /// Brings `due` forward to when its thread is to be shown that its wish would be granted; false
    /// if it was shown for long enough.
    fn show(&mut self, due: &mut Option<Duration>) -> bool {
        let now = Instant::now();
        let shown =
            self.shown.get_or_insert(Shown { since: now, next: now, pause: SHOWN_AGAIN_MIN });
        if now.duration_since(shown.since) >= SHOWN_MAX {
            return false;
        }
        let left = shown.next.saturating_duration_since(now);
        if left.is_zero() {
            shown.next = now + shown.pause;
            shown.pause *= 2;
        }
        *due = Some(due.map_or(left, |due| due.min(left)));
        true
    }
}
