//! How a holder notifies others that wait by a descriptor, and how it is notified.

use super::Holder;
use crate::endpoint::names::Kind;
use crate::error::{Error, Result, Status};
use crate::object::layout::Purpose;
use crate::object::lock::LockEnv;
use crate::object::lock_word::HolderId;
use crate::object::subscriptions::{Publication, Subscriptions};
use crate::os::fifo;
use crate::os::fork::Fd;
use crate::sync::{Ordering, lock};
use std::sync::Arc;

impl Holder {
    /// Which holders are to be notified of what.
    #[inline]
    pub fn subscriptions(&self, purpose: Purpose) -> Subscriptions<'_> {
        Subscriptions { header: self.header(), slots: self.memory.slots(), purpose }
    }

    /// This handle's doorbell; the first call makes it.
    pub fn doorbell(&self, purpose: Purpose) -> Result<&Arc<Fd>> {
        let _locked = lock(&self.local_lock);
        match self.own_slot().filter(|_| !self.is_detached()) {
            Some((_, slot)) => self.doorbells.make(&self.file, slot, purpose),
            None => Err(Error::new(
                Status::Closed,
                "the handle was closed by this program; open it anew",
            )),
        }
    }

    /// This handle's doorbell, if it was made.
    pub fn own_doorbell(&self, purpose: Purpose) -> Option<&Arc<Fd>> {
        self.doorbells.own(purpose)
    }

    /// Makes the next publisher signal this handle's doorbell. The caller must look once more.
    pub fn subscribe(&self, purpose: Purpose) {
        if let Some((index, _)) = self.own_slot() {
            self.subscriptions(purpose).subscribe(index);
        }
        if let Some(lock) = self.lock().filter(|_| purpose == Purpose::Available) {
            lock.watch();
        }
    }

    /// Signals the doorbells of all subscribed slots; whether it reached all that live.
    #[inline]
    pub fn notify_subscribers(&self, purpose: Purpose) -> bool {
        self.subscriptions(purpose).notify(|index| self.signal(index, purpose))
    }

    /// Signals a slot's doorbell; false if the slot's holder lives and can't be reached.
    #[cold]
    fn signal(&self, index: usize, purpose: Purpose) -> bool {
        if self.own.and_then(HolderId::slot) == Some(index) {
            // It is open here: this process may no longer have the right to open it.
            return self
                .own_doorbell(purpose)
                .is_none_or(|doorbell| fifo::signal(doorbell).is_ok());
        }
        let slots = self.memory.slots();
        self.doorbells.signal(&self.file, slots, index, purpose)
            || !self.lives(HolderId::new(index, slots[index].generation.load(Ordering::SeqCst)))
    }

    /// Makes a change that descriptors show, and notifies of it even if this process dies. A holder
    /// that may only read can't notify, and must change nothing.
    #[inline]
    pub fn publish<T>(&self, purpose: Purpose, act: impl FnOnce() -> T) -> T {
        match self.own {
            Some(own) => self.publish_by(own, purpose, act),
            None => act(),
        }
    }

    /// The same in the place of another holder, which is dead.
    #[inline]
    pub fn publish_by<T>(&self, by: HolderId, purpose: Purpose, act: impl FnOnce() -> T) -> T {
        // `act` is called in one place, so that the compiler inlines it.
        let publication = self.subscriptions(purpose).is_used().then(|| self.begin(by, purpose));
        let done = act();
        match publication {
            Some(publication) => self.end(by, purpose, publication),
            None => _ = self.notify_subscribers(purpose),
        }
        done
    }

    #[cold]
    fn begin(&self, by: HolderId, purpose: Purpose) -> Publication {
        self.subscriptions(purpose).begin(by, |index| self.signal(index, purpose))
    }

    #[cold]
    fn end(&self, by: HolderId, purpose: Purpose, publication: Publication) {
        let subscriptions = self.subscriptions(purpose);
        let reached_all = subscriptions.end(publication, |index| self.signal(index, purpose));
        if !reached_all {
            // While this holder says that it publishes, holders that it couldn't notify look by
            // themselves.
            if !self.has_unreached.swap(true, Ordering::SeqCst) {
                subscriptions.count_publishers(by, |count| count.checked_add(1));
            }
        } else if self.has_unreached.load(Ordering::Relaxed)
            && self.has_unreached.swap(false, Ordering::SeqCst)
        {
            subscriptions.count_publishers(by, |count| count.checked_sub(1));
        }
    }

    /// Whether other holders are about to change something, or couldn't notify of a change. Holders
    /// that unlock don't say so: while the lock is held, waiting handles look by themselves.
    pub fn others_publish(&self, purpose: Purpose) -> bool {
        if purpose == Purpose::Available && self.kind == Kind::Segment {
            return false;
        }
        let (lives, signal) = (|id| self.lives(id), |index| self.signal(index, purpose));
        self.own.is_some_and(|own| self.subscriptions(purpose).others_publish(own, lives, signal))
    }
}
