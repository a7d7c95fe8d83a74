//! The lock of named objects: it excludes, it wakes waiting calls, and it survives deaths. A
//! sleeper that is never woken is a deadlock here, as sleeps have no end until a holder dies.

mod deaths;

use super::{check_with, death, futex};
use crate::models::waker::Readable;
use crate::object::layout::{Header, Purpose, Slot};
use crate::object::lock::{Acquired, Lock, LockEnv};
use crate::object::lock_word::HolderId;
use crate::object::lock_word::Mode::{self, Exclusive, Shared};
use crate::object::subscriptions::Subscriptions;
use crate::object::wait::WaitError;
use crate::sync::{AtomicU32, Ordering};
use crate::{FOREVER, NOW};
use loom::cell;
use loom::thread::{JoinHandle, spawn};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// An object, and what its lock guards: the checker sees which thread touches that.
struct Object {
    header: Header,
    slots: Vec<Slot>,
    // By slot: its doorbell, and whether its byte is locked. None if no holder dies.
    held: Option<Vec<AtomicU32>>,
    doorbells: Vec<Readable>,
    data: cell::Cell<Data>,
    /// How many holders are reading.
    reading: Cell<u32>,
    /// Whether a holder that wanted to own the lock was killed, or has closed its handle.
    an_owner_ended: Cell<bool>,
}

#[derive(Clone, Copy, Default)]
struct Data {
    half_written: bool,
    writes: u32,
}

/// The hold of one handle on an object. Clones belong to the same handle.
#[derive(Clone)]
struct Holder {
    object: Rc<Object>,
    own: HolderId,
    closed: Rc<AtomicU32>,
}

/// An object and its holders.
fn holders<const COUNT: usize>(mortal: bool) -> [Holder; COUNT] {
    let slots = (0..COUNT).map(|_| {
        let slot = Slot::model();
        slot.generation.store(1, Ordering::SeqCst);
        slot.readers.store(1 << 16, Ordering::SeqCst);
        slot
    });
    let object = Rc::new(Object {
        header: Header::model(COUNT),
        slots: slots.collect(),
        held: mortal.then(|| (0..COUNT).map(|_| AtomicU32::new(1)).collect()),
        doorbells: (0..COUNT).map(|_| Readable::new(false)).collect(),
        data: cell::Cell::new(Data::default()),
        reading: Cell::new(0),
        an_owner_ended: Cell::new(false),
    });
    std::array::from_fn(|slot| Holder {
        object: Rc::clone(&object),
        own: HolderId::new(slot, 1),
        closed: Rc::new(AtomicU32::new(0)),
    })
}

/// A holder that owns the lock, or wants to.
struct Life<'a>(&'a Object);

impl Drop for Life<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.an_owner_ended.set(true);
        }
    }
}

/// A holder that reads, until it is done or killed.
struct Reads<'a>(&'a Cell<u32>);

impl Drop for Reads<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl LockEnv for Holder {
    /// A real holder locks bytes of a file for this.
    fn lives(&self, id: HolderId) -> bool {
        let Some((held, slot)) = self.object.held.as_ref().zip(id.slot()) else {
            return true;
        };
        let generation = self.object.slots[slot].generation.load(Ordering::SeqCst);
        generation == id.generation() && (self.own == id || held[slot].load(Ordering::SeqCst) != 0)
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst) != 0
    }

    fn reclaim_dead(&self) -> bool {
        false
    }

    fn notify(&self) {
        self.subscriptions().notify(|slot| self.object.doorbells[slot].ring());
    }
}

impl Holder {
    fn lock(&self) -> Lock<'_, Holder> {
        let object = &*self.object;
        Lock { header: &object.header, slots: &object.slots, own: self.own, env: self }
    }

    fn subscriptions(&self) -> Subscriptions<'_> {
        let Object { header, slots, .. } = &*self.object;
        Subscriptions { header, slots, purpose: Purpose::Available }
    }

    /// Acquires the lock and uses the data; fails if the handle was closed.
    fn visit(&self, mode: Mode, timeout: Option<Duration>) -> Result<(), WaitError> {
        let _life = (mode == Exclusive).then(|| Life(&self.object));
        let held = self.lock().acquire(mode, timeout)?;
        // Segment::acquire does this too: a close may have looked at the lock before it was taken.
        if self.closed.load(Ordering::SeqCst) != 0 {
            self.lock().unlock();
            return Err(WaitError::Closed);
        }
        match mode {
            Exclusive => self.write(held),
            Shared => self.read(held),
        }
        self.lock().unlock();
        Ok(())
    }

    fn write(&self, held: Acquired) {
        let Object { data, reading, .. } = &*self.object;
        let Data { half_written, writes } = data.get();
        assert_eq!(reading.get(), 0, "one reads");
        self.judge(held, half_written);
        data.set(Data { half_written: true, writes });
        death::step();
        data.set(Data { half_written: false, writes: writes + 1 });
    }

    fn read(&self, held: Acquired) {
        let Object { data, reading, .. } = &*self.object;
        self.judge(held, data.get().half_written);
        reading.set(reading.get() + 1);
        let _reads = Reads(reading);
        death::step();
    }

    /// Checks that a death is reported if it left anything half-written, and only if an owner died.
    fn judge(&self, held: Acquired, half_written: bool) {
        let died = held == Acquired::OwnerDied;
        assert!(died || !half_written, "nobody said that one died");
        assert!(!died || self.object.an_owner_ended.get(), "no owner died");
    }

    /// Acquires the lock whenever its descriptor is readable, which object/descriptor.rs makes.
    fn poll(&self, mode: Mode) {
        let slot = self.own.slot().unwrap();
        let doorbell = &self.object.doorbells[slot];
        loop {
            doorbell.drain();
            self.subscriptions().subscribe(slot);
            self.lock().watch();
            match self.visit(mode, NOW) {
                Err(WaitError::TimedOut) => Readable::poll(&[doorbell]),
                result => return result.unwrap(),
            }
        }
    }

    /// Acquires and releases the lock. It leaves the data alone: its handle may be closed, and then
    /// the data may be another holder's.
    fn knock(&self, mode: Mode) {
        match self.lock().acquire(mode, FOREVER) {
            Ok(_) => drop(self.lock().unlock()),
            Err(error) => assert_eq!(error, WaitError::Closed),
        }
    }

    /// Closes the handle, as the holder's detach does.
    fn close(&self) {
        let Object { header, slots, .. } = &*self.object;
        self.closed.store(1, Ordering::SeqCst);
        self.lock().release_all();
        for counter in
            [&header.releases, &header.reader_exits, &slots[self.own.slot().unwrap()].handovers]
        {
            counter.fetch_add(1, Ordering::SeqCst);
            futex::wake(counter, i32::MAX);
        }
    }

    /// Kills the holder after this many steps of `life`. Returns whether it was killed.
    fn dies(&self, steps: usize, life: impl FnOnce(&Holder)) -> bool {
        let killed = death::dies_after(steps, || life(self)).is_none();
        if killed {
            self.held().store(0, Ordering::SeqCst);
            futex::let_time_pass();
        }
        killed
    }

    fn held(&self) -> &AtomicU32 {
        &self.object.held.as_ref().unwrap()[self.own.slot().unwrap()]
    }

    /// Takes the slot of this holder, which is dead, and visits.
    fn succeed(&self) {
        let (slot, slots) = (self.own.slot().unwrap(), &self.object.slots);
        self.held().store(1, Ordering::SeqCst);
        self.lock().release_all();
        slots[slot].readers.store(2 << 16, Ordering::SeqCst);
        slots[slot].generation.store(2, Ordering::SeqCst);
        futex::let_time_pass();
        let successor = Holder { own: HolderId::new(slot, 2), ..self.clone() };
        successor.visit(Exclusive, FOREVER).unwrap();
    }

    /// A thread that visits this many times.
    fn visitor(self, mode: Mode, visits: u32) -> JoinHandle<()> {
        spawn(move || (0..visits).for_each(|_| self.visit(mode, FOREVER).unwrap()))
    }
}

/// Checks that the lock is free, and returns how often the data were written.
fn leftover(holder: &Holder) -> u32 {
    holder.visit(Exclusive, NOW).unwrap();
    holder.object.data.get().writes - 1
}

#[test]
fn loom_lock_two_owners() {
    check_with(1, || {
        let [one, two] = holders(false);
        let other = two.visitor(Exclusive, 2);
        (0..2).for_each(|_| one.visit(Exclusive, FOREVER).unwrap());
        other.join().unwrap();
        assert_eq!(leftover(&one), 4);
    });
}

#[test]
fn loom_lock_three_owners() {
    check_with(0, || {
        let [one, two, three] = holders(false);
        let others = [two, three].map(|holder| holder.visitor(Exclusive, 1));
        one.visit(Exclusive, FOREVER).unwrap();
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(leftover(&one), 3);
    });
}

#[test]
fn loom_lock_two_threads_of_one_handle() {
    check_with(1, || {
        let [one] = holders(false);
        let other = one.clone().visitor(Exclusive, 2);
        one.visit(Exclusive, FOREVER).unwrap();
        other.join().unwrap();
        assert_eq!(leftover(&one), 3);
    });
}

#[test]
fn loom_lock_a_reader_and_a_writer() {
    check_with(1, || {
        let [one, two] = holders(false);
        let reader = two.visitor(Shared, 2);
        (0..2).for_each(|_| one.visit(Exclusive, FOREVER).unwrap());
        reader.join().unwrap();
        assert_eq!(leftover(&one), 2);
    });
}

#[test]
fn loom_lock_two_readers_and_a_writer() {
    check_with(0, || {
        let [one, two, three] = holders(false);
        let readers = [two, three].map(|holder| holder.visitor(Shared, 1));
        one.visit(Exclusive, FOREVER).unwrap();
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        assert_eq!(leftover(&one), 1);
    });
}

#[test]
fn loom_lock_a_reader_and_two_writers() {
    check_with(0, || {
        let [one, two, three] = holders(false);
        let others = [two.visitor(Shared, 1), three.visitor(Exclusive, 1)];
        one.visit(Exclusive, FOREVER).unwrap();
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(leftover(&one), 2);
    });
}

#[test]
fn loom_lock_a_descriptor_and_an_owner() {
    check_with(1, || {
        let [one, two] = holders(false);
        let other = two.visitor(Exclusive, 2);
        one.poll(Exclusive);
        other.join().unwrap();
        assert_eq!(leftover(&one), 3);
    });
}

#[test]
fn loom_lock_a_descriptor_and_a_reader() {
    check_with(1, || {
        let [one, two] = holders(false);
        let other = two.visitor(Shared, 2);
        one.poll(Exclusive);
        other.join().unwrap();
        assert_eq!(leftover(&one), 1);
    });
}

#[test]
fn loom_lock_a_readers_descriptor_and_an_owner() {
    check_with(1, || {
        let [one, two] = holders(false);
        let other = two.visitor(Exclusive, 2);
        one.poll(Shared);
        other.join().unwrap();
        assert_eq!(leftover(&one), 2);
    });
}

#[test]
fn loom_lock_closed_while_one_waits() {
    for mode in [Exclusive, Shared] {
        check_with(2, move || {
            let [one, two] = holders(false);
            one.object.an_owner_ended.set(mode == Exclusive);
            let waits = one.clone();
            let waiter = spawn(move || waits.knock(mode));
            let closer = spawn(move || one.close());
            (0..2).for_each(|_| two.visit(Exclusive, FOREVER).unwrap());
            closer.join().unwrap();
            waiter.join().unwrap();
            assert_eq!(leftover(&two), 2);
        });
    }
}

#[test]
fn loom_lock_closed_while_held() {
    for mode in [Exclusive, Shared] {
        check_with(1, move || {
            let [one, two] = holders(false);
            one.lock().acquire(mode, FOREVER).unwrap();
            if mode == Exclusive {
                one.object.data.set(Data { half_written: true, writes: 0 });
                one.object.an_owner_ended.set(true);
            }
            let other = two.clone().visitor(Exclusive, 1);
            one.close();
            other.join().unwrap();
            assert_eq!(leftover(&two), 1);
        });
    }
}
