//! Notices by a descriptor: no holder waits for something that was already published, after
//! whichever step the publisher died. A holder that is never notified is a deadlock here, unless it
//! looks by itself.

use super::{check_with, death, futex};
use crate::models::waker::Readable;
use crate::object::layout::{Header, Purpose, Slot};
use crate::object::lock_word::HolderId;
use crate::object::subscriptions::Subscriptions;
use crate::sync::{AtomicU32, Ordering};
use loom::thread::{JoinHandle, spawn};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

struct Object {
    header: Header,
    slots: Vec<Slot>,
    /// By slot: its doorbell, and whether its byte is locked.
    doorbells: Vec<Readable>,
    held: Vec<AtomicU32>,
}

/// The hold of one handle on an object.
#[derive(Clone)]
struct Holder {
    object: Rc<Object>,
    own: HolderId,
}

fn holders<const COUNT: usize>() -> [Holder; COUNT] {
    let slot = |_| {
        let slot = Slot::model();
        slot.publishing.store(1 << 16, Ordering::SeqCst);
        slot
    };
    let object = Rc::new(Object {
        header: Header::model(COUNT),
        slots: (0..COUNT).map(slot).collect(),
        doorbells: (0..COUNT).map(|_| Readable::new(false)).collect(),
        held: (0..COUNT).map(|_| AtomicU32::new(1)).collect(),
    });
    std::array::from_fn(|slot| Holder { object: Rc::clone(&object), own: HolderId::new(slot, 1) })
}

impl Holder {
    fn subscriptions(&self) -> Subscriptions<'_> {
        let Object { header, slots, .. } = &*self.object;
        Subscriptions { header, slots, purpose: Purpose::Change }
    }

    fn signal(&self, slot: usize) -> bool {
        self.object.doorbells[slot].ring()
    }

    fn slot(&self) -> usize {
        self.own.slot().unwrap()
    }

    fn version(&self) -> u64 {
        self.object.header.version.load(Ordering::SeqCst)
    }

    fn publish(&self) {
        let change = || self.object.header.version.fetch_add(1, Ordering::SeqCst);
        let (_, reached_all) =
            self.subscriptions().publish(self.own, |slot| self.signal(slot), change);
        assert!(reached_all);
        futex::let_time_pass();
    }

    /// A refused call that has seen this version, as object/descriptor.rs does it. Returns whether
    /// it would look by itself after a while.
    fn is_refused(&self, seen: u64) -> Option<bool> {
        self.object.doorbells[self.slot()].drain();
        self.subscriptions().subscribe(self.slot());
        if self.version() != seen {
            return None;
        }
        let lives = |id: HolderId| self.object.held[id.slot().unwrap()].load(Ordering::SeqCst) != 0;
        Some(self.subscriptions().others_publish(self.own, lives, |slot| self.signal(slot)))
    }

    /// Waits for another version by the descriptor, and after that until a call is refused.
    fn watch(&self) {
        let (mut seen, doorbell) = (0, &self.object.doorbells[self.slot()]);
        loop {
            match self.is_refused(seen) {
                None => seen = self.version(),
                Some(true) => Readable::poll(&[doorbell]),
                Some(false) if seen > 0 => return,
                // This may take any time.
                Some(false) => {
                    while !doorbell.drain() {
                        Readable::poll(&[doorbell]);
                    }
                }
            }
        }
    }

    fn does(&self, what: fn(&Holder)) -> JoinHandle<()> {
        let holder = self.clone();
        spawn(move || what(&holder))
    }
}

#[test]
fn loom_notify_one() {
    check_with(1, || {
        let [one, two] = holders();
        let watcher = one.does(Holder::watch);
        two.publish();
        watcher.join().unwrap();
    });
}

#[test]
fn loom_notify_one_of_two() {
    check_with(0, || {
        let [one, two, three] = holders();
        let others = [one.does(Holder::watch), two.does(Holder::publish)];
        three.publish();
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

/// Kills a publisher, at each of its steps once. Watchers learn of what it did; if it did nothing,
/// another one does it.
fn kill_at_each_step<const WATCHERS: usize>(more: isize) {
    let killed = Arc::new(AtomicBool::new(true));
    let mut steps = 0;
    while killed.swap(false, Ordering::Relaxed) {
        let killed = Arc::clone(&killed);
        check_with(more, move || {
            let [one, two, victim, last] = holders();
            let watchers: Vec<_> =
                [one, two].iter().take(WATCHERS).map(|w| w.does(Holder::watch)).collect();
            if death::dies_after(steps, || victim.publish()).is_none() {
                killed.store(true, Ordering::Relaxed);
                victim.object.held[victim.slot()].store(0, Ordering::SeqCst);
                futex::let_time_pass();
            }
            if last.version() == 0 {
                last.publish();
            }
            watchers.into_iter().for_each(|watcher| watcher.join().unwrap());
        });
        steps += 1;
    }
}

#[test]
fn loom_notify_who_dies_hides_nothing() {
    kill_at_each_step::<1>(0);
}

#[test]
fn loom_notify_who_dies_hides_nothing_from_two() {
    kill_at_each_step::<2>(0);
}
