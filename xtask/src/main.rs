//! The project's own commands: `cargo xtask COMMAND`. Each does the whole of its job on a fresh
//! machine that has Rust and a Debian-like system; what is missing is installed, and said.

mod abi;
mod bench;
mod content;
mod demo;
mod dist;
mod docs;
mod examples;
mod fuzz;
mod install;
mod languages;
mod load;
mod mutants;
mod process;
mod python;
mod qt;
mod sanitize;
mod screenshots;
mod shell;
mod steps;
mod systems;
mod test;
mod times;
mod verify;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  demo                    joins C, C++, Python and Rust programs; prints their speed
  test [STEP ...]         runs all tests, or the named steps of them; three quarters of an hour
  test --quick            what one runs before a commit; at most five minutes from a built tree
  test --keep-going       runs all steps, also those behind one that fails, and lists all failures
  verify --hours N        runs the deep checks again and again, with new seeds
  bench [...]             measures against the floors and the peers, or an older library
  mutants [NAME ...]      breaks the library on purpose: a test must notice each time
  dist [build | try]      builds the packages of a release in target/dist, and tries each
  header                  writes include/treenail.h anew
  abi [--write]           compares the C ABI with the committed one, or writes additions there
  docs                    builds target/site/index.html: the guide, and all references
  screenshots             takes the pictures of the Qt examples for docs/ anew

the parts of `test` that are commands of their own:
  examples                builds the examples and lets all languages talk with all
  python                  the Python package's tests, with the oldest and the newest Python
  qt [TEST ...]           the tests of the Qt classes, or those so named, with each Qt
  fuzz [--seconds N] [--seed N] [TARGET ...]
  asan, tsan [ARGUMENT ...]   the tests under AddressSanitizer, ThreadSanitizer
  systems                 the library is compiled for other processors and another C library
  aarch64 [ARGUMENT ...]  the tests on an emulated aarch64";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = args.split_first() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(command, rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            // `test` and `verify` have said it all, and end with their count.
            if !text.is_empty() {
                eprintln!("cargo xtask {command}: {text}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(command: &str, args: &[String]) -> Result<(), String> {
    match command {
        "demo" => demo::run(),
        "docs" => docs::build(),
        "test" => test::run(args),
        "verify" => verify::run(args),
        "bench" => bench::run(args),
        "mutants" => mutants::run(args),
        "examples" => examples::run(),
        "python" => python::check(),
        "qt" => qt::check(args),
        "screenshots" => screenshots::take(),
        "fuzz" => fuzz::run(args),
        "asan" => sanitize::address(args),
        "tsan" => sanitize::thread(args),
        "systems" => systems::check(),
        "aarch64" => systems::aarch64(args),
        "abi" => abi::run(args),
        "dist" => dist::run(args),
        "header" => shell::run("UPDATE_HEADER=1 cargo test --package treenail-header"),
        _ => Err(format!("no such command\n{USAGE}")),
    }
}
