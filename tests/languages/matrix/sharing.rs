//! Every language with every other, over one segment and its semaphores.
//!
//! A sharer is called with its side, 0 or 1, a name, and what to do:
//!
//! - `share`: first both take 200 turns, the odd ones side 0. A turn is its number at byte 16, and
//!   256 bytes that are functions of it, written in one call when the turn before it was seen. Who
//!   waits for it does so by version or by descriptor. Then both add 10000 times to the two numbers
//!   at bytes 0 and 8, which are equal whenever the lock is free. Then each releases one, two, three
//!   units of the other's semaphore, NAME-0 or NAME-1, and acquires as many of its own, 300 times.
//! - `die` takes both units of the semaphore NAME, and the lock, adds to the first number, writes its
//!   own process' at byte 4096, and makes that known. `survive` finds nothing to be had, kills it,
//!   inherits the lock with the notice, puts the second number right, and gets the units.

use super::sharer;
use super::sides::{Language, ended_well, languages, run_all, told};
use crate::common::child;
use crate::common::system::names_in;
use crate::common::toolchain::Directory;
use std::path::Path;

/// Two sides that meet.
struct Pair<'a> {
    sides: [&'a Language; 2],
    tasks: [&'static str; 2],
    name: String,
}

/// Everybody with everybody, in everything.
fn pairs(languages: &[Language]) -> Vec<Pair<'_>> {
    let mut all = Vec::new();
    for tasks in [["share", "share"], ["die", "survive"]] {
        for first in languages {
            for second in languages {
                let name = format!("matrix-{}-{}", std::process::id(), all.len());
                all.push(Pair { sides: [first, second], tasks, name });
            }
        }
    }
    all
}

impl Pair<'_> {
    /// Runs both sides; if anything is wrong, all that they wrote.
    fn run(&self) -> Result<(), String> {
        let directory = Directory::new();
        let start = |side: usize, word| {
            self.sides[side].start(&[word, &self.name, self.tasks[side]], &directory)
        };
        let sides = [start(0, "0"), start(1, "1")];
        let sides = sides.map(|side| side.join().expect("no panic"));
        let is_well = (0..2).all(|side| ended_well(&sides[side], self.tasks[side]));
        let mut left = names_in(&directory.0);
        left.extend(
            names_in(Path::new("/dev/shm")).into_iter().filter(|it| it.contains(&self.name)),
        );
        if is_well && left.is_empty() {
            return Ok(());
        }
        let [first, second] = sides;
        let names = self.sides.map(|side| side.name);
        Err(format!(
            "{names:?} {:?}, left {left:?}\n{}",
            self.tasks,
            told([("side 0", first), ("side 1", second)])
        ))
    }
}

#[test]
fn every_language_shares_with_every_other() {
    let languages = languages("sharer", child::name_of(the_sharer_in_rust));
    let pairs = pairs(&languages);
    assert_eq!(pairs.len(), 4 * 4 * 2, "four languages twice, two tasks");
    run_all(&pairs, Pair::run);
}

/// Is the sharer in Rust, when it is called by the test above.
#[test]
fn the_sharer_in_rust() {
    if let Some(arguments) = child::role() {
        let words: Vec<&str> = arguments.split(' ').collect();
        sharer::main(&words);
    }
}
