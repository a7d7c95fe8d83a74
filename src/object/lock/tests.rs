//! Threads over one mapping, so that ThreadSanitizer sees what the lock orders; and how often a
//! waiting call looks who lives.

use super::{Acquired, Lock, LockEnv};
use crate::object::layout::{CONTROL_SIZE, Header, SLOTS_OFFSET, Slot};
use crate::object::lock_word::{HolderId, Mode};
use crate::object::wait::WaitError;
use crate::object::wait::slice_after;
use crate::sync::{AtomicU32, Ordering};
use std::cell::UnsafeCell;
use std::thread::scope;
use std::time::Duration;

const HOLDERS: usize = 3;
const THREADS_EACH: usize = 2;
const ROUNDS: u64 = if cfg!(miri) { 20 } else { 3_000 };

/// The control pages of an object on the heap; all zeros are a new one.
struct Memory(Vec<UnsafeCell<u64>>);

/// What the lock guards: no atomic.
struct Plain(UnsafeCell<u64>);

// SAFETY: the bytes are only used as atomics.
unsafe impl Sync for Memory {}
// SAFETY: the lock under test sees to it.
unsafe impl Sync for Plain {}

impl Memory {
    fn new() -> Memory {
        let memory = Memory((0..CONTROL_SIZE / 8).map(|_| UnsafeCell::new(0)).collect());
        memory
            .lock(0, &Alive::default())
            .header
            .slots_used
            .store(HOLDERS as u32, Ordering::Relaxed);
        memory
    }

    fn lock<'a>(&'a self, slot: usize, env: &'a Alive) -> Lock<'a, Alive> {
        let base = self.0[0].get().cast::<u8>();
        // SAFETY: the vector has CONTROL_SIZE bytes, aligned for any atomic, as long as `self`
        // lives; any bytes are valid atomics.
        let (header, slots) = unsafe {
            let slots = base.add(SLOTS_OFFSET).cast::<Slot>();
            (&*base.cast::<Header>(), std::slice::from_raw_parts(slots, HOLDERS))
        };
        Lock { header, slots, own: HolderId::new(slot, 0), env }
    }
}

/// Nobody dies, closes, or has a descriptor. It counts how often it is asked who lives.
#[derive(Default)]
struct Alive {
    asked: AtomicU32,
}

impl LockEnv for Alive {
    fn lives(&self, _: HolderId) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed);
        true
    }

    fn is_closed(&self) -> bool {
        false
    }

    fn reclaim_dead(&self) -> bool {
        false
    }

    fn notify(&self) {}
}

#[test]
fn slices_are_short_at_first_and_grow() {
    let milliseconds = Duration::from_millis;
    let slices = [0, 100, 1000, 3000, 10_000, 3_600_000];
    let slices = slices.map(|waited| slice_after(milliseconds(waited), milliseconds(1)));
    assert_eq!(slices, [1, 1, 5, 15, 50, 50].map(milliseconds));
}

/// A sleeper would look twenty times in slices of 50 ms, and a thousand times in the shortest.
#[test]
#[cfg_attr(miri, ignore = "it has no clock to speak of")]
fn who_waits_looks_often_whether_the_owner_lives() {
    let (memory, alive) = (Memory::new(), Alive::default());
    assert!(memory.lock(0, &alive).lock_at_once());
    let waits = || memory.lock(1, &alive).acquire(Mode::Exclusive, Some(Duration::from_secs(1)));
    assert_eq!(waits(), Err(WaitError::TimedOut));
    let looks = alive.asked.into_inner();
    assert!((40..1200).contains(&looks), "{looks} looks");
}

#[test]
fn owners_and_readers_keep_a_plain_number_whole() {
    let (memory, alive) = (Memory::new(), Alive::default());
    let number = Plain(UnsafeCell::new(0));
    scope(|scope| {
        for thread in 0..HOLDERS * THREADS_EACH {
            let (lock, number) = (memory.lock(thread % HOLDERS, &alive), &number);
            scope.spawn(move || {
                let mut last = 0;
                for round in 0..ROUNDS {
                    let mode = if round % 3 == 0 { Mode::Shared } else { Mode::Exclusive };
                    assert_eq!(lock.acquire(mode, None), Ok(Acquired::Clean));
                    // SAFETY: the lock is held.
                    let now = unsafe { *number.0.get() };
                    assert!(now >= last);
                    last = now;
                    if mode == Mode::Exclusive {
                        // SAFETY: held alone.
                        unsafe { *number.0.get() = now + 1 };
                    }
                    assert!(lock.unlock());
                }
            });
        }
    });
    let writes = (0..ROUNDS).filter(|round| round % 3 != 0).count();
    assert_eq!(number.0.into_inner(), (HOLDERS * THREADS_EACH * writes) as u64);
}
