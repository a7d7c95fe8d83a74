//! `cargo xtask abi`: compares the C ABI with that of tests/abi/treenail.abi, which is committed.
//! `--write` writes additions there; what breaks programs is refused unless `--breaking` is said.

pub mod header;
mod view;

use std::path::{Path, PathBuf};

use crate::install::{self, Tool};
use crate::shell;

const COMMITTED: &str = "tests/abi/treenail.abi";
/// What abidiff is to take for no break.
const GROWING: &str = "tests/abi/growing.ini";
const WORK: &str = "target/abi";

/// How the ABI differs from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Difference {
    None,
    Additions,
    Breaks,
}

pub fn run(args: &[String]) -> Result<(), String> {
    install::ensure(&[Tool::C, Tool::Abigail])?;
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        [] => check(),
        ["--write"] => write(Difference::Additions),
        ["--write", "--breaking"] => write(Difference::Breaks),
        _ => Err("usage: cargo xtask abi [--write [--breaking]]".to_owned()),
    }
}

/// Fails unless the ABI is the committed one; and fails if it wouldn't notice.
fn check() -> Result<(), String> {
    let dump = dump_of(&header::read()?, "now")?;
    match compare(&shell::root().join(COMMITTED), &dump, Report::Shown)? {
        Difference::None => notices(&dump),
        Difference::Additions => Err(format!(
            "the C ABI has additions that {COMMITTED} lacks: write them there by \
             `cargo xtask abi --write`, and commit the file"
        )),
        Difference::Breaks => Err(format!(
            "the C ABI breaks programs that were compiled with {COMMITTED}: take the change back, or \
             give the library another soname (build.rs) and say `cargo xtask abi --write --breaking`"
        )),
    }
}

/// Writes the ABI as it is now, if it differs by `allowed` at most.
fn write(allowed: Difference) -> Result<(), String> {
    let dump = dump_of(&header::read()?, "now")?;
    let committed = shell::root().join(COMMITTED);
    if committed.exists() {
        let difference = compare(&committed, &dump, Report::Shown)?;
        if difference == Difference::Breaks && allowed != Difference::Breaks {
            return Err("this breaks programs; if that is meant, say --write --breaking".to_owned());
        }
    }
    std::fs::copy(&dump, &committed).map_err(|error| format!("{COMMITTED}: {error}"))?;
    println!("wrote {COMMITTED}");
    Ok(())
}

/// Changes that break programs, each by what it replaces in the header.
const BREAKS: [(&str, &str, &str); 4] = [
    ("a member changes its size", "  uint32_t tag;", "  uint64_t tag;"),
    (
        "a parameter changes its type",
        "int32_t timeout_ms, struct tn_channel",
        "int64_t timeout_ms, struct tn_channel",
    ),
    ("a function is gone", "uint32_t tn_version(void);", ""),
    ("a status has another number", "TN_TIMED_OUT = -2", "TN_TIMED_OUT = -99"),
];
/// Changes that no program notices which was compiled before.
const ADDITIONS: [(&str, &str, &str); 3] = [
    ("a new status", "TN_OK = 0,", "TN_OK = 0, TN_NEW = 77,"),
    (
        "a new function",
        "uint32_t tn_version(void);",
        "uint32_t tn_version(void);\nint tn_new(int number);",
    ),
    (
        "a struct with struct_size grows at its end",
        "} tn_stats;",
        "  uint64_t new_member;\n} tn_stats;",
    ),
];

/// Makes each change in a copy of the header, and compares: a check that can't fail checks nothing.
fn notices(dump: &Path) -> Result<(), String> {
    let header = header::read()?;
    let breaks = BREAKS.iter().map(|change| (change, Difference::Breaks));
    let additions = ADDITIONS.iter().map(|change| (change, Difference::Additions));
    for ((what, from, to), expected) in breaks.chain(additions) {
        if !header.contains(from) {
            return Err(format!("the header has no {from:?} to try: {what}"));
        }
        let changed = dump_of(&header.replacen(from, to, 1), "changed")?;
        let found = compare(dump, &changed, Report::Quiet)?;
        if found != expected {
            return Err(format!("{what}: abidiff found {found:?} instead of {expected:?}"));
        }
        println!("noticed: {what} ({found:?})");
    }
    Ok(())
}

/// The ABI that a header declares, as abidw describes it.
fn dump_of(header: &str, name: &str) -> Result<PathBuf, String> {
    let work = shell::root().join(WORK).join(name);
    std::fs::create_dir_all(&work).map_err(|error| format!("{}: {error}", work.display()))?;
    let library = view::compile(header, &work)?;
    let dump = work.join("treenail.abi");
    let quiet = "--no-corpus-path --no-comp-dir-path --no-elf-needed --no-show-locs";
    shell::capture(&format!(
        "abidw {quiet} --out-file '{}' '{}'",
        dump.display(),
        library.display()
    ))?;
    Ok(dump)
}

#[derive(Clone, Copy, PartialEq)]
enum Report {
    Shown,
    Quiet,
}

/// Bits of abidiff's exit status.
const FAILED: i32 = 1 | 2;

fn compare(old: &Path, new: &Path, report: Report) -> Result<Difference, String> {
    let (old, new) = (old.display(), new.display());
    let whole = abidiff(&format!("--harmless '{old}' '{new}'"), report)?;
    if whole == 0 {
        return Ok(Difference::None);
    }
    let growing = shell::root().join(GROWING);
    let growing = growing.display();
    let breaks =
        abidiff(&format!("--suppr '{growing}' --no-added-syms '{old}' '{new}'"), Report::Quiet)?;
    Ok(if breaks == 0 { Difference::Additions } else { Difference::Breaks })
}

/// The exit status of abidiff, 0 for no difference.
fn abidiff(arguments: &str, report: Report) -> Result<i32, String> {
    let line = format!("abidiff --no-show-locs {arguments}");
    let output = shell::command(&line).output().map_err(|error| format!("{line}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let status = output.status.code().unwrap_or(FAILED);
    if status & FAILED != 0 {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{line}: {}\n{said}{complaint}", output.status));
    }
    if report == Report::Shown {
        print!("{said}");
    }
    Ok(status)
}
