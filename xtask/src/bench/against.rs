//! `--against FILE.so`: this tree's library beside an older one, row by row.
//!
//! Every round starts both sides anew, as where their memory comes to lie is part of what a row varies
//! by. Both wait without using a processor until it is their turn, and take turns in being first.

use std::path::Path;

use super::contestant::Running;
use super::library::Library;
use super::measure::Effort;
use super::page;
use super::prepare::Programs;
use super::record::Spread;
use super::table::{Contestant, Row};

/// A row may always be slower by so much.
const SLOWER_MAX: f64 = 0.03;

/// Measures these rows with both libraries, and fails if one of them is slower with this tree's.
pub fn run(root: &Path, rows: &[&Row], file: &Path, effort: &Effort) -> Result<(), String> {
    let older = Library::of_file(root, file)?;
    let library = Library::of_tree(root)?;
    let same_abi = library.abi == older.abi;
    let fits = |row: &&&Row| same_abi || !row.ours.program.needs_this_abi();
    let (rows, left_out): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(fits);
    if rows.is_empty() {
        return Err("none of these rows can be measured with a library of that ABI".into());
    }
    let wanted = super::each_once(rows.iter().map(|row| &row.ours));
    let now = Programs::prepare(root, library, &wanted)?;
    let before = now.with(older, &wanted)?;
    println!("\nthis tree's library against {}, {} rounds", file.display(), effort.rounds);
    if !same_abi {
        println!("of another ABI: with contestants of its own, see benches/ours/abi.h");
    }
    println!("\n{}", columns(HEADS.map(String::from)));
    for row in left_out {
        println!("{:<24}left out: its binding is made for this tree's ABI", row.name);
    }
    let (mut slower, mut broken) = (Vec::new(), Vec::new());
    for row in rows {
        match measure(row, [&now, &before], effort) {
            Ok([now, before]) => {
                let compared = Compared::of(&now, &before);
                let verdict = compared.verdict(excepted(row, same_abi));
                println!("{}", columns(compared.cells(row, verdict)));
                slower.extend((verdict == Verdict::Slower).then_some(row.name));
            }
            Err(reason) => {
                println!("{:<24}broken: {reason}", row.name);
                broken.push(row.name);
            }
        }
    }
    conclude(&[("slower", slower), ("broken", broken)])
}

fn conclude(faults: &[(&str, Vec<&str>)]) -> Result<(), String> {
    let said: Vec<_> = faults
        .iter()
        .filter(|(_, rows)| !rows.is_empty())
        .map(|(fault, rows)| format!("{fault} rows: {}", rows.join(", ")))
        .collect();
    if said.is_empty() {
        println!("\nno row is slower");
        return Ok(());
    }
    Err(said.join("; "))
}

/// The times of all rounds, of this tree's library and of the older one.
fn measure(row: &Row, sides: [&Programs; 2], effort: &Effort) -> Result<[Vec<f64>; 2], String> {
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..if row.once { 1 } else { effort.rounds } {
        let [now, before] = sides;
        let mut running =
            [start(row, "this tree's library", now)?, start(row, "the older library", before)?];
        if !row.once {
            for side in &mut running {
                side.slice(effort.slice_us)?;
            }
        }
        for turn in 0..2 {
            let which = (round + turn) % 2;
            times[which].push(running[which].slice(effort.slice_us)?.per_operation);
        }
    }
    Ok(times)
}

fn start(row: &Row, label: &'static str, side: &Programs) -> Result<Running, String> {
    let program = side.command(row.ours.program).ok_or("it isn't here")?;
    Running::start(&Contestant { label, ..row.ours }, program)
}

/// What the rounds of a row come to.
#[derive(Debug)]
struct Compared {
    now: f64,
    before: f64,
    /// This tree's time to the older one's within a round, in the median.
    ratio: f64,
    /// What the row varies by itself: the older library's time in a round to its time in the round
    /// before, in the median. So a machine that becomes slower in the course of a row excuses nothing.
    spread: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Holds,
    Slower,
    /// Shown and not judged, for this reason.
    Excepted(&'static str),
}

impl Compared {
    fn of(now: &[f64], before: &[f64]) -> Compared {
        Compared {
            now: median(now.iter().copied()),
            before: median(before.iter().copied()),
            ratio: median(now.iter().zip(before).map(|(now, before)| now / before)),
            spread: match before {
                [_] => 0.0,
                _ => median(before.windows(2).map(|pair| (pair[1] / pair[0] - 1.0).abs())),
            },
        }
    }

    fn verdict(&self, excepted: Option<&'static str>) -> Verdict {
        match excepted {
            Some(reason) => Verdict::Excepted(reason),
            None if self.ratio > 1.0 + self.spread.max(SLOWER_MAX) => Verdict::Slower,
            None => Verdict::Holds,
        }
    }

    fn cells(&self, row: &Row, verdict: Verdict) -> [String; 6] {
        let amount = if row.once { page::kib } else { page::time };
        [
            row.name.into(),
            amount(self.now),
            amount(self.before),
            format!("{:.3}", self.ratio),
            format!("{:.1} %", self.spread * 100.0),
            match verdict {
                Verdict::Holds => "holds".into(),
                Verdict::Slower => "SLOWER".into(),
                Verdict::Excepted(reason) => format!("not judged: {reason}"),
            },
        ]
    }
}

const HEADS: [&str; 6] = ["row", "now", "before", "ratio", "spread", "verdict"];

fn columns([row, now, before, ratio, spread, verdict]: [String; 6]) -> String {
    format!("{row:<24}{now:>10}{before:>10}{ratio:>8}{spread:>9}  {verdict}")
}

/// Why a row isn't judged.
fn excepted(row: &Row, same_abi: bool) -> Option<&'static str> {
    if row.once {
        return Some("memory, which has a limit of its own");
    }
    (!same_abi && row.name.ends_with("-many")).then_some("a message has more facts now")
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    Spread::of(values).median
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::rows;

    /// Rounds of 100 ns that go up and down by `spread`.
    fn rounds(spread: f64) -> Vec<f64> {
        (0..21).map(|round| if round % 2 == 0 { 100.0 } else { 100.0 * (1.0 + spread) }).collect()
    }

    fn slowed(rounds: &[f64], by: f64) -> Vec<f64> {
        rounds.iter().map(|time| time * (1.0 + by)).collect()
    }

    fn verdict(spread: f64, slower_by: f64) -> Verdict {
        let before = rounds(spread);
        Compared::of(&slowed(&before, slower_by), &before).verdict(None)
    }

    #[test]
    fn a_row_is_slower_beyond_three_percent_and_beyond_its_spread() {
        assert_eq!(verdict(0.01, 0.05), Verdict::Slower);
        assert_eq!(verdict(0.10, 0.05), Verdict::Holds);
        assert_eq!(verdict(0.10, 0.15), Verdict::Slower);
        assert_eq!(verdict(0.01, 0.02), Verdict::Holds);
        assert_eq!(verdict(0.00, -0.50), Verdict::Holds);
    }

    #[test]
    fn a_machine_that_slows_down_or_stumbles_excuses_nothing() {
        let mut before: Vec<f64> = (0..21).map(|round| 100.0 + f64::from(round)).collect();
        before[7] = 900.0;
        let mut now = slowed(&before, 0.05);
        now[13] = 20.0;
        let compared = Compared::of(&now, &before);
        assert!(compared.spread < 0.02, "{compared:?}");
        assert_eq!(compared.verdict(None), Verdict::Slower);
    }

    #[test]
    fn one_round_has_no_spread() {
        assert_eq!(Compared::of(&[104.0], &[100.0]).verdict(None), Verdict::Slower);
        assert_eq!(Compared::of(&[102.0], &[100.0]).verdict(None), Verdict::Holds);
    }

    #[test]
    fn batches_are_not_judged_against_another_abi_and_memory_never() {
        let row = |name| rows::all().find(|row| row.name == name).unwrap();
        assert!(excepted(row("shm-one-way-64-many"), false).is_some());
        assert_eq!(excepted(row("shm-one-way-64-many"), true), None);
        assert_eq!(excepted(row("shm-one-way-64"), false), None);
        assert!(excepted(row("shm-memory"), true).is_some());
        let before = rounds(0.01);
        let compared = Compared::of(&slowed(&before, 0.5), &before);
        assert_eq!(compared.verdict(Some("why")), Verdict::Excepted("why"));
    }

    #[test]
    fn a_slower_or_broken_row_is_an_error_that_names_it() {
        assert_eq!(conclude(&[("slower", vec![]), ("broken", vec![])]), Ok(()));
        let error = conclude(&[("slower", vec!["a", "b"]), ("broken", vec!["c"])]);
        assert_eq!(error, Err("slower rows: a, b; broken rows: c".into()));
    }
}
