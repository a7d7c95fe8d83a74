//! What an owner's death does to those that wait: alone or one of many, owner or reader, with a
//! child that lives on, in other namespaces.

use crate::common::child::{Lifeline, alone, fork, pause, reap};
use crate::common::namespaces::{KILLED, KINDS, NO_NAMESPACES, child_of, has_ended, within};
use crate::common::objects::{add, counter};
use crate::common::page::Page;
use crate::common::{SOON, name, until};
use std::sync::Barrier;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use treenail::{NOW, Segment, Status};

/// How long most survivors may wait for a lock whose owner died: far less than the last slices take.
const NOTICE_MAX: Duration = Duration::from_millis(25);
const ROUNDS: usize = 9;

// Words of the page.
const HELD: usize = 0;
const PID: usize = 1;
const GO: usize = 2;

/// A segment and a page that victims say something on.
struct Stage {
    name: String,
    segment: Segment,
    page: Page,
    path: std::path::PathBuf,
}

impl Stage {
    fn new() -> Stage {
        let name = name();
        let segment = Segment::create(&name, 8).expect("the name is free");
        let path = std::env::temp_dir().join(format!("treenail-page-{name}"));
        Stage { page: Page::open(&path), name, segment, path }
    }

    /// One that takes the lock and keeps it until it is killed. Never returns.
    fn hold(&self, shared: bool) -> ! {
        let segment = Segment::open(&self.name).expect("the parent holds it");
        let held = if shared { segment.lock_shared(SOON) } else { segment.lock(SOON) };
        held.expect("free soon");
        self.page.set(PID, own_pid() as u64);
        self.page.set(HELD, self.page.get(HELD) + 1);
        loop {
            pause();
        }
    }

    /// A child that has the lock.
    fn holder(&self, shared: bool) -> libc::pid_t {
        let before = self.page.get(HELD);
        let pid = fork(|| self.hold(shared));
        until("it holds", || self.page.get(HELD) > before);
        pid
    }

    /// Kills, and waits for the lock as one that sleeps: how long that took. Only an owner's death
    /// is told.
    fn survive(&self, pid: libc::pid_t, shared: bool, what: &str) -> Duration {
        let told = if shared { Status::Ok } else { Status::OwnerDied };
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| {
                let held = self.segment.lock(SOON).expect(what);
                (held, Instant::now())
            });
            // Long enough to be asleep.
            (0..5).for_each(|_| pause());
            let killed = Instant::now();
            kill(pid);
            let (held, at) = waits.join().expect("no panic");
            assert_eq!(held, told, "{what}");
            self.segment.unlock().expect("held");
            assert_eq!(self.segment.lock(NOW).expect("free"), Status::Ok, "said once");
            self.segment.unlock().expect("held");
            at.duration_since(killed)
        })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn own_pid() -> libc::pid_t {
    // SAFETY: takes no memory.
    unsafe { libc::getpid() }
}

fn kill(pid: libc::pid_t) {
    // SAFETY: a process of this test.
    unsafe { libc::kill(pid, libc::SIGKILL) };
}

/// Waits for one that was killed.
fn bury(pid: libc::pid_t) {
    // SAFETY: it is our child; the status isn't asked for.
    unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
}

/// A busy machine delays many, but not all: a lock that is found too late is so each time.
fn judge(what: &str, mut times: Vec<Duration>) {
    times.sort();
    println!("{what}: the lock was there after {times:?}");
    assert!(times[1] <= NOTICE_MAX, "{what}: {times:?}");
}

#[test]
fn whoever_waits_for_a_dead_owner_or_reader_has_the_lock_soon() {
    if !alone(whoever_waits_for_a_dead_owner_or_reader_has_the_lock_soon) {
        return;
    }
    let stage = Stage::new();
    for (shared, what) in [(false, "an owner died"), (true, "a reader died")] {
        let times = (0..ROUNDS).map(|_| {
            let victim = stage.holder(shared);
            let time = stage.survive(victim, shared, what);
            bury(victim);
            time
        });
        judge(what, times.collect());
    }
    assert_eq!(stage.segment.attached(), 1);
}

#[test]
fn one_of_many_may_die() {
    if !alone(one_of_many_may_die) {
        return;
    }
    let stage = Stage::new();
    let others: Vec<_> = (0..8)
        .map(|number| {
            fork(|| {
                let segment = Segment::open(&stage.name).expect("the parent holds it");
                while stage.page.get(GO) == 0 {
                    if number % 2 == 0 {
                        segment.lock(SOON).expect("free soon");
                        add(&segment);
                    } else {
                        segment.lock_shared(SOON).expect("free soon");
                    }
                    segment.unlock().expect("held");
                }
                0
            })
        })
        .collect();
    for (shared, what) in [(false, "an owner among many"), (true, "a reader among many")] {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let victim = stage.holder(shared);
            let before = counter(&stage.segment).load(Ordering::SeqCst);
            let killed = Instant::now();
            kill(victim);
            until("others go on", || counter(&stage.segment).load(Ordering::SeqCst) > before + 3);
            times.push(killed.elapsed());
            bury(victim);
        }
        judge(what, times);
    }
    stage.page.set(GO, 1);
    for other in others {
        assert_eq!(reap(other), 0);
    }
}

#[test]
fn a_dead_owner_s_child_that_lives_on_is_no_owner() {
    if !alone(a_dead_owner_s_child_that_lives_on_is_no_owner) {
        return;
    }
    for (shared, what) in [(false, "an owner with a child"), (true, "a reader with a child")] {
        let stage = Stage::new();
        let lives = Lifeline::new();
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let before = stage.page.get(HELD);
            let victim = fork(|| {
                let segment = Segment::open(&stage.name).expect("the parent holds it");
                let held = if shared { segment.lock_shared(SOON) } else { segment.lock(SOON) };
                held.expect("free soon");
                lives.fork_on(|| stage.page.set(HELD, before + 1));
                loop {
                    pause();
                }
            });
            until("the child lives", || stage.page.get(HELD) > before);
            times.push(stage.survive(victim, shared, what));
            bury(victim);
            assert_eq!(stage.segment.attached(), 1, "{what}: a child holds nothing");
        }
        judge(what, times);
    }
}

#[test]
fn a_handle_that_is_being_closed_passes_a_death_on() {
    let name = name();
    let first = Segment::create(&name, 8).expect("the name is free");
    let owner = Segment::open(&name).expect("it is held");
    owner.lock(NOW).expect("free");
    owner.close();
    for round in 0..2000 {
        let closing = Segment::open(&name).expect("it is held");
        let begin = Barrier::new(2);
        let got = std::thread::scope(|scope| {
            let locks = scope.spawn(|| {
                begin.wait();
                closing.lock(NOW)
            });
            begin.wait();
            closing.close();
            locks.join().expect("no panic")
        });
        match &got {
            Ok(held) => assert_eq!(*held, Status::OwnerDied, "round {round}"),
            Err(error) => assert_eq!(error.status(), Status::Closed, "round {round}: {error}"),
        }
        // Whether the lock was closed on or never had: the next one hears of the first owner.
        let next = Segment::open(&name).expect("it is held");
        let held = next.lock(NOW).expect("free");
        assert_eq!(held, Status::OwnerDied, "round {round}, after {got:?}");
        next.close();
    }
    assert_eq!(first.attached(), 1);
}

#[test]
fn an_unlock_that_comes_after_a_close_says_so() {
    let name = name();
    let first = Segment::create(&name, 8).expect("the name is free");
    for round in 0..1000 {
        let closing = Segment::open(&name).expect("it is held");
        closing.lock(NOW).expect("free");
        let begin = Barrier::new(2);
        let unlocked = std::thread::scope(|scope| {
            let unlocks = scope.spawn(|| {
                begin.wait();
                closing.unlock()
            });
            begin.wait();
            closing.close();
            unlocks.join().expect("no panic")
        });
        if let Err(error) = unlocked {
            assert_eq!(error.status(), Status::Closed, "round {round}: {error}");
        }
        first.lock(NOW).expect("nobody has it");
        first.unlock().expect("held");
    }
}

#[test]
fn an_owner_in_other_namespaces_may_die() {
    if !alone(an_owner_in_other_namespaces_may_die) {
        return;
    }
    for (what, flags) in KINDS {
        for shared in [false, true] {
            let stage = Stage::new();
            let mut times = Vec::new();
            for _ in 0..ROUNDS {
                let before = stage.page.get(HELD);
                let middle = within(what, flags, || stage.hold(shared));
                until("it holds, or can't", || stage.page.get(HELD) > before || has_ended(middle));
                if stage.page.get(HELD) == before {
                    assert_eq!(reap(middle), NO_NAMESPACES);
                    return;
                }
                assert_eq!(stage.segment.attached(), 2, "{what}");
                if flags & libc::CLONE_NEWPID != 0 {
                    assert_eq!(stage.page.get(PID), 1, "the first in its namespace");
                }
                times.push(stage.survive(child_of(middle), shared, what));
                assert_eq!(reap(middle), KILLED);
            }
            judge(&format!("an owner with {what}, shared: {shared}"), times);
        }
    }
}

#[test]
fn whoever_waits_in_other_namespaces_sees_a_death_outside() {
    if !alone(whoever_waits_in_other_namespaces_sees_a_death_outside) {
        return;
    }
    for (what, flags) in KINDS {
        let stage = Stage::new();
        let victim = stage.holder(false);
        let middle = within(what, flags, || {
            let segment = Segment::open(&stage.name).expect("the parent holds it");
            assert_eq!(segment.attached(), 3);
            stage.page.set(GO, 1);
            assert_eq!(segment.lock(SOON).expect("free soon"), Status::OwnerDied);
            assert_eq!(segment.attached(), 2);
            add(&segment);
            segment.unlock().expect("held");
        });
        until("it waits, or can't", || stage.page.get(GO) == 1 || has_ended(middle));
        kill(victim);
        let ended = reap(middle);
        bury(victim);
        if ended != NO_NAMESPACES {
            assert_eq!(ended, 0, "{what}");
            assert_eq!(counter(&stage.segment).load(Ordering::SeqCst), 1);
        }
    }
}
