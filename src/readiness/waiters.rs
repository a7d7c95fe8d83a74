//! How the threads that use one handle wait: one of them, the leader, polls the descriptors; the
//! others follow it on a futex. A thread that changes something in this process for which others
//! may wait calls [`Waiters::notify`].
//!
//! The rules that keep a wake-up from getting lost:
//! - Only a leader drains wake-up bytes, and it tells all followers when there were any: the
//!   bytes may have been for them.
//! - A waiting thread arms, then looks, then sleeps, in this order, and begins again after each
//!   wake-up.
//! - `events` is read before looking, and moves on after leadership ends, so a follower never
//!   sleeps behind a leader that has left.
//! - A leader polls for everything that the threads inside wait for. A thread that comes later with
//!   another interest wakes it.

use crate::error::Result;
use crate::os::futex;
use crate::readiness::interest::Interest;
use crate::sync::waker::Waker;
use crate::sync::{AtomicU32, Mutex, Ordering, lock};
use crate::timeout::Deadline;
use std::sync::Arc;
use std::time::Duration;

/// How long a leader sleeps at most if other threads can't wake it, as it has no descriptor.
const UNWOKEN_MAX: Duration = Duration::from_millis(10);

/// How often a choked call looks again whether there is room, even without a notice.
const CHOKED_SLICE: Duration = Duration::from_millis(10);

/// What threads can wait for.
pub trait Source {
    /// Tells the peer what this side waits for. The caller looks once more afterwards.
    fn arm(&self, interest: Interest);
    /// Empties the wake-up descriptor; false if it was empty.
    fn drain(&self) -> bool;
    /// Sleeps until something of `interest` may have happened, a wake-up, or the end of `time`.
    fn poll(&self, interest: Interest, waker: Option<&Waker>, time: Option<Duration>)
    -> Result<()>;
}

/// The outcome of an attempt.
pub enum Step<T> {
    /// It is done.
    Done(T),
    /// The peer must do something first.
    Blocked,
    /// Another thread of this process must do something first, and will call `notify`.
    Busy,
    /// Open views are in the way. Other threads of this process may release them.
    Choked,
    /// It made progress, and there is more to do at once. It breaks off so that a peer that floods
    /// can't keep a call beyond its time.
    More,
}

/// The task of a leader.
#[derive(Clone, Copy)]
enum LeadsTo {
    /// It is inside [`Waiters::wait`], and polls.
    Wait,
    /// It only empties the wake-up descriptor.
    Drain,
}

/// The threads that wait on one handle.
pub struct Waiters {
    /// Increases when something changes in this process; followers sleep on it.
    events: AtomicU32,
    /// Threads inside [`Waiters::wait`].
    inside: AtomicU32,
    /// How many of them wait to read, and how many to write.
    readers: AtomicU32,
    writers: AtomicU32,
    leader: Mutex<Option<Leader>>,
}

struct Leader {
    waker: Option<Arc<Waker>>,
    interest: Interest,
}

impl Waiters {
    /// No thread waits yet.
    pub fn new() -> Waiters {
        let zero = || AtomicU32::new(0);
        Waiters {
            events: zero(),
            inside: zero(),
            readers: zero(),
            writers: zero(),
            leader: Mutex::new(None),
        }
    }

    /// Repeats `attempt` until it is done, fails, or the time is over (None). The caller has just
    /// tried it without success; `interest` is what it waits for now.
    pub fn wait<T>(
        &self,
        source: &impl Source,
        interest: &dyn Fn() -> Interest,
        deadline: Deadline,
        on_drain: &dyn Fn(),
        attempt: &mut dyn FnMut() -> Result<Step<T>>,
    ) -> Result<Option<T>> {
        let _inside = self.enter(interest());
        let mut follow = false;
        loop {
            let interest = interest();
            let seen = self.events.load(Ordering::Acquire);
            let lead = if follow { None } else { self.try_lead(interest, LeadsTo::Wait) };
            if lead.is_some() && source.drain() {
                on_drain();
                self.tell(LeadsTo::Wait);
            }
            source.arm(interest);
            let step = attempt()?;
            let left = deadline.left();
            if left == Some(Duration::ZERO) && !matches!(step, Step::Done(_)) {
                return Ok(None);
            }
            match (step, lead) {
                (Step::Done(value), _) => return Ok(Some(value)),
                (Step::More, _) => {}
                // Giving up the lead changes `events`, so it looks again before it follows.
                (Step::Busy | Step::Choked, Some(_)) => follow = true,
                (Step::Blocked, Some(lead)) => lead.poll(source, left)?,
                (Step::Choked, None) => {
                    let most = left.map_or(CHOKED_SLICE, |left| left.min(CHOKED_SLICE));
                    futex::wait_here(&self.events, seen, Some(most));
                    follow = false;
                }
                // The reason not to lead was another one, and is over: some thread must poll.
                (Step::Blocked, None) if follow => follow = false,
                (Step::Blocked | Step::Busy, None) => {
                    futex::wait_here(&self.events, seen, left);
                    follow = false;
                }
            }
        }
    }

    /// Tells of a change that threads of this process may wait for.
    #[inline]
    pub fn notify(&self) {
        if self.inside.load(Ordering::SeqCst) != 0 {
            self.notify_all();
        }
    }

    #[cold]
    fn notify_all(&self) {
        self.events.fetch_add(1, Ordering::AcqRel);
        futex::wake_here(&self.events, i32::MAX);
        if let Some(leader) = lock(&self.leader).as_ref() {
            leader.wake();
        }
    }

    /// Whether a thread inside waits for room.
    pub fn waits_to_write(&self) -> bool {
        self.writers.load(Ordering::SeqCst) != 0
    }

    /// Drains wake-up bytes on behalf of a thread that does not wait. If another thread leads, it
    /// leaves the bytes to that thread. True if there were any.
    pub fn drain(&self, source: &impl Source) -> bool {
        match self.try_lead(Interest::NONE, LeadsTo::Drain) {
            Some(_lead) => source.drain(),
            None => false,
        }
    }

    /// Wakes followers, which then look for themselves.
    fn tell(&self, to: LeadsTo) {
        self.events.fetch_add(1, Ordering::AcqRel);
        let own = match to {
            LeadsTo::Wait => 1,
            LeadsTo::Drain => 0,
        };
        if self.inside.load(Ordering::SeqCst) > own {
            futex::wake_here(&self.events, i32::MAX);
        }
    }

    fn enter(&self, interest: Interest) -> Inside<'_> {
        self.count(interest, |count| count.fetch_add(1, Ordering::SeqCst));
        self.inside.fetch_add(1, Ordering::SeqCst);
        Inside { waiters: self, interest }
    }

    fn count(&self, interest: Interest, change: impl Fn(&AtomicU32) -> u32) {
        let counts = [(Interest::READ, &self.readers), (Interest::WRITE, &self.writers)];
        for (_, count) in counts.iter().filter(|(one, _)| interest.has(*one)) {
            change(count);
        }
    }

    /// Becomes the leader, unless there is one. It wakes that one if it doesn't poll for
    /// `interest`.
    fn try_lead(&self, interest: Interest, to: LeadsTo) -> Option<Lead<'_>> {
        let mut leader = lock(&self.leader);
        if let Some(other) = leader.as_ref() {
            if interest.without(other.interest) != Interest::NONE {
                other.wake();
            }
            return None;
        }
        let waits = |count: &AtomicU32| count.load(Ordering::SeqCst) != 0;
        let interest = interest
            | Interest::READ.when(waits(&self.readers))
            | Interest::WRITE.when(waits(&self.writers));
        // A leader that only drains never polls.
        let waker = match to {
            LeadsTo::Drain => None,
            LeadsTo::Wait => Waker::own(),
        };
        *leader = Some(Leader { waker: waker.clone(), interest });
        Some(Lead { waiters: self, waker, interest, to })
    }
}

impl Leader {
    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake();
        }
    }
}

/// The leadership of one thread.
struct Lead<'a> {
    waiters: &'a Waiters,
    waker: Option<Arc<Waker>>,
    interest: Interest,
    to: LeadsTo,
}

impl Lead<'_> {
    fn poll(self, source: &impl Source, left: Option<Duration>) -> Result<()> {
        let unwoken = self.waker.is_none().then_some(UNWOKEN_MAX);
        let time = match (left, unwoken) {
            (Some(left), Some(most)) => Some(left.min(most)),
            (left, most) => left.or(most),
        };
        source.poll(self.interest, self.waker.as_deref(), time)
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        *lock(&self.waiters.leader) = None;
        self.waiters.tell(self.to);
    }
}

/// The presence of one thread inside `wait`.
struct Inside<'a> {
    waiters: &'a Waiters,
    interest: Interest,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.waiters.inside.fetch_sub(1, Ordering::SeqCst);
        self.waiters.count(self.interest, |count| count.fetch_sub(1, Ordering::SeqCst));
    }
}
