//! Children that are stepped through a piece of code, instruction by instruction, and killed.

use super::NEVER_MIND;
use super::child::fork;
use std::thread;
use std::time::{Duration, Instant};

/// After this long without a step the victim sleeps.
const ASLEEP: Duration = Duration::from_millis(3);

/// How long stepping through every instruction may take.
pub const STEPPING_MAX: Duration = Duration::from_secs(600);

/// After how many of so many instructions to kill: where many kills are asked for after each one,
/// if they are no more than lock and unlock take, else after some of them. The distance between
/// two is told too.
pub fn points(all: usize) -> (usize, impl Iterator<Item = usize>) {
    let each = super::setting("TREENAIL_KILLS", 0) >= 500;
    let stride = (all / if each { 1200 } else { 15 }).max(1);
    (stride, (1..).step_by(stride))
}

/// A traced child, stopped behind `before`; `stepped` comes next. It doesn't end by itself.
pub struct Victim(libc::pid_t);

impl Victim {
    pub fn new<T>(before: impl FnOnce() -> T, stepped: impl FnOnce(&T)) -> Victim {
        let pid = fork(|| {
            // SAFETY: takes no memory.
            unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
            let made = before();
            stop();
            stepped(&made);
            stop();
            unreachable!("it is killed");
        });
        let victim = Victim(pid);
        assert_eq!(victim.stopped(&mut || ()), libc::SIGSTOP);
        victim
    }

    /// Waits until the child stops: by which signal. `asleep` is called if that takes long.
    fn stopped(&self, asleep: &mut dyn FnMut()) -> i32 {
        let (mut status, began, mut called) = (0, Instant::now(), false);
        loop {
            // SAFETY: the status is live during the call.
            let seen = unsafe { libc::waitpid(self.0, &mut status, libc::WNOHANG) };
            if seen == self.0 {
                assert!(libc::WIFSTOPPED(status), "the victim ended by itself: {status:#x}");
                return libc::WSTOPSIG(status);
            }
            if began.elapsed() > ASLEEP && !called {
                called = true;
                asleep();
            }
            assert!(began.elapsed() < NEVER_MIND, "the victim hangs");
            thread::yield_now();
        }
    }

    /// Lets the child make so many steps; false if it is through before. `asleep` is called in
    /// each that takes long.
    pub fn steps(&self, count: usize, asleep: &mut dyn FnMut()) -> bool {
        (0..count).all(|_| {
            // SAFETY: the child is stopped.
            unsafe { libc::ptrace(libc::PTRACE_SINGLESTEP, self.0, 0, 0) };
            self.stopped(asleep) != libc::SIGSTOP
        })
    }

    /// How many steps it makes.
    pub fn count(&self, asleep: &mut dyn FnMut()) -> usize {
        (0..).take_while(|_| self.steps(1, asleep)).count()
    }

    /// Kills it, and waits until it is gone.
    pub fn kill(self) {
        // SAFETY: it is our child; the status isn't asked for.
        unsafe {
            libc::kill(self.0, libc::SIGKILL);
            libc::waitpid(self.0, std::ptr::null_mut(), 0);
        }
    }
}

fn stop() {
    // SAFETY: takes no memory.
    unsafe { libc::raise(libc::SIGSTOP) };
}
