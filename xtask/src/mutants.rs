//! `cargo xtask mutants`: breaks the library on purpose, and sees whether the tests notice.
//!
//! Each `tests/mutants/NAME.patch` begins with what it breaks and who must notice:
//!
//! ```text
//! # breaks: the sender's fence between tail and flag
//! # caught by: RUSTFLAGS='--cfg loom' cargo test --release --lib loom_wake
//! --- a/src/...
//! ```
//!
//! It is applied to a copy of the tree. A mutant that survives its test, doesn't apply or doesn't
//! compile is a failure; one that hangs its test is caught, by the time limit.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::install::{self, Tool};
use crate::shell;

const PATCHES: &str = "tests/mutants";
const WORK: &str = "target/mutants";
const BUILD_LIMIT: Duration = Duration::from_secs(600);
const HEALTHY_LIMIT: Duration = Duration::from_secs(300);
/// A mutant's test hangs when it takes this many times the healthy tree's time, and this long.
const HANG_FACTOR: u32 = 5;
const HANG_MIN: Duration = Duration::from_secs(30);

#[derive(Debug, PartialEq)]
struct Mutant {
    name: String,
    patch: PathBuf,
    breaks: String,
    caught_by: String,
}

pub fn run(names: &[String]) -> Result<(), String> {
    install::ensure(&[Tool::C, Tool::Patch])?;
    let mutants = load(names)?;
    let tree = shell::root().join(WORK).join("tree");
    copy_tree(&shell::root(), &tree).map_err(|error| format!("{}: {error}", tree.display()))?;
    remove_logs();
    let limits = time_tests(&mutants, &tree)?;
    let mut survivors = Vec::new();
    for mutant in &mutants {
        let start = Instant::now();
        let verdict = judge(mutant, &tree, limits[&mutant.caught_by]);
        let (word, why) = match &verdict {
            Ok(how) => ("caught", *how),
            Err(why) => ("NOT CAUGHT", why.as_str()),
        };
        println!("{word:<10} {:<28} {:>4} s  {why}", mutant.name, start.elapsed().as_secs());
        if verdict.is_err() {
            println!("           breaks: {}\n           test: {}", mutant.breaks, mutant.caught_by);
            survivors.push(mutant.name.as_str());
        }
        copy_tree(&shell::root(), &tree).map_err(|error| format!("restoring the copy: {error}"))?;
    }
    println!("{} mutants: {} caught", mutants.len(), mutants.len() - survivors.len());
    if survivors.is_empty() { Ok(()) } else { Err(format!("not caught: {}", survivors.join(", "))) }
}

fn load(names: &[String]) -> Result<Vec<Mutant>, String> {
    let folder = shell::root().join(PATCHES);
    let entries = fs::read_dir(&folder).map_err(|error| format!("{PATCHES}: {error}"))?;
    let mut patches: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    patches.retain(|path| path.extension().is_some_and(|extension| extension == "patch"));
    patches.sort();
    let mut mutants = Vec::new();
    for patch in patches {
        let text = fs::read_to_string(&patch).map_err(|error| format!("{patch:?}: {error}"))?;
        mutants.push(parse(patch, &text)?);
    }
    if !names.is_empty() {
        mutants.retain(|mutant| names.contains(&mutant.name));
    }
    if mutants.is_empty() { Err(format!("no such patch in {PATCHES}")) } else { Ok(mutants) }
}

fn parse(patch: PathBuf, text: &str) -> Result<Mutant, String> {
    let name = patch.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let header = |key: &str| {
        let mut lines = text.lines().take_while(|line| line.starts_with('#'));
        let value = lines.find_map(|line| line.strip_prefix(key));
        value
            .map(|value| value.trim().to_owned())
            .ok_or_else(|| format!("{name} lacks a line {key:?}"))
    };
    let (breaks, caught_by) = (header("# breaks:")?, header("# caught by:")?);
    if !caught_by.contains("cargo test") {
        return Err(format!("{name}: it must be caught by a cargo test, not {caught_by:?}"));
    }
    Ok(Mutant { name, patch, breaks, caught_by })
}

/// Logs are appended to, command after command; those of the last run go first.
fn remove_logs() {
    let entries = fs::read_dir(shell::root().join(WORK)).into_iter().flatten().flatten();
    let logs = entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "log"));
    logs.for_each(|log| drop(fs::remove_file(log.path())));
}

/// How long each test may take, from how long it takes on the healthy tree. There it has to pass:
/// a test that fails anyway would catch anything.
fn time_tests(mutants: &[Mutant], tree: &Path) -> Result<BTreeMap<String, Duration>, String> {
    let commands: BTreeSet<&String> = mutants.iter().map(|mutant| &mutant.caught_by).collect();
    let mut limits = BTreeMap::new();
    for command in commands {
        let log = "healthy";
        let complain = |why| format!("the healthy tree fails: {why}, see {WORK}/{log}.log");
        run_in(tree, &only_build(command), log, BUILD_LIMIT).map_err(complain)?;
        let start = Instant::now();
        run_in(tree, command, log, HEALTHY_LIMIT).map_err(complain)?;
        limits.insert(command.clone(), HANG_MIN.max(start.elapsed() * HANG_FACTOR));
    }
    println!("the tests pass on the healthy tree");
    Ok(limits)
}

/// How the mutant was caught, or why it wasn't.
fn judge(mutant: &Mutant, tree: &Path, limit: Duration) -> Result<&'static str, String> {
    let log = &mutant.name;
    let apply = format!(
        "patch -p1 --batch --forward --no-backup-if-mismatch -r - -i '{}'",
        mutant.patch.display()
    );
    run_in(tree, &apply, log, BUILD_LIMIT)
        .map_err(|_| format!("does not apply: {WORK}/{log}.log"))?;
    run_in(tree, &only_build(&mutant.caught_by), log, BUILD_LIMIT)
        .map_err(|_| format!("does not compile: {WORK}/{log}.log"))?;
    match run_in(tree, &mutant.caught_by, log, limit) {
        Ok(()) => Err("survived".to_owned()),
        Err(why) if why.contains("was killed") => Ok("its test hung"),
        Err(_) => Ok("its test failed"),
    }
}

/// The test's command, up to where it would run it.
fn only_build(command: &str) -> String {
    command.replacen("cargo test", "cargo test --no-run", 1)
}

/// Runs a command in the copy, with its output in the log.
fn run_in(tree: &Path, line: &str, log: &str, limit: Duration) -> Result<(), String> {
    let path = shell::root().join(WORK).join(format!("{log}.log"));
    let open = || File::options().create(true).append(true).open(&path);
    let (output, errors) = open()
        .and_then(|file| Ok((file.try_clone()?, file)))
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let mut command = shell::command(line);
    command.current_dir(tree).stdout(output).stderr(errors);
    command.env("CARGO_TARGET_DIR", shell::root().join(WORK).join("build"));
    shell::run_limited(command, line, limit)
}

/// Makes `to` the same as `from`, writing only what differs, so that cargo rebuilds only that.
/// Build products, the repository and links stay out.
fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if matches!(entry.file_name().to_str(), Some("target" | ".git")) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_tree(&source, &target)?;
        } else if entry.file_type()?.is_file() && differ(&source, &target)? {
            fs::write(&target, fs::read(&source)?)?;
        }
    }
    remove_strangers(from, to)
}

fn differ(source: &Path, target: &Path) -> std::io::Result<bool> {
    Ok(fs::read(target).ok() != Some(fs::read(source)?))
}

/// Removes what an earlier patch made, or what is gone from the source since.
fn remove_strangers(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if from.join(entry.file_name()).exists() {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else if entry.file_name() != "Cargo.lock" {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_header() {
        let text = "# breaks: a check\n# caught by: cargo test --lib check\n--- a/src/lib.rs\n";
        let mutant = parse(PathBuf::from("x/drop-check.patch"), text).unwrap();
        assert_eq!(mutant.name, "drop-check");
        assert_eq!(mutant.breaks, "a check");
        assert_eq!(only_build(&mutant.caught_by), "cargo test --no-run --lib check");
    }

    #[test]
    fn refuses_a_patch_that_names_no_test() {
        let parse = |text| parse(PathBuf::from("x.patch"), text);
        assert!(parse("# breaks: a check\n--- a/x\n").is_err());
        assert!(parse("# breaks: a check\n# caught by: luck\n").is_err());
    }

    #[test]
    fn a_copy_is_restored() {
        let scratch = crate::process::Scratch::new("copy").unwrap();
        let (from, to) = (Path::new(&scratch.0).join("from"), Path::new(&scratch.0).join("to"));
        fs::create_dir_all(from.join("deep/target")).unwrap();
        fs::write(from.join("deep/file"), "good").unwrap();
        copy_tree(&from, &to).unwrap();
        fs::write(to.join("deep/file"), "bad!").unwrap();
        fs::write(to.join("deep/stranger"), "").unwrap();
        copy_tree(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("deep/file")).unwrap(), "good");
        assert!(!to.join("deep/stranger").exists() && !to.join("deep/target").exists());
    }
}
