//! What a death does: what the dead one had comes back, also to those that sleep, and nothing is
//! left behind.

use crate::common::child::{self, Lifeline, alone, fork, kill, pause, reap, start};
use crate::common::crowd::{Crowd, End};
use crate::common::event::readable_within;
use crate::common::limit::once_of;
use crate::common::namespaces::{KILLED, KINDS, NO_NAMESPACES, child_of, has_ended, within};
use crate::common::objects::{semaphore_path as path, value};
use crate::common::page::Page;
use crate::common::system::{descriptors, names_in};
use crate::common::{NEVER_MIND, SOON, name, status, until, with};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};
use treenail::{NOW, Semaphore, Status};
/// How long most survivors may wait for a dead one's units: far less than the last slices take.
const NOTICE_MAX: Duration = Duration::from_millis(25);
const ROUNDS: usize = 9;

/// Acquires so many units and keeps them until it is killed.
#[test]
fn a_holder() {
    if child::role().as_deref() != Some("holder") {
        return;
    }
    let get = |name| std::env::var(name).expect("the parent says");
    let semaphore = Semaphore::open_or_create(&get("NAME"), 0).expect("the parent holds it");
    semaphore.acquire(get("COUNT").parse().expect("a number"), SOON).expect("they are there");
    Page::open(Path::new(&get("PAGE"))).set(0, 1);
    loop {
        pause();
    }
}

/// A process that has so many units.
pub fn holder(name: &str, count: u32) -> Child {
    let page_path = std::env::temp_dir().join(format!("treenail-page-{}", crate::common::name()));
    let page = Page::open(&page_path);
    let text = page_path.to_str().expect("a plain path");
    let settings = [("NAME", name), ("COUNT", &count.to_string()), ("PAGE", text)];
    let child = start(a_holder, "holder", &settings);
    until("it has its units", || page.get(0) == 1);
    let _ = std::fs::remove_file(page_path);
    child
}

#[test]
fn what_a_dead_one_had_comes_back() {
    let name = name();
    let semaphore = Semaphore::open_or_create(&name, 5).expect("the name is free");
    for count in [1, 5] {
        let victim = holder(&name, count);
        assert_eq!(value(&semaphore), 5 - count);
        kill(victim);
        assert_eq!(value(&semaphore), 5, "at once");
    }
    let victims = [holder(&name, 2), holder(&name, 3)];
    assert_eq!(status(semaphore.acquire(1, NOW)), Status::Again);
    victims.into_iter().for_each(kill);
    semaphore.acquire(5, NOW).expect("both are dead");
}

#[test]
fn without_undo_it_does_not() {
    let name = name();
    let semaphore = Semaphore::open_or_create(&name, 5).expect("the name is free");
    kill(holder(&format!("{name}?undo=0"), 2));
    assert_eq!(value(&semaphore), 3);
    assert_eq!(status(semaphore.acquire(4, NOW)), Status::Again);
    semaphore.release(2).expect("somebody else may");
    assert_eq!(value(&semaphore), 5);
}

#[test]
fn whoever_sleeps_has_a_dead_one_s_units_soon() {
    for options in ["", "undo=0"] {
        let name = name();
        let semaphore =
            Semaphore::open_or_create(&with(&name, options), 2).expect("the name is free");
        let mut times: Vec<_> = (0..ROUNDS)
            .map(|_| {
                let victim = holder(&name, 2);
                let killed = std::thread::scope(|scope| {
                    let sleepers = [(); 2].map(|()| scope.spawn(|| semaphore.acquire(1, SOON)));
                    // Long enough to be asleep.
                    (0..5).for_each(|_| pause());
                    let killed = Instant::now();
                    kill(victim);
                    for sleeper in sleepers {
                        sleeper.join().expect("no panic").expect("they come back");
                    }
                    killed
                });
                semaphore.release(2).expect("there is room");
                killed.elapsed()
            })
            .collect();
        times.sort();
        println!("two sleepers had their units after {times:?}");
        assert!(times[ROUNDS / 3] <= NOTICE_MAX, "{times:?}");
    }
}

#[test]
fn a_death_makes_it_readable() {
    let name = name();
    let semaphore = Semaphore::open_or_create(&name, 2).expect("the name is free");
    let fd = semaphore.fd().expect("a descriptor");
    for _ in 0..5 {
        let victim = holder(&name, 2);
        assert_eq!(status(semaphore.acquire(1, NOW)), Status::Again);
        kill(victim);
        loop {
            assert!(readable_within(fd, NEVER_MIND), "a death is heard of");
            match semaphore.acquire(2, NOW) {
                Ok(()) => break,
                Err(error) => assert_eq!(error.status(), Status::Again),
            }
        }
        semaphore.release(2).expect("there is room");
    }
}

#[test]
fn a_death_is_seen_into_and_out_of_other_namespaces() {
    if !alone(a_death_is_seen_into_and_out_of_other_namespaces) {
        return;
    }
    let page_path = std::env::temp_dir().join(format!("treenail-page-{}", name()));
    let page = Page::open(&page_path);
    for (what, flags) in KINDS {
        let name = name();
        let semaphore = Semaphore::open_or_create(&name, 3).expect("the name is free");
        let acquire = |count| {
            let semaphore = Semaphore::open_or_create(&name, 0).expect("the parent holds it");
            page.set(0, 1);
            semaphore.acquire(count, SOON).expect("somebody has them who dies");
            page.set(0, 2);
            semaphore
        };
        let holder_inside = within(what, flags, || {
            let _kept = acquire(2);
            loop {
                pause();
            }
        });
        until("it has its units, or can't", || page.get(0) == 2 || has_ended(holder_inside));
        if page.get(0) != 2 {
            assert_eq!(reap(holder_inside), NO_NAMESPACES);
            break;
        }
        assert_eq!(value(&semaphore), 1, "{what}");
        // SAFETY: a process of this test.
        unsafe { libc::kill(child_of(holder_inside), libc::SIGKILL) };
        assert_eq!(reap(holder_inside), KILLED);
        semaphore.acquire(3, SOON).expect("what the dead one had comes back");
        semaphore.release(3).expect("there is room");
        let holder_outside = holder(&name, 2);
        page.set(0, 0);
        let waits_inside = within(what, flags, || drop(acquire(3)));
        until("it waits", || page.get(0) == 1);
        kill(holder_outside);
        assert_eq!(reap(waits_inside), 0, "{what}");
        assert_eq!((page.get(0), value(&semaphore)), (2, 3), "{what}: both are gone");
        page.set(0, 0);
    }
    std::fs::remove_file(page_path).expect("it is there");
}

#[test]
fn one_that_was_next_may_die() {
    if !alone(one_that_was_next_may_die) {
        return;
    }
    let name = name();
    let semaphore = Semaphore::open_or_create(&name, 1).expect("the name is free");
    for _ in 0..5 {
        // It waits for what there will never be, and is next.
        let victim = fork(|| {
            let own = Semaphore::open_or_create(&name, 0).expect("the parent holds it");
            own.acquire(100, SOON).map_or(1, |()| 0)
        });
        let began = Instant::now();
        while semaphore.acquire(1, NOW).is_ok() {
            semaphore.release(1).expect("there is room");
            assert!(began.elapsed() < Duration::from_secs(10), "it is never next");
        }
        // SAFETY: it is our child.
        unsafe { libc::kill(victim, libc::SIGKILL) };
        semaphore.acquire(1, SOON).expect("a dead one is not next");
        semaphore.release(1).expect("there is room");
        // SAFETY: it is our child; the status isn't asked for.
        unsafe { libc::waitpid(victim, std::ptr::null_mut(), 0) };
    }
}

/// The fewest units with which one of a crowd makes a semaphore.
const UNITS: usize = 1000;

/// Hundreds of which each would make a semaphore with units of its own, and acquires one.
fn openers(name: &str, end: End) -> Crowd {
    Crowd::of_hundreds(end, |number| {
        let units = (UNITS + number) as u32;
        let semaphore = Semaphore::open_or_create(name, units).expect("made or found");
        semaphore.acquire(1, NOW).expect("there are more units than openers");
        (1, semaphore)
    })
}

#[test]
fn of_hundreds_that_race_one_makes_it_with_its_units() {
    if !alone(of_hundreds_that_race_one_makes_it_with_its_units) {
        return;
    }
    for _ in 0..2 {
        let name = name();
        let crowd = openers(&name, End::Orderly);
        let count = crowd.results().len();
        let semaphore = Semaphore::open_or_create(&name, 5).expect("it is held");
        let made_with = value(&semaphore) as usize + count;
        let possible = UNITS..UNITS + count;
        assert!(possible.contains(&made_with), "{made_with} is nobody's initial value");
        crowd.end();
    }
}

#[test]
fn hundreds_that_end_at_once_give_all_units_back() {
    if alone(hundreds_that_end_at_once_give_all_units_back) {
        a_crowd_gives_all_back(End::Orderly);
    }
}

#[test]
fn of_hundreds_that_are_killed_at_once_all_units_come_back() {
    if alone(of_hundreds_that_are_killed_at_once_all_units_come_back) {
        a_crowd_gives_all_back(End::Killed);
    }
}

fn a_crowd_gives_all_back(end: End) {
    let (before, name) = (descriptors(), name());
    let crowd = openers(&name, end);
    let count = crowd.results().len();
    let semaphore = Semaphore::open_or_create(&name, 5).expect("it is held");
    let all = value(&semaphore) as usize + count;
    crowd.end();
    assert_eq!(value(&semaphore) as usize, all);
    drop(semaphore);
    assert!(!path(&name).exists());
    assert_eq!(descriptors(), before);
}

#[test]
fn a_forked_child_has_nothing_and_gives_nothing_back() {
    if !alone(a_forked_child_has_nothing_and_gives_nothing_back) {
        return;
    }
    let name = name();
    let semaphore = Semaphore::open_or_create(&name, 4).expect("the name is free");
    let second = Semaphore::open_or_create(&name, 4).expect("it is there");
    semaphore.acquire(3, NOW).expect("there are four");
    let child = fork(|| {
        let refused = [
            status(semaphore.acquire(1, NOW)),
            status(semaphore.release(1)),
            status(semaphore.value()),
            status(semaphore.fd()),
        ];
        assert_eq!(refused, [Status::Invalid; 4]);
        semaphore.close();
        // SAFETY: the child ends without dropping the parent's.
        drop(unsafe { std::ptr::read(&semaphore) });
        let own = Semaphore::open_or_create(&name, 9).expect("it is there");
        assert_eq!(value(&own), 1);
        own.acquire(1, NOW).expect("there is one");
        0
    });
    assert_eq!(reap(child), 0);
    assert_eq!(value(&second), 1, "its own one came back");
}

#[test]
fn a_dead_one_s_child_that_lives_on_keeps_no_units() {
    if !alone(a_dead_one_s_child_that_lives_on_keeps_no_units) {
        return;
    }
    let name = name();
    let semaphore = Semaphore::open_or_create(&name, 2).expect("the name is free");
    let lives = Lifeline::new();
    let page_path = std::env::temp_dir().join(format!("treenail-page-{name}"));
    let page = Page::open(&page_path);
    let victim = fork(|| {
        let own = Semaphore::open_or_create(&name, 9).expect("it is there");
        own.acquire(2, NOW).expect("there are two");
        lives.fork_on(|| page.set(0, 1));
        loop {
            pause();
        }
    });
    until("the child lives", || page.get(0) == 1);
    assert_eq!(value(&semaphore), 0);
    // SAFETY: it is our child; the status isn't asked for.
    unsafe {
        libc::kill(victim, libc::SIGKILL);
        libc::waitpid(victim, std::ptr::null_mut(), 0);
    }
    assert_eq!(value(&semaphore), 2);
    let _ = std::fs::remove_file(page_path);
}

#[test]
fn one_whose_holders_are_all_dead_is_made_anew() {
    let name = name();
    let semaphore = Semaphore::open_or_create(&name, 3).expect("the name is free");
    let victim = holder(&name, 2);
    drop(semaphore);
    assert!(path(&name).exists());
    assert_eq!(value(&Semaphore::open_or_create(&name, 7).expect("it lives")), 1, "it is held");
    kill(victim);
    assert_eq!(value(&Semaphore::open_or_create(&name, 7).expect("made anew")), 7);
    assert!(!path(&name).exists());
    let left = names_in(Path::new("/dev/shm"));
    assert!(!left.iter().any(|left| left.contains(&name)), "{left:?}");
}

#[test]
fn handles_over_the_limit_are_refused() {
    if !alone(handles_over_the_limit_are_refused) {
        return;
    }
    crate::common::system::limit_descriptors(4096);
    let name = name();
    let open = || Semaphore::open_or_create(&name, 2000);
    let mut all: Vec<_> = (0..1024).map(|_| open().expect("there is a slot")).collect();
    assert_eq!(status(open()), Status::NoSpace);
    all.iter().for_each(|one| one.acquire(1, NOW).expect("there are two thousand"));
    assert_eq!(value(&all[0]), 2000 - 1024);
    all.truncate(1);
    assert_eq!(value(&all[0]), 1999);
    open().expect("there is a slot again");
}

/// How long one refused call takes, of most.
fn refused(semaphore: &Semaphore) -> Duration {
    const CALLS: u32 = 100;
    let mut times = [(); 15].map(|()| {
        let began = Instant::now();
        (0..CALLS).for_each(|_| assert_eq!(status(semaphore.acquire(1, NOW)), Status::Again));
        began.elapsed() / CALLS
    });
    times.sort();
    times[times.len() / 2]
}

#[test]
fn a_refusal_takes_as_long_among_a_thousand_and_their_dead_are_found() {
    if !alone(a_refusal_takes_as_long_among_a_thousand_and_their_dead_are_found) {
        return;
    }
    crate::common::system::limit_descriptors(4096);
    let among = |count: u32| {
        let name = name();
        let open = || Semaphore::open_or_create(&name, count).expect("there is a slot");
        let all: Vec<_> = (1..count).map(|_| open()).collect();
        all.iter().for_each(|one| one.acquire(1, NOW).expect("there is one each"));
        let victim = holder(&name, 1);
        let time = refused(&all[0]);
        kill(victim);
        until("a dead one's unit comes back", || all[0].acquire(1, NOW).is_ok());
        time
    };
    let measure = || (among(10), among(1000));
    once_of(5, "(a refusal among 10, among 1000)", measure, |(few, many)| *many <= 3 * *few);
}
