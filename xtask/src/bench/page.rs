//! The results for people: as a table on the terminal, and as docs/performance.md.

use super::measure::MOVED_MAX;
use super::record::{Fate, Line, Outcome, Record};
use super::table::Target;

const HEADS: [&str; 8] =
    ["ours", "p99", "against", "theirs", "ratio", "spread", "target", "reached"];

/// The lines of one row, for the terminal.
pub fn terminal(lines: &[Line]) -> String {
    let mut text = aligned(HEADS, lines.iter().filter_map(|line| cells(lines, line)));
    if let Some(warning) = warning(lines) {
        text += &format!("  {warning}\n");
    }
    text
}

/// What becomes of locks, for the terminal.
pub fn fates_on_terminal(fates: &[Fate]) -> String {
    aligned(FATE_HEADS, fates.iter().map(fate_cells))
}

fn aligned<const N: usize>(heads: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<_> = std::iter::once(heads.map(String::from)).chain(rows).collect();
    let widths: [usize; N] =
        std::array::from_fn(|i| rows.iter().map(|r| r[i].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for row in rows {
        let padded: Vec<_> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text += &format!("  {}\n", padded.join("  ").trim_end());
    }
    text
}

/// One line as cells; None for ours where it isn't judged by itself, as each rival's line shows it.
fn cells(lines: &[Line], line: &Line) -> Option<[String; 8]> {
    let ours = lines.iter().find(|other| other.is_ours)?;
    if line.is_ours && line.target.is_none() {
        return None;
    }
    // Where nothing was timed singly there is no percentile.
    let p99 = if is_memory(ours) || ours.p99 == 0.0 { String::new() } else { time(ours.p99) };
    let rival = |text: String| if line.is_ours { String::new() } else { text };
    Some([
        amount(ours),
        p99,
        rival(line.contestant.clone()),
        rival(amount(line)),
        line.ratio.map_or(String::new(), |r| times(r.median)),
        line.ratio.map_or(String::new(), |r| format!("{} to {}", times(r.p10), times(r.p90))),
        line.target.map_or(String::new(), target),
        match line.reached() {
            None => String::new(),
            Some(true) => "yes".into(),
            Some(false) => "NO".into(),
        },
    ])
}

/// What is to be said when the floor never held still.
fn warning(lines: &[Line]) -> Option<String> {
    let ours = lines.iter().find(|line| line.is_ours)?;
    let depends = ours.target.is_none();
    (depends && ours.moved > MOVED_MAX).then(|| {
        format!(
            "the floor moved by {:.2} in the calmest of {} attempts: judge with care",
            ours.moved, ours.attempts
        )
    })
}

fn is_memory(line: &Line) -> bool {
    matches!(line.target, Some(Target::KibAtMost(_)))
}

fn amount(line: &Line) -> String {
    if line.per_operation == 0.0 {
        "not here".into()
    } else if is_memory(line) {
        kib(line.per_operation)
    } else {
        time(line.per_operation)
    }
}

pub fn kib(bytes: f64) -> String {
    format!("{:.1} KiB", bytes / 1024.0)
}

pub fn time(ns: f64) -> String {
    match ns {
        ns if ns < 100.0 => format!("{ns:.1} ns"),
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e5 => format!("{:.2} µs", ns / 1e3),
        ns if ns < 1e6 => format!("{:.0} µs", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}

/// About three digits.
pub fn times(ratio: f64) -> String {
    match ratio {
        ratio if ratio < 0.1 => format!("{ratio:.4}"),
        ratio if ratio < 10.0 => format!("{ratio:.2}"),
        ratio => format!("{ratio:.0}"),
    }
}

fn target(target: Target) -> String {
    match target {
        Target::TimeAtMost(times) => format!("time ≤ {times} ×"),
        Target::RateAtLeast(times) => format!("rate ≥ {times} ×"),
        Target::P99AtMostMs(ms) => format!("p99 ≤ {ms} ms"),
        Target::MsAtMost(ms) => format!("≤ {ms} ms"),
        Target::KibAtMost(kib) => format!("≤ {kib} KiB"),
    }
}

const FATE_HEADS: [&str; 3] = ["lock", "who waits for it", "who comes for it later"];

fn fate_cells(fate: &Fate) -> [String; 3] {
    [fate.contestant.clone(), outcome(fate.waits), outcome(fate.comes)]
}

fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Told(ns) => format!("has it after {}, and is told", time(ns)),
        Outcome::Untold(ns) => format!("has it after {}, and isn't told", time(ns)),
        Outcome::Hangs => "hangs".into(),
        Outcome::Fails => "fails".into(),
        Outcome::NotHere => "not here".into(),
    }
}

/// docs/performance.md
pub fn markdown(record: &Record) -> String {
    let mut page = String::from(INTRODUCTION);
    page += "\n## Measured on\n\n| what | value |\n|---|---|\n";
    for (name, value) in &record.facts {
        page += &format!("| {name} | {value} |\n");
    }
    page += "\n## Results\n\n";
    page += &verdict(&record.lines);
    for row in record.lines.chunk_by(|a, b| a.row == b.row) {
        page += &format!("\n### {}\n\n`{}`\n\n", row[0].what, row[0].row);
        page += &table(HEADS, row.iter().filter_map(|line| cells(row, line)));
        if let Some(warning) = warning(row) {
            page += &format!("\nNote: {warning}.\n");
        }
    }
    page += FATES;
    page += &table(FATE_HEADS, record.fates.iter().map(fate_cells));
    page
}

fn table<const N: usize>(heads: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = format!("| {} |\n|{}\n", heads.join(" | "), "---|".repeat(N));
    for cells in rows {
        table += &format!("| {} |\n", cells.join(" | "));
    }
    table
}

fn verdict(lines: &[Line]) -> String {
    let judged: Vec<_> = lines.iter().filter_map(Line::reached).collect();
    let reached = judged.iter().filter(|reached| **reached).count();
    format!("{reached} of {} targets are reached.\n", judged.len())
}

const INTRODUCTION: &str = "\
<!-- Written by `cargo xtask bench --write` out of performance.csv; changes made here are lost. -->

# Performance

treenail, through its C ABI, beside the floors (what the machine does with plain memory and plain
system calls) and beside its peers, measured in one run: channels first, then segments and semaphores.
At the end its C++ header beside that C ABI, and its Python package beside what Python programs use
otherwise; and what becomes of each lock whose owner is killed.

![Our speed relative to floors and peers](performance.svg)

## How it is measured

- Every contestant is two processes on two processors (8 threads are left where the system puts them),
  which wait without using the processor until it is their turn. After a warm-up they run in turn, in
  slices of 40 ms, for 21 rounds; every round begins with another one. Every three rounds they are
  started anew, as where their memory comes to lie is luck that lasts as long as they do.
- **Only ratios within one round count**, as the same machine is several times faster on one day than on
  another. *ratio* is the median over the rounds, *spread* goes from the 10th to the 90th percentile.
- For a target `time ≤` the ratio is our time to theirs, so less is better; otherwise it is our rate to
  theirs, so more is better.
- *ours* and *theirs* are the median round's time for one message (or one round trip). *p99* is ours:
  of single round trips; one way, of the time a message takes in groups of 64 (large messages: singly);
  of kills, the worst p99 of any round, from the signal to the status; of imports, of the interpreters
  of a round, which are fresh ones whose start is not counted.
- Every message is marked at both ends and in the middle, and checked by whoever receives it, as is the
  count; a contestant that loses or spoils one has no result.
- A row whose floor moves by more than 1.3 between its rounds (90th to 10th percentile) is measured
  again, at most four times; then the calmest attempt is shown, with a note.
- Rings, slots and queues have comparable memory: 256 KiB a direction for small messages (treenail's
  default), 1 MiB for messages of 64 KiB, 8 MiB for messages of 1 MiB; where messages are made in place,
  rings hold 63 of them, whatever their size. iceoryx2 reads in place always, as its users do. All else
  is default.
- A lock guards a counter, which must be right in the end. Uncontended it is taken by one process alone,
  and the median group of 256 times counts; contended, each of two processes takes it as often as it
  gets it, and the median millisecond of how far the counter gets counts. Of segments that are made,
  opened and freed by one process it is the median one. Interruptions don't move these.
- In Python every contestant runs in the same interpreter, and is written the fastest way that its users
  write. Messages are made beforehand, and compared as a whole; of views only the marks are.

Again, on your machine: `cargo xtask bench` (it installs the peers that are missing).
";

const FATES: &str = "
## A lock whose owner is killed

A process takes the lock and is killed with SIGKILL. Another one waits for the lock by then, or comes
for it after the death. It *hangs* if it hasn't the lock after 2 s; the time is from the kill until it
has the lock, for who comes later with its start. *Told* is who learns by it that an owner died, so that
what the lock guards may be half-written.

";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::record::Spread;

    fn line(is_ours: bool, target: Option<Target>) -> Line {
        Line {
            row: "shm".into(),
            what: "shm round trip".into(),
            contestant: "ring".into(),
            is_ours,
            per_operation: 150.0,
            p50: 140.0,
            p99: 1234.0,
            ratio: (!is_ours).then_some(Spread { median: 1.25, p10: 1.0, p90: 2.0 }),
            target,
            moved: 1.5,
            attempts: 4,
        }
    }

    #[test]
    fn a_row_shows_ratio_target_verdict_and_a_floor_that_moved() {
        let lines = [line(true, None), line(false, Some(Target::TimeAtMost(1.2)))];
        let text = terminal(&lines);
        assert!(text.contains("150 ns  1.23 µs  ring"), "{text}");
        assert!(text.contains("1.25   1.00 to 2.00  time ≤ 1.2 ×  NO"), "{text}");
        assert!(text.contains("moved by 1.50"), "{text}");
    }

    #[test]
    fn a_contestant_that_is_not_here_is_shown_as_such() {
        let absent = Line { per_operation: 0.0, ratio: None, ..line(false, None) };
        let text = terminal(&[line(true, None), absent]);
        assert!(text.contains("ring     not here"), "{text}");
    }

    #[test]
    fn the_page_says_what_becomes_of_each_lock() {
        let mut record = Record::new(Vec::new());
        let (waits, comes) = (Outcome::Told(2e6), Outcome::Hangs);
        record.fates.push(Fate { contestant: "lock".into(), waits, comes });
        let page = markdown(&record);
        assert!(page.contains("| lock | has it after 2.00 ms, and is told | hangs |"), "{page}");
    }
}
