//! The model of futex(2), and of waiting for descriptors. As in the kernel, each word has a queue
//! with a lock. A thread that goes to sleep looks at the word under that lock, and a thread that
//! wakes takes the lock after changing the word. Waiting among threads and among processes is the
//! same here.

use super::death::step;
use crate::sync::{AtomicU32, Mutex, Ordering, lock};
use loom::thread::{Thread, current, park};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

pub use {wait as wait_here, wait as wait_across, wake as wake_here, wake as wake_across};

/// A thread that sleeps, or is about to.
struct Sleeper {
    thread: Thread,
    parked: Cell<bool>,
    /// Whether the thread was woken, or never slept.
    awake: Cell<bool>,
}

impl Sleeper {
    /// Parks until it is woken. No other thread runs between a look and parking.
    fn sleep(&self) {
        while !self.awake.get() {
            self.parked.set(true);
            park();
        }
    }

    /// Unparks the thread only if it is parked: loom would otherwise let it through a lock.
    fn wake(&self) {
        if !self.awake.replace(true) && self.parked.get() {
            self.thread.unpark();
        }
    }
}

/// The threads that sleep on a word, in the order in which they came.
type Queue = Rc<Mutex<Vec<Rc<Sleeper>>>>;

std::thread_local! {
    /// The queues by the addresses of the words. All of loom's threads are one thread of the
    /// system.
    static QUEUES: RefCell<HashMap<usize, Queue>> = RefCell::default();
    /// All threads that ever slept in this execution.
    static SLEEPERS: RefCell<Vec<Rc<Sleeper>>> = RefCell::default();
    /// How many moments have passed. After each one, some sleeps of every thread end by themselves.
    static MOMENTS: Cell<usize> = const { Cell::new(0) };
}

loom::thread_local! {
    /// How many sleeps of this thread have ended by themselves.
    static SLEPT: Cell<usize> = Cell::new(0);
}

/// How many sleeps end by themselves in each thread at each moment.
const SLICES: usize = 2;

/// Begins an execution, in its first thread.
pub fn begin() {
    QUEUES.take();
    SLEEPERS.take();
    MOMENTS.set(0);
}

/// Lets time pass: the sleep of each thread ends by itself, and so does its next one.
pub fn let_time_pass() {
    MOMENTS.set(MOMENTS.get() + 1);
    SLEEPERS.with_borrow(|sleepers| sleepers.iter().for_each(|sleeper| sleeper.wake()));
}

/// Whether the sleep of the calling thread ends by itself.
fn is_over() -> bool {
    SLEPT.with(|slept| {
        let over = slept.get() < SLICES * MOMENTS.get();
        slept.set(slept.get() + usize::from(over));
        over
    })
}

fn queue(word: &AtomicU32) -> Queue {
    let address = std::ptr::from_ref(word).addr();
    QUEUES.with_borrow_mut(|queues| Rc::clone(queues.entry(address).or_default()))
}

/// Waits while `word` holds `expected`, until it is woken. Models have no time until a holder has
/// died, so no wait has a limit.
pub fn wait(word: &AtomicU32, expected: u32, time: Option<Duration>) {
    assert!(time.is_none(), "a model waits for ever");
    step();
    wait_for_any(&[(word, expected)]);
}

/// Waits while each word holds its expected value, as poll(2) does for descriptors.
pub fn wait_for_any(words: &[(&AtomicU32, u32)]) {
    let (parked, awake) = (Cell::new(false), Cell::new(false));
    let sleeper = Rc::new(Sleeper { thread: current(), parked, awake });
    SLEEPERS.with_borrow_mut(|sleepers| sleepers.push(Rc::clone(&sleeper)));
    for &(word, expected) in words {
        let queue = queue(word);
        let mut queue = lock(&queue);
        if word.within_a_call().load(Ordering::Relaxed) != expected {
            sleeper.awake.set(true);
            break;
        }
        queue.push(Rc::clone(&sleeper));
    }
    if is_over() {
        sleeper.awake.set(true);
    }
    sleeper.sleep();
}

/// Wakes up to `count` of the threads that wait for `word`.
pub fn wake(word: &AtomicU32, count: i32) {
    step();
    let queue = queue(word);
    let mut queue = lock(&queue);
    queue.retain(|sleeper| !sleeper.awake.get());
    let count = queue.len().min(count as usize);
    queue.drain(..count).for_each(|sleeper| sleeper.wake());
}
