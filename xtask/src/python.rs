//! The Python package's own checks, with the oldest and the newest Python of this machine.

use std::path::PathBuf;
use std::thread;

use crate::install::{self, Tool};
use crate::shell;

/// The oldest Python that the package works with, as (major, minor).
const OLDEST: (u32, u32) = (3, 9);
/// What the tests need besides the package.
const TEST_PACKAGES: &str = "pytest mypy numpy";
/// What they need with the newest Python. With Python 3.11 later ones abort at their end.
const TEST_PACKAGES_NEWEST: &str = "PySide6_Essentials==6.8.3 pyright";
const PACKAGE: &str = "bindings/python";
const TESTS: &str = "tests/languages/python";
const LESS: &str =
    "--deselect test_package.py::test_the_source_archive_holds_all_that_a_wheel_takes";
/// The folders of examples that have some in Python, each checked for itself: they have modules of
/// the same names.
const EXAMPLES: [&str; 3] = ["python", "wire", "qt"];

/// A Python of this machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Python {
    version: (u32, u32),
    program: String,
}

/// pytest with both; mypy and pyright, which editors have, over the examples too.
pub fn check() -> Result<(), String> {
    // Qt's own package brings the libraries of the system that PySide6 needs.
    install::ensure(&[Tool::C, Tool::Python, Tool::PythonVenv, Tool::PythonTests])?;
    install::ensure(&[Tool::Qt6, Tool::Node])?;
    shell::run("cargo build --release --lib")?;
    let found = all();
    let (Some(oldest), Some(newest)) = (found.first(), found.last()) else {
        return Err("no Python is new enough".to_owned());
    };
    if oldest.version != OLDEST {
        println!("THERE IS NO PYTHON 3.9 HERE: {} is the oldest that is tested", name(oldest));
    }
    let mut chosen = vec![oldest, newest];
    chosen.dedup();
    let mut programs = Vec::new();
    for python in &chosen {
        programs.push(test_environment(python, *python == newest)?);
    }
    test_all(&programs)?;
    check_types(programs.last().expect("the newest is among them"))?;
    println!(
        "{} passed with {}",
        PACKAGE,
        chosen.into_iter().map(name).collect::<Vec<_>>().join(" and ")
    );
    Ok(())
}

/// The tests with each Python, the newest last, at once: mostly they wait. The objects of each have
/// a prefix of their own.
fn test_all(pythons: &[String]) -> Result<(), String> {
    thread::scope(|scope| {
        let mut runs = Vec::new();
        for (index, python) in pythons.iter().enumerate() {
            // It builds the library once more, which isn't another with another Python.
            let is_newest = index + 1 == pythons.len();
            let less = if is_newest { "" } else { LESS };
            runs.push(scope.spawn(move || test(index, python, less)));
        }
        runs.into_iter().try_for_each(|run| run.join().expect("no panic"))
    })
}

fn test(index: usize, python: &str, less: &str) -> Result<(), String> {
    let output = format!("target/python-tests-{index}");
    shell::run(&format!(
        "TREENAIL_SHM_PREFIX=treenail-{index}. {python} -m pytest -q -rs -p no:cacheprovider {less} \
         --rootdir {TESTS} {TESTS} > {output} 2>&1; done=$?; cat {output}; exit $done"
    ))
}

/// What type checkers say of the examples, and pyright of a program that makes every call: what mypy
/// says of that and of the package is a test.
fn check_types(python: &str) -> Result<(), String> {
    let check = |what: String| shell::run(&format!("cd {PACKAGE} && ../../{python} -m {what}"));
    for folder in EXAMPLES {
        let mypy = "mypy --strict --config-file= --cache-dir=../../target/mypy";
        check(format!("{mypy} ../../examples/{folder}"))?;
    }
    check(format!("pyright --pythonpath ../../{python} -p pyproject.toml"))
}

/// The newest Python that can make an environment and load a library.
pub fn newest() -> Result<String, String> {
    install::ensure(&[Tool::PythonVenv])?;
    let newest = all().pop().ok_or("no Python from 3.9 on can make an environment")?;
    Ok(newest.program)
}

fn test_environment(python: &Python, is_newest: bool) -> Result<String, String> {
    let folder = format!("target/{}", name(python).replace(' ', "-").to_lowercase());
    let more = if is_newest { TEST_PACKAGES_NEWEST } else { "" };
    environment(&python.program, &folder, format!("{TEST_PACKAGES} {more}").trim_end())
}

/// The interpreter of a virtual environment with these packages: made once, and again when the
/// packages or the Python have changed.
pub fn environment(program: &str, folder: &str, packages: &str) -> Result<String, String> {
    let python = format!("{folder}/bin/python");
    let stamp = shell::root().join(folder).join("made-of");
    let version = shell::capture(&format!("{program} -c 'import sys; print(sys.version)'"))?;
    let made_of = format!("{version}\n{packages}\n");
    if std::fs::read_to_string(&stamp).unwrap_or_default() != made_of {
        shell::run(&format!("{program} -m venv --clear '{folder}'"))?;
        let quietly = "--quiet --disable-pip-version-check";
        shell::run(&format!("'{python}' -m pip install {quietly} {packages}"))?;
        std::fs::write(&stamp, made_of).map_err(|e| format!("{}: {e}", stamp.display()))?;
    }
    Ok(python)
}

fn name(python: &Python) -> String {
    format!("Python {}.{}", python.version.0, python.version.1)
}

/// Every Python that is new enough, the oldest first; of each version one.
fn all() -> Vec<Python> {
    let mut all: Vec<Python> = candidates().into_iter().filter_map(ask).collect();
    all.retain(|python| python.version >= OLDEST);
    all.sort();
    all.dedup_by_key(|python| python.version);
    all
}

/// On the PATH, and where pyenv keeps those that aren't.
fn candidates() -> Vec<String> {
    let named = (OLDEST.1..OLDEST.1 + 12).map(|minor| format!("python3.{minor}"));
    let home = std::env::var("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|_| std::env::var("HOME").map(|home| PathBuf::from(home).join(".pyenv")));
    let kept = home.ok().and_then(|home| std::fs::read_dir(home.join("versions")).ok());
    let kept = kept.into_iter().flatten().flatten();
    let kept = kept.map(|entry| entry.path().join("bin/python3").display().to_string());
    named.chain(["python3".to_owned()]).chain(kept).collect()
}

fn ask(program: String) -> Option<Python> {
    let question = "import ctypes, ensurepip, sys, venv; print(*sys.version_info[:2])";
    if !shell::succeeds(&format!("{program} -c '{question}'")) {
        return None;
    }
    let answer = shell::capture(&format!("{program} -c '{question}'")).ok()?;
    let version = read(&answer)?;
    Some(Python { version, program })
}

fn read(answer: &str) -> Option<(u32, u32)> {
    let (major, minor) = answer.split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(read("3 9"), Some((3, 9)));
        assert!(read("3 10") > read("3 9"));
        assert_eq!(read("nonsense"), None);
    }
}
