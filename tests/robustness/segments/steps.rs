//! kill -9 after each instruction of lock and unlock, once each: somebody else always gets on,
//! at once.

use crate::common::child::{alone_for, pause};
use crate::common::system::allow_one_processor;
use crate::common::trace::{STEPPING_MAX, Victim, kill_at_each};
use crate::common::{SOON, name, until};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use treenail::object::layout::Header;
use treenail::{FOREVER, NOW, Segment, Status};

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

fn close(segment: &Segment) {
    segment.close();
}

fn read(segment: &Segment) {
    segment.read(0, &mut [0; 5], FOREVER).expect("some time");
}

fn write_and_read(segment: &Segment) {
    segment.write(0, b"whole", FOREVER).expect("some time");
    read(segment);
}

fn nothing(_: &Segment) {}

#[rustfmt::skip]
const SCENES: [Scene; 13] = [
    Scene { what: "alone", others: Others::Away, before: nothing, stepped: lock_and_unlock },
    Scene { what: "a reader", others: Others::Away, before: nothing, stepped: share_and_unlock },
    Scene { what: "behind an owner", others: Others::Own, before: nothing, stepped: lock_and_unlock },
    Scene { what: "behind a reader", others: Others::Read, before: nothing, stepped: lock_and_unlock },
    Scene { what: "a reader behind an owner", others: Others::Own, before: nothing,
        stepped: share_and_unlock },
    Scene { what: "a reader beside a reader", others: Others::Read, before: nothing,
        stepped: share_and_unlock },
    Scene { what: "a reader in one call", others: Others::Away, before: nothing, stepped: read },
    Scene { what: "a write and a read", others: Others::Away, before: nothing,
        stepped: write_and_read },
    Scene { what: "a close with the lock", others: Others::Away, before: lock, stepped: close },
    Scene { what: "a close with the lock before the next", others: Others::AreNext, before: lock,
        stepped: close },
    Scene { what: "unlock before a sleeper", others: Others::Wait, before: lock, stepped: unlock },
    Scene { what: "unlock before the next", others: Others::AreNext, before: lock, stepped: unlock },
    Scene { what: "a reader before a sleeper", others: Others::Wait, before: share, stepped: unlock },
];

impl Scene {
    /// Whether the victim never has the lock alone.
    fn only_reads(&self) -> bool {
        self.what.starts_with("a reader")
    }
}

/// The segment's header, by a mapping of the test's own.
fn header(name: &str) -> &'static Header {
    let path = format!("/dev/shm/treenail.{}.{name}", crate::common::system::own_uid());
    crate::common::page::map(std::path::Path::new(&path), size_of::<Header>()).cast_ref()
}

/// One victim, which is stepped by `step` and killed: what that said.
fn one<T>(
    name: &str,
    scene: &Scene,
    segment: &Segment,
    step: impl FnOnce(&Victim, &mut dyn FnMut()) -> T,
) -> T {
    let victim = Victim::new(
        || {
            let segment = Segment::open(name).expect("the parent holds it");
            (scene.before)(&segment);
            segment
        },
        scene.stepped,
    );
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
    let result = thread::scope(|scope| {
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
            unsafe {
                libc::syscall(libc::SYS_futex, header.releases.as_ptr(), libc::FUTEX_WAKE, 9)
            };
        }
        let result = step(&victim, &mut let_go);
        victim.kill();
        let_go();
        if let Some(waiter) = waiter {
            let held = waiter.join().expect("no panic").expect("the victim is dead");
            assert!(held == Status::Ok || !scene.only_reads(), "{}: nobody wrote", scene.what);
            unlock(segment);
        }
        result
    });
    // At once: not even a slice is waited for.
    let held = segment.lock(NOW).unwrap_or_else(|error| panic!("{}: {error}", scene.what));
    assert!(held == Status::Ok || !scene.only_reads(), "{}: nobody wrote", scene.what);
    unlock(segment);
    assert_eq!(segment.lock_shared(NOW).expect("nobody has it"), Status::Ok);
    unlock(segment);
    assert_eq!(segment.attached(), 1);
    result
}

#[test]
fn a_kill_after_any_instruction_blocks_nobody() {
    if !alone_for(a_kill_after_any_instruction_blocks_nobody, STEPPING_MAX) {
        return;
    }
    // Where there is one processor nobody spins, so that there are not too many steps.
    allow_one_processor();
    let mut all = 0;
    for scene in &SCENES {
        let name = name();
        let segment = Segment::create(&name, 8).expect("the name is free");
        let steps = one(&name, scene, &segment, |victim, asleep| victim.count(asleep));
        let (count, stride) = kill_at_each(steps, |count| {
            one(&name, scene, &segment, |victim, asleep| victim.steps(count, asleep))
        });
        eprintln!("{}: {count} kills, one after every {stride} of {steps} steps", scene.what);
        all += count;
    }
    eprintln!("{all} kills");
    assert!(all > 100, "only {all} kills");
}
