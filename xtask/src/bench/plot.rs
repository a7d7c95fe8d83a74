//! docs/performance.svg: how fast we are relative to each floor and peer, on a logarithmic axis.

use super::page::times;
use super::record::{Line, Record, Spread};
use super::table::Target;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 330.0;
const RIGHT: f64 = 870.0;
const TOP: f64 = 84.0;
const LINE_HEIGHT: f64 = 20.0;
const ROW_GAP: f64 = 30.0;
const TICKS: [f64; 13] =
    [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0];

const STYLE: &str = "\
  <style>
    text { font: 12px sans-serif; fill: #222 }
    .title { font-size: 17px; font-weight: bold }
    .row { font-weight: bold }
    .small, .tick { font-size: 11px; fill: #555 }
    .grid { stroke: #ddd }
    .one { stroke: #777 }
    .range { stroke: #0b62a8; stroke-width: 3; stroke-opacity: .45; stroke-linecap: round }
    .yes { fill: #0b62a8 }
    .no { fill: #fff; stroke: #c2410c; stroke-width: 2.5 }
    .seen { fill: #999 }
    .target { stroke: #111; stroke-width: 2 }
  </style>
";

/// The horizontal axis: from the power below the lowest to the one above the highest value.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn over(lines: &[&Line]) -> Axis {
        let mut axis = Axis { low: 0.3, high: 3.0 };
        for line in lines {
            let speed = speed(line);
            axis.low = axis.low.min(speed.p10);
            axis.high = axis.high.max(speed.p90);
        }
        let below = TICKS.iter().rev().find(|tick| **tick <= axis.low);
        let above = TICKS.iter().find(|tick| **tick >= axis.high);
        Axis { low: *below.unwrap_or(&TICKS[0]), high: *above.unwrap_or(&TICKS[TICKS.len() - 1]) }
    }

    fn x(&self, value: f64) -> f64 {
        let part = (value / self.low).ln() / (self.high / self.low).ln();
        LEFT + part.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let inside = self.low..=self.high;
        TICKS.into_iter().filter(move |tick| inside.contains(tick))
    }
}

/// Our speed relative to theirs: above 1 we are faster.
fn speed(line: &Line) -> Spread {
    let ratio = line.ratio.expect("only lines with a ratio are drawn");
    if !matches!(line.target, Some(Target::TimeAtMost(_))) {
        return ratio;
    }
    Spread { median: 1.0 / ratio.median, p10: 1.0 / ratio.p90, p90: 1.0 / ratio.p10 }
}

/// The target as a speed.
fn wanted(line: &Line) -> Option<f64> {
    match line.target? {
        Target::TimeAtMost(times) => Some(1.0 / times),
        Target::RateAtLeast(times) => Some(times),
        Target::P99AtMostMs(_) | Target::MsAtMost(_) | Target::KibAtMost(_) => None,
    }
}

/// The whole picture.
pub fn svg(record: &Record) -> String {
    let lines: Vec<&Line> = record.lines.iter().filter(|l| l.ratio.is_some()).collect();
    let axis = Axis::over(&lines);
    let mut body = String::new();
    let mut y = TOP;
    for row in lines.chunk_by(|a, b| a.row == b.row) {
        y += ROW_GAP;
        body += &text(20.0, y, "row", "start", &row[0].what);
        for line in row {
            y += LINE_HEIGHT;
            body += &mark(&axis, line, y);
        }
    }
    let height = y + 40.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\" \
         aria-label=\"Our speed relative to floors and peers\">\n{STYLE}\
         \x20 <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{}{}{body}</svg>\n",
        heading(),
        grid(&axis, height - 24.0),
    )
}

fn heading() -> String {
    let title = "How fast treenail is, relative to floors and peers";
    let legend = "right of 1 is faster than the other; dot: median, filled when the target \
                  (upright stroke) is reached, grey without one; bar: 10th to 90th percentile";
    text(20.0, 28.0, "title", "start", title) + &text(20.0, 48.0, "small", "start", legend)
}

fn grid(axis: &Axis, bottom: f64) -> String {
    let mut grid = String::new();
    for tick in axis.ticks() {
        let class = if tick == 1.0 { "one" } else { "grid" };
        let x = axis.x(tick);
        grid += &line(class, x, TOP, x, bottom);
        grid += &text(x, TOP - 8.0, "tick", "middle", &format!("{tick} ×"));
        grid += &text(x, bottom + 16.0, "tick", "middle", &format!("{tick} ×"));
    }
    grid
}

/// One rival: its name, the spread, the median and the target.
fn mark(axis: &Axis, rival: &Line, y: f64) -> String {
    let speed = speed(rival);
    let (middle, class) = (
        y - 4.0,
        match rival.reached() {
            None => "seen",
            Some(true) => "yes",
            Some(false) => "no",
        },
    );
    let name = format!("against {}", rival.contestant);
    let mut mark = text(LEFT - 14.0, y, "small", "end", &name);
    mark += &line("range", axis.x(speed.p10), middle, axis.x(speed.p90), middle);
    if let Some(wanted) = wanted(rival) {
        let x = axis.x(wanted);
        mark += &line("target", x, middle - 7.0, x, middle + 7.0);
    }
    let x = axis.x(speed.median);
    mark += &format!("  <circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{middle:.1}\" r=\"4.5\"/>\n");
    let value = format!("{} ×", times(speed.median));
    mark + &text(RIGHT + 14.0, y, "small", "start", &value)
}

fn line(class: &str, x1: f64, y1: f64, x2: f64, y2: f64) -> String {
    format!(
        "  <line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>\n"
    )
}

fn text(x: f64, y: f64, class: &str, anchor: &str, text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "  <text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_is_faster_whatever_the_target_counts() {
        let mut rival = Line {
            row: "shm".into(),
            what: "a < b".into(),
            contestant: "ring".into(),
            is_ours: false,
            per_operation: 1.0,
            p50: 1.0,
            p99: 1.0,
            ratio: Some(Spread { median: 2.0, p10: 1.0, p90: 4.0 }),
            target: Some(Target::TimeAtMost(1.25)),
            moved: 1.0,
            attempts: 1,
        };
        assert_eq!(speed(&rival).median, 0.5);
        assert_eq!((speed(&rival).p10, speed(&rival).p90), (0.25, 1.0));
        assert_eq!(wanted(&rival), Some(0.8));
        rival.target = Some(Target::RateAtLeast(3.0));
        assert_eq!(speed(&rival).median, 2.0);
        let mut record = Record::new(Vec::new());
        record.lines.push(rival);
        assert!(svg(&record).contains("a &lt; b"));
    }
}
