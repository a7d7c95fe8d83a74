//! Every language with every other: two processes, one a peer program of each language, do the
//! same over each transport.
//!
//! A peer is called with `listen` or `connect`, an endpoint, and what to do:
//!
//! - `small`, `big`: both sides send from one thread and receive in another, messages of up to 300
//!   bytes, or of ten times the ring's size. Every other one is sent by a loan, and received by
//!   a view.
//! - `requests`: both sides ask from two threads, start more requests, and answer those of the
//!   other, all at the same time.
//! - `die`: sends and receives without end. `survive COUNT` does the same, kills the other side
//!   after COUNT messages, and must get all that came whole and in order, then the loss.
//!
//! The listener's messages have the even numbers, the connector's the odd ones. A message's tag is
//! its number; its size and its bytes are functions of it. The answer to a request is the payload
//! of the next number. In the end the listener sends `done`, and the connector closes.

mod common;

#[path = "matrix/peer.rs"]
mod peer;
#[path = "abi/toolchain.rs"]
mod toolchain;

use common::Random;
use common::child;
use common::system::names_in;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::thread;
use toolchain::{Directory, build, python, root};

/// Small rings, so that long messages go round many times; and no falling back to the socket.
const ENDPOINTS: [&str; 2] =
    ["shm:matrix?ring=64KiB&retry=1&shm=required", "local:matrix?ring=64KiB&retry=1"];
/// A side that takes longer hangs; the kernel ends it.
const SECONDS_MAX: u32 = 60;
/// How many pairs run at a time.
const PAIRS: usize = 2;
/// The test that is the peer in Rust.
const PEER: &str = "the_peer_in_rust";

/// What the two sides of a pair do.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scenario {
    listener: &'static str,
    connector: &'static str,
}

const SCENARIOS: [Scenario; 5] = [
    Scenario { listener: "small", connector: "small" },
    Scenario { listener: "big", connector: "big" },
    Scenario { listener: "requests", connector: "requests" },
    Scenario { listener: "survive", connector: "die" },
    Scenario { listener: "die", connector: "survive" },
];

/// A language's peer: its name, and the command before the arguments; None is this program.
type Language = (&'static str, Option<Vec<String>>);

fn languages() -> Vec<Language> {
    let source = |name: &str| root().join("tests/matrix").join(name);
    let program = |name: &str| vec![build(&source(name)).display().to_string()];
    let mut python = python("python3");
    python.push(source("peer.py").display().to_string());
    vec![
        ("C", Some(program("peer.c"))),
        ("C++", Some(program("peer.cpp"))),
        ("Python", Some(python)),
        ("Rust", None),
    ]
}

/// One side of a pair, about to run.
fn side((_, program): &Language, arguments: &[&str], directory: &Directory) -> Command {
    let mut command = match program {
        Some(words) => {
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]).args(arguments);
            command
        }
        None => child::command(PEER, &arguments.join(" ")),
    };
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
    command
}

/// Two sides that meet.
struct Pair<'a> {
    listener: &'a Language,
    connector: &'a Language,
    endpoint: &'static str,
    scenario: Scenario,
    /// How many messages a survivor lets come before it kills.
    count: String,
}

/// Everybody with everybody, in everything.
fn pairs(languages: &[Language]) -> Vec<Pair<'_>> {
    let mut random = Random::printed("kills");
    let mut all = Vec::new();
    for scenario in SCENARIOS {
        for endpoint in ENDPOINTS {
            for listener in languages {
                for connector in languages {
                    let count = (1 + random.below(100)).to_string();
                    all.push(Pair { listener, connector, endpoint, scenario, count });
                }
            }
        }
    }
    all
}

impl Pair<'_> {
    /// Runs both sides; if anything is wrong, all that they wrote.
    fn run(&self) -> Result<(), String> {
        let directory = Directory::new();
        let start = |language, role, task| {
            let mut command = side(language, &[role, self.endpoint, task, &self.count], &directory);
            let side = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
            thread::spawn(|| side.wait_with_output().expect("it is our child"))
        };
        let listener = start(self.listener, "listen", self.scenario.listener);
        let connector = start(self.connector, "connect", self.scenario.connector);
        let listener = listener.join().expect("no panic");
        let connector = connector.join().expect("no panic");
        let ended_well = ended_well(&listener, self.scenario.listener)
            && ended_well(&connector, self.scenario.connector);
        let left = names_in(&directory.0);
        // A listener that was killed leaves its file behind, for the next to take over.
        if ended_well && (left.is_empty() || self.scenario.listener == "die") {
            return Ok(());
        }
        let head = format!("{} listens, {} connects", self.listener.0, self.connector.0);
        let sides = [("listener", listener), ("connector", connector)].map(told).concat();
        Err(format!(
            "{head}, {}, {:?}, {}, left {left:?}\n{sides}",
            self.endpoint, self.scenario, self.count
        ))
    }
}

fn ended_well(output: &Output, task: &str) -> bool {
    match task {
        "die" => output.status.signal() == Some(libc::SIGKILL),
        _ => output.status.success(),
    }
}

/// All that one side wrote, and how it ended.
fn told((name, output): (&str, Output)) -> String {
    let [said, complained] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    format!("---- {name}: {}\n{said}{complained}", output.status)
}

#[test]
fn every_language_meets_every_other() {
    let languages = languages();
    let pairs = pairs(&languages);
    let (waiting, results) = (Mutex::new(pairs.iter()), Mutex::new(Vec::new()));
    let next = || waiting.lock().expect("no panic").next();
    thread::scope(|scope| {
        for _ in 0..PAIRS {
            scope.spawn(|| {
                while let Some(pair) = next() {
                    let result = pair.run();
                    results.lock().expect("no panic").push(result);
                }
            });
        }
    });
    let results = results.into_inner().expect("no panic");
    let failures: Vec<String> = results.iter().filter_map(|it| it.clone().err()).collect();
    assert!(failures.is_empty(), "{} pairs failed:\n{}", failures.len(), failures.join("\n"));
    // Four languages twice, two transports, four scenarios, one of them with two victims.
    assert_eq!(results.len(), 4 * 4 * 2 * (4 + 1), "all have run");
}

/// Is the peer in Rust, when it is called by the test above.
#[test]
fn the_peer_in_rust() {
    if let Some(arguments) = child::role() {
        let words: Vec<&str> = arguments.split(' ').collect();
        peer::main(&words);
    }
}
