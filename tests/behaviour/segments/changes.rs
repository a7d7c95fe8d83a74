//! Hearing of changes: version, notify, wait, and the descriptor.

use crate::common::child::{self, kill, pause, start};
use crate::common::event::{is_hidden_by, is_readable, readable_within};
use crate::common::limit::once_of;
use crate::common::system::is_root;
use crate::common::{SOON, at_once, name, not_before, not_checked, status, until};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::thread;
use std::time::{Duration, Instant};
use treenail::{FOREVER, NOW, Segment, Semaphore, Status};
const BRIEFLY: Option<Duration> = Some(Duration::from_millis(40));

pub fn two() -> (Segment, Segment) {
    let name = name();
    let first = Segment::create(&name, 8).expect("the name is free");
    let second = Segment::open(&name).expect("it is there");
    (first, second)
}

fn becomes_readable(fd: BorrowedFd<'_>) -> bool {
    readable_within(fd, SOON.expect("a time"))
}

/// In a child that the kernel kills for whatever system call it makes.
#[test]
fn what_nobody_waits_for_makes_no_system_call() {
    if !child::alone(what_nobody_waits_for_makes_no_system_call) {
        return;
    }
    let name = name();
    let pid = child::fork(|| {
        let segment = Segment::create(&name, 8).expect("the name is free");
        let units = ["undo=1", "undo=0"].map(|undo| {
            Semaphore::open_or_create(&format!("{name}-{}?{undo}", &undo[5..]), 1)
                .expect("the name is free")
        });
        let round = || {
            segment.notify().expect("open");
            segment.lock(FOREVER).expect("it is free");
            segment.unlock().expect("it is held");
            segment.lock_shared(FOREVER).expect("it is free");
            segment.unlock().expect("it is held");
            segment.write(0, b"8 bytes!", FOREVER).expect("it is free");
            for semaphore in &units {
                semaphore.acquire(1, FOREVER).expect("there is one");
                semaphore.release(1).expect("open");
            }
        };
        round();
        // SAFETY: takes no memory; from here on reading, writing and SYS_exit are all there is.
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_STRICT) };
        (0..1000).for_each(|_| round());
        // SAFETY: takes no memory, and ends the process, as that has one thread.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
        1
    });
    assert_eq!(child::reap(pid), 0, "killed for a system call");
    // What it had was left by a killed one, as far as others can tell.
    Segment::remove(&name).expect("it is there");
    for undo in ["1", "0"] {
        Semaphore::remove(&format!("{name}-{undo}")).expect("it is there");
    }
}

#[test]
fn a_notify_moves_the_version_on_and_wakes_whoever_waits() {
    let (first, second) = two();
    assert_eq!((first.version(), second.version()), (0, 0));
    assert_eq!(status(second.wait(0, NOW)), Status::Again);
    assert_eq!(status(not_before(BRIEFLY.unwrap(), || second.wait(0, BRIEFLY))), Status::TimedOut);
    thread::scope(|scope| {
        let waiters = [&first, &second, &second].map(|one| scope.spawn(|| one.wait(0, FOREVER)));
        child::pause();
        first.notify().expect("open");
        for waiter in waiters {
            assert_eq!(waiter.join().expect("no panic").expect("a change"), 1);
        }
    });
    assert_eq!(second.wait(0, NOW).expect("it is another"), 1);
    assert_eq!(second.wait(7, NOW).expect("it is another"), 1);
    first.write(0, b"x", NOW).expect("free");
    assert_eq!(second.version(), 2);
    first.read(0, &mut [0], NOW).expect("free");
    assert_eq!(second.version(), 2, "reading is no change");
}

#[test]
fn no_change_is_missed() {
    let (first, second) = two();
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..2_000 {
                // One ahead at most, so that each is waited for.
                while second.version() < number {
                    thread::yield_now();
                }
                first.notify().expect("open");
            }
        });
        let mut seen = 0;
        while seen < 2_000 {
            seen = at_once(|| second.wait(seen, SOON)).expect("a change");
        }
    });
}

#[test]
fn the_descriptor_starts_readable_and_again_makes_it_not() {
    let (first, second) = two();
    let fd = second.fd().expect("a descriptor");
    assert!(is_readable(fd));
    assert_eq!(fd.as_raw_fd(), second.fd().expect("the same").as_raw_fd());
    assert_eq!(status(second.wait(0, NOW)), Status::Again);
    assert!(!is_readable(fd));
    first.notify().expect("open");
    assert!(is_readable(fd), "a notify");
    assert_eq!(second.wait(0, NOW).expect("a change"), 1);
    assert!(is_readable(fd), "until a call says again");
    assert_eq!(status(second.wait(1, NOW)), Status::Again);
    assert!(!is_readable(fd));
    first.lock(NOW).expect("free");
    first.unlock().expect("held");
    assert!(!is_readable(fd), "an unlock is no change");
    first.write(0, b"x", NOW).expect("free");
    assert!(is_readable(fd), "a write");
    assert_eq!(second.wait(1, NOW).expect("a change"), 2);
    assert_eq!(status(second.wait(2, NOW)), Status::Again);
    second.notify().expect("open");
    assert!(is_readable(fd), "its own change");
    assert_eq!(status(second.wait(3, NOW)), Status::Again);
    second.close();
    assert!(is_readable(fd), "a close");
    assert_eq!(status(second.wait(3, NOW)), Status::Closed);
    assert!(is_readable(fd), "until it is freed");
}

#[test]
fn the_lock_can_be_waited_for_by_its_descriptor() {
    let (first, second) = two();
    let fd = second.lock_fd().expect("a descriptor");
    let refused = || assert_eq!(status(second.lock(NOW)), Status::Again);
    assert!(is_readable(fd), "it starts so");
    assert_eq!(fd.as_raw_fd(), second.lock_fd().expect("the same").as_raw_fd());
    for shared in [false, true] {
        let taken = if shared { first.lock_shared(NOW) } else { first.lock(NOW) };
        taken.expect("free");
        assert!(is_hidden_by(fd, refused));
        first.unlock().expect("held");
        assert!(is_readable(fd), "shared: {shared}");
        second.lock(NOW).expect("free");
        assert!(is_readable(fd));
        refused();
        assert!(!is_readable(fd), "this handle has it");
        first.notify().expect("open");
        assert!(!is_readable(fd), "a change is no unlock");
        second.unlock().expect("held");
        assert!(is_readable(fd), "its own unlock");
    }
    first.lock(NOW).expect("free");
    let refused = || assert_eq!(status(second.read(0, &mut [0; 8], NOW)), Status::Again);
    assert!(is_hidden_by(fd, refused), "a read takes the lock");
    first.unlock().expect("held");
    assert!(is_readable(fd));
    second.close();
    assert_eq!(status(second.lock(NOW)), Status::Closed);
    assert!(is_readable(fd), "until it is freed");
}

#[test]
fn somebody_with_the_lock() {
    let Some(role) = child::role().filter(|role| role.ends_with("holds")) else {
        return;
    };
    let name = std::env::var("NAME").expect("the parent says");
    let segment = Segment::open(&name).expect("the parent holds it");
    let held = if role == "owner holds" { segment.lock(SOON) } else { segment.lock_shared(SOON) };
    held.expect("free");
    segment.notify().expect("open");
    loop {
        pause();
    }
}

#[test]
fn an_owner_s_death_makes_the_descriptor_readable() {
    for (role, told) in [("owner holds", Status::OwnerDied), ("reader holds", Status::Ok)] {
        let name = name();
        let segment = Segment::create(&name, 8).expect("the name is free");
        let fd = segment.lock_fd().expect("a descriptor");
        let owner = start(somebody_with_the_lock, role, &[("NAME", &name)]);
        until("it holds", || segment.version() == 1);
        assert_eq!(status(segment.lock(NOW)), Status::Again);
        kill(owner);
        // It is readable for nothing now and then.
        loop {
            assert!(becomes_readable(fd), "{role}");
            match segment.lock(NOW) {
                Ok(held) => break assert_eq!(held, told, "{role}"),
                Err(error) => assert_eq!(error.status(), Status::Again),
            }
        }
        segment.unlock().expect("held");
    }
}

/// How often something is done in half a second.
fn times(act: impl Fn()) -> u32 {
    let began = Instant::now();
    let mut count = 0;
    while began.elapsed() < Duration::from_millis(500) {
        act();
        count += 1;
    }
    count
}

#[test]
fn who_was_refused_by_an_owner_is_called_to_look_about_each_5_ms_at_first() {
    let (first, second) = two();
    first.lock(NOW).expect("free");
    let fd = second.lock_fd().expect("a descriptor");
    let look = || {
        assert!(becomes_readable(fd));
        assert_eq!(status(second.lock(NOW)), Status::Again);
    };
    look();
    let measure = || {
        thread::scope(|scope| {
            let pauses = scope.spawn(|| times(|| (0..5).for_each(|_| pause())));
            (times(look), pauses.join().expect("no panic"))
        })
    };
    let is_good = |(looks, pauses): &(u32, u32)| (pauses / 2..2 * pauses).contains(looks);
    once_of(5, "(looks, pauses of 5 ms)", measure, is_good);
}

#[test]
fn a_wait_in_another_thread_goes_on_beside_the_descriptor() {
    let (first, second) = two();
    let fd = second.fd().expect("a descriptor");
    for round in 0..200 {
        assert_eq!(status(second.wait(round, NOW)), Status::Again);
        thread::scope(|scope| {
            let waits = scope.spawn(|| second.wait(round, SOON));
            first.notify().expect("open");
            assert_eq!(waits.join().expect("no panic").expect("a change"), round + 1);
        });
        assert!(is_readable(fd));
    }
}

#[test]
fn who_has_given_up_its_rights_still_tells_of_changes() {
    if !child::alone(who_has_given_up_its_rights_still_tells_of_changes) {
        return;
    }
    if !is_root() {
        not_checked("who has given up its rights", "only root can become somebody else");
        return;
    }
    let name = name();
    let segment = Segment::create(&name, 8).expect("the name is free");
    let fd = segment.fd().expect("a descriptor");
    assert_eq!(status(segment.wait(0, NOW)), Status::Again);
    let pid = child::fork(|| {
        let segment = Segment::open(&name).expect("it is there");
        // SAFETY: takes no memory.
        assert_eq!(unsafe { libc::setuid(65534) }, 0);
        segment.notify().expect("open");
        // It doesn't end, of which the parent would hear as well.
        loop {
            pause();
        }
    });
    let is_told = becomes_readable(fd);
    // SAFETY: a child of this test, whose status isn't asked for.
    unsafe {
        libc::kill(pid, libc::SIGKILL);
        libc::waitpid(pid, std::ptr::null_mut(), 0);
    }
    assert!(is_told, "a change was made known");
}
