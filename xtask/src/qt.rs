//! The tests of the Qt classes, with each Qt that they are for.

use std::thread;

use crate::install::{self, Tool};
use crate::{python, shell};

/// The major versions, with what each needs besides the compiler.
const QTS: [(u32, Tool); 2] = [(6, Tool::Qt6), (5, Tool::Qt5)];
const TOOLS: [Tool; 8] = [
    Tool::C,
    Tool::Cpp,
    Tool::Cmake,
    Tool::Ninja,
    Tool::PkgConfig,
    Tool::Xvfb,
    Tool::Xdotool,
    Tool::Python,
];

/// Builds the classes and their tests, and runs the tests, or those whose names match one of
/// `names`, a regular expression each.
pub fn check(names: &[String]) -> Result<(), String> {
    install::ensure(&TOOLS)?;
    install::ensure(&QTS.map(|(_, qt)| qt))?;
    let chosen = match names {
        [] => String::new(),
        names => format!(" -R '{}'", names.join("|")),
    };
    let python = numpy()?;
    let [(newest, newest_qt), (other, other_qt)] = QTS;
    let built = build(newest, newest_qt)?;
    // The tests mostly wait, and leave the processors to the compiler.
    let built = thread::scope(|scope| {
        let other = scope.spawn(|| build(other, other_qt));
        let tested = test(&built, &python, &chosen);
        let built = other.join().expect("no panic");
        tested.and(built)
    })?;
    test(&built, &python, &chosen)?;
    println!(
        "the Qt classes passed with {}",
        QTS.map(|(major, _)| format!("Qt {major}")).join(", ")
    );
    Ok(())
}

fn test(build: &str, python: &str, chosen: &str) -> Result<(), String> {
    // A window system of its own for what draws; the other tests don't notice.
    shell::run(&format!(
        "TREENAIL_PYTHON={python} QT_QPA_PLATFORM=offscreen xvfb-run -a ctest --test-dir {build} \
         --no-tests=error --output-on-failure{chosen}"
    ))
}

/// A Python that has numpy, for the program that changes a window's picture.
pub fn numpy() -> Result<String, String> {
    let python = python::environment(&python::newest()?, "target/qt-python", "numpy")?;
    Ok(shell::root().join(python).display().to_string())
}

/// Builds the classes and their tests with the newest Qt, and says where.
pub fn build_newest() -> Result<String, String> {
    install::ensure(&TOOLS)?;
    let (major, qt) = QTS[0];
    build(major, qt)
}

fn build(major: u32, qt: Tool) -> Result<String, String> {
    install::ensure(&[qt])?;
    let build = format!("target/qt{major}");
    configure("tests/languages/qt", &build, major, "-DTREENAIL_CARGO_TARGET_DIR=\"$PWD/target\"")?;
    shell::run(&format!("cmake --build {build}"))?;
    Ok(build)
}

/// Prepares `source` to be built in `build` with that Qt.
pub fn configure(source: &str, build: &str, major: u32, options: &str) -> Result<(), String> {
    shell::run(&format!(
        "cmake -S '{source}' -B '{build}' -G Ninja --log-level=WARNING \
         -DTREENAIL_QT_MAJOR={major} {options}"
    ))
}
