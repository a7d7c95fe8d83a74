//! The model of futex(2), and of descriptors that are waited for. As in the kernel, each word has
//! a queue with a lock: who goes to sleep looks at the word under it, and who wakes takes it after
//! changing the word.

use crate::sync::{AtomicU32, Mutex, Ordering, lock};
use loom::thread::{Thread, current, park};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

/// A thread that sleeps, or is about to.
struct Sleeper {
    thread: Thread,
    parked: Cell<bool>,
    /// Woken, or never asleep.
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

    /// Unparks only who is parked: by loom, that would let a thread through a lock.
    fn wake(&self) {
        if !self.awake.replace(true) && self.parked.get() {
            self.thread.unpark();
        }
    }
}

/// Those that sleep on a word, in the order in which they came.
type Queue = Rc<Mutex<Vec<Rc<Sleeper>>>>;

std::thread_local! {
    /// By the words' addresses. All of loom's threads are one of the system's.
    static QUEUES: RefCell<HashMap<usize, Queue>> = RefCell::default();
}

/// Begins an execution, in its first thread.
pub fn begin() {
    QUEUES.take();
}

fn queue(word: &AtomicU32) -> Queue {
    let address = std::ptr::from_ref(word).addr();
    QUEUES.with_borrow_mut(|queues| Rc::clone(queues.entry(address).or_default()))
}

/// Waits while `word` holds `expected`, until it is woken. Models have no time, so none that is
/// limited.
pub fn wait(word: &AtomicU32, expected: u32, time: Option<Duration>) {
    assert!(time.is_none(), "a model waits for ever");
    wait_for_any(&[(word, expected)]);
}

/// Waits while each word holds what is expected of it, as poll(2) does for descriptors.
pub fn wait_for_any(words: &[(&AtomicU32, u32)]) {
    let (parked, awake) = (Cell::new(false), Cell::new(false));
    let sleeper = Rc::new(Sleeper { thread: current(), parked, awake });
    for &(word, expected) in words {
        let queue = queue(word);
        let mut queue = lock(&queue);
        if word.load(Ordering::Relaxed) != expected {
            sleeper.awake.set(true);
            break;
        }
        queue.push(Rc::clone(&sleeper));
    }
    sleeper.sleep();
}

/// Wakes up to `count` of those that wait for `word`.
pub fn wake(word: &AtomicU32, count: i32) {
    let queue = queue(word);
    let mut queue = lock(&queue);
    queue.retain(|sleeper| !sleeper.awake.get());
    let count = queue.len().min(count as usize);
    queue.drain(..count).for_each(|sleeper| sleeper.wake());
}
