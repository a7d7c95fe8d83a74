//! Taking the lock where it isn't simply free. The protocol is at the head of lock.rs.

use crate::object::layout::{HOLDERS_MAX, Header};
use crate::object::lock::{Acquired, Lock, LockEnv, WaitError};
use crate::object::lock_word::{DIED, HANDED, Id, READERS, READS, WAITERS, Word};
use crate::os::clock::milliseconds;
use crate::os::{futex, processors};
use crate::sync::{AtomicU32, Ordering, spin_loop};
use crate::timeout::Deadline;
use std::time::{Duration, Instant};

/// What the lock is taken for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Exclusive,
    Shared,
}

/// How long anybody sleeps before looking whether the owner lives: at first, and at most.
const SLICE_MIN: Duration = Duration::from_millis(1);
const SLICE_MAX: Duration = Duration::from_millis(50);
/// The same at first, where another that waits has just looked.
const SLICE_BESIDE_MIN: Duration = Duration::from_millis(5);
/// The part of the time that it has waited so far.
const SLICE_PART: u32 = 200;
/// Between two looks whether all of them live, for each that there is: looking takes a twentieth of
/// the time at most.
const LOOK_EACH_MIN: Duration = Duration::from_micros(50);
/// How long one is passed by others before the lock is handed to it.
const PATIENCE: Duration = Duration::from_millis(1);
/// Looks before the first sleep.
const LOOKS_MAX: u32 = 100;
/// Times that a call whose time is over looks again because the lock seemed free.
const LATE_LOOKS_MAX: u32 = 8;

/// How often a call looks before its first sleep.
pub fn looks_before_sleep() -> u32 {
    // On one processor nothing changes while this one looks.
    if processors::allowed() < 2 { 0 } else { LOOKS_MAX }
}

/// Lets a moment pass between two looks.
pub fn pause() {
    (0..8).for_each(|_| spin_loop());
}

/// How long one that has waited for so long may go on before it looks whether others live.
pub fn slice_after(waited: Duration, least: Duration) -> Duration {
    (waited / SLICE_PART).max(least).min(SLICE_MAX)
}

/// How long it is between two looks at each holder that there may be.
pub(crate) fn scan_spacing(header: &Header) -> Duration {
    let used = header.slots_used.load(Ordering::Relaxed);
    LOOK_EACH_MIN * used.min(HOLDERS_MAX as u32)
}

/// Whether it is time to look who is dead, which of all that wait one does in a while. Models have
/// no time.
pub(crate) fn is_scan_due(header: &Header, every: Duration) -> bool {
    if cfg!(loom) {
        return true;
    }
    let (looked, now) = (header.last_scan.load(Ordering::Relaxed), milliseconds());
    let is_due = u128::from(now.wrapping_sub(looked)) >= every.as_millis();
    let order = Ordering::Relaxed;
    let looked = || header.last_scan.compare_exchange(looked, now, order, order).is_ok();
    is_due && (looked() || every.as_millis() == 0)
}

/// What one call knows of its waiting.
pub(crate) struct Wait {
    looks: u32,
    pub(crate) late_looks: u32,
    /// When the first sleep began, and when it last looked whether the owner lives.
    pub(crate) since: Option<(Instant, Instant)>,
    /// How long it sleeps at least, and how long it slept last.
    least: Duration,
    slice: Duration,
    /// Whether this call put its slot down as next.
    pub(crate) requested: bool,
}

impl Wait {
    pub(crate) fn new() -> Wait {
        Wait {
            looks: looks_before_sleep(),
            late_looks: LATE_LOOKS_MAX,
            since: None,
            least: SLICE_MIN,
            slice: SLICE_MIN,
            requested: false,
        }
    }

    pub(crate) fn spin(&mut self) -> bool {
        if self.looks == 0 {
            return false;
        }
        self.looks -= 1;
        pause();
        true
    }

    /// Models have no time: there one sleep is a long one.
    pub(crate) fn starves(&self) -> bool {
        self.since.is_some_and(|(began, _)| cfg!(loom) || began.elapsed() >= PATIENCE)
    }

    /// Sleeps while `counter` is as it was `seen`; whether it is time to look who lives.
    pub(crate) fn sleep(&mut self, counter: &AtomicU32, seen: u32, deadline: Deadline) -> bool {
        if cfg!(loom) {
            self.since = Some((Instant::now(), Instant::now()));
            futex::wait_across(counter, seen, None);
            return true;
        }
        let now = Instant::now();
        let (began, looked) = *self.since.get_or_insert((now, now));
        self.slice = slice_after(now - began, self.least);
        let slice = deadline.left().map_or(self.slice, |left| left.min(self.slice));
        futex::wait_across(counter, seen, Some(slice));
        let due = looked.elapsed() >= self.slice;
        if let Some((_, looked)) = self.since.as_mut().filter(|_| due) {
            *looked = Instant::now();
        }
        due
    }

    /// Whether it falls to this call to look, of those whose slice is over; where that takes long,
    /// not before some time has passed.
    pub(crate) fn is_first_to_scan(&mut self, header: &Header, spacing: Duration) -> bool {
        let is_first = is_scan_due(header, self.slice.max(spacing));
        self.least = if is_first { SLICE_MIN } else { SLICE_BESIDE_MIN };
        is_first
    }
}

impl<A: LockEnv> Lock<'_, A> {
    #[cold]
    pub(crate) fn acquire_slowly(
        &self,
        mode: Mode,
        timeout: Option<Duration>,
    ) -> Result<Acquired, WaitError> {
        let (deadline, mut wait) = (Deadline::after(timeout), Wait::new());
        if mode == Mode::Exclusive && matches!(deadline, Deadline::Now) && self.is_read() {
            return Err(WaitError::TimedOut);
        }
        loop {
            // Before the look, so that no change falls between it and the sleep.
            let releases = self.header.releases.load(Ordering::SeqCst);
            let handovers = self.own_slot().handovers.load(Ordering::SeqCst);
            let got = match mode {
                Mode::Exclusive => {
                    self.acquire_word(&wait).map(|before| self.wait_for_readers(before, deadline))
                }
                Mode::Shared => self.acquire_shared(&wait),
            };
            if let Some(result) = got {
                return result;
            }
            if self.env.is_closed() {
                if self.withdraw_request(&mut wait) {
                    self.release_word(false);
                }
                return Err(WaitError::Closed);
            }
            let waits = !matches!(deadline, Deadline::Now);
            if waits && mode == Mode::Exclusive && self.is_handed_to_reader() {
                self.request_handover(mode, &mut wait);
            }
            if waits && wait.spin() {
                continue;
            }
            if deadline.passed() {
                wait.late_looks = wait.late_looks.saturating_sub(1);
                if self.withdraw_request(&mut wait)
                    || (wait.late_looks > 0 && self.release_if_dead())
                {
                    continue;
                }
                return Err(WaitError::TimedOut);
            }
            let due =
                if (wait.requested || wait.starves()) && self.request_handover(mode, &mut wait) {
                    wait.sleep(&self.own_slot().handovers, handovers, deadline)
                } else if self.announce_sleep() {
                    wait.sleep(&self.header.releases, releases, deadline)
                } else {
                    continue;
                };
            if due && wait.is_first_to_scan(self.header, Duration::ZERO) {
                self.release_if_dead();
            }
        }
    }

    /// Whether the word is this call's for the taking.
    fn is_available(&self, word: Word, wait: &Wait) -> bool {
        let handed = wait.requested && word.owner() == Some(self.own) && word.has(HANDED);
        handed || word.owner().is_none()
    }

    /// Makes the word its own: what it was before.
    fn acquire_word(&self, wait: &Wait) -> Option<Word> {
        self.change(|word| {
            if !self.is_available(word, wait) {
                return None;
            }
            // The one that woke this one wakes no other: that falls to this one.
            let others = if wait.since.is_some() { WAITERS } else { 0 };
            let new = word.with_owner(Some(self.own)).with(others);
            Some(if word.has(READERS) { new } else { new.without(DIED) })
        })
    }

    /// Waits for the readers that were there before, if any.
    fn wait_for_readers(&self, before: Word, deadline: Deadline) -> Result<Acquired, WaitError> {
        if !before.has(READERS) {
            return Ok(Acquired::after(before.has(DIED)));
        }
        let (mut wait, mut look_who_lives) = (Wait::new(), false);
        wait.least = wait.least.max(scan_spacing(self.header));
        loop {
            let exits = self.header.reader_exits.load(Ordering::SeqCst);
            if !self.has_readers(look_who_lives) {
                let old = self.change(|word| Some(word.without(READERS | DIED)));
                return Ok(Acquired::after(old.is_some_and(|old| old.has(DIED))));
            }
            if self.env.is_closed() {
                self.release_word(false);
                return Err(WaitError::Closed);
            }
            if !matches!(deadline, Deadline::Now) && wait.spin() {
                continue;
            }
            if deadline.passed() && look_who_lives {
                self.release_word(false);
                return Err(WaitError::TimedOut);
            }
            look_who_lives =
                deadline.passed() || wait.sleep(&self.header.reader_exits, exits, deadline);
        }
    }

    /// Whether live readers have the lock: then one that doesn't wait leaves the word as it is, as
    /// giving it up again would wake those that do.
    pub(crate) fn is_read(&self) -> bool {
        let word = self.load();
        word.owner().is_none() && word.has(READERS) && self.has_readers(true)
    }

    /// Whether any slot has readers. Dead ones are struck off if it shall look who lives: they have
    /// written nothing, so nobody is told.
    fn has_readers(&self, look_who_lives: bool) -> bool {
        let mut found = false;
        let used = self.header.slots_used.load(Ordering::SeqCst) as usize;
        for (index, slot) in self.slots.iter().enumerate().take(used.min(HOLDERS_MAX)) {
            // SYNC readers: SeqCst, behind the word that this owner has taken.
            let readers = slot.readers.load(Ordering::SeqCst);
            if readers as u16 == 0 {
                continue;
            }
            if look_who_lives && !self.env.lives(Id::new(index, readers >> 16)) {
                let none = readers & 0xffff_0000;
                let order = Ordering::SeqCst;
                let _ = slot.readers.compare_exchange(readers, none, order, order);
            } else {
                found = true;
            }
        }
        found
    }

    /// Becomes one of the readers. To whom it was handed passes it on at once: readers don't need
    /// the word, and no others come before whoever is next.
    pub(crate) fn acquire_shared(&self, wait: &Wait) -> Option<Result<Acquired, WaitError>> {
        if !self.is_available(self.load(), wait) {
            return None;
        }
        if !self.add_reader() {
            return Some(Err(WaitError::Overflow));
        }
        // SYNC lock: SeqCst, behind the count that an owner looks at.
        let open =
            |word: Word| self.is_available(word, wait).then(|| word.released().with(READERS));
        let Some(old) = self.change(open) else {
            self.remove_reader();
            return None;
        };
        match old.next().is_some() {
            true => self.wake_next(old),
            // Others may read as well, and were not woken.
            false if wait.since.is_some() => self.wake_waiters(),
            false => {}
        }
        Some(Ok(Acquired::after(old.has(DIED))))
    }

    /// Whether the lock was handed to a reader that hasn't passed it on yet. A writer that comes
    /// now shall be who gets it: nobody knows how many readers come before it wakes.
    fn is_handed_to_reader(&self) -> bool {
        self.load().has(READS)
    }

    /// Puts this slot down as next, where nobody is; whether this call's request stands. No reader
    /// does so while the lock is handed to one, which lets them all in.
    fn request_handover(&self, mode: Mode, wait: &mut Wait) -> bool {
        let word = self.load();
        let granted = word.owner() == Some(self.own) && word.has(HANDED);
        if wait.requested && (granted || word.next() == Some(self.own)) {
            return true;
        }
        let reads = mode == Mode::Shared;
        let requested = |word: Word| {
            let waits = word.owner().is_some() && word.next().is_none();
            let joins = reads && word.has(READS);
            (waits && !joins).then(|| word.with_next(self.own, reads))
        };
        wait.requested = self.change(requested).is_some();
        wait.requested
    }

    /// Says that somebody watches: whoever gives the lock up next notifies.
    pub fn watch(&self) {
        self.change(|word| Some(word.with(WAITERS)));
    }

    /// Says that somebody sleeps; false if there is nothing to wait for.
    fn announce_sleep(&self) -> bool {
        let waits = |word: Word| word.owner().is_some().then(|| word.with(WAITERS));
        self.change(waits).is_some()
    }

    /// Takes this call's request back; true if it has been granted.
    fn withdraw_request(&self, wait: &mut Wait) -> bool {
        if !wait.requested {
            return false;
        }
        let request = |word: Word| {
            let waits = word.next() == Some(self.own);
            waits.then(|| word.without_next())
        };
        self.change(request);
        let word = self.load();
        wait.requested = word.owner() == Some(self.own) && word.has(HANDED);
        wait.requested
    }
}
