//! Tests that need a process of their own: the test program runs itself again, for one test.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const CHILD: &str = "TREENAIL_TEST_CHILD";

/// Whether this process was started by another test.
pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// What this child was told to do, by [`start`].
pub fn role() -> Option<String> {
    std::env::var(CHILD).ok()
}

/// Whether this process runs nothing but the test `name`. Else it runs that in a process of its
/// own, which must succeed.
pub fn alone(name: &str) -> bool {
    if is_child() {
        return true;
    }
    let status = finish(start(name, "alone", &[]), Duration::from_secs(120));
    assert!(status, "{name} fails in a process of its own");
    false
}

/// How to run the test `name` in a child that is told `role`.
pub fn command(name: &str, role: &str) -> Command {
    super::directory();
    let mut command = Command::new(std::env::current_exe().expect("the test program's path"));
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]);
    command.env(CHILD, role).stdin(Stdio::null());
    command.stdout(Stdio::null());
    die_with_parent(&mut command);
    command
}

/// Starts it, with more in its environment.
pub fn start(name: &str, role: &str, settings: &[(&str, &str)]) -> Child {
    let mut command = command(name, role);
    command.envs(settings.iter().copied());
    command.spawn().expect("the test program can run itself")
}

fn die_with_parent(command: &mut Command) {
    let die = || {
        // SAFETY: only sets a property of the calling process.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        Ok(())
    };
    // SAFETY: one system call, which may be made between fork and exec.
    unsafe { command.pre_exec(die) };
}

/// Waits for a child to end; whether it succeeded. One that hangs is killed.
pub fn finish(mut child: Child, limit: Duration) -> bool {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("it is our child") {
            return status.success();
        }
        if began.elapsed() > limit {
            let _ = child.kill();
            let _ = child.wait();
            return false;
        }
        pause();
    }
}

/// Gives others the processor for a moment, by waiting for nothing.
pub fn pause() {
    // SAFETY: no descriptors are given.
    unsafe { libc::poll(std::ptr::null_mut(), 0, 1) };
}

/// Kills a child, and waits until it is gone.
pub fn kill(mut child: Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Forks, and runs `act` in the child, which ends with its result.
pub fn fork(act: impl FnOnce() -> i32) -> libc::pid_t {
    // SAFETY: the callers run alone in a process in which no other thread holds a lock.
    match unsafe { libc::fork() } {
        0 => {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act));
            // SAFETY: ends the child at once, without the parent's exit handlers.
            unsafe { libc::_exit(result.unwrap_or(101)) }
        }
        pid => {
            assert!(pid > 0, "{}", std::io::Error::last_os_error());
            pid
        }
    }
}

/// Waits for a forked child: its exit code.
pub fn reap(pid: libc::pid_t) -> i32 {
    let mut status = 0;
    // SAFETY: the status is live during the call.
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
    assert!(libc::WIFEXITED(status), "the child was killed by {}", libc::WTERMSIG(status));
    libc::WEXITSTATUS(status)
}
