//! kill -9 after each instruction of acquire and release, once each: no unit is lost, none is
//! there twice, and others go on at once.

use crate::common::child::{alone_for, fork};
use crate::common::objects::value;
use crate::common::system::allow_one_processor;
use crate::common::trace::{STEPPING_MAX, Victim, kill_at_each};
use crate::common::{SOON, name, with};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use treenail::{FOREVER, NOW, Semaphore};

const UNITS: u32 = 5;

/// What a victim does with its own handle and the name.
type Act = fn(&Semaphore, &str);

struct Scene {
    what: &'static str,
    /// The victim's.
    options: &'static str,
    /// Units that others have, until the victim sleeps.
    others_have: u32,
    /// Whether others acquire and release while it is stepped.
    others_act: bool,
    /// Whether one has died with two units, which nobody has brought back yet.
    one_is_dead: bool,
    before: Act,
    stepped: Act,
    /// How many units may be missing or more in the end: what a victim without undo had.
    left: [i32; 2],
}

fn acquire(semaphore: &Semaphore, _: &str) {
    semaphore.acquire(2, FOREVER).expect("some time");
}

fn release(semaphore: &Semaphore, _: &str) {
    semaphore.release(2).expect("there is room");
}

fn both(semaphore: &Semaphore, name: &str) {
    acquire(semaphore, name);
    release(semaphore, name);
}

fn close(semaphore: &Semaphore, _: &str) {
    semaphore.close();
}

fn look(semaphore: &Semaphore, _: &str) {
    semaphore.value().expect("open");
}

fn come_and_go(_: &Semaphore, name: &str) {
    drop(Semaphore::open_or_create(name, UNITS).expect("it is there"));
}

fn more(semaphore: &Semaphore, _: &str) {
    semaphore.release(1).expect("there is room");
}

fn nothing(_: &Semaphore, _: &str) {}

const SCENE: Scene = Scene {
    what: "alone",
    options: "",
    others_have: 0,
    others_act: false,
    one_is_dead: false,
    before: nothing,
    stepped: both,
    left: [0, 0],
};

#[rustfmt::skip]
const SCENES: [Scene; 13] = [
    SCENE,
    Scene { what: "after another's act", others_act: true, ..SCENE },
    Scene { what: "behind others", others_have: 4, ..SCENE },
    Scene { what: "a release before one that waits", others_have: 3, before: acquire,
        stepped: release, ..SCENE },
    Scene { what: "a release of some of it", before: acquire, stepped: more, ..SCENE },
    Scene { what: "a release of what it hasn't acquired", stepped: more, left: [0, 1], ..SCENE },
    Scene { what: "a close with units", before: acquire, stepped: close, ..SCENE },
    Scene { what: "bringing back what a dead one had", one_is_dead: true, stepped: look, ..SCENE },
    Scene { what: "acquiring that", one_is_dead: true, others_have: 2, ..SCENE },
    Scene { what: "an open and a close", one_is_dead: true, stepped: come_and_go, ..SCENE },
    Scene { what: "without undo", options: "undo=0", left: [-2, 0], ..SCENE },
    Scene { what: "without undo, behind others", options: "undo=0", others_have: 4, left: [-2, 0],
        ..SCENE },
    Scene { what: "without undo, a release", options: "undo=0", before: acquire, stepped: release,
        left: [-2, 0], ..SCENE },
];

/// A process that dies with two units.
fn die_with_two(name: &str) {
    let pid = fork(|| {
        let own = Semaphore::open_or_create(name, UNITS).expect("a good name");
        own.acquire(2, NOW).expect("that many are free");
        // SAFETY: takes no memory.
        unsafe { libc::raise(libc::SIGKILL) }
    });
    // SAFETY: it is our child; the status isn't asked for.
    unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
}

/// One victim, which is stepped by `step` and killed: what that said.
fn one<T>(scene: &Scene, step: impl FnOnce(&Victim, &mut dyn FnMut()) -> T) -> T {
    let name = &name();
    let semaphore = Semaphore::open_or_create(name, UNITS).expect("a good name");
    let victim = Victim::new(
        || {
            let own =
                Semaphore::open_or_create(&with(name, scene.options), UNITS).expect("a good name");
            (scene.before)(&own, name);
            own
        },
        |own| (scene.stepped)(own, name),
    );
    if scene.one_is_dead {
        die_with_two(name);
    }
    let held = AtomicBool::new(scene.others_have > 0);
    if scene.others_have > 0 {
        semaphore.acquire(scene.others_have, NOW).expect("that many are free");
    }
    let let_go = || {
        if held.swap(false, Ordering::Relaxed) {
            semaphore.release(scene.others_have).expect("there is room");
        }
    };
    let waits = scene.others_have == 3;
    let result = thread::scope(|scope| {
        let waiter = waits.then(|| {
            let waiter = scope.spawn(|| {
                let own = Semaphore::open_or_create(name, UNITS).expect("a good name");
                own.acquire(2, SOON).expect("they are released, or come back");
            });
            crate::common::child::pause();
            waiter
        });
        if scene.others_act {
            semaphore.acquire(1, NOW).expect("that many are free");
            semaphore.release(1).expect("there is room");
        }
        let result = step(&victim, &mut || let_go());
        if scene.others_act {
            // Replaces what the victim's act may have left in the word, and tells of it.
            semaphore.release(1).expect("there is room");
            semaphore.acquire(1, NOW).expect("that one");
        }
        victim.kill();
        if let Some(waiter) = waiter {
            waiter.join().expect("no panic");
        }
        let_go();
        result
    });
    let found = value(&semaphore);
    let left = found as i32 - UNITS as i32;
    assert!(scene.left.contains(&left), "{}: {left} units", scene.what);
    // At once, and all of them.
    semaphore.acquire(found, NOW).unwrap_or_else(|error| panic!("{}: {error}", scene.what));
    result
}

#[test]
fn a_kill_after_any_instruction_loses_no_unit() {
    if !alone_for(a_kill_after_any_instruction_loses_no_unit, STEPPING_MAX) {
        return;
    }
    // Where there is one processor nobody spins, so that there are not too many steps.
    allow_one_processor();
    let mut all = 0;
    for scene in &SCENES {
        let steps = one(scene, |victim, asleep| victim.count(asleep));
        let (count, stride) =
            kill_at_each(steps, |count| one(scene, |victim, asleep| victim.steps(count, asleep)));
        eprintln!("{}: {count} kills, one after every {stride} of {steps} steps", scene.what);
        all += count;
    }
    eprintln!("{all} kills");
    assert!(all > 100, "only {all} kills");
}
