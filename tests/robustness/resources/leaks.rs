//! Many channels, messages, views, loans and requests: afterwards no memory, no descriptor and no
//! mapping is left. TREENAIL_LEAKS says how many of each.

use crate::common::child::alone;
use crate::common::system::{descriptors, shared_maps};
use crate::common::{SOON, bounded, name, pair, setting, status};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use treenail::{Channel, Listener, NOW, Poller, Status};

/// Bytes of this process' heap that are in use.
static IN_USE: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counted.
struct Counted;

#[global_allocator]
static COUNTED: Counted = Counted;

// SAFETY: all is done by the system's allocator, in the same way.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: by this function's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: by this function's contract.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Bytes of this process' heap that are in use.
pub fn heap_in_use() -> usize {
    IN_USE.load(Ordering::Relaxed)
}

/// Rounds before the count, which fill what is kept for good.
const WARM_UP: u64 = 200;
/// What caches may grow by: far less than a byte a round would be.
const SLACK: usize = 1000;

/// How many of each.
pub fn count() -> u64 {
    setting("TREENAIL_LEAKS", 2000)
}

/// Fails if many rounds leave descriptors, mappings or memory.
pub fn leaves_nothing(what: &str, mut round: impl FnMut()) {
    (0..WARM_UP).for_each(|_| round());
    let held = || (descriptors(), shared_maps(), heap_in_use());
    let before = held();
    (0..count()).for_each(|_| round());
    let after = held();
    assert_eq!((after.0, after.1), (before.0, before.1), "{what}: descriptors, mappings");
    assert!(after.2 <= before.2 + SLACK, "{what}: {} bytes, then {}", before.2, after.2);
    println!("{} {what}: nothing is left", count());
}

fn in_a_process_of_its_own(test: impl Fn(), act: fn(&'static str)) {
    if alone(test) {
        let limit = Duration::from_secs(60 + count() / 100);
        bounded(limit, move || ["shm", "local"].into_iter().for_each(act));
    }
}

#[test]
fn channels_leave_nothing() {
    in_a_process_of_its_own(channels_leave_nothing, channels);
}

fn channels(scheme: &'static str) {
    let endpoint = format!("{scheme}:{}?ring=4KiB", name());
    let listener = Listener::open(&endpoint).expect("the name is free");
    leaves_nothing(&format!("channels over {scheme}"), || {
        let connector = Channel::connect_start(&endpoint).expect("it listens");
        let acceptor = loop {
            // Either end's handshake goes on in its own calls.
            let _ = connector.flush(NOW);
            if let Ok(acceptor) = listener.accept(NOW) {
                break acceptor;
            }
        };
        let poller = Poller::new().expect("a descriptor");
        poller.add_channel(&acceptor, 1).expect("a descriptor");
        connector.fd().expect("a descriptor");
        connector.send(b"unread", SOON).expect("there is room");
    });
}

#[test]
fn messages_leave_nothing() {
    in_a_process_of_its_own(messages_leave_nothing, messages);
}

fn messages(scheme: &'static str) {
    let pair = pair(scheme, "ring=16KiB");
    let (from, to) = (&pair.connector, &pair.acceptor);
    let large = [7; 10_000]; // more than half a ring: it goes in fragments
    leaves_nothing(&format!("messages, views, loans and requests over {scheme}"), || {
        from.send(b"copied", SOON).expect("there is room");
        to.recv_vec(SOON).expect("it was sent");
        from.send(&large, SOON).expect("there is room");
        drop(to.recv_view(SOON).expect("it was sent"));
        let loan = from.loan(100, SOON).expect("there is room");
        loan.commit(0, 50, SOON).expect("it was lent");
        drop(from.loan(100, SOON).expect("there is room"));
        drop(to.recv_view(SOON).expect("it was sent"));
        let id = from.request_begin(1, b"?", SOON).expect("there is room");
        let given_up = from.request_begin(1, b"?", SOON).expect("there is room");
        for _ in 0..2 {
            let request = to.recv_view(SOON).expect("it was sent").info();
            to.reply(&request, b"!", SOON).expect("there is room");
        }
        from.request_cancel(given_up).expect("it was begun");
        drop(from.request_end(id, SOON).expect("it was answered"));
        assert_eq!(status(from.recv_vec(NOW)), Status::Again);
    });
}
