//! A call that would have to wait, and may not, allocates nothing, not even the first time.

use crate::common::{Pair, name, pair, status};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use treenail::{Listener, NOW, Poller, Result, Segment, Semaphore, Status};

/// Counts what each thread allocates.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local!(static COUNT: Cell<u64> = const { Cell::new(0) });

fn count() {
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: what the system's own does.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: by this function's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: by this function's contract.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: by this function's contract.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// How often this thread allocates in `act`, and what that gives.
pub fn allocations<T>(act: impl FnOnce() -> T) -> (u64, T) {
    let before = COUNT.get();
    let result = act();
    (COUNT.get() - before, result)
}

/// Fails unless a call is refused and allocates nothing, the first time and later; the text says
/// what was tried on what.
fn costs_nothing<T>(tried: &str, mut call: impl FnMut() -> Result<T>) {
    for time in ["first", "second", "third"] {
        let (count, result) = allocations(&mut call);
        let error = result.err().unwrap_or_else(|| panic!("{tried}: it finds something"));
        assert_eq!(error.status(), Status::Again, "{error}");
        assert_eq!(count, 0, "{tried}: the {time} call allocates");
        assert!(error.to_string().starts_with(tried), "{tried}: its text is {error}");
    }
}

fn receives_nothing(Pair { connector, endpoint, .. }: &Pair) {
    let (mut buf, mut out) = ([0; 64], Vec::new());
    let tried = format!("recv {endpoint}");
    costs_nothing(&tried, || connector.recv(&mut buf, NOW));
    costs_nothing(&tried, || connector.recv_vec(NOW));
    costs_nothing(&tried, || connector.recv_message(&mut buf, NOW));
    costs_nothing(&tried, || connector.recv_view(NOW));
    costs_nothing(&tried, || connector.recv_many(&mut buf, &mut out, 4, NOW));
}

fn finds_no_room(Pair { connector, endpoint, .. }: &Pair) {
    let (data, tried) = ([0; 1000], format!("send {endpoint}"));
    while connector.send(&data, NOW).is_ok() {}
    costs_nothing(&tried, || connector.send(&data, NOW));
    costs_nothing(&tried, || connector.send_tagged(1, &data, NOW));
    if endpoint.starts_with("shm") {
        costs_nothing(&tried, || connector.loan(1000, NOW));
    }
}

fn in_a_fresh_thread(act: impl FnOnce() + Send) {
    std::thread::scope(|scope| scope.spawn(act).join().expect("no panic"));
}

#[test]
fn a_channel_that_has_nothing() {
    for scheme in ["shm", "local"] {
        let options = if scheme == "shm" { "ring=4096" } else { "" };
        for watched in [false, true] {
            let pair = pair(scheme, options);
            if watched {
                pair.connector.fd().expect("a descriptor");
            }
            if scheme == "local" {
                // With its first look a stream gets the memory that it reads into.
                let _ = pair.connector.recv_vec(NOW);
            }
            // In a thread that has never waited.
            in_a_fresh_thread(|| {
                receives_nothing(&pair);
                finds_no_room(&pair);
            });
        }
    }
}

#[test]
fn a_listener_that_nobody_connects_to() {
    for scheme in ["shm", "local"] {
        let endpoint = format!("{scheme}:{}", name());
        let listener = Listener::open(&endpoint).expect("the name is free");
        let tried = format!("accept {endpoint}");
        costs_nothing(&tried, || listener.accept(NOW));
    }
}

#[test]
fn a_poller_in_which_nothing_is_ready() {
    let (poller, pair) = (Poller::new().expect("descriptors"), pair("shm", ""));
    poller.add_channel(&pair.connector, 1).expect("it is in none");
    let _ = pair.connector.recv_vec(NOW);
    let mut keys = Vec::with_capacity(4);
    let _ = poller.wait(&mut keys, 4, NOW);
    costs_nothing("", || poller.wait(&mut keys, 4, NOW));
}

/// How many processors there are is found out once, by the first call that may wait.
pub fn find_processors() {
    let semaphore = Semaphore::create(&name(), 0).expect("the name is free");
    assert_eq!(status(semaphore.acquire(1, NOW)), Status::Again);
}

#[test]
fn a_lock_that_another_holds() {
    for watched in [false, true] {
        let name = name();
        let holder = Segment::create(&name, 64).expect("the name is free");
        let segment = Segment::open(&name).expect("it is there");
        holder.lock(NOW).expect("it is free");
        if watched {
            segment.fd().expect("a descriptor");
            segment.lock_fd().expect("another");
        }
        find_processors();
        let (tried, mut bytes) = (format!("lock {name}"), [0; 8]);
        costs_nothing(&tried, || segment.lock(NOW));
        costs_nothing(&tried, || segment.lock_shared(NOW));
        costs_nothing(&tried, || segment.write(0, &bytes, NOW));
        costs_nothing(&tried, || segment.read(0, &mut bytes, NOW));
        costs_nothing(&format!("wait {name}"), || segment.wait(segment.version(), NOW));
    }
}

#[test]
fn a_semaphore_without_units() {
    for watched in [false, true] {
        let name = name();
        let semaphore = Semaphore::create(&name, 0).expect("the name is free");
        if watched {
            semaphore.fd().expect("a descriptor");
        }
        find_processors();
        costs_nothing(&format!("acquire {name}"), || semaphore.acquire(1, NOW));
    }
}
