//! Two programs at a time, each of any language: how they are started, and what is told of them.

use crate::common::child;
use crate::common::toolchain::{Directory, build, python, root};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::thread::{self, JoinHandle};

/// A side that takes longer hangs; the kernel ends it.
const SECONDS_MAX: u32 = 60;
/// How many pairs run at a time.
const PAIRS: usize = 2;

/// A program in one language.
pub struct Language {
    pub name: &'static str,
    start: Start,
}

enum Start {
    /// The words before the arguments.
    Program(Vec<String>),
    /// This program, by the name of a test.
    Test(&'static str),
}

/// The program of that name in every language.
pub fn languages(program: &str, in_rust: &'static str) -> Vec<Language> {
    let source = |ending: &str| root().join(format!("tests/languages/matrix/{program}.{ending}"));
    let built = |ending| Start::Program(vec![build(&source(ending)).display().to_string()]);
    let mut python = python("python3");
    python.push(source("py").display().to_string());
    vec![
        Language { name: "C", start: built("c") },
        Language { name: "C++", start: built("cpp") },
        Language { name: "Python", start: Start::Program(python) },
        Language { name: "Rust", start: Start::Test(in_rust) },
    ]
}

impl Language {
    /// Starts the program; what it says when it ends.
    pub fn start(&self, arguments: &[&str], directory: &Directory) -> JoinHandle<Output> {
        let mut command = self.command(arguments);
        command.env("TREENAIL_DIR", &directory.0).env("RUST_BACKTRACE", "0");
        command.env("PYTHONPATH", root().join("bindings/python"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let limit = || {
            // SAFETY: sets a timer, which outlives exec, and a property of the calling process.
            unsafe {
                libc::alarm(SECONDS_MAX);
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            }
            Ok(())
        };
        // SAFETY: two system calls, which may be made between fork and exec.
        unsafe { command.pre_exec(limit) };
        let side = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        thread::spawn(|| side.wait_with_output().expect("it is our child"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        match &self.start {
            Start::Program(words) => {
                let mut command = Command::new(&words[0]);
                command.args(&words[1..]).args(arguments);
                command
            }
            Start::Test(name) => child::command(name, &arguments.join(" ")),
        }
    }
}

/// Whether a side did what it was to do; to be killed, if that is `die`.
pub fn ended_well(output: &Output, task: &str) -> bool {
    match task {
        "die" => output.status.signal() == Some(libc::SIGKILL),
        _ => output.status.success(),
    }
}

/// All that both sides wrote, and how they ended.
pub fn told(sides: [(&str, Output); 2]) -> String {
    let one = |(name, output): (&str, Output)| {
        let [said, complained] =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        format!("---- {name}: {}\n{said}{complained}", output.status)
    };
    sides.map(one).concat()
}

/// Runs all pairs, some at a time; fails with what each says that fails.
pub fn run_all<P: Sync>(pairs: &[P], run: impl Fn(&P) -> Result<(), String> + Sync) {
    let (waiting, failures) = (Mutex::new(pairs.iter()), Mutex::new(Vec::new()));
    let next = || waiting.lock().expect("no panic").next();
    thread::scope(|scope| {
        for _ in 0..PAIRS {
            scope.spawn(|| {
                while let Some(pair) = next() {
                    if let Err(failure) = run(pair) {
                        failures.lock().expect("no panic").push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no panic");
    assert!(failures.is_empty(), "{} pairs failed:\n{}", failures.len(), failures.join("\n"));
}
