//! Acquiring a lock that isn't simply free. The protocol is at the head of lock.rs.

use crate::object::layout::{HOLDERS_MAX, Slot};
use crate::object::lock::{Acquired, Lock, LockEnv};
use crate::object::lock_word::{DIED, HANDED, HolderId, LockWord, Mode, READERS, READS, WAITERS};
use crate::object::wait::{Wait, WaitError, scan_spacing};
use crate::sync::Ordering;
use crate::timeout::Deadline;
use std::time::Duration;

impl<A: LockEnv> Lock<'_, A> {
    #[cold]
    pub(super) fn acquire_slowly(
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
                    self.release_word();
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

    /// Whether this call may acquire the word: it was handed over to this call, or is nobody's.
    fn is_available(&self, word: LockWord, wait: &Wait) -> bool {
        let handed = wait.requested && word.owner() == Some(self.own) && word.has(HANDED);
        handed || word.owner().is_none()
    }

    /// Makes this holder the word's owner; what the word was before.
    fn acquire_word(&self, wait: &Wait) -> Option<LockWord> {
        self.change(|word| {
            if !self.is_available(word, wait) {
                return None;
            }
            // Whoever woke this call woke nobody else, so this call has to when it releases.
            let others = if wait.has_slept() { WAITERS } else { 0 };
            let new = word.with_owner(Some(self.own)).with(others);
            Some(if word.has(READERS) { new } else { new.without(DIED) })
        })
    }

    /// Waits until the readers that were there before the owner have left.
    fn wait_for_readers(
        &self,
        before: LockWord,
        deadline: Deadline,
    ) -> Result<Acquired, WaitError> {
        if !before.has(READERS) {
            return Ok(Acquired::after(before));
        }
        let mut wait = Wait::with_slices_from(scan_spacing(self.header));
        let mut look_who_lives = false;
        loop {
            let exits = self.header.reader_exits.load(Ordering::SeqCst);
            let has_readers = match look_who_lives {
                true => self.has_live_readers(),
                false => self.has_readers(),
            };
            if !has_readers {
                let old = self.change(|word| Some(word.without(READERS | DIED)));
                return Ok(old.map_or(Acquired::Clean, Acquired::after));
            }
            if self.env.is_closed() {
                self.release_word();
                return Err(WaitError::Closed);
            }
            if !matches!(deadline, Deadline::Now) && wait.spin() {
                continue;
            }
            if deadline.passed() && look_who_lives {
                self.release_word();
                return Err(WaitError::TimedOut);
            }
            look_who_lives =
                deadline.passed() || wait.sleep(&self.header.reader_exits, exits, deadline);
        }
    }

    /// Whether live readers have the lock. Then a call that doesn't wait leaves the word as it is,
    /// as acquiring and releasing it would wake those that do.
    fn is_read(&self) -> bool {
        let word = self.load();
        word.owner().is_none() && word.has(READERS) && self.has_live_readers()
    }

    /// The slots that have readers, and what they say of them.
    fn readers(&self) -> impl Iterator<Item = (usize, &Slot, u32)> {
        let used = self.header.slots_used.load(Ordering::SeqCst) as usize;
        let used = self.slots.iter().enumerate().take(used.min(HOLDERS_MAX));
        used.filter_map(|(index, slot)| {
            // SYNC readers: SeqCst, behind the word that this owner has taken.
            let readers = slot.readers.load(Ordering::SeqCst);
            (readers as u16 != 0).then_some((index, slot, readers))
        })
    }

    /// Whether any slot has readers, alive or dead.
    fn has_readers(&self) -> bool {
        self.readers().next().is_some()
    }

    /// Whether any slot has live readers. The counts of dead ones are set to 0; as readers have
    /// written nothing, the next owner doesn't hear of it.
    fn has_live_readers(&self) -> bool {
        let mut found = false;
        for (index, slot, readers) in self.readers() {
            if self.env.lives(HolderId::new(index, readers >> 16)) {
                found = true;
                continue;
            }
            let (none, order) = (readers & 0xffff_0000, Ordering::SeqCst);
            let _ = slot.readers.compare_exchange(readers, none, order, order);
        }
        found
    }

    /// Becomes one of the readers; None: the word isn't available. If the lock was handed over to
    /// this call, it releases the word at once, to the slot that is next: readers don't need the
    /// word, and nobody overtakes the slot that is next.
    pub(super) fn acquire_shared(&self, wait: &Wait) -> Option<Result<Acquired, WaitError>> {
        if !self.is_available(self.load(), wait) {
            return None;
        }
        if !self.add_reader() {
            return Some(Err(WaitError::Overflow));
        }
        // SYNC lock: SeqCst, behind the count that an owner looks at.
        let open =
            |word: LockWord| self.is_available(word, wait).then(|| word.released().with(READERS));
        let Some(old) = self.change(open) else {
            self.remove_reader();
            return None;
        };
        match old.next().is_some() {
            true => self.wake_next(old),
            // Other readers may join, and whoever woke this call woke none of them.
            false if wait.has_slept() => self.wake_waiters(),
            false => {}
        }
        Some(Ok(Acquired::after(old)))
    }

    /// Whether the lock was handed over to a reader that hasn't released the word yet. A writer
    /// then requests to be next at once, as any number of readers could come before it sleeps and
    /// wakes.
    fn is_handed_to_reader(&self) -> bool {
        self.load().has(READS)
    }

    /// Requests that this slot is next, if none is; whether this call's request stands. A reader
    /// doesn't request it while the lock is handed over to a reader, which will let all readers in.
    fn request_handover(&self, mode: Mode, wait: &mut Wait) -> bool {
        let word = self.load();
        let granted = word.owner() == Some(self.own) && word.has(HANDED);
        if wait.requested && (granted || word.next() == Some(self.own)) {
            return true;
        }
        let requested = |word: LockWord| {
            let waits = word.owner().is_some() && word.next().is_none();
            let joins = mode == Mode::Shared && word.has(READS);
            (waits && !joins).then(|| word.with_next(self.own, mode))
        };
        wait.requested = self.change(requested).is_some();
        wait.requested
    }

    /// Makes whoever releases the lock next notify the holders that have a descriptor.
    pub fn watch(&self) {
        self.change(|word| Some(word.with(WAITERS)));
    }

    /// Makes whoever releases the lock next wake a sleeper; false if nobody owns the lock.
    fn announce_sleep(&self) -> bool {
        let waits = |word: LockWord| word.owner().is_some().then(|| word.with(WAITERS));
        self.change(waits).is_some()
    }

    /// Withdraws this call's request; true if the lock was handed over before that.
    fn withdraw_request(&self, wait: &mut Wait) -> bool {
        if !wait.requested {
            return false;
        }
        let request = |word: LockWord| {
            let waits = word.next() == Some(self.own);
            waits.then(|| word.without_next())
        };
        self.change(request);
        let word = self.load();
        wait.requested = word.owner() == Some(self.own) && word.has(HANDED);
        wait.requested
    }
}
