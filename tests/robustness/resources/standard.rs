//! Processes without standard input, output or error: no descriptor of the library's has their
//! numbers, not for a moment.

use crate::common::child::{alone, finish, fork, is_child, reap, start};
use crate::common::system::own_gid;
use crate::common::{SOON, name, pair, status};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use treenail::{Channel, NOW, Poller, Segment, Semaphore, Status};

/// Everything that makes a descriptor, in both roles.
fn use_everything() {
    for scheme in ["shm", "local"] {
        let pair = pair(scheme, &format!("group={}", own_gid()));
        pair.listener.fd().expect("a descriptor");
        for channel in [&pair.connector, &pair.acceptor] {
            channel.fd().expect("a descriptor");
            let vain = channel.recv_vec(Some(Duration::from_millis(1)));
            assert_eq!(status(vain), Status::TimedOut);
        }
        let poller = Poller::new().expect("a descriptor");
        poller.add_channel(&pair.acceptor, 1).expect("it is in no other");
        let waiting = Channel::create_start(&format!("{scheme}:{}", name())).expect("it is free");
        waiting.fd().expect("a descriptor");
        pair.connector.send(b"no stray output", SOON).expect("there is room");
        assert_eq!(pair.acceptor.recv_vec(SOON).expect("it was sent"), b"no stray output");
    }
    let segment = Segment::create(&name(), 100).expect("the name is free");
    segment.fd().expect("a descriptor");
    segment.lock_fd().expect("another");
    let semaphore = Semaphore::create(&name(), 1).expect("the name is free");
    semaphore.fd().expect("a descriptor");
    semaphore.acquire(1, NOW).expect("there is one");
}

/// Whether what has this number can be read or written.
fn is_of_use(fd: i32) -> bool {
    // SAFETY: takes no memory.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    flags != -1 && flags & libc::O_PATH == 0
}

fn close_some(some: i32) -> impl Iterator<Item = i32> + Clone {
    let numbers = (0..3).filter(move |fd| some & 1 << fd != 0);
    // SAFETY: nothing in this process uses them.
    numbers.clone().for_each(|fd| _ = unsafe { libc::close(fd) });
    numbers
}

#[test]
fn nothing_of_use_has_their_numbers_at_any_time() {
    if !is_child() {
        // With arenas for threads glibc reads /proc/sys/vm/overcommit_memory when it gives memory
        // back: that descriptor is not ours.
        let child = start(
            nothing_of_use_has_their_numbers_at_any_time,
            "alone",
            &[("MALLOC_ARENA_MAX", "1")],
        );
        assert!(finish(child, Duration::from_secs(120)), "it fails in a process of its own");
        return;
    }
    for some in 1..8 {
        let child = fork(|| {
            let closed = close_some(some);
            let (done, looked) = (AtomicBool::new(false), AtomicBool::new(false));
            thread::scope(|scope| {
                let looking = scope.spawn(|| {
                    let mut found = false;
                    while !done.load(Ordering::Relaxed) {
                        found |= closed.clone().any(is_of_use);
                        looked.store(true, Ordering::Relaxed);
                    }
                    found
                });
                while !looked.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
                (0..20).for_each(|_| use_everything());
                done.store(true, Ordering::Relaxed);
                i32::from(looking.join().expect("no panic"))
            })
        });
        assert_eq!(reap(child), 0, "of the numbers {some:03b}");
    }
}

#[test]
fn what_is_closed_later_is_noticed() {
    if !alone(what_is_closed_later_is_noticed) {
        return;
    }
    for some in 1..8 {
        let child = fork(|| {
            use_everything();
            let closed = close_some(some);
            let pair = pair("shm", "");
            pair.acceptor.fd().expect("a descriptor");
            use_everything();
            i32::from(closed.clone().any(is_of_use))
        });
        assert_eq!(reap(child), 0, "of the numbers {some:03b}");
    }
}
