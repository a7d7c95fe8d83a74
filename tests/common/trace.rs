//! Children that are stepped through a piece of code, instruction by instruction, and killed.

use super::NEVER_MIND;
use super::child::fork;
use super::limit::Limit;
use std::thread;
use std::time::{Duration, Instant};

/// After this long without a step one looks whether the victim sleeps.
const ASLEEP: Duration = Duration::from_millis(3);

/// How long stepping through every instruction may take.
pub const STEPPING_MAX: Duration = Duration::from_secs(1200);

/// This many in a row that were through before they were killed: there is nothing more to come.
const THROUGH: u32 = 3;

/// From so many kills on one is killed after each step, if they are no more than lock and unlock
/// take; that takes minutes.
const EACH_STEP: u64 = 2000;
/// From so many on, after some more of them than else.
const MORE_STEPS: u64 = 500;

/// Has one killed after so many of `all` steps: as TREENAIL_KILLS says, after each or some of them.
/// `kill` says whether it was not yet through. How many there were, and the distance between two.
pub fn kill_at_each(all: usize, mut kill: impl FnMut(usize) -> bool) -> (usize, usize) {
    let most = match super::setting("TREENAIL_KILLS", 0) {
        EACH_STEP.. => 1200,
        MORE_STEPS.. => 60,
        _ if super::system::is_sanitized() => 8,
        _ => 15,
    };
    let stride = (all / most).max(1);
    // A victim that is woken at another moment takes another way, which may be a shorter one.
    let (mut kills, mut through) = (0, 0);
    for count in (1..).step_by(stride) {
        match kill(count) {
            true => through = 0,
            false => through += 1,
        }
        kills += 1;
        if through == THROUGH {
            break;
        }
    }
    (kills, stride)
}

/// What [`stop`] itself calls.
const OF_STOPPING: [i64; 4] =
    [libc::SYS_getpid, libc::SYS_gettid, libc::SYS_tgkill, libc::SYS_rt_sigprocmask];

/// The system calls that a child makes in `act`, after `before`: their numbers.
pub fn system_calls<T>(before: impl FnOnce() -> T, act: impl FnOnce(&T)) -> Vec<i64> {
    let victim = Victim::new(before, act);
    let made = victim.system_calls();
    victim.kill();
    made
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
        let (mut status, mut called) = (0, false);
        let (began, limit) = (Instant::now(), Limit::of(NEVER_MIND));
        loop {
            // SAFETY: the status is live during the call.
            let seen = unsafe { libc::waitpid(self.0, &mut status, libc::WNOHANG) };
            if seen == self.0 {
                assert!(libc::WIFSTOPPED(status), "the victim ended by itself: {status:#x}");
                return libc::WSTOPSIG(status);
            }
            if began.elapsed() > ASLEEP && !called && self.sleeps() {
                called = true;
                asleep();
            }
            assert!(!limit.is_over(), "the victim hangs");
            thread::yield_now();
        }
    }

    /// Whether it waits in the kernel, and isn't just out of a processor.
    fn sleeps(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0));
        // The state follows the name, which is in brackets.
        stat.is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" S")))
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

    /// The system calls that it makes until it is through: their numbers.
    fn system_calls(&self) -> Vec<i64> {
        let mut made = Vec::new();
        // SAFETY: the child is stopped.
        unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, self.0, 0, libc::PTRACE_O_TRACESYSGOOD) };
        // SAFETY: as above.
        let go_on = || unsafe { libc::ptrace(libc::PTRACE_SYSCALL, self.0, 0, 0) };
        while go_on() == 0 && self.stopped(&mut || ()) != libc::SIGSTOP {
            made.extend(self.entered().filter(|call| !OF_STOPPING.contains(call)));
        }
        made
    }

    /// The system call that it is about to make; None where it is coming out of one.
    fn entered(&self) -> Option<i64> {
        // SAFETY: all zeros is one; the kernel writes at most as much as it is told, and such a
        // stop has the field that is read.
        unsafe {
            let mut info: libc::ptrace_syscall_info = std::mem::zeroed();
            let (call, size) = (libc::PTRACE_GET_SYSCALL_INFO, size_of_val(&info));
            assert!(libc::ptrace(call, self.0, size, &raw mut info) > 0, "what it stops for");
            let entry = info.op == libc::PTRACE_SYSCALL_INFO_ENTRY;
            entry.then_some(info.u.entry.nr as i64)
        }
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
