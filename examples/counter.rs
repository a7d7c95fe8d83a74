//! Many programs add to one counter in shared memory, and any of them may be killed.
//!
//! ```sh
//! cargo run --example counter show visits
//! cargo run --example counter add visits 1000000
//! cargo run --example counter crash visits
//! ```
//!
//! Each adds to a share of its own, and to the total, under the segment's lock. If one dies between
//! the two, the next one that gets the lock is told, and repairs the total. The programs of the
//! same name in other languages take the same arguments and share the counter.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use treenail::{FOREVER, Segment, Status};

const SIZE: usize = 4096;
/// The segment's 64-bit numbers: the sum of all shares, how many there are, and the repairs.
const TOTAL: usize = 0;
const TAKEN: usize = 1;
const REPAIRS: usize = 2;
const SHARES: usize = 3;

type Result<T> = std::result::Result<T, String>;

struct Counter {
    segment: Segment,
}

impl Counter {
    fn open(name: &str) -> Result<Counter> {
        let segment = Segment::open_or_create(name, SIZE).map_err(said)?;
        if segment.size() != SIZE {
            return Err(format!("{name} is no counter"));
        }
        Ok(Counter { segment })
    }

    /// Atomics, as other processes change them; Relaxed, as that is done under the lock.
    fn numbers(&self) -> &[AtomicU64] {
        let start = self.segment.data().cast::<AtomicU64>();
        // SAFETY: page-aligned, of that size, and there as long as the segment.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), SIZE / size_of::<AtomicU64>()) }
    }

    fn get(&self, at: usize) -> u64 {
        self.numbers()[at].load(Relaxed)
    }

    fn set(&self, at: usize, value: u64) {
        self.numbers()[at].store(value, Relaxed);
    }

    fn increase(&self, at: usize) {
        self.set(at, self.get(at) + 1);
    }

    fn shares(&self) -> Vec<u64> {
        (SHARES..).take(self.get(TAKEN) as usize).map(|at| self.get(at)).collect()
    }

    /// Acts under the lock, where the numbers are right.
    fn locked<T>(&self, act: impl FnOnce() -> T) -> Result<T> {
        if self.segment.lock(FOREVER).map_err(said)? == Status::OwnerDied {
            self.set(TOTAL, self.shares().iter().sum());
            self.increase(REPAIRS);
        }
        let result = act();
        self.segment.unlock().map_err(said)?;
        Ok(result)
    }

    /// The place of a share of this program's own.
    fn take_share(&self) -> Result<usize> {
        let place = self.locked(|| {
            let place = SHARES + self.get(TAKEN) as usize;
            let is_free = place < self.numbers().len();
            if is_free {
                self.increase(TAKEN);
            }
            is_free.then_some(place)
        })?;
        let place = place.ok_or("all shares are taken")?;
        println!("share {}", place - SHARES);
        Ok(place)
    }

    fn add(&self, times: u64) -> Result<()> {
        let share = self.take_share()?;
        for _ in 0..times {
            self.locked(|| {
                self.increase(share);
                self.increase(TOTAL);
            })?;
        }
        println!("added {times}");
        Ok(())
    }

    /// Dies with the lock while the total is not yet right, which no program should do.
    fn crash(&self) -> Result<()> {
        let share = self.take_share()?;
        self.locked(|| {
            self.increase(share);
            std::process::abort()
        })
    }

    /// Prints the counter, and again for each line of input.
    fn show(&self) -> Result<()> {
        let mut lines = std::io::stdin().lines();
        loop {
            let seen = self.locked(|| (self.get(TOTAL), self.get(REPAIRS), self.shares()));
            let (total, repairs, shares) = seen?;
            let shares: String = shares.iter().map(|share| format!(" {share}")).collect();
            println!("total {total}, repaired {repairs}; shares:{shares}");
            if lines.next().is_none() {
                return Ok(());
            }
        }
    }
}

fn said(error: treenail::Error) -> String {
    error.to_string()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let times = words.get(2).and_then(|times| times.parse().ok());
    let done = match (&words[..], times) {
        (["add", name, _], Some(times)) => Counter::open(name).and_then(|it| it.add(times)),
        (["crash", name], _) => Counter::open(name).and_then(|it| it.crash()),
        (["show", name], _) => Counter::open(name).and_then(|it| it.show()),
        _ => {
            eprintln!("usage: counter add NAME TIMES\n       counter crash NAME");
            eprintln!("       counter show NAME");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("counter: {why}");
            ExitCode::FAILURE
        }
    }
}
