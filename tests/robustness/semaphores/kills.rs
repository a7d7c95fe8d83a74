//! kill -9 at random moments, among workers in four languages that acquire up to three of the five
//! units of one semaphore, and release them in two steps: no unit is lost, and none is made.

use crate::common::child::alone_for;
use crate::common::objects::{semaphore_path as path, value};
use crate::common::system::{descriptors, names_in};
use crate::common::workers::{Told, Workers, kills};
use crate::common::{Random, SOON, directory, name};
use std::path::Path;
use treenail::{NOW, Semaphore};
const UNITS: u32 = 5;

/// The worker in Rust.
#[test]
fn a_worker() {
    let Some(told) = Told::here() else {
        return;
    };
    let semaphore = Semaphore::open_or_create(&told.name, 0).expect("the parent holds it");
    for round in 0.. {
        let count = 1 + round % 3;
        semaphore.acquire(count, SOON).expect("free soon");
        if round % 5 == 0 {
            std::thread::yield_now();
        }
        semaphore.release(1).expect("there is room");
        if count > 1 {
            semaphore.release(count - 1).expect("there is room");
        }
        told.count();
    }
}

#[test]
fn whoever_is_killed_no_unit_is_lost() {
    let (kills, limit) = kills();
    if !alone_for(whoever_is_killed_no_unit_is_lost, limit) {
        return;
    }
    let mut random = Random::printed("semaphore kills");
    let (name, before) = (name(), descriptors());
    let semaphore = Semaphore::open_or_create(&name, UNITS).expect("the name is free");
    let mut workers = Workers::new(&name, "robustness/semaphores/workers", a_worker);
    for _ in 0..kills {
        workers.kill_one(&mut random);
        assert!(value(&semaphore) <= UNITS, "{} units", value(&semaphore));
        // All of them can be had, so none is lost for as long as this.
        semaphore.acquire(UNITS, SOON).expect("what dead ones had comes back");
        assert_eq!(value(&semaphore), 0);
        semaphore.release(UNITS).expect("there is room");
    }
    eprintln!("{kills} workers were killed");
    drop(workers);
    assert_eq!(value(&semaphore), UNITS);
    semaphore.acquire(UNITS, NOW).expect("all of them");
    drop(semaphore);
    assert!(!path(&name).exists());
    let left = names_in(Path::new("/dev/shm"));
    assert!(!left.iter().any(|left| left.contains(&name)), "{left:?}");
    assert_eq!((names_in(directory()).len(), descriptors()), (0, before));
}
