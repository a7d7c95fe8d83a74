//! One of two programs of tests/languages/matrix/sharing.rs, in Rust. What it does is told there.

use crate::common::status;
use std::os::fd::AsRawFd;
use std::time::Duration;
use treenail::{NOW, Segment, Semaphore, Status};

const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));
const SIZE: usize = 8192;
const TURN_AT: usize = 16;
const TURN_LEN: usize = 8 + 256;
const TURNS: u64 = 200;
const ADDITIONS: u64 = 10_000;
const ROUNDS: u32 = 300;

/// Words of the segment: the two that are equal whenever the lock is free, and the victim's pid.
const A: usize = 0;
const B: usize = 1;
const PID: usize = 4096 / 8;

struct Sharer<'a> {
    side: usize,
    name: &'a str,
    segment: Segment,
}

/// What a sharer program does with its arguments.
pub fn main(arguments: &[&str]) {
    let &[side, name, task] = arguments else { panic!("{arguments:?}") };
    let segment = Segment::open_or_create(name, SIZE).expect("it can be made");
    let sharer = Sharer { side: side.parse().expect("a number"), name, segment };
    match task {
        "share" => sharer.share(),
        "die" => sharer.die(),
        "survive" => sharer.survive(),
        _ => panic!("there is no task {task}"),
    }
}

fn turn(number: u64) -> Vec<u8> {
    let text = (0..256).map(|i| ((number * 7 + i) % 251) as u8);
    number.to_ne_bytes().into_iter().chain(text).collect()
}

impl Sharer<'_> {
    fn share(&self) {
        let [first, second] = ["0", "1"].map(|side| self.semaphore(&format!("-{side}"), 0));
        self.take_turns();
        self.add();
        let (mine, theirs) = if self.side == 0 { (first, second) } else { (second, first) };
        for units in (0..ROUNDS).map(|i| i % 3 + 1) {
            theirs.release(units).expect("there is room");
            mine.acquire(units, PATIENCE).expect("they come");
        }
        assert_eq!(status(mine.acquire(1, NOW)), Status::Again);
        println!("shared");
    }

    fn semaphore(&self, suffix: &str, units: u32) -> Semaphore {
        Semaphore::open_or_create(&format!("{}{suffix}", self.name), units).expect("it can be made")
    }

    fn take_turns(&self) {
        for number in 1..=TURNS {
            if number % 2 != self.side as u64 {
                let written = self.segment.write(TURN_AT, &turn(number), PATIENCE);
                assert_eq!(written.expect("it is free"), Status::Ok);
            } else if number < TURNS || self.side == 0 {
                self.see(number);
            }
        }
    }

    fn see(&self, number: u64) {
        let mut version = self.segment.version();
        let mut seen = self.read_turn();
        while seen[..8] != number.to_ne_bytes() {
            version = self.wait_for_change(number, version);
            seen = self.read_turn();
        }
        assert!(seen == turn(number)[..], "turn {number} is spoilt");
    }

    fn read_turn(&self) -> [u8; TURN_LEN] {
        let mut seen = [0; TURN_LEN];
        let read = self.segment.read(TURN_AT, &mut seen, PATIENCE);
        assert_eq!(read.expect("it is free"), Status::Ok);
        seen
    }

    /// Every other time by the descriptor.
    fn wait_for_change(&self, number: u64, version: u64) -> u64 {
        if number & 2 == 0 {
            return self.segment.wait(version, PATIENCE).expect("a change");
        }
        let fd = self.segment.fd().expect("a descriptor").as_raw_fd();
        loop {
            match self.segment.wait(version, NOW) {
                Err(error) if error.status() == Status::Again => {}
                changed => return changed.expect("a change"),
            }
            let mut entry = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
            // SAFETY: one entry, which is live during the call.
            assert_eq!(unsafe { libc::poll(&mut entry, 1, 20_000) }, 1, "it tells of no change");
        }
    }

    fn add(&self) {
        for i in 0..ADDITIONS {
            if i % 10 == 0 {
                self.hold_shared();
                assert_eq!(self.word(A), self.word(B));
                self.segment.unlock().expect("it is held");
            }
            if i % 10 == 5 {
                self.hold_by_descriptor()
            } else {
                self.hold()
            }
            assert_eq!(self.word(A), self.word(B));
            self.set_word(A, self.word(A) + 1);
            self.set_word(B, self.word(B) + 1);
            self.segment.unlock().expect("it is held");
        }
        self.segment.notify().expect("it is open");
        let mut version = self.segment.version();
        while self.sum() < 2 * ADDITIONS {
            version = self.segment.wait(version, PATIENCE).expect("a change");
        }
    }

    fn sum(&self) -> u64 {
        self.hold_shared();
        let sum = self.word(A);
        self.segment.unlock().expect("it is held");
        sum
    }

    fn hold(&self) {
        assert_eq!(self.segment.lock(PATIENCE).expect("it is free"), Status::Ok);
    }

    fn hold_by_descriptor(&self) {
        let fd = self.segment.lock_fd().expect("a descriptor").as_raw_fd();
        loop {
            match self.segment.lock(NOW) {
                Err(error) if error.status() == Status::Again => {}
                held => return assert_eq!(held.expect("it is free"), Status::Ok),
            }
            let mut entry = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
            // SAFETY: as for `wait_for_change`.
            assert_eq!(unsafe { libc::poll(&mut entry, 1, 20_000) }, 1, "it tells of no unlock");
        }
    }

    fn hold_shared(&self) {
        assert_eq!(self.segment.lock_shared(PATIENCE).expect("it is free"), Status::Ok);
    }

    fn word(&self, at: usize) -> u64 {
        // SAFETY: it lies within the data, which are page-aligned; the lock is held.
        unsafe { self.segment.data().cast::<u64>().add(at).read_volatile() }
    }

    fn set_word(&self, at: usize, value: u64) {
        // SAFETY: as for `word`.
        unsafe { self.segment.data().cast::<u64>().add(at).write_volatile(value) }
    }

    fn die(&self) {
        let semaphore = self.semaphore("", 2);
        semaphore.acquire(2, PATIENCE).expect("they are free");
        self.hold();
        self.set_word(A, self.word(A) + 1);
        self.set_word(PID, std::process::id().into());
        self.segment.notify().expect("it is open");
        loop {
            std::thread::park();
        }
    }

    fn survive(&self) {
        self.segment.wait(0, PATIENCE).expect("a change");
        // The victim holds the lock, and writes no more.
        let victim = self.word(PID) as libc::pid_t;
        assert!(victim > 0);
        assert_eq!(status(self.segment.lock(NOW)), Status::Again);
        let semaphore = self.semaphore("", 2);
        assert_eq!(status(semaphore.acquire(1, NOW)), Status::Again);
        // SAFETY: takes no memory.
        assert_eq!(unsafe { libc::kill(victim, libc::SIGKILL) }, 0);
        assert_eq!(self.segment.lock(PATIENCE).expect("it is free"), Status::OwnerDied);
        assert_eq!(self.word(A), self.word(B) + 1);
        self.set_word(B, self.word(A));
        self.segment.unlock().expect("it is held");
        self.hold();
        self.segment.unlock().expect("it is held");
        semaphore.acquire(2, PATIENCE).expect("they come back");
        assert_eq!(self.segment.attached(), 1);
        println!("survived");
    }
}
