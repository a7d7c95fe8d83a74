//! How long the steps of a run will take: as long as the last time, or as their limits suggest.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::load;
use crate::steps::Step;

/// Where a run leaves what its steps took, below the project's root. A line for each step: its
/// seconds, and its name.
pub const KEPT: &str = "target/xtask/step-times";
/// On two idle processors a step takes about this part of its limit.
const PART_OF_LIMIT: f64 = 1.0 / 8.0;
/// So much of a run has to be over before its pace says something of the rest.
const SAMPLE: f64 = 60.0;

/// What is expected of a run, in seconds.
pub struct Times {
    expected: BTreeMap<&'static str, f64>,
    last: BTreeMap<String, f64>,
    file: PathBuf,
    /// What the steps that are over took, and what was expected of them.
    taken: f64,
    expected_of_taken: f64,
}

impl Times {
    /// For these steps, by what earlier runs have left in `file`.
    pub fn of(steps: &[&'static Step], file: PathBuf) -> Times {
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        Times::from(steps, file, parse(&kept), load::slowness())
    }

    fn from(
        steps: &[&'static Step],
        file: PathBuf,
        last: BTreeMap<String, f64>,
        slowness: f64,
    ) -> Times {
        let guess = |step: &Step| 60.0 * step.minutes as f64 * PART_OF_LIMIT * slowness;
        let expect = |step: &&'static Step| {
            (step.name, last.get(step.name).copied().unwrap_or_else(|| guess(step)))
        };
        let expected = steps.iter().map(expect).collect();
        Times { expected, last, file, taken: 0.0, expected_of_taken: 0.0 }
    }

    /// How long the steps that aren't over will take.
    pub fn left(&self) -> Duration {
        // A machine that is slower today than it was the last time goes on so.
        let pace = (SAMPLE + self.taken) / (SAMPLE + self.expected_of_taken);
        Duration::from_secs_f64(self.expected.values().sum::<f64>() * pace)
    }

    /// The step isn't run.
    pub fn skip(&mut self, step: &Step) {
        self.expected.remove(step.name);
    }

    /// The step was run.
    pub fn over(&mut self, step: &Step, took: Duration) {
        self.taken += took.as_secs_f64();
        self.expected_of_taken += self.expected.remove(step.name).unwrap_or(0.0);
    }

    /// Keeps how long a step took that passed, for the next run.
    pub fn keep(&mut self, step: &Step, took: Duration) {
        self.last.insert(step.name.to_owned(), took.as_secs_f64());
        let lines = self.last.iter().map(|(name, seconds)| format!("{seconds:.1} {name}\n"));
        // Without it the next run guesses.
        let _ = self.file.parent().map(std::fs::create_dir_all);
        let _ = std::fs::write(&self.file, lines.collect::<String>());
    }
}

fn parse(kept: &str) -> BTreeMap<String, f64> {
    let line = |line: &str| {
        let (seconds, name) = line.split_once(' ')?;
        Some((name.to_owned(), seconds.parse().ok().filter(|seconds| *seconds >= 0.0)?))
    };
    kept.lines().filter_map(line).collect()
}

/// `left` as people say it.
pub fn in_words(left: Duration) -> String {
    match (left.as_secs_f64() / 60.0).round() as u64 {
        0 => "less than a minute left".to_owned(),
        1 => "about a minute left".to_owned(),
        minutes => format!("about {minutes} minutes left"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn named(name: &'static str, minutes: u64) -> Step {
        Step { name, what: "", command: "true", needs: &[], minutes }
    }

    static FIRST: Step = named("first", 8);
    static SECOND: Step = named("second", 16);

    #[test]
    fn a_first_run_is_guessed_by_limits_and_load() {
        let times = Times::from(&[&FIRST, &SECOND], PathBuf::new(), BTreeMap::new(), 2.0);
        assert_eq!(in_words(times.left()), "about 6 minutes left");
        let mut times = times;
        times.skip(&FIRST);
        assert_eq!(in_words(times.left()), "about 4 minutes left", "what is skipped says nothing");
    }

    #[test]
    fn what_the_last_run_took_is_expected_again() {
        let times = Times::from(
            &[&FIRST, &SECOND],
            PathBuf::new(),
            parse("60.0 first\n240.0 second\n"),
            9.0,
        );
        assert_eq!(in_words(times.left()), "about 5 minutes left");
    }

    #[test]
    fn the_rest_goes_at_the_pace_of_what_is_over() {
        let last = parse("600 first\n600 second\n");
        let mut times = Times::from(&[&FIRST, &SECOND], PathBuf::new(), last, 1.0);
        times.over(&FIRST, Duration::from_secs(1200));
        assert!((1100..1200).contains(&times.left().as_secs()), "{:?}", times.left());
        times.over(&SECOND, Duration::from_secs(1200));
        assert_eq!(in_words(times.left()), "less than a minute left");
    }

    #[test]
    fn a_spoilt_file_is_no_matter() {
        assert_eq!(parse("nonsense\nNaN first\n-1 first\n7 first").len(), 1);
    }
}
