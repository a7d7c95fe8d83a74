//! Whether the next one gets a lock whose owner was killed, and whether it is told.

use std::io::Read;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use super::prepare::Programs;
use super::record::{Fate, Outcome};
use super::segments::KILLED;
use super::table::Contestant;
use crate::shell;

/// What selects this on the command line, as a row's name does.
pub const NAME: &str = "killed-owner";

/// Whoever hasn't the lock by then is said to hang; a contestant waits for 2 s a case.
const PATIENCE: Duration = Duration::from_secs(30);

/// All of them at once, as they only wait.
pub fn fates(programs: &Programs) -> Result<Vec<Fate>, String> {
    thread::scope(|scope| {
        let started: Vec<_> =
            KILLED.iter().map(|lock| scope.spawn(move || fate(lock, programs))).collect();
        started.into_iter().map(|one| one.join().expect("it panics nowhere")).collect()
    })
}

fn fate(lock: &Contestant, programs: &Programs) -> Result<Fate, String> {
    let fate = |waits, comes| Fate { contestant: lock.label.into(), waits, comes };
    let Some(mut program) = programs.command(lock.program) else {
        return Ok(fate(Outcome::NotHere, Outcome::NotHere));
    };
    let failed = |what: String| format!("{}: {what}", lock.label);
    let mut child = program
        .args(lock.args)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let status = shell::wait_limited(&mut child, PATIENCE);
    let mut said = String::new();
    let mut output = child.stdout.take().expect("piped above");
    output.read_to_string(&mut said).map_err(|error| failed(error.to_string()))?;
    let outcome = |case: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(case)?.strip_prefix(' '));
        line.and_then(Outcome::from_text).ok_or_else(|| failed(format!("{status:?}: {said:?}")))
    };
    Ok(fate(outcome("waits")?, outcome("comes")?))
}
