//! The C++ header, as C++ programs meet it: compiled with every warning an error, linked to the
//! shared library, run over both schemes, most of them under AddressSanitizer with its search for
//! leaks. The programs are in `cpp/`, one a subject.
//!
//! `TREENAIL_LEAKS=100000 cargo test --release --test languages leave_nothing` makes, uses and ends
//! that many channels, messages, views, loans and requests.

mod compiles;

use crate::common::toolchain::{Directory, compiler, root, run, succeed, workshop};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const STRICTER: &str = "-Wconversion";
/// Without optimizing: with it the compiler takes ten times as long.
const SANITIZERS: [&str; 3] = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-O0"];
const SCHEMES: [&str; 2] = ["shm", "local"];
/// What has no scheme runs once, and doesn't use the word.
const NO_SCHEME: [&str; 1] = ["shm"];

/// How many of each the leak test makes where nobody says: enough for the smallest block of each to
/// be seen.
const LEAKS: &str = "1000";
/// The same under AddressSanitizer, which is slower, and finds a single leak as well.
const LEAKS_SANITIZED: &str = "500";

fn source(name: &str) -> PathBuf {
    root().join("tests/languages/cpp").join(name)
}

/// Whether the library itself is built with AddressSanitizer; then every program must be.
fn library_is_sanitized() -> bool {
    std::env::var_os("TREENAIL_SANITIZED").is_some()
}

/// A program made of one source and perhaps more, in a directory that goes with it.
struct Program {
    path: PathBuf,
    _directory: Directory,
}

impl Program {
    fn build(name: &str, flags: &[&str]) -> Program {
        let (directory, place) = (Directory::new(), workshop());
        let path = directory.0.join(name).with_extension("program");
        let mut command = compiler(&source(name));
        command.arg(STRICTER).args(flags).arg(source(name)).arg("-o").arg(&path);
        if library_is_sanitized() {
            command.arg(SANITIZERS[0]);
        }
        command.arg(place.join("libtreenail.so.0"));
        command.arg(format!("-Wl,-rpath,{}", place.display()));
        succeed(&mut command);
        Program { path, _directory: directory }
    }

    fn sanitized(name: &str) -> Program {
        Program::build(name, &SANITIZERS)
    }

    fn run(&self, schemes: &[&str]) {
        for scheme in schemes {
            let output = run(&self.path, &[scheme]);
            print!("{}", String::from_utf8_lossy(&output.stdout));
        }
    }
}

macro_rules! programs {
    ($($test:ident: $file:literal over $schemes:expr,)*) => {
        const SANITIZED: &[&str] = &[$($file),*];
        $(#[test]
        fn $test() {
            Program::sanitized($file).run(&$schemes);
        })*
    };
}

programs! {
    values_and_conversions: "values.cpp" over SCHEMES,
    listeners_and_ways_to_a_channel: "opening.cpp" over SCHEMES,
    copied_messages: "messages.cpp" over SCHEMES,
    one_value_a_message: "objects.cpp" over SCHEMES,
    views_and_loans: "lent.cpp" over SCHEMES,
    requests_and_replies: "requests.cpp" over SCHEMES,
    owning_moving_and_closing: "handles.cpp" over SCHEMES,
    pollers: "poller.cpp" over SCHEMES,
    many_threads: "threads.cpp" over SCHEMES,
    segments_and_their_data: "segment.cpp" over NO_SCHEME,
    locks_and_guards: "lock.cpp" over NO_SCHEME,
    semaphores_and_permits: "semaphore.cpp" over NO_SCHEME,
    one_instance: "instance.cpp" over NO_SCHEME,
    what_there_is: "list.cpp" over NO_SCHEME,
}
/// Programs that are built in ways of their own, below.
const OTHERS: [&str; 5] = ["golden.cpp", "leaks.cpp", "bare.cpp", "twice.cpp", "twice_there.cpp"];

#[test]
fn the_bytes_on_the_wire_are_golden() {
    let directory = root().join("tests/golden");
    let define = golden_directory(&directory);
    Program::build("golden.cpp", &[&SANITIZERS[..], &[&define]].concat()).run(&["local"]);
}

fn golden_directory(directory: &Path) -> String {
    format!("-DGOLDEN_DIRECTORY=\"{}\"", directory.display())
}

#[test]
fn many_of_everything_leave_nothing() {
    let program = Program::build("leaks.cpp", &[]);
    let count = std::env::var("TREENAIL_LEAKS").unwrap_or_else(|_| LEAKS.to_owned());
    run_leaks(&program, &count);
}

#[test]
fn a_leak_sanitizer_finds_nothing_left() {
    run_leaks(&Program::sanitized("leaks.cpp"), LEAKS_SANITIZED);
}

fn run_leaks(program: &Program, count: &str) {
    for scheme in SCHEMES {
        let setting = format!("TREENAIL_LEAKS={count}");
        let words = [&setting, &*program.path.to_string_lossy(), scheme];
        let output = run(Path::new("/usr/bin/env"), &words);
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn exceptions_and_rtti_can_be_done_without() {
    Program::build("bare.cpp", &["-fno-exceptions", "-fno-rtti"]).run(&SCHEMES);
}

#[test]
fn the_header_may_be_anywhere_and_twice() {
    let other = source("twice_there.cpp");
    Program::build("twice.cpp", &[&other.to_string_lossy()]).run(&["shm"]);
}

/// The header and its parts: path and text.
fn headers() -> Vec<(PathBuf, String)> {
    let parts = fs::read_dir(root().join("bindings/cpp/treenail")).expect("the parts are there");
    let parts = parts.map(|entry| entry.expect("entries can be read").path());
    let all = parts.chain([root().join("bindings/cpp/treenail.hpp")]);
    all.map(|path| {
        let text = fs::read_to_string(&path).expect("headers are UTF-8");
        (path, text)
    })
    .collect()
}

/// A text without the template arguments that it may end with.
fn untemplated(text: &str) -> &str {
    let mut depth = 0;
    let opening = text.char_indices().rev().find(|(_, c)| {
        depth += i32::from(*c == '>') - i32::from(*c == '<');
        depth == 0
    });
    if text.ends_with('>') { opening.map_or(text, |(at, _)| &text[..at]) } else { text }
}

/// The words of a text that begin with `prefix` and stand before an opening bracket.
fn calls<'a>(text: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let before_bracket = text.match_indices('(').map(|(at, _)| untemplated(&text[..at]));
    let word = |before: &'a str| before.rsplit(|c| !is_name(c)).next().expect("rsplit gives one");
    before_bracket.map(word).filter(|word| word.starts_with(prefix)).collect()
}

#[test]
fn every_function_of_the_c_header_is_reached() {
    let header = fs::read_to_string(root().join("include/treenail.h")).expect("it is there");
    let code = |line: &&str| !line.trim_start().starts_with(['/', '*']);
    let header = header.lines().filter(code).collect::<Vec<_>>().join("\n");
    let cpp: String = headers().into_iter().map(|(_, text)| text).collect();
    for function in calls(&header, "tn_") {
        assert!(cpp.contains(function), "{function} can't be reached from C++");
    }
    let constants = header.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    for constant in constants.filter(|word| word.starts_with("TN_")) {
        let is_version = constant.starts_with("TN_VERSION");
        assert!(is_version || cpp.contains(constant), "{constant} can't be reached from C++");
    }
}

/// Names that the standard library gave, where it has no plain form.
const STANDARD: [&str; 6] = [
    "try_lock_for",
    "try_lock_until",
    "try_lock_shared_for",
    "try_lock_shared_until",
    "try_acquire_for",
    "try_acquire_until",
];

#[test]
fn every_call_is_tested_in_both_forms() {
    let cpp: String = headers().into_iter().map(|(_, text)| text).collect();
    let tests: String = SANITIZED
        .iter()
        .map(|name| fs::read_to_string(source(name)).expect("the programs are there"))
        .collect();
    let (tried, plain) = (calls(&tests, "try_"), calls(&tests, ""));
    let declared = calls(&cpp, "try_");
    assert!(declared.len() > 30, "found only {declared:?}");
    for call in declared {
        let form = call.strip_prefix("try_").expect("they begin so");
        let is_plain_tested = plain.contains(form) || STANDARD.contains(&call);
        assert!(tried.contains(call) && is_plain_tested, "{call} or {form} is in no test");
    }
}

#[test]
fn every_program_here_is_run() {
    for entry in fs::read_dir(root().join("tests/languages/cpp")).expect("the programs are there") {
        let path = entry.expect("directories can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("names are text");
        let is_run = SANITIZED.contains(&name) || OTHERS.contains(&name);
        assert!(!name.ends_with(".cpp") || is_run, "{name} is in no test");
    }
}
