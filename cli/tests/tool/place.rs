//! A place of its own for each test: names, files, and the program in front of the path.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The program.
pub const TREENAIL: &str = env!("CARGO_BIN_EXE_treenail");

/// Far beyond what anything takes that doesn't hang.
const SECONDS_MAX: &str = "120";

/// A directory in which names and files are one test's own.
pub struct Place(PathBuf);

impl Place {
    pub fn new() -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("treenail-tool-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("names")).expect("the place is writable");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(path.join("names"), private).expect("it is ours");
        Place(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The socket files that are there.
    pub fn sockets(&self) -> Vec<String> {
        let files = fs::read_dir(self.0.join("names")).expect("it is there");
        let names = files.map(|file| file.expect("it can be read").file_name());
        names.map(|name| name.to_string_lossy().into_owned()).collect()
    }

    /// Starts the program; what it reads and prints is piped.
    pub fn start(&self, args: &[&str]) -> Child {
        self.prepare(Command::new(TREENAIL).args(args)).spawn().expect("it can be started")
    }

    /// Runs the program without input.
    pub fn run(&self, args: &[&str]) -> Output {
        self.prepare(Command::new(TREENAIL).args(args).stdin(Stdio::null()))
            .stdin(Stdio::null())
            .output()
            .expect("it can be started")
    }

    /// Runs a script of a shell, which is ended if it hangs.
    pub fn shell(&self, script: &str) -> Output {
        let mut command = Command::new("timeout");
        self.prepare(command.args(["--kill-after=5", SECONDS_MAX, "sh", "-ec", script]));
        command.stdin(Stdio::null()).output().expect("timeout and sh are there")
    }

    fn prepare<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let here = Path::new(TREENAIL).parent().expect("it lies in a folder");
        command.env("PATH", format!("{}:{path}", here.display()));
        command.env("TREENAIL_DIR", self.0.join("names"));
        // Nothing is cleaned away that another test or a user has left.
        command.env("TREENAIL_SHM_PREFIX", self.shm_prefix());
        command.current_dir(&self.0).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped())
    }

    /// What the objects' names of this place begin with.
    pub fn shm_prefix(&self) -> String {
        format!("{}.", self.0.file_name().expect("it has a name").to_string_lossy())
    }

    /// Waits until something listens at a name.
    pub fn await_listener(&self, name: &str) {
        let lists = || text(&self.run(&["list", &format!("listener:{name}")]).stdout);
        until(&format!("{name} is listened at"), || lists().contains("listening"));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Sends a signal to a child, by the shell's own `kill`: not every system has that program.
pub fn signal(child: &Child, name: &str) {
    let line = format!("kill -s {name} {}", child.id());
    let status = Command::new("sh").args(["-c", &line]).status();
    assert!(status.expect("sh is there").success(), "{line}");
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Fails unless a program ended with this status: what it printed.
pub fn ended_with(status: i32, output: &Output) -> String {
    let (printed, told) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{printed}\n{told}");
    assert_eq!(told.lines().count(), usize::from(status != 0), "a line for a failure: {told}");
    printed
}

/// Looks again and again until `found`.
pub fn until(what: &str, mut found: impl FnMut() -> bool) {
    let began = Instant::now();
    while !found() {
        assert!(began.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::yield_now();
    }
}
