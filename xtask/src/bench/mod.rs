//! `cargo xtask bench [OPTION]… [ROW]…`: floors, ours and peers side by side.
//!
//! Nothing measured here is compared with a figure from another run: two processors of a virtual
//! machine are four times as far apart on one day as on another. So all contestants of a row run in
//! turn, in short slices, and only ratios within one round count. From the top down:
//!
//! - `rows`, `segments`, `bindings`, `qt`: what is compared with what, and what must be reached
//! - `table`: what such a row is made of
//! - `prepare`, `library`, `python`: install, build, and note the versions
//! - `measure`: the rounds, and the median and spread of their ratios
//! - `contestant`: one pair of processes that runs a slice when told to
//! - `against`: instead of all that, ours with this tree's library and with an older one
//! - `killed`: what becomes of locks whose owners are killed
//! - `record`: the results as CSV, the only source of
//! - `page` and `plot`: docs/performance.md and docs/performance.svg

mod against;
mod bindings;
mod contestant;
mod killed;
mod library;
mod measure;
mod page;
mod plot;
mod prepare;
mod python;
mod qt;
mod record;
mod rows;
mod segments;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use library::Library;
use measure::Effort;
use prepare::Programs;
use record::{Line, Record};
use table::{Contestant, Program, Row};

use crate::shell;

const USAGE: &str = "usage: cargo xtask bench [OPTION]... [ROW]...
  --write          replace docs/performance.csv, .md and .svg by what is measured now (all rows)
  --quick          few and short rounds: to see that it works, not to judge by
  --rounds N       so many rounds of each row
  --against FILE   this tree's library beside the older one in FILE, a shared library; fails if
                   a row is slower in the median by over 3 % and by more than it varies by itself
  ROW              only rows whose name contains this; the last one kills the owners of locks";

struct Options {
    write: bool,
    against: Option<PathBuf>,
    effort: Effort,
    filters: Vec<String>,
}

/// Runs the benchmark with the arguments that follow `bench`.
pub fn run(args: &[String]) -> Result<(), String> {
    let options = parse(args)?;
    let rows: Vec<&Row> = rows::all().filter(|row| options.wants(row.name)).collect();
    let owners_die = options.against.is_none() && options.wants(killed::NAME);
    if rows.is_empty() && !owners_die {
        return Err(format!("no such row; there are {}", names()));
    }
    let root = shell::root();
    if let Some(file) = &options.against {
        return against::run(&root, &rows, file, &options.effort);
    }
    let programs = Programs::prepare(&root, Library::of_tree(&root)?, &wanted(&rows, owners_die))?;
    let mut record = Record::new(programs.facts());
    let mut broken = Vec::new();
    for row in rows {
        println!("\n{}: {}", row.name, row.what);
        match measure::row(row, &programs, &options.effort) {
            Ok(lines) => {
                print!("{}", page::terminal(&lines));
                record.lines.extend(lines);
            }
            Err(reason) => {
                println!("  broken: {reason}");
                broken.push(row.name);
            }
        }
    }
    if owners_die {
        println!("\n{}: a lock whose owner is killed", killed::NAME);
        match killed::fates(&programs) {
            Ok(fates) => {
                print!("{}", page::fates_on_terminal(&fates));
                record.fates = fates;
            }
            Err(reason) => {
                println!("  broken: {reason}");
                broken.push(killed::NAME);
            }
        }
    }
    println!("\n{}", summary(&record.lines));
    if !broken.is_empty() {
        return Err(format!("broken rows: {}", broken.join(", ")));
    }
    if options.write {
        write(&root, &record)?;
    }
    Ok(())
}

/// The programs of these rows.
fn wanted(rows: &[&Row], owners_die: bool) -> Vec<Program> {
    let rivals = rows.iter().flat_map(|row| row.rivals).map(|rival| &rival.contestant);
    let killed = segments::KILLED.iter().filter(|_| owners_die);
    each_once(rows.iter().map(|row| &row.ours).chain(rivals).chain(killed))
}

fn each_once<'a>(contestants: impl Iterator<Item = &'a Contestant>) -> Vec<Program> {
    let mut programs = Vec::new();
    for contestant in contestants {
        if !programs.contains(&contestant.program) {
            programs.push(contestant.program);
        }
    }
    programs
}

impl Options {
    /// Whether it is all that docs/performance.md shows.
    fn is_whole(&self) -> bool {
        self.against.is_none() && self.filters.is_empty() && self.effort == Effort::FULL
    }

    fn wants(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|part| name.contains(part.as_str()))
    }
}

fn parse(args: &[String]) -> Result<Options, String> {
    let mut options =
        Options { write: false, against: None, effort: Effort::FULL, filters: Vec::new() };
    let mut rounds = None;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--write" => options.write = true,
            "--quick" => options.effort = Effort::QUICK,
            "--rounds" => rounds = Some(number(args.next())?),
            "--against" => options.against = Some(library(args.next())?),
            option if option.starts_with('-') => return Err(USAGE.into()),
            filter => options.filters.push(filter.into()),
        }
    }
    options.effort.rounds = rounds.unwrap_or(options.effort.rounds);
    if options.write && !options.is_whole() {
        return Err("--write takes a full run of all rows".into());
    }
    Ok(options)
}

fn number(value: Option<&String>) -> Result<usize, String> {
    let number = value.and_then(|value| value.parse().ok()).filter(|&number| number > 0);
    number.ok_or_else(|| "--rounds takes a number from 1 up".into())
}

fn library(value: Option<&String>) -> Result<PathBuf, String> {
    let file = value.ok_or("--against takes the file of a shared library")?;
    fs::canonicalize(file).map_err(|e| format!("--against {file}: {e}"))
}

fn names() -> String {
    let names: Vec<_> = rows::all().map(|row| row.name).chain([killed::NAME]).collect();
    names.join(", ")
}

fn summary(lines: &[Line]) -> String {
    let judged = lines.iter().filter(|line| line.target.is_some());
    let missed: Vec<String> = judged
        .clone()
        .filter(|line| line.reached() == Some(false))
        .map(|line| format!("{} against {}", line.row, line.rival_or_limit()))
        .collect();
    let count = judged.count();
    if missed.is_empty() {
        return format!("all {count} targets reached");
    }
    format!("{} of {count} targets reached; missed: {}", count - missed.len(), missed.join(", "))
}

/// The CSV is what was measured; page and plot are made from what can be read back from it, so that
/// they never show more than the CSV holds.
fn write(root: &Path, record: &Record) -> Result<(), String> {
    let docs = root.join("docs");
    let csv = record.to_csv();
    let read_back = Record::from_csv(&csv)?;
    for (name, text) in [
        ("performance.csv", csv),
        ("performance.md", page::markdown(&read_back)),
        ("performance.svg", plot::svg(&read_back)),
    ] {
        let path = docs.join(name);
        fs::write(&path, text).map_err(|e| format!("write {}: {e}", path.display()))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}
