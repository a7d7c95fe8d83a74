//! Which holders are to be notified of what. A handle that has a descriptor has a doorbell for each
//! purpose, which others signal once its slot is subscribed.
//!
//! | word | written by | read by |
//! |---|---|---|
//! | `subscribed` of a slot | its holder; whoever has signalled its doorbell | whoever publishes |
//! | `subscribed` | whoever subscribes; whoever has signalled all doorbells | whoever publishes |
//! | `publishing` of a slot | its holder; whoever finds it dead | whoever subscribes |
//!
//! A holder that waits subscribes in its slot, then in the header, and then looks. A holder that
//! publishes makes its change, and then looks who is subscribed. That is Dekker's pattern, so all
//! these accesses are SeqCst.
//!
//! A `subscribed` word has its flag in bit 0 and counts subscriptions above that. Publishers signal
//! a doorbell before they clear the flag of its slot, and all doorbells before they clear the flag
//! of the header. So if a publisher dies in between, every holder that wasn't notified is still
//! subscribed. The count keeps a subscription that comes meanwhile.
//!
//! A publisher may also die between its change and the doorbells. So once anybody has subscribed, a
//! publisher says that it publishes, signals some doorbells, makes its change, and signals all. A
//! holder that is notified and finds no change sees that another one publishes, and looks again
//! after a while. If the publisher is dead by then, that holder signals the others instead. So a
//! death in there only delays.

use crate::object::layout::{HOLDERS_MAX, Header, Purpose, Slot};
use crate::object::lock_word::HolderId;
use crate::sync::{AtomicU32, Ordering};

/// How many doorbells are signalled before a change.
const EARLY_MAX: usize = 4;

const SUBSCRIBED: u32 = 1;
const SUBSCRIPTION: u32 = 2;
/// The lower half of `publishing`.
const PUBLISHERS: u32 = 0xffff;

/// Handed from [`Subscriptions::begin`] to [`Subscriptions::end`].
#[must_use]
pub struct Publication {
    by: HolderId,
    /// Whether the slot counts this one as publishing.
    is_counted: bool,
}

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

    /// Makes the next publisher signal this slot's doorbell. The caller must look once more.
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

    /// Signals the doorbells of all subscribed slots; whether it reached all of them.
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

    /// Makes a change as the holder of a slot, and notifies of it even if that holder dies at any
    /// moment. Also returns whether it reached all subscribed slots.
    #[cfg(loom)]
    pub fn publish<T>(
        &self,
        by: HolderId,
        signal: impl Fn(usize) -> bool,
        act: impl FnOnce() -> T,
    ) -> (T, bool) {
        let publication = self.begin(by, &signal);
        let done = act();
        (done, self.end(publication, &signal))
    }

    /// Says that a change comes, and signals some doorbells.
    pub fn begin(&self, by: HolderId, signal: impl Fn(usize) -> bool) -> Publication {
        // SYNC publishing: SeqCst, before the look who is subscribed; pairs with `others_publish`.
        let is_counted = self.count_publishers(by, |count| count.checked_add(1));
        let seen = self.all().load(Ordering::SeqCst);
        if seen & SUBSCRIBED != 0 {
            let most = if cfg!(loom) { 1 } else { EARLY_MAX };
            self.notify_up_to(most, seen, &signal);
        }
        Publication { by, is_counted }
    }

    /// Signals all doorbells, as the change was made; whether it reached all subscribed slots.
    pub fn end(&self, publication: Publication, signal: impl Fn(usize) -> bool) -> bool {
        let reached_all = self.notify(&signal);
        if publication.is_counted {
            self.count_publishers(publication.by, |count| count.checked_sub(1));
        }
        reached_all
    }

    /// Counts one more, or one less, of a holder's threads that publish.
    pub fn count_publishers(&self, by: HolderId, to: impl Fn(u16) -> Option<u16>) -> bool {
        by.slot().is_some_and(|slot| by.count(&self.slots[slot].publishing, to))
    }

    /// Whether other holders are about to change something. A holder calls it once it has
    /// subscribed. A publisher that is dead counts once, and this call signals in its place.
    pub fn others_publish(
        &self,
        own: HolderId,
        lives: impl Fn(HolderId) -> bool,
        signal: impl Fn(usize) -> bool,
    ) -> bool {
        let mut found = false;
        for (index, slot) in self.used().filter(|(index, _)| own.slot() != Some(*index)) {
            let seen = slot.publishing.load(Ordering::SeqCst);
            if seen & PUBLISHERS == 0 {
                continue;
            }
            found = true;
            if !lives(HolderId::new(index, seen >> 16)) {
                self.notify(&signal);
                let order = Ordering::SeqCst;
                let _ = slot.publishing.compare_exchange(seen, seen & !PUBLISHERS, order, order);
            }
        }
        found
    }
}

/// Clears the subscription that was seen, and none that came later.
fn unsubscribe(word: &AtomicU32, seen: u32) {
    if seen & SUBSCRIBED != 0 {
        let _ = word.compare_exchange(seen, seen & !SUBSCRIBED, Ordering::SeqCst, Ordering::SeqCst);
    }
}
