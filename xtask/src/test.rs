//! `cargo xtask test`: the steps one by one, until one fails, or all of them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::install;
use crate::shell;
use crate::steps::{NOT_IN_QUICK, QUICK, Step, TEST};
use crate::times::{KEPT, Times, in_words};

/// What comes of a failure.
#[derive(Clone, Copy, Debug, PartialEq)]
enum AfterFailure {
    Stop,
    GoOn,
}

/// What has become of the steps so far.
#[derive(Default)]
struct Report {
    passed: Vec<(&'static str, Duration)>,
    skipped: usize,
    failed: Vec<(&'static Step, String)>,
    /// What couldn't be checked here, and why.
    not_checked: Vec<String>,
}

pub fn run(args: &[String]) -> Result<(), String> {
    let (names, after) = read(args);
    let steps = choose(&names)?;
    let start = Instant::now();
    let report = run_steps(&steps, after, shell::root().join(KEPT));
    println!("\n==== {} s in all", start.elapsed().as_secs());
    report.print(steps.len());
    if is_quick(&names) {
        println!("  left out: {NOT_IN_QUICK}");
    }
    println!("{} passed, {} failed", report.passed.len(), report.failed.len());
    if report.failed.is_empty() { Ok(()) } else { Err(String::new()) }
}

fn run_steps(steps: &[&'static Step], after: AfterFailure, times: PathBuf) -> Report {
    let mut report = Report::default();
    let mut times = Times::of(steps, times);
    for (index, step) in steps.iter().enumerate() {
        let (number, all) = (index + 1, steps.len());
        println!("\n==== step {number} of {all}, {}", in_words(times.left()));
        let start = Instant::now();
        let (outcome, not_checked) = attempt(step, step.command);
        let took = start.elapsed();
        match outcome {
            Outcome::Skipped(_) => times.skip(step),
            Outcome::Passed | Outcome::Failed(_) => times.over(step, took),
        }
        let of_step = |what| format!("{}: {what}", step.name);
        report.not_checked.extend(not_checked.into_iter().map(of_step));
        match outcome {
            Outcome::Passed => {
                times.keep(step, took);
                report.passed.push((step.name, took));
            }
            Outcome::Skipped(why) => {
                report.skipped += 1;
                report.not_checked.push(format!("{}: {}: {why}", step.name, step.what));
            }
            Outcome::Failed(why) => {
                report.failed.push((step, why));
                if after == AfterFailure::Stop {
                    break;
                }
            }
        }
    }
    report
}

impl Report {
    fn print(&self, all: usize) {
        for (name, time) in &self.passed {
            println!("{:>6} s  {name}", time.as_secs());
        }
        if !self.not_checked.is_empty() {
            println!("NOT CHECKED on this machine:");
        }
        for line in &self.not_checked {
            println!("  {line}");
        }
        for (step, why) in &self.failed {
            println!("FAILED: {} ({})\n  {why}", step.name, step.what);
            println!("  to run it again:  cargo xtask test {}\n  or:  {}", step.name, step.command);
        }
        match all - self.passed.len() - self.skipped - self.failed.len() {
            0 => {}
            later => println!("{later} later steps were not run (--keep-going runs them)"),
        }
    }
}

/// The names of steps, and what the options say.
fn read(args: &[String]) -> (Vec<String>, AfterFailure) {
    let (options, names): (Vec<&String>, Vec<&String>) =
        args.iter().partition(|arg| *arg == "--keep-going");
    let after = if options.is_empty() { AfterFailure::Stop } else { AfterFailure::GoOn };
    (names.into_iter().cloned().collect(), after)
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

pub enum Outcome {
    Passed,
    Skipped(String),
    Failed(String),
}

/// Runs one step by `command`, which may be the step's own with blanks filled in: what became of
/// it, and what it couldn't check here.
pub fn attempt(step: &Step, command: &str) -> (Outcome, BTreeSet<String>) {
    println!("{}: {}\n$ {command}", step.name, step.what);
    let start = Instant::now();
    if let Err(error) = install::ensure(step.needs) {
        // A machine of one's own may lack a tool; where results count, what isn't checked has failed.
        let outcome = if in_ci() { Outcome::Failed(error) } else { Outcome::Skipped(error) };
        return (outcome, BTreeSet::new());
    }
    let (result, said) = shell::run_heard(command, Duration::from_secs(60 * step.minutes));
    let outcome = match (result, said.passed) {
        (Err(error), _) => Outcome::Failed(error),
        (Ok(()), Some(0)) => Outcome::Failed("not one test was run".to_owned()),
        (Ok(()), tests) => {
            let tests = tests.map_or(String::new(), |count| format!(", {count} tests"));
            println!("---- {} passed in {} s{tests}", step.name, start.elapsed().as_secs());
            Outcome::Passed
        }
    };
    (outcome, said.not_checked)
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
        assert!(matches!(attempt(&GOOD, "true").0, Outcome::Passed));
        assert!(matches!(attempt(&GOOD, "exit 3").0, Outcome::Failed(_)));
        let empty = "echo 'test result: ok. 0 passed; 0 failed'";
        assert!(matches!(attempt(&GOOD, empty).0, Outcome::Failed(_)));
    }

    #[test]
    fn after_a_failure_the_rest_is_run_if_one_says_so() {
        static BAD: Step = Step { name: "bad", command: "exit 1", ..GOOD };
        static AFTER: Step = Step { name: "after", command: "echo NOT CHECKED: x: y", ..GOOD };
        let steps = [&BAD, &AFTER, &BAD];
        let scratch = crate::process::Scratch::new("steps").unwrap();
        let times = || PathBuf::from(format!("{}/times", scratch.0));
        let report = run_steps(&steps, AfterFailure::Stop, times());
        assert_eq!((report.failed.len(), report.passed.len()), (1, 0));
        let report = run_steps(&steps, AfterFailure::GoOn, times());
        assert_eq!((report.failed.len(), report.passed.len()), (2, 1));
        assert_eq!(report.not_checked, ["after: x: y"]);
        let kept = std::fs::read_to_string(times()).unwrap();
        assert!(kept.ends_with(" after\n") && kept.lines().count() == 1, "{kept}");
        let args = ["docs", "--keep-going"].map(str::to_owned);
        assert_eq!(read(&args), (vec!["docs".to_owned()], AfterFailure::GoOn));
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
