//! Tests that need a process of their own: the test program runs itself again, for one test.

use super::limit::Limit;
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
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

/// The name of a test, as `--exact` takes it.
pub fn name_of<T: Fn()>(_: T) -> &'static str {
    let path = std::any::type_name::<T>().trim_start_matches('&');
    path.split_once("::").expect("it is in a crate").1
}

/// Whether this process is root's, as `test` needs; said aloud where it isn't.
pub fn root_for<T: Fn()>(test: T) -> bool {
    let is_root = super::system::is_root();
    if !is_root {
        super::not_checked(name_of(test), "it takes root, who can become another user");
    }
    is_root
}

/// Whether this process runs nothing but `test`, which asks. Else it runs that in a process and with
/// a directory of its own, which must succeed.
pub fn alone(test: impl Fn()) -> bool {
    alone_for(test, Duration::from_secs(120))
}

/// The same for a test that may take this long.
pub fn alone_for(test: impl Fn(), limit: Duration) -> bool {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    if is_child() {
        // Here, where no other thread runs yet: in a child that is forked while another thread
        // makes the directory, nobody ever would.
        super::directory();
        return true;
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
    // Beside this process' own, which other users may not enter.
    let place = super::directory().with_extension(&number);
    let _ = std::fs::remove_dir_all(&place);
    super::system::make_directory(&place, 0o700);
    let said = super::directory().join(format!("said.{number}"));
    let mut command = command(name_of(&test), "alone");
    command.env("TREENAIL_DIR", &place);
    command.stdout(File::create(&said).expect("the directory is ours"));
    let is_well = finish(command.spawn().expect("the test program can run itself"), limit);
    // Indented, as it has results of its own.
    let text = std::fs::read(&said).expect("it is there");
    String::from_utf8_lossy(&text).lines().for_each(|line| println!("    {line}"));
    let _ = (std::fs::remove_dir_all(&place), std::fs::remove_file(&said));
    assert!(is_well, "{} fails in a process of its own", name_of(&test));
    false
}

/// How to run the test of this `name` in a child that is told `role`.
pub fn command(name: &str, role: &str) -> Command {
    super::directory();
    let mut command = own_program();
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]);
    command.env(CHILD, role).stdin(Stdio::null());
    command.stdout(Stdio::null());
    die_with_parent(&mut command);
    command
}

/// What runs this test program again: the emulator that runs it, where it is one for another processor.
fn own_program() -> Command {
    let path = std::env::current_exe().expect("the test program's path");
    match std::env::var_os("TREENAIL_RUNNER") {
        Some(runner) => {
            let mut command = Command::new(runner);
            command.arg(path);
            command
        }
        None => Command::new(path),
    }
}

/// Starts a test in a child that is told `role`, with more in its environment.
pub fn start(test: impl Fn(), role: &str, settings: &[(&str, &str)]) -> Child {
    start_named(name_of(test), role, settings)
}

/// The same for a test of which only the name is known.
pub fn start_named(name: &str, role: &str, settings: &[(&str, &str)]) -> Child {
    let mut command = command(name, role);
    command.envs(settings.iter().copied());
    command.spawn().expect("the test program can run itself")
}

/// Lets the program die with the thread that starts it, so that no test leaves an orphan.
pub fn die_with_parent(command: &mut Command) {
    let parent = own_pid();
    let die = move || {
        die_with(parent);
        Ok(())
    };
    // SAFETY: system calls alone, which may be made between fork and exec.
    unsafe { command.pre_exec(die) };
}

fn own_pid() -> libc::pid_t {
    // SAFETY: takes no memory.
    unsafe { libc::getpid() }
}

/// Lets this process die with its parent. It must be said again after the user has changed.
fn die_with(parent: libc::pid_t) {
    // SAFETY: sets and asks properties of the calling process, or ends it.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        // A parent outside of this process' namespace is 0.
        if ![parent, 0].contains(&libc::getppid()) {
            libc::_exit(1);
        }
    }
}

/// Waits for a child to end; whether it succeeded. One that hangs is killed.
pub fn finish(mut child: Child, limit: Duration) -> bool {
    let limit = Limit::of(limit);
    loop {
        if let Some(status) = child.try_wait().expect("it is our child") {
            return status.success();
        }
        if limit.is_over() {
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

/// Forks, and runs `act` in the child, which ends with its result, or with the calling thread.
pub fn fork(act: impl FnOnce() -> i32) -> libc::pid_t {
    let parent = own_pid();
    // SAFETY: the callers run alone in a process in which no other thread holds a lock.
    match unsafe { libc::fork() } {
        0 => {
            die_with(parent);
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

/// What keeps grandchildren alive until the process that made it is gone, or drops it.
pub struct Lifeline([OwnedFd; 2]);

impl Default for Lifeline {
    fn default() -> Lifeline {
        Lifeline::new()
    }
}

impl Lifeline {
    /// A pipe: whoever reads it gets its end once nobody can write any more.
    pub fn new() -> Lifeline {
        let mut ends = [0; 2];
        // SAFETY: two live numbers.
        assert_eq!(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) }, 0);
        // SAFETY: the call just made them.
        Lifeline(ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) }))
    }

    /// Forks off a child that outlives the calling process: it does `first`, and then nothing.
    pub fn fork_on(&self, first: impl FnOnce()) {
        // SAFETY: as for `fork`.
        if unsafe { libc::fork() } == 0 {
            first();
            let mut byte = 0u8;
            // SAFETY: closes what is this process' own, and reads into a live byte.
            unsafe {
                libc::close(self.0[1].as_raw_fd());
                libc::read(self.0[0].as_raw_fd(), (&raw mut byte).cast(), 1);
                libc::_exit(0)
            }
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

/// Waits for a forked child: its exit code. If it hangs for this long, the text says where.
pub fn reap_within(pid: libc::pid_t, limit: Duration) -> i32 {
    let deadline = Instant::now() + limit;
    let mut status = 0;
    // SAFETY: the status is live during the call.
    while unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG) } == 0 {
        if Instant::now() > deadline {
            let place = whereabouts(pid);
            // SAFETY: the child isn't reaped yet, and the status is live during the call.
            unsafe {
                libc::kill(pid, libc::SIGKILL);
                libc::waitpid(pid, &mut status, 0);
            }
            panic!("the child hung for {limit:?}:\n{place}");
        }
        pause();
    }
    assert!(libc::WIFEXITED(status), "the child was killed by {}", libc::WTERMSIG(status));
    libc::WEXITSTATUS(status)
}

/// What the system and, if it is there, a debugger say of where a process is.
fn whereabouts(pid: libc::pid_t) -> String {
    let read = |what| std::fs::read_to_string(format!("/proc/{pid}/{what}")).unwrap_or_default();
    let debugger = Command::new("gdb")
        .args(["-batch", "-ex", "thread apply all backtrace", "-p", &pid.to_string()])
        .stdin(Stdio::null())
        .output();
    let stacks = debugger.map(|said| String::from_utf8_lossy(&said.stdout).into_owned());
    ["wchan", "syscall", "status"].map(read).join("\n") + &stacks.unwrap_or_default()
}

/// Runs `act` in a forked child that is another user, in one group; it must not panic.
pub fn as_user(uid: u32, gid: u32, act: impl FnOnce()) {
    let parent = own_pid();
    let child = fork(|| {
        super::system::become_one_of(uid, gid);
        // The kernel forgets this when a process changes its user.
        die_with(parent);
        act();
        0
    });
    assert_eq!(reap(child), 0, "it failed as user {uid} in group {gid}");
}
