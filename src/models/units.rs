//! The units of semaphores: none is lost, none is made, and those of a dead holder come back, after
//! whichever step it died. A sleeper that is never woken is a deadlock, as for the lock.

use super::{check_with, death, futex};
use crate::object::layout::{Header, Slot};
use crate::object::lock::LockEnv;
use crate::object::lock_word::HolderId;
use crate::object::semaphore::Units;
use crate::object::semaphore::units::{Ledger, SharedUnits};
use crate::sync::{AtomicU32, Mutex, Ordering, lock};
use loom::cell::Cell;
use loom::thread::{JoinHandle, spawn};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A semaphore, and what it guards if it has one unit: the checker sees which thread touches that.
struct Object {
    header: Header,
    slots: Vec<Slot>,
    units: SharedUnits,
    ledgers: Vec<Ledger>,
    /// By slot: whether its byte is locked.
    held: Vec<AtomicU32>,
    lifecycle: Mutex<()>,
    data: Cell<u32>,
}

/// The hold of one handle on it.
#[derive(Clone)]
struct Holder {
    object: Rc<Object>,
    own: HolderId,
    ledger_lock: Rc<Mutex<()>>,
}

/// A semaphore with this many units, and its holders.
fn holders<const COUNT: usize>(units: u32) -> [Holder; COUNT] {
    let slot = |_| {
        let slot = Slot::model();
        slot.generation.store(1, Ordering::SeqCst);
        slot
    };
    let object = Rc::new(Object {
        header: Header::model(COUNT),
        slots: (0..COUNT).map(slot).collect(),
        units: SharedUnits::model(units),
        ledgers: (0..COUNT).map(|_| Ledger::model()).collect(),
        held: (0..COUNT).map(|_| AtomicU32::new(1)).collect(),
        lifecycle: Mutex::new(()),
        data: Cell::new(0),
    });
    std::array::from_fn(|slot| Holder {
        object: Rc::clone(&object),
        own: HolderId::new(slot, 1),
        ledger_lock: Rc::new(Mutex::new(())),
    })
}

impl LockEnv for Holder {
    fn lives(&self, id: HolderId) -> bool {
        let slot = id.slot().expect("only holders write");
        self.own == id || self.object.held[slot].load(Ordering::SeqCst) != 0
    }

    fn is_closed(&self) -> bool {
        false
    }

    /// A real holder does this too.
    fn reclaim_dead(&self) -> bool {
        let semaphore = self.semaphore();
        let is_dead = |slot: &usize| !self.lives(HolderId::new(*slot, 1));
        let left = |slot: &usize| semaphore.has_any(*slot) && is_dead(slot);
        let dead: Vec<_> = (0..self.object.slots.len()).filter(left).collect();
        if dead.is_empty() {
            return false;
        }
        let _lifecycle = lock(&self.object.lifecycle);
        dead.into_iter().filter(|slot| semaphore.reclaim_units(*slot)).count() > 0
    }

    fn notify(&self) {}
}

impl Holder {
    fn semaphore(&self) -> Units<'_, Holder> {
        let Object { header, slots, units, ledgers, .. } = &*self.object;
        let (own, ledger_lock) = (self.own, Some(&*self.ledger_lock));
        Units { header, slots, units, ledgers, own, ledger_lock, env: self }
    }

    /// Takes units, and gives them back.
    fn visit(&self, count: u32) {
        self.semaphore().acquire(count, None).unwrap();
        death::step();
        self.semaphore().release(count).unwrap();
    }

    /// Takes the only unit, touches what it guards, and gives the unit back.
    fn touch(&self) {
        self.semaphore().acquire(1, None).unwrap();
        let data = &self.object.data;
        data.set(data.get() + 1);
        death::step();
        self.semaphore().release(1).unwrap();
    }

    fn does(&self, what: impl FnOnce(&Holder) + 'static) -> JoinHandle<()> {
        let holder = self.clone();
        spawn(move || what(&holder))
    }

    fn units(&self) -> u32 {
        self.reclaim_dead();
        self.semaphore().free()
    }
}

#[test]
fn loom_units_exclude() {
    check_with(1, || {
        let [one, two] = holders(1);
        let other = two.does(|two| (0..2).for_each(|_| two.touch()));
        one.touch();
        other.join().unwrap();
        assert_eq!((one.units(), one.object.data.get()), (1, 3));
    });
}

#[test]
fn loom_units_of_three_holders() {
    check_with(0, || {
        let [one, two, three] = holders(1);
        let others = [two.does(Holder::touch), three.does(Holder::touch)];
        one.touch();
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(one.units(), 1);
    });
}

#[test]
fn loom_units_for_many_at_a_time() {
    check_with(0, || {
        let [one, two, three] = holders(2);
        let others = [two.does(|two| two.visit(1)), three.does(|three| three.visit(1))];
        one.visit(2);
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(one.units(), 2);
    });
}

/// Kills one holder, at each of its steps once, beside others.
fn kill_at_each_step(more: isize, units: u32, life: fn(&Holder), other: fn(&Holder)) {
    let killed = Arc::new(AtomicBool::new(true));
    let mut steps = 0;
    while killed.swap(false, Ordering::Relaxed) {
        let killed = Arc::clone(&killed);
        check_with(more, move || {
            let [last, victim, other_one] = holders(units);
            let other = other_one.does(other);
            if death::dies_after(steps, || life(&victim)).is_none() {
                killed.store(true, Ordering::Relaxed);
                victim.object.held[1].store(0, Ordering::SeqCst);
                futex::let_time_pass();
            }
            other.join().unwrap();
            assert_eq!(last.units(), units, "units were lost or made");
        });
        steps += 1;
    }
}

#[test]
fn loom_units_come_back_from_the_dead() {
    kill_at_each_step(0, 1, Holder::touch, Holder::touch);
}

#[test]
fn loom_units_come_back_to_who_wants_many() {
    kill_at_each_step(0, 2, |victim| victim.visit(1), |other| other.visit(2));
}

#[test]
fn loom_units_come_back_from_who_had_many() {
    kill_at_each_step(0, 2, |victim| victim.visit(2), |other| other.visit(1));
}
