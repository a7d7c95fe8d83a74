//! The rounds of one row, and what is made of them.

use super::contestant::{Running, Slice};
use super::prepare::Programs;
use super::record::{Line, Spread};
use super::table::{Contestant, Row, Target};

/// A row whose floor moved by more than this between its rounds is measured again.
pub const MOVED_MAX: f64 = 1.3;

/// How many rounds contestants take part in before they are started anew.
const ROUNDS_A_START: usize = 3;

/// How much is measured.
#[derive(Clone, Copy, PartialEq)]
pub struct Effort {
    pub rounds: usize,
    pub slice_us: u64,
    pub attempts: usize,
}

impl Effort {
    pub const FULL: Effort = Effort { rounds: 21, slice_us: 40_000, attempts: 4 };
    pub const QUICK: Effort = Effort { rounds: 5, slice_us: 15_000, attempts: 1 };
}

/// The slices of one attempt: for each contestant (ours first), one a round; none if it isn't here.
struct Attempt {
    slices: Vec<Vec<Slice>>,
    moved: f64,
}

/// Measures one row, again if its floor moved, and keeps the calmest attempt.
pub fn row(row: &Row, programs: &Programs, effort: &Effort) -> Result<Vec<Line>, String> {
    let mut attempts = 0;
    let mut best: Option<Attempt> = None;
    // A row that is judged by itself doesn't depend on how still the others hold.
    let limit = if row.limit.is_some() { 1 } else { effort.attempts };
    while attempts < limit && best.as_ref().is_none_or(|a| a.moved > MOVED_MAX) {
        attempts += 1;
        let attempt = measure(row, programs, effort)?;
        if best.as_ref().is_none_or(|b| attempt.moved < b.moved) {
            best = Some(attempt);
        }
    }
    let best = best.expect("there is at least one attempt");
    Ok(lines(row, &best, attempts))
}

/// Lets all contestants run in turn, and starts them anew every few rounds: where their memory comes
/// to lie is luck that lasts as long as they do. Every round begins with another one, so that nobody
/// always runs after the same neighbour.
fn measure(row: &Row, programs: &Programs, effort: &Effort) -> Result<Attempt, String> {
    let count = contestants(row).count();
    let mut slices = vec![Vec::new(); count];
    let rounds: Vec<usize> = (0..if row.once { 1 } else { effort.rounds }).collect();
    for rounds in rounds.chunks(ROUNDS_A_START) {
        let mut running = start(row, programs, effort)?;
        for round in rounds {
            for turn in 0..count {
                let which = (round + turn) % count;
                if let Some(contestant) = &mut running[which] {
                    slices[which].push(contestant.slice(effort.slice_us)?);
                }
            }
        }
    }
    let moved = slices.get(1).map_or(1.0, |floor| moved(floor));
    Ok(Attempt { slices, moved })
}

/// Starts all contestants, and warms each up.
fn start(row: &Row, programs: &Programs, effort: &Effort) -> Result<Vec<Option<Running>>, String> {
    let mut running = contestants(row)
        .map(|contestant| {
            let program = programs.command(contestant.program);
            program.map(|program| Running::start(contestant, program)).transpose()
        })
        .collect::<Result<Vec<_>, _>>()?;
    if !row.once {
        for contestant in running.iter_mut().flatten() {
            contestant.slice(effort.slice_us)?;
        }
    }
    Ok(running)
}

fn contestants(row: &Row) -> impl Iterator<Item = &Contestant> {
    let rivals = row.rivals.iter().map(|rival| &rival.contestant);
    std::iter::once(&row.ours).chain(rivals)
}

/// How far apart the rounds of the floor were, without the outermost tenth at each end: one slice that
/// the system interrupted says nothing about the others, and its round hardly moves the median.
fn moved(floor: &[Slice]) -> f64 {
    let spread = Spread::of(floor.iter().map(|slice| slice.per_operation));
    spread.p90 / spread.p10
}

fn lines(row: &Row, attempt: &Attempt, attempts: usize) -> Vec<Line> {
    let ours = &attempt.slices[0];
    let worst = matches!(row.limit, Some(Target::P99AtMostMs(_)));
    let blank = Line {
        row: row.name.into(),
        what: row.what.into(),
        contestant: row.ours.label.into(),
        is_ours: true,
        per_operation: 0.0,
        p50: 0.0,
        p99: 0.0,
        ratio: None,
        target: row.limit,
        moved: attempt.moved,
        attempts,
    };
    let mut lines = vec![with_slices(blank.clone(), ours, worst)];
    for (rival, slices) in row.rivals.iter().zip(&attempt.slices[1..]) {
        let line = Line {
            contestant: rival.contestant.label.into(),
            is_ours: false,
            ratio: (!slices.is_empty()).then(|| ratio(ours, slices, rival.target)),
            target: rival.target,
            ..blank.clone()
        };
        lines.push(with_slices(line, slices, worst));
    }
    lines
}

/// Fills in the medians over the rounds; where p99 itself is judged, the worst round's counts.
fn with_slices(line: Line, slices: &[Slice], worst: bool) -> Line {
    if slices.is_empty() {
        return line;
    }
    let median = |value: fn(&Slice) -> f64| Spread::of(slices.iter().map(value)).median;
    let highest = slices.iter().map(|slice| slice.p99).fold(0.0, f64::max);
    Line {
        per_operation: median(|slice| slice.per_operation),
        p50: median(|slice| slice.p50),
        p99: if worst { highest } else { median(|slice| slice.p99) },
        ..line
    }
}

/// Round by round: a time's ratio is ours to theirs, a rate's too, which is their time to ours.
fn ratio(ours: &[Slice], theirs: &[Slice], target: Option<Target>) -> Spread {
    let is_time = matches!(target, Some(Target::TimeAtMost(_)));
    Spread::of(ours.iter().zip(theirs).map(|(our, their)| {
        let times = our.per_operation / their.per_operation;
        if is_time { times } else { 1.0 / times }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::rows;

    fn slices(times: &[f64]) -> Vec<Slice> {
        times.iter().map(|&per_operation| Slice { per_operation, p50: 0.0, p99: 0.0 }).collect()
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let (ours, theirs) = (slices(&[2.0, 20.0, 6.0]), slices(&[1.0, 10.0, 2.0]));
        let time = ratio(&ours, &theirs, Some(Target::TimeAtMost(2.0)));
        assert_eq!(time.median, 2.0);
        let rate = ratio(&ours, &theirs, Some(Target::RateAtLeast(2.0)));
        assert_eq!(rate.median, 0.5);
    }

    #[test]
    fn whoever_is_not_here_has_a_line_without_numbers() {
        let row = rows::all().find(|row| row.rivals.len() > 1).unwrap();
        let mut ran = vec![Vec::new(); row.rivals.len() + 1];
        ran[0] = slices(&[2.0]);
        ran[1] = slices(&[1.0]);
        let lines = lines(row, &Attempt { slices: ran, moved: 1.0 }, 1);
        assert_eq!((lines[1].per_operation, lines[1].ratio.is_some()), (1.0, true));
        assert_eq!((lines[2].per_operation, lines[2].ratio), (0.0, None));
    }

    #[test]
    fn one_interrupted_slice_is_not_a_moved_floor() {
        let mut times = vec![10.0; 20];
        times.push(50.0);
        assert_eq!(moved(&slices(&times)), 1.0);
        times.extend([20.0; 10]);
        assert_eq!(moved(&slices(&times)), 2.0);
    }
}
