//! How the threads that use one handle wait: one of them, the leader, polls the descriptors; the
//! others follow it on a futex. Whoever changes something in this process that another thread
//! may wait for says so with [`Waiting::notify`].
//!
//! The rules that keep a wake-up from getting lost:
//! - Only a leader drains wake-up bytes, and it tells all followers when there were any: the
//!   bytes may have been for them.
//! - A waiting thread arms, then looks, then sleeps, in this order, and begins again after each
//!   wake-up.
//! - `events` is read before looking, and moves on after leadership ends, so a follower never
//!   sleeps behind a leader that has left.
//! - A leader polls for all that the threads inside wait for; one who comes later with another
//!   interest kicks it.

use crate::error::Result;
use crate::os::clock::Deadline;
use crate::os::futex;
use crate::sync::waker::Kick;
use crate::sync::{AtomicU32, Mutex, Ordering, lock};
use std::sync::Arc;
use std::time::Duration;

/// A message, or the end.
pub const READ: u32 = 1;
/// Room to send.
pub const WRITE: u32 = 2;

/// How long a leader sleeps at most when nobody can kick it, for want of a descriptor.
const UNKICKED_MAX: Duration = Duration::from_millis(10);

/// How often a choked call looks whether there is room again, though nobody told it.
const CHOKED_SLICE: Duration = Duration::from_millis(10);

/// What can be waited for.
pub trait Source {
    /// Tells the peer what is waited for. The caller looks once more afterwards.
    fn arm(&self, interest: u32);
    /// Empties the wake-up descriptor; whether anything was in it.
    fn drain(&self) -> bool;
    /// Sleeps until something of `interest` may have happened, a kick, or the end of `time`.
    fn poll(&self, interest: u32, kick: Option<&Kick>, time: Option<Duration>) -> Result<()>;
}

/// What an attempt came to.
pub enum Step<T> {
    /// It is done.
    Done(T),
    /// The peer must do something first.
    Blocked,
    /// Another thread of this process must do something first, and will call `notify`.
    InTurn,
    /// Open views are in the way, which other threads of this process may release.
    Choked,
    /// It got on, but not to its end: there is more to do at once. So a peer that floods can't
    /// keep a call beyond its time.
    More,
}

/// The threads that wait for one handle.
pub struct Waiting {
    /// Moves on when something changed in this process; followers sleep on it.
    events: AtomicU32,
    /// Threads inside [`Waiting::wait`].
    inside: AtomicU32,
    /// How many of them wait to read, and to write.
    wanted: [AtomicU32; 2],
    leader: Mutex<Option<Leader>>,
}

struct Leader {
    kick: Option<Arc<Kick>>,
    interest: u32,
}

impl Waiting {
    /// Nobody waits yet.
    pub fn new() -> Waiting {
        let zero = || AtomicU32::new(0);
        Waiting {
            events: zero(),
            inside: zero(),
            wanted: [zero(), zero()],
            leader: Mutex::new(None),
        }
    }

    /// Repeats `attempt` until it is done, fails or the time is over (None). It has just been
    /// tried in vain; `interest` is what it waits for now.
    pub fn wait<T>(
        &self,
        source: &impl Source,
        interest: &dyn Fn() -> u32,
        deadline: Deadline,
        on_drain: &dyn Fn(),
        attempt: &mut dyn FnMut() -> Result<Step<T>>,
    ) -> Result<Option<T>> {
        let _inside = self.enter(interest());
        let mut follow = false;
        loop {
            let interest = interest();
            let seen = self.events.load(Ordering::Acquire);
            let lead = if follow { None } else { self.try_lead(interest, 1) };
            if lead.is_some() && source.drain() {
                on_drain();
                self.tell(1);
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
                // Letting go of the lead moves `events` on: look again before following.
                (Step::InTurn | Step::Choked, Some(_)) => follow = true,
                (Step::Blocked, Some(lead)) => lead.poll(source, left)?,
                (Step::Choked, None) => {
                    let most = left.map_or(CHOKED_SLICE, |left| left.min(CHOKED_SLICE));
                    futex::wait(&self.events, seen, Some(most));
                    follow = false;
                }
                // It kept from leading for another reason, which is over: somebody must poll.
                (Step::Blocked, None) if follow => follow = false,
                (Step::Blocked | Step::InTurn, None) => {
                    futex::wait(&self.events, seen, left);
                    follow = false;
                }
            }
        }
    }

    /// Something changed that threads of this process may wait for.
    #[inline]
    pub fn notify(&self) {
        if self.inside.load(Ordering::SeqCst) != 0 {
            self.notify_all();
        }
    }

    #[cold]
    fn notify_all(&self) {
        self.events.fetch_add(1, Ordering::AcqRel);
        futex::wake(&self.events, i32::MAX);
        if let Some(leader) = lock(&self.leader).as_ref() {
            leader.give_kick();
        }
    }

    /// Whether a thread inside waits for room.
    pub fn waits_to_write(&self) -> bool {
        self.wanted[1].load(Ordering::SeqCst) != 0
    }

    /// Drains wake-up bytes on behalf of a thread that does not wait, unless another thread
    /// leads: then the bytes are its business. Whether there were any.
    pub fn drain(&self, source: &impl Source) -> bool {
        match self.try_lead(0, 0) {
            Some(_lead) => source.drain(),
            None => false,
        }
    }

    /// Wakes followers, who then look for themselves; `own` of those inside is the caller.
    fn tell(&self, own: u32) {
        self.events.fetch_add(1, Ordering::AcqRel);
        if self.inside.load(Ordering::SeqCst) > own {
            futex::wake(&self.events, i32::MAX);
        }
    }

    fn enter(&self, interest: u32) -> Inside<'_> {
        self.count(interest, |count| count.fetch_add(1, Ordering::SeqCst));
        self.inside.fetch_add(1, Ordering::SeqCst);
        Inside { waiting: self, interest }
    }

    fn count(&self, interest: u32, change: impl Fn(&AtomicU32) -> u32) {
        for (bit, count) in [(READ, &self.wanted[0]), (WRITE, &self.wanted[1])] {
            if interest & bit != 0 {
                change(count);
            }
        }
    }

    /// Becomes the leader, unless there is one; that one is kicked if it doesn't poll for
    /// `interest`. `own` is 1 if the caller is inside `wait`.
    fn try_lead(&self, interest: u32, own: u32) -> Option<Lead<'_>> {
        let mut leader = lock(&self.leader);
        if let Some(other) = leader.as_ref() {
            if interest & !other.interest != 0 {
                other.give_kick();
            }
            return None;
        }
        let wanted = |bit, index: usize| match self.wanted[index].load(Ordering::SeqCst) {
            0 => 0,
            _ => bit,
        };
        let interest = interest | wanted(READ, 0) | wanted(WRITE, 1);
        // One that only drains never polls.
        let kick = if own == 0 { None } else { Kick::own() };
        *leader = Some(Leader { kick: kick.clone(), interest });
        Some(Lead { waiting: self, kick, interest, own })
    }
}

impl Leader {
    fn give_kick(&self) {
        if let Some(kick) = &self.kick {
            kick.give();
        }
    }
}

/// One thread's leadership.
struct Lead<'a> {
    waiting: &'a Waiting,
    kick: Option<Arc<Kick>>,
    interest: u32,
    own: u32,
}

impl Lead<'_> {
    fn poll(self, source: &impl Source, left: Option<Duration>) -> Result<()> {
        let unkicked = self.kick.is_none().then_some(UNKICKED_MAX);
        let time = match (left, unkicked) {
            (Some(left), Some(most)) => Some(left.min(most)),
            (left, most) => left.or(most),
        };
        source.poll(self.interest, self.kick.as_deref(), time)
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        *lock(&self.waiting.leader) = None;
        self.waiting.tell(self.own);
    }
}

/// One thread's presence inside `wait`.
struct Inside<'a> {
    waiting: &'a Waiting,
    interest: u32,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.waiting.inside.fetch_sub(1, Ordering::SeqCst);
        self.waiting.count(self.interest, |count| count.fetch_sub(1, Ordering::SeqCst));
    }
}
