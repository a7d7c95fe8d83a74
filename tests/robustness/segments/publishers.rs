//! kill -9 after each instruction of what others wait for by a descriptor: what was done is heard of.

use super::bells::{becomes_readable, hide};
use crate::common::child::alone_for;
use crate::common::event::readable_within;
use crate::common::system::allow_one_processor;
use crate::common::trace::{STEPPING_MAX, Victim, kill_at_each};
use crate::common::{SOON, name};
use std::cell::Cell;
use treenail::{NOW, Segment, Semaphore, Status};

/// What a victim does, and what one does that waits for it by a descriptor.
struct Scene<'a> {
    what: &'a str,
    victim: &'a dyn Fn() -> Victim,
    /// Waits until a call is refused, and so is to be called.
    wait: &'a dyn Fn(),
    /// That it was called, if there is something to be called for.
    assert_called: &'a dyn Fn(),
}

impl Scene<'_> {
    /// Kills victims after each of their steps. One that was called too early waits once more,
    /// `again` in the middle of it.
    fn kill(&self, again: bool) {
        let one = |step: &dyn Fn(&Victim)| {
            (self.wait)();
            let victim = (self.victim)();
            step(&victim);
            victim.kill();
            (self.assert_called)();
        };
        let steps = Cell::new(0);
        one(&|victim| steps.set(victim.count(&mut || ())));
        let (count, stride) = kill_at_each(steps.get(), |count| {
            let lived = Cell::new(true);
            one(&|victim| {
                let before = if again { count / 2 } else { 0 };
                lived.set(victim.steps(before, &mut || ()));
                if again && lived.get() {
                    (self.wait)();
                }
                lived.set(lived.get() && victim.steps(count - before, &mut || ()));
            });
            lived.get()
        });
        let (what, steps) = (self.what, steps.get());
        eprintln!("{what}: {count} kills, one after every {stride} of {steps} steps");
    }
}

#[test]
fn who_is_killed_while_it_makes_a_change_hides_none() {
    if !alone_for(who_is_killed_while_it_makes_a_change_hides_none, STEPPING_MAX) {
        return;
    }
    allow_one_processor();
    let name = name();
    let segment = Segment::create(&name, 8).expect("the name is free");
    hide(&segment);
    let seen = Cell::new(0);
    let wait = || match segment.wait(seen.get(), NOW) {
        Ok(version) => {
            seen.set(version);
            hide(&segment);
        }
        Err(error) => assert_eq!(error.status(), Status::Again),
    };
    let assert_called = || {
        if segment.version() != seen.get() {
            assert!(becomes_readable(&segment), "a change is hidden");
        }
    };
    type Change = fn(&Segment);
    let notify: Change = |segment| segment.notify().expect("open");
    // The last victim may have had the lock.
    let write: Change = |segment| assert!(segment.write(0, b"x", NOW).is_ok());
    for (what, change) in [("a notify", notify), ("a write", write)] {
        let victim = || Victim::new(|| Segment::open(&name).expect("it is there"), change);
        let scene = Scene { what, victim: &victim, wait: &wait, assert_called: &assert_called };
        scene.kill(false);
        scene.kill(true);
    }
}

#[test]
fn who_is_killed_while_it_releases_units_hides_none() {
    if !alone_for(who_is_killed_while_it_releases_units_hides_none, STEPPING_MAX) {
        return;
    }
    allow_one_processor();
    let name = name();
    let semaphore = Semaphore::create(&name, 0).expect("the name is free");
    let fd = semaphore.fd().expect("a descriptor");
    let wait = || loop {
        if let Err(error) = semaphore.acquire(1, NOW) {
            break assert_eq!(error.status(), Status::Again);
        }
    };
    let assert_called = || {
        if semaphore.value().expect("open") > 0 {
            assert!(readable_within(fd, SOON.expect("a time")), "a unit is hidden");
        }
    };
    for options in ["?undo=1", "?undo=0"] {
        let open = || Semaphore::open(&format!("{name}{options}")).expect("it is there");
        let release = |semaphore: &Semaphore| semaphore.release(1).expect("there is room");
        let victim = || Victim::new(open, release);
        let scene =
            Scene { what: options, victim: &victim, wait: &wait, assert_called: &assert_called };
        scene.kill(false);
        scene.kill(true);
    }
}
