//! Holders die after any of their steps, while they have the lock or want it.

use super::{Holder, holders, leftover};
use crate::FOREVER;
use crate::models::check_with;
use crate::object::lock_word::Mode::{Exclusive, Shared};
use loom::thread::spawn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn writes(holder: &Holder) {
    holder.visit(Exclusive, FOREVER).unwrap();
}

fn reads(holder: &Holder) {
    holder.visit(Shared, FOREVER).unwrap();
}

/// Kills one holder, at each of its steps once, while others go on.
fn kill_at_each_step(more: isize, life: fn(&Holder), others: &'static [fn(&Holder)]) {
    for succeeds in [false, true] {
        let killed = Arc::new(AtomicBool::new(true));
        let mut steps = 0;
        while killed.swap(false, Ordering::Relaxed) {
            let killed = Arc::clone(&killed);
            check_with(more, move || {
                let [last, victim, one, two] = holders(true);
                let others = others.iter().zip([one, two]);
                let others = others.map(|(visit, holder)| spawn(move || visit(&holder)));
                let others: Vec<_> = others.collect();
                if victim.dies(steps, life) {
                    killed.store(true, Ordering::Relaxed);
                    if succeeds {
                        victim.succeed();
                    }
                }
                others.into_iter().for_each(|other| other.join().unwrap());
                leftover(&last);
            });
            steps += 1;
        }
    }
}

#[test]
fn loom_lock_owner_dies_beside_an_owner() {
    kill_at_each_step(0, writes, &[writes]);
}

#[test]
fn loom_lock_owner_dies_beside_a_reader() {
    kill_at_each_step(0, writes, &[reads]);
}

#[test]
fn loom_lock_reader_dies_beside_an_owner() {
    kill_at_each_step(0, reads, &[writes]);
}

#[test]
fn loom_lock_reader_dies_beside_a_reader() {
    kill_at_each_step(0, reads, &[reads]);
}

#[test]
fn loom_lock_owner_dies_beside_two_owners() {
    kill_at_each_step(-1, writes, &[writes, writes]);
}
