//! Hundreds of processes that do the same at once, and hold what they got until they are to end.

use super::child::{self, fork, reap};
use super::page::Page;
use super::system::is_sanitized;
use super::{name, until_within};
use std::path::PathBuf;
use std::time::Duration;

/// For what hundreds of processes do at once.
const MINUTE: Duration = Duration::from_secs(60);

// The page's first word; those behind it are the members'.
const GATHERS: u64 = 0;
const BEGINS: u64 = 1;
const ENDS: u64 = 2;

/// How a crowd ends.
#[derive(Clone, Copy, PartialEq)]
pub enum End {
    /// Each drops what it holds.
    Orderly,
    /// Each is killed.
    Killed,
}

/// The processes, which have begun.
pub struct Crowd {
    page: Page,
    path: PathBuf,
    end: End,
    members: Vec<libc::pid_t>,
}

impl Crowd {
    /// Each does `act` with its number at the same moment; that says what it came to, not 0, and what
    /// it holds from then on.
    pub fn of_hundreds<T>(end: End, act: impl Fn(usize) -> (u64, T)) -> Crowd {
        // Each takes its time where all is sanitized.
        let count = if is_sanitized() { 50 } else { 200 };
        let path = std::env::temp_dir().join(format!("treenail-page-{}", name()));
        let page = Page::open(&path);
        let member = |number| {
            until_begun(page);
            let (result, _held) = act(number);
            page.set(1 + number, result);
            while page.get(0) == BEGINS {
                child::pause();
            }
            if end == End::Killed {
                // SAFETY: takes no memory.
                unsafe { libc::raise(libc::SIGKILL) };
            }
            0
        };
        let members = (0..count).map(|number| fork(|| member(number))).collect();
        page.set(0, BEGINS);
        Crowd { page, path, end, members }
    }

    /// What each came to, once all hold what they got.
    pub fn results(&self) -> Vec<u64> {
        let results = || (1..=self.members.len()).map(|at| self.page.get(at));
        until_within(MINUTE, "each has done it", || results().all(|result| result != 0));
        results().collect()
    }

    /// Lets all end as was said, and waits until they are gone.
    pub fn end(self) {
        self.page.set(0, ENDS);
        for pid in &self.members {
            match self.end {
                End::Orderly => assert_eq!(reap(*pid), 0),
                // SAFETY: it is our child; the status isn't asked for.
                End::Killed => drop(unsafe { libc::waitpid(*pid, std::ptr::null_mut(), 0) }),
            }
        }
    }
}

fn until_begun(page: Page) {
    while page.get(0) == GATHERS {
        std::thread::yield_now();
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
