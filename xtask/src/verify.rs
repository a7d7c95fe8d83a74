//! `cargo xtask verify --hours N`: the deep checks, round after round, each with a new seed.

use std::time::{Duration, Instant};

use crate::fuzz::new_seed;
use crate::shell;
use crate::steps::VERIFY;
use crate::test::{Outcome, attempt};

/// Loom's time grows steeply with preemptions.
const PREEMPTIONS_MIN: u64 = 3;
const PREEMPTIONS_MAX: u64 = 5;

pub fn run(args: &[String]) -> Result<(), String> {
    let hours = shell::option(args, "--hours")?.ok_or("how long? --hours N")?;
    let end = Instant::now() + Duration::from_secs(3600 * hours);
    let mut passed = 0;
    // The first round is always whole, so that `--hours 0` checks everything once.
    for round in 0.. {
        for step in VERIFY {
            if round > 0 && Instant::now() >= end {
                println!("\n{passed} passed, 0 failed, in {round} whole rounds");
                return Ok(());
            }
            let command = fill_in(step.command, new_seed(), round);
            println!("\n==== round {}", round + 1);
            match attempt(step, &command).0 {
                Outcome::Passed => passed += 1,
                Outcome::Skipped(why) | Outcome::Failed(why) => {
                    println!("\nFAILED: {}: {why}\n  to run it again:  {command}", step.name);
                    println!("{passed} passed, 1 failed");
                    return Err(String::new());
                }
            }
        }
    }
    Ok(())
}

fn fill_in(command: &str, seed: u64, round: u64) -> String {
    let preemptions = (PREEMPTIONS_MIN + round).min(PREEMPTIONS_MAX);
    command.replace("{seed}", &seed.to_string()).replace("{preemptions}", &preemptions.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_blank_is_left() {
        for step in VERIFY {
            assert!(!fill_in(step.command, 7, 100).contains('{'), "{}", step.name);
        }
        assert_eq!(fill_in("{seed} {preemptions}", 7, 100), "7 5");
    }
}
