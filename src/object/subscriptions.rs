//! Who is to be notified of what. A handle that has a descriptor has a doorbell for each purpose,
//! which others signal once its slot is subscribed.
//!
//! | word | written by | read by |
//! |---|---|---|
//! | `subscribed` of a slot | its holder; whoever has signalled its doorbell | whoever publishes |
//! | `subscribed` | whoever subscribes; whoever has signalled all doorbells | whoever publishes |
//! | `publishing` of a slot | its holder; whoever finds it dead | whoever subscribes |
//!
//! Who waits subscribes in its slot, then in the header, and then looks; who publishes makes its
//! change, and then looks who is subscribed. That is Dekker's pattern, so all these accesses are
//! SeqCst.
//!
//! A word of `subscribed` has its flag in bit 0 and counts the subscriptions above that. doorbells
//! are signalled before their slots are unsubscribed, and all of them before the header is: so
//! whoever dies in between leaves nobody unsubscribed who wasn't notified. The count keeps a
//! subscription that comes meanwhile.
//!
//! Who publishes may also die between its change and the doorbells. Once anybody has subscribed, it
//! says that it publishes, signals the doorbells of some, makes its change, and signals those of
//! all. Who is called and finds nothing yet sees that another publishes, and looks again after a
//! while; and when that one is dead, it signals in its stead. So a death there only delays.

use crate::object::layout::{HOLDERS_MAX, Header, Purpose, Slot};
use crate::object::lock_word::Id;
use crate::sync::{AtomicU32, Ordering};

/// How many doorbells are signalled before a change.
const EARLY_MAX: usize = 4;

const SUBSCRIBED: u32 = 1;
const SUBSCRIPTION: u32 = 2;
/// The lower half of `publishing`.
const PUBLISHERS: u32 = 0xffff;

/// The words of one purpose.
pub struct Subscriptions<'a> {
    pub header: &'a Header,
    pub slots: &'a [Slot],
    pub purpose: Purpose,
}

impl<'a> Subscriptions<'a> {
    fn all(&self) -> &'a AtomicU32 {
        &self.header.subscribed[self.purpose as usize]
    }

    fn of(&self, slot: &'a Slot) -> &'a AtomicU32 {
        &slot.subscribed[self.purpose as usize]
    }

    fn used(&self) -> impl Iterator<Item = (usize, &'a Slot)> + use<'a> {
        let used = self.header.slots_used.load(Ordering::SeqCst) as usize;
        self.slots.iter().enumerate().take(used.min(HOLDERS_MAX))
    }

    /// Makes the next that publishes signal this slot's doorbell. Whoever calls must look once
    /// more.
    pub fn subscribe(&self, slot: usize) {
        for word in [self.of(&self.slots[slot]), self.all()] {
            // SYNC subscribed: SeqCst, before the look that follows.
            word.fetch_add(SUBSCRIPTION, Ordering::SeqCst);
            word.fetch_or(SUBSCRIBED, Ordering::SeqCst);
        }
    }

    /// Whether anybody ever subscribed.
    #[inline]
    pub fn is_used(&self) -> bool {
        self.all().load(Ordering::SeqCst) != 0
    }

    /// Signals the doorbells of all that are subscribed; whether it reached all of them.
    #[inline]
    pub fn notify(&self, signal: impl FnMut(usize) -> bool) -> bool {
        // SYNC subscribed: SeqCst, behind the change.
        let seen = self.all().load(Ordering::SeqCst);
        seen & SUBSCRIBED == 0 || self.notify_up_to(usize::MAX, seen, signal)
    }

    #[cold]
    fn notify_up_to(&self, most: usize, seen: u32, mut signal: impl FnMut(usize) -> bool) -> bool {
        let (mut reached_all, mut left) = (true, most);
        for (index, slot) in self.used() {
            let word = self.of(slot);
            let seen = word.load(Ordering::SeqCst);
            if seen & SUBSCRIBED == 0 {
                continue;
            }
            if left == 0 {
                return false;
            }
            left -= 1;
            match signal(index) {
                true => unsubscribe(word, seen),
                false => reached_all = false,
            }
        }
        if reached_all {
            unsubscribe(self.all(), seen);
        }
        reached_all
    }

    /// Makes a change as the holder of a slot, such that a death at any moment hides it from
    /// nobody. Whether all were reached that were subscribed.
    #[cfg(loom)]
    pub fn publish<T>(
        &self,
        by: Id,
        signal: impl Fn(usize) -> bool,
        act: impl FnOnce() -> T,
    ) -> (T, bool) {
        let began = self.begin(by, &signal);
        let done = act();
        (done, self.end(by, began, &signal))
    }

    /// What comes before a change; what it returns is for [`Subscriptions::end`].
    pub fn begin(&self, by: Id, signal: impl Fn(usize) -> bool) -> bool {
        // SYNC publishing: SeqCst, before the look who is subscribed; pairs with `others_publish`.
        let began = self.count_publishers(by, |count| count.checked_add(1));
        let seen = self.all().load(Ordering::SeqCst);
        if seen & SUBSCRIBED != 0 {
            let most = if cfg!(loom) { 1 } else { EARLY_MAX };
            self.notify_up_to(most, seen, &signal);
        }
        began
    }

    /// What comes after it; whether it reached all that are to be notified.
    pub fn end(&self, by: Id, began: bool, signal: impl Fn(usize) -> bool) -> bool {
        let reached_all = self.notify(&signal);
        if began {
            self.count_publishers(by, |count| count.checked_sub(1));
        }
        reached_all
    }

    /// Counts a thread more or less of a holder that publishes.
    pub fn count_publishers(&self, by: Id, to: impl Fn(u16) -> Option<u16>) -> bool {
        by.slot().is_some_and(|slot| by.count(&self.slots[slot].publishing, to))
    }

    /// Whether others are about to change something. Called by who has subscribed. Those that
    /// died over it count once, and doorbells are signalled in their stead.
    pub fn others_publish(
        &self,
        own: Id,
        lives: impl Fn(Id) -> bool,
        signal: impl Fn(usize) -> bool,
    ) -> bool {
        let mut found = false;
        for (index, slot) in self.used().filter(|(index, _)| own.slot() != Some(*index)) {
            let seen = slot.publishing.load(Ordering::SeqCst);
            if seen & PUBLISHERS == 0 {
                continue;
            }
            found = true;
            if !lives(Id::new(index, seen >> 16)) {
                self.notify(&signal);
                let order = Ordering::SeqCst;
                let _ = slot.publishing.compare_exchange(seen, seen & !PUBLISHERS, order, order);
            }
        }
        found
    }
}

/// Takes back the subscription that was seen, and none that came later.
fn unsubscribe(word: &AtomicU32, seen: u32) {
    if seen & SUBSCRIBED != 0 {
        let _ = word.compare_exchange(seen, seen & !SUBSCRIBED, Ordering::SeqCst, Ordering::SeqCst);
    }
}
