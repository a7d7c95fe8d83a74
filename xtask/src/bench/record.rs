//! The results, as lines and as CSV: all that page and plot know.

use super::table::Target;

/// Median and spread of one number over the rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub p10: f64,
    pub p90: f64,
}

impl Spread {
    pub fn of(values: impl Iterator<Item = f64>) -> Spread {
        let mut sorted: Vec<f64> = values.collect();
        sorted.sort_by(f64::total_cmp);
        let rank = |part: f64| sorted[((sorted.len() - 1) as f64 * part).round() as usize];
        Spread { median: rank(0.5), p10: rank(0.1), p90: rank(0.9) }
    }
}

/// One contestant in one row: ours, or a rival with our ratio to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub row: String,
    pub what: String,
    pub contestant: String,
    pub is_ours: bool,
    /// Nanoseconds an operation (bytes a channel, in the rows about memory): the median round's.
    /// 0 if the contestant isn't here.
    pub per_operation: f64,
    pub p50: f64,
    pub p99: f64,
    pub ratio: Option<Spread>,
    pub target: Option<Target>,
    /// How far apart the floor's rounds were, and how often the row was measured.
    pub moved: f64,
    pub attempts: usize,
}

impl Line {
    /// Whether the target is reached; None without a target.
    pub fn reached(&self) -> Option<bool> {
        let ratio = self.ratio.map(|ratio| ratio.median);
        Some(match self.target? {
            Target::TimeAtMost(times) => ratio? <= times,
            Target::RateAtLeast(times) => ratio? >= times,
            Target::P99AtMostMs(ms) => self.p99 <= ms * 1e6,
            Target::MsAtMost(ms) => self.per_operation <= ms * 1e6,
            Target::KibAtMost(kib) => self.per_operation <= kib * 1024.0,
        })
    }

    pub fn rival_or_limit(&self) -> &str {
        if self.is_ours { "its limit" } else { &self.contestant }
    }
}

/// What becomes of a lock whose owner is killed, for the one who waits then, and for the one who
/// comes later.
#[derive(Clone, Debug, PartialEq)]
pub struct Fate {
    pub contestant: String,
    pub waits: Outcome,
    pub comes: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// It has the lock after so many nanoseconds, and knows what happened.
    Told(f64),
    /// It has the lock after so many nanoseconds.
    Untold(f64),
    Hangs,
    Fails,
    NotHere,
}

impl Outcome {
    /// Out of what a contestant says, and of what the CSV holds.
    pub fn from_text(text: &str) -> Option<Outcome> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let ns = || rest.parse().ok();
        Some(match word {
            "told" => Outcome::Told(ns()?),
            "untold" => Outcome::Untold(ns()?),
            "hangs" => Outcome::Hangs,
            "fails" => Outcome::Fails,
            "absent" => Outcome::NotHere,
            _ => return None,
        })
    }

    fn to_text(self) -> String {
        match self {
            Outcome::Told(ns) => format!("told {ns:.0}"),
            Outcome::Untold(ns) => format!("untold {ns:.0}"),
            Outcome::Hangs => "hangs".into(),
            Outcome::Fails => "fails".into(),
            Outcome::NotHere => "absent".into(),
        }
    }
}

/// A whole run: what it ran on, its lines, and what becomes of locks.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub facts: Vec<(String, String)>,
    pub lines: Vec<Line>,
    pub fates: Vec<Fate>,
}

const HEAD: &str = "kind,row,what,contestant,per_operation,p50,p99,ratio,ratio_p10,ratio_p90,\
                    target,floor_moved,attempts";
const COLUMNS: usize = 13;

impl Record {
    pub fn new(facts: Vec<(String, String)>) -> Record {
        Record { facts, lines: Vec::new(), fates: Vec::new() }
    }

    /// First the facts (their names under `row`, their values under `what`), then the lines, then
    /// the fates (who waits under `row`, who comes under `what`).
    pub fn to_csv(&self) -> String {
        let mut csv = format!("{HEAD}\n");
        for (name, value) in &self.facts {
            csv += &format!("fact,{},{}{}\n", quote(name), quote(value), ",".repeat(10));
        }
        for line in &self.lines {
            csv += &line_to_csv(line);
        }
        for fate in &self.fates {
            let (waits, comes) = (fate.waits.to_text(), fate.comes.to_text());
            csv += &format!("fate,{waits},{comes},{}{}\n", quote(&fate.contestant), ",".repeat(9));
        }
        csv
    }

    pub fn from_csv(csv: &str) -> Result<Record, String> {
        let mut record = Record::new(Vec::new());
        let mut rows = csv.lines();
        if rows.next() != Some(HEAD) {
            return Err("performance.csv: not the expected columns".into());
        }
        for (number, text) in rows.enumerate() {
            let cells = split(text);
            let bad = || format!("performance.csv:{}: not understood: {text}", number + 2);
            if cells.len() != COLUMNS {
                return Err(bad());
            }
            match cells[0].as_str() {
                "fact" => record.facts.push((cells[1].clone(), cells[2].clone())),
                "fate" => record.fates.push(fate_from_csv(&cells).ok_or_else(bad)?),
                _ => record.lines.push(line_from_csv(&cells).ok_or_else(bad)?),
            }
        }
        Ok(record)
    }
}

fn fate_from_csv(cells: &[String]) -> Option<Fate> {
    Some(Fate {
        contestant: cells[3].clone(),
        waits: Outcome::from_text(&cells[1])?,
        comes: Outcome::from_text(&cells[2])?,
    })
}

fn line_to_csv(line: &Line) -> String {
    let ratio = line.ratio.map_or(",,".into(), |ratio| {
        format!("{:.4},{:.4},{:.4}", ratio.median, ratio.p10, ratio.p90)
    });
    format!(
        "{},{},{},{},{:.1},{:.0},{:.0},{ratio},{},{:.3},{}\n",
        if line.is_ours { "ours" } else { "rival" },
        quote(&line.row),
        quote(&line.what),
        quote(&line.contestant),
        line.per_operation,
        line.p50,
        line.p99,
        line.target.map_or(String::new(), target_to_text),
        line.moved,
        line.attempts,
    )
}

fn line_from_csv(cells: &[String]) -> Option<Line> {
    let number = |column: usize| cells[column].parse::<f64>().ok();
    let ratio = match number(7) {
        Some(median) => Some(Spread { median, p10: number(8)?, p90: number(9)? }),
        None => None,
    };
    let target = match cells[10].as_str() {
        "" => None,
        text => Some(target_from_text(text)?),
    };
    Some(Line {
        row: cells[1].clone(),
        what: cells[2].clone(),
        contestant: cells[3].clone(),
        is_ours: cells[0] == "ours",
        per_operation: number(4)?,
        p50: number(5)?,
        p99: number(6)?,
        ratio,
        target,
        moved: number(11)?,
        attempts: cells[12].parse().ok()?,
    })
}

fn target_to_text(target: Target) -> String {
    match target {
        Target::TimeAtMost(times) => format!("time<={times}"),
        Target::RateAtLeast(times) => format!("rate>={times}"),
        Target::P99AtMostMs(ms) => format!("p99_ms<={ms}"),
        Target::MsAtMost(ms) => format!("ms<={ms}"),
        Target::KibAtMost(kib) => format!("kib<={kib}"),
    }
}

fn target_from_text(text: &str) -> Option<Target> {
    let (what, number) = text.split_once('=')?;
    let number = number.parse().ok()?;
    Some(match what {
        "time<" => Target::TimeAtMost(number),
        "rate>" => Target::RateAtLeast(number),
        "p99_ms<" => Target::P99AtMostMs(number),
        "ms<" => Target::MsAtMost(number),
        "kib<" => Target::KibAtMost(number),
        _ => return None,
    })
}

/// A cell in quotes when it needs them.
fn quote(cell: &str) -> String {
    if cell.contains([',', '"']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.into()
    }
}

/// The cells of one line. A quote toggles; one that is doubled inside quotes stands for itself.
fn split(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let cell = cells.last_mut().expect("never empty");
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            other => cell.push(other),
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(target: Target) -> Line {
        Line {
            row: "shm".into(),
            what: "64 B, \"busy\"".into(),
            contestant: "ring".into(),
            is_ours: false,
            per_operation: 150.5,
            p50: 140.0,
            p99: 900.0,
            ratio: Some(Spread { median: 1.25, p10: 1.0, p90: 2.0 }),
            target: Some(target),
            moved: 1.125,
            attempts: 2,
        }
    }

    #[test]
    fn what_is_written_can_be_read_back() {
        let mut record = Record::new(vec![("cpu".into(), "Two, fast".into())]);
        record.lines.push(line(Target::TimeAtMost(1.3)));
        record.lines.push(Line { is_ours: true, ratio: None, ..line(Target::KibAtMost(64.0)) });
        record.lines.push(Line { target: None, ..line(Target::RateAtLeast(0.9)) });
        record.lines.push(line(Target::MsAtMost(30.0)));
        for (waits, comes) in [
            (Outcome::Told(1234.0), Outcome::Untold(5.0)),
            (Outcome::Hangs, Outcome::Fails),
            (Outcome::NotHere, Outcome::NotHere),
        ] {
            record.fates.push(Fate { contestant: "lock, \"good\"".into(), waits, comes });
        }
        assert_eq!(Record::from_csv(&record.to_csv()), Ok(record));
    }

    #[test]
    fn each_target_is_judged_by_its_own_number() {
        assert_eq!(line(Target::TimeAtMost(1.3)).reached(), Some(true));
        assert_eq!(line(Target::TimeAtMost(1.2)).reached(), Some(false));
        assert_eq!(line(Target::RateAtLeast(1.2)).reached(), Some(true));
        assert_eq!(line(Target::RateAtLeast(1.3)).reached(), Some(false));
        assert_eq!(line(Target::P99AtMostMs(0.0008)).reached(), Some(false));
        assert_eq!(line(Target::MsAtMost(0.00015)).reached(), Some(false));
        assert_eq!(line(Target::MsAtMost(0.00016)).reached(), Some(true));
        assert_eq!(line(Target::KibAtMost(64.0)).reached(), Some(true));
    }

    #[test]
    fn a_spread_is_made_of_values_that_were_measured() {
        let spread = Spread::of((1..=21).rev().map(f64::from));
        assert_eq!((spread.p10, spread.median, spread.p90), (3.0, 11.0, 19.0));
    }
}
