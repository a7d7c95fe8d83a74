//! Every language with every other: two processes, one a peer program of each language, do the
//! same over each transport. What they do with segments and semaphores is in matrix/sharing.rs.
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

mod peer;
mod sharer;
mod sharing;
mod sides;

use crate::common::Random;
use crate::common::child;
use crate::common::system::names_in;
use crate::common::toolchain::Directory;
use sides::{Language, ended_well, languages, run_all, told};

/// Small rings, so that long messages go round many times; and no falling back to the socket.
const ENDPOINTS: [&str; 2] =
    ["shm:matrix?ring=64KiB&retry=1&shm=required", "local:matrix?ring=64KiB&retry=1"];

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
        let start = |language: &Language, role, task| {
            language.start(&[role, self.endpoint, task, &self.count], &directory)
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
        let head = format!("{} listens, {} connects", self.listener.name, self.connector.name);
        let sides = told([("listener", listener), ("connector", connector)]);
        Err(format!(
            "{head}, {}, {:?}, {}, left {left:?}\n{sides}",
            self.endpoint, self.scenario, self.count
        ))
    }
}

#[test]
fn every_language_meets_every_other() {
    let languages = languages("peer", child::name_of(the_peer_in_rust));
    let pairs = pairs(&languages);
    // Four languages twice, two transports, four scenarios, one of them with two victims.
    assert_eq!(pairs.len(), 4 * 4 * 2 * (4 + 1));
    run_all(&pairs, Pair::run);
}

/// Is the peer in Rust, when it is called by the test above.
#[test]
fn the_peer_in_rust() {
    if let Some(arguments) = child::role() {
        let words: Vec<&str> = arguments.split(' ').collect();
        peer::main(&words);
    }
}
