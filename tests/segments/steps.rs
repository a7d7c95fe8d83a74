//! kill -9 after each instruction of lock and unlock, once each: somebody else always gets on,
//! at once.

use crate::common::child::{alone, fork, pause};
use crate::common::system::allow_one_processor;
use crate::common::{NEVER_MIND, SOON, name, until};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use treenail::shm::object::Header;
use treenail::{FOREVER, NOW, Segment, Status};

/// After this long without a step the victim sleeps.
const ASLEEP: Duration = Duration::from_millis(3);

/// Instructions from one kill to the next. Code that isn't optimised has too many for each.
const STRIDE: usize = if cfg!(debug_assertions) { 17 } else { 1 };

/// What the others do while the victim is stepped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Others {
    /// Nothing.
    Away,
    /// One has the lock, until the victim sleeps.
    Own,
    Read,
    /// One waits for the victim's lock.
    Wait,
    /// One waits, and was passed by others long enough to be next.
    AreNext,
}

struct Scene {
    what: &'static str,
    others: Others,
    /// Before the steps are counted.
    before: fn(&Segment),
    stepped: fn(&Segment),
}

fn lock(segment: &Segment) {
    segment.lock(FOREVER).expect("some time");
}

fn share(segment: &Segment) {
    segment.lock_shared(FOREVER).expect("some time");
}

fn unlock(segment: &Segment) {
    segment.unlock().expect("held");
}

fn lock_and_unlock(segment: &Segment) {
    lock(segment);
    unlock(segment);
}

fn share_and_unlock(segment: &Segment) {
    share(segment);
    unlock(segment);
}

fn nothing(_: &Segment) {}

#[rustfmt::skip]
const SCENES: [Scene; 9] = [
    Scene { what: "alone", others: Others::Away, before: nothing, stepped: lock_and_unlock },
    Scene { what: "a reader", others: Others::Away, before: nothing, stepped: share_and_unlock },
    Scene { what: "behind an owner", others: Others::Own, before: nothing, stepped: lock_and_unlock },
    Scene { what: "behind a reader", others: Others::Read, before: nothing, stepped: lock_and_unlock },
    Scene { what: "a reader behind an owner", others: Others::Own, before: nothing,
        stepped: share_and_unlock },
    Scene { what: "a reader beside a reader", others: Others::Read, before: nothing,
        stepped: share_and_unlock },
    Scene { what: "unlock before a sleeper", others: Others::Wait, before: lock, stepped: unlock },
    Scene { what: "unlock before the next", others: Others::AreNext, before: lock, stepped: unlock },
    Scene { what: "a reader before a sleeper", others: Others::Wait, before: share, stepped: unlock },
];

/// A child that is traced, and stopped before its steps.
fn begin(name: &str, scene: &Scene) -> libc::pid_t {
    let pid = fork(|| {
        // SAFETY: none of these takes memory.
        unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
        let segment = Segment::open(name).expect("the parent holds it");
        (scene.before)(&segment);
        // SAFETY: as above.
        unsafe { libc::raise(libc::SIGSTOP) };
        (scene.stepped)(&segment);
        // SAFETY: as above.
        unsafe { libc::raise(libc::SIGSTOP) };
        unreachable!("it is killed");
    });
    assert_eq!(stopped(pid, &mut || ()), libc::SIGSTOP);
    pid
}

/// Waits until the child stops: by which signal. `asleep` is called if that takes long.
fn stopped(pid: libc::pid_t, asleep: &mut dyn FnMut()) -> i32 {
    let (mut status, began, mut called) = (0, Instant::now(), false);
    loop {
        // SAFETY: the status is live during the call.
        let seen = unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG) };
        if seen == pid {
            assert!(libc::WIFSTOPPED(status), "the victim ended by itself: {status:#x}");
            return libc::WSTOPSIG(status);
        }
        if began.elapsed() > ASLEEP && !called {
            called = true;
            asleep();
        }
        assert!(began.elapsed() < NEVER_MIND, "the victim hangs");
        thread::yield_now();
    }
}

/// Lets the child make so many steps; false if it is through before.
fn steps(pid: libc::pid_t, count: usize, asleep: &mut dyn FnMut()) -> bool {
    (0..count).all(|_| {
        // SAFETY: the child is stopped.
        unsafe { libc::ptrace(libc::PTRACE_SINGLESTEP, pid, 0, 0) };
        stopped(pid, asleep) != libc::SIGSTOP
    })
}

fn kill(pid: libc::pid_t) {
    // SAFETY: it is our child; the status isn't asked for.
    unsafe {
        libc::kill(pid, libc::SIGKILL);
        libc::waitpid(pid, std::ptr::null_mut(), 0);
    }
}

/// The segment's header, by a mapping of the test's own.
fn header(name: &str) -> &'static Header {
    let path = format!("/dev/shm/treenail.{}.{name}", crate::common::system::own_uid());
    crate::common::page::map(std::path::Path::new(&path), size_of::<Header>()).cast_ref()
}

/// One victim, killed after so many steps; whether it was not yet through.
fn one(name: &str, scene: &Scene, segment: &Segment, count: usize) -> bool {
    let pid = begin(name, scene);
    let held = AtomicBool::new(match scene.others {
        Others::Own => segment.lock(NOW).is_ok(),
        Others::Read => segment.lock_shared(NOW).is_ok(),
        _ => false,
    });
    let mut let_go = || {
        if held.swap(false, Ordering::Relaxed) {
            unlock(segment);
        }
    };
    let waits = matches!(scene.others, Others::Wait | Others::AreNext);
    let within = thread::scope(|scope| {
        let waiter = waits.then(|| scope.spawn(|| segment.lock(SOON)));
        let header = header(name);
        if waits {
            let seen = || header.lock.load(Ordering::SeqCst);
            // A reader's lock is waited for by an owner of the word.
            until("one waits", || {
                seen() & (1 << 29) != 0 || seen() & (1 << 28) != 0 && seen() & 0x7ff != 0
            });
        }
        while scene.others == Others::AreNext && header.lock.load(Ordering::SeqCst) >> 32 == 0 {
            pause();
            // SAFETY: wakes, and touches no memory.
            unsafe { libc::syscall(libc::SYS_futex, header.turns.as_ptr(), libc::FUTEX_WAKE, 9) };
        }
        let within = steps(pid, count, &mut let_go);
        kill(pid);
        let_go();
        if let Some(waiter) = waiter {
            waiter.join().expect("no panic").expect("the victim is dead");
            unlock(segment);
        }
        within
    });
    // At once: not even a slice is waited for.
    segment.lock(NOW).unwrap_or_else(|error| panic!("{}, {count} steps: {error}", scene.what));
    unlock(segment);
    assert_eq!(segment.lock_shared(NOW).expect("nobody has it"), Status::Ok);
    unlock(segment);
    assert_eq!(segment.attached(), 1);
    within
}

#[test]
fn a_kill_after_any_instruction_blocks_nobody() {
    if !alone("steps::a_kill_after_any_instruction_blocks_nobody") {
        return;
    }
    // Where there is one processor nobody spins, so that there are not too many steps.
    allow_one_processor();
    let mut all = 0;
    for scene in &SCENES {
        let name = name();
        let segment = Segment::create(&name, 8).expect("the name is free");
        let points = (1..).step_by(STRIDE);
        let count = points.take_while(|count| one(&name, scene, &segment, *count)).count();
        println!("{}: {count} kills, one after every {STRIDE} instructions", scene.what);
        all += count;
    }
    println!("{all} kills");
    assert!(all > 100 * SCENES.len(), "only {all} kills");
}
