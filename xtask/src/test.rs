//! `cargo xtask test`: the steps one by one, until one fails.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::install;
use crate::shell;
use crate::steps::{NOT_IN_QUICK, QUICK, Step, TEST};

pub fn run(names: &[String]) -> Result<(), String> {
    let steps = choose(names)?;
    let start = Instant::now();
    let mut done = Vec::new();
    let mut skipped = Vec::new();
    let mut failure = None;
    for step in &steps {
        match attempt(step, step.command) {
            Outcome::Passed(time) => done.push((step.name, time)),
            Outcome::Skipped(why) => skipped.push(format!("{} ({why})", step.name)),
            Outcome::Failed(why) => {
                failure = Some((step, why));
                break;
            }
        }
    }
    println!("\n==== {} s in all", start.elapsed().as_secs());
    for (name, time) in &done {
        println!("{:>6} s  {name}", time.as_secs());
    }
    report_skipped(&skipped);
    if is_quick(names) {
        println!("  left out: {NOT_IN_QUICK}");
    }
    if let Some((step, why)) = &failure {
        let later = steps.len() - done.len() - skipped.len() - 1;
        println!(
            "FAILED: {} ({})\n  {why}\n  {later} later steps were not run",
            step.name, step.what
        );
        println!("  to run it again:  cargo xtask test {}\n  or:  {}", step.name, step.command);
    }
    println!("{} passed, {} failed", done.len(), usize::from(failure.is_some()));
    if failure.is_some() { Err(String::new()) } else { Ok(()) }
}

fn is_quick(names: &[String]) -> bool {
    names == ["--quick"]
}

fn choose(names: &[String]) -> Result<Vec<&'static Step>, String> {
    if names.is_empty() {
        return Ok(TEST.iter().collect());
    }
    if is_quick(names) {
        return Ok(QUICK.iter().collect());
    }
    let all = || TEST.iter().chain(QUICK);
    names
        .iter()
        .map(|name| {
            all().find(|step| step.name == name).ok_or_else(|| {
                let names: BTreeSet<&str> = all().map(|step| step.name).collect();
                let names: Vec<&str> = names.into_iter().collect();
                format!("no step {name}; there are {}", names.join(", "))
            })
        })
        .collect()
}

fn report_skipped(skipped: &[String]) {
    if !skipped.is_empty() {
        println!("NOT RUN, so NOT CHECKED, for want of tools: {}", skipped.join("; "));
    }
}

pub enum Outcome {
    Passed(Duration),
    Skipped(String),
    Failed(String),
}

/// Runs one step by `command`, which may be the step's own with blanks filled in.
pub fn attempt(step: &Step, command: &str) -> Outcome {
    println!("\n==== {}: {}\n$ {command}", step.name, step.what);
    let start = Instant::now();
    if let Err(error) = install::ensure(step.needs) {
        // A machine of one's own may lack a tool; where results count, what isn't checked has failed.
        return if in_ci() { Outcome::Failed(error) } else { Outcome::Skipped(error) };
    }
    let limit = Duration::from_secs(60 * step.minutes);
    match shell::run_counted(command, limit) {
        Ok(Some(0)) => Outcome::Failed("not one test was run".to_owned()),
        Ok(tests) => {
            let tests = tests.map_or(String::new(), |count| format!(", {count} tests"));
            println!("---- {} passed in {} s{tests}", step.name, start.elapsed().as_secs());
            Outcome::Passed(start.elapsed())
        }
        Err(error) => Outcome::Failed(error),
    }
}

fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Step = Step { name: "good", what: "", command: "true", needs: &[], minutes: 1 };

    #[test]
    fn a_step_is_judged_by_its_exit_code() {
        assert!(matches!(attempt(&GOOD, "true"), Outcome::Passed(_)));
        assert!(matches!(attempt(&GOOD, "exit 3"), Outcome::Failed(_)));
        let empty = "echo 'test result: ok. 0 passed; 0 failed'";
        assert!(matches!(attempt(&GOOD, empty), Outcome::Failed(_)));
    }

    #[test]
    fn quick_is_a_list_of_its_own() {
        let quick = choose(&["--quick".to_owned()]).unwrap();
        assert_eq!(quick.len(), QUICK.len());
        assert!(choose(&["--quick".to_owned(), "docs".to_owned()]).is_err());
    }

    #[test]
    fn an_unknown_step_is_refused() {
        let error = run(&["nonsense".to_owned()]).unwrap_err();
        assert!(error.contains("no step nonsense") && error.contains("clippy"));
    }
}
