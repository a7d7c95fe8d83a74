//! The form of the code: sizes, and what may stand where.

use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 400;
const LINE_WIDTH_MAX: usize = 100;
/// How much wider programs around the library may be.
const PROGRAMS_MORE: usize = 10;

/// The rooms in which `unsafe` may stand.
const UNSAFE_ROOMS: [&str; 6] =
    ["src/memory/", "src/os/", "src/sync/", "src/ring/", "src/object/", "src/ffi/"];
/// What holds no state that threads share: the translation to C, and plain values.
const ROOMS_WITHOUT_ATOMICS: [&str; 5] =
    ["src/ffi/", "src/wire.rs", "src/error.rs", "src/timeout.rs", "src/endpoint"];
/// A source file: its path from the project's top, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The lines that are code, with their numbers; comments at their ends are cut off.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let cut = |line: &'_ str| line.find("//").unwrap_or(line.len());
        self.text.lines().enumerate().map(move |(i, line)| (i + 1, &line[..cut(line)]))
    }

    /// Whether this is a module of tests that stands beside the code it tests.
    fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().expect("a path has a last part");
        name.contains("test") || self.path.contains("/tests/") || self.path.contains("/models/")
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files under these places that end so, without what was built.
fn sources(places: &[&str], endings: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = places.iter().map(|place| root().join(place)).collect();
    while let Some(path) = open.pop() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if matches!(name.as_str(), "target" | ".git" | "node_modules" | "corpus") {
            continue;
        }
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("directories can be read");
            open.extend(entries.map(|entry| entry.expect("entries can be read").path()));
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            let path = path.strip_prefix(root()).expect("it lies within").display().to_string();
            found.push(Source { path, text });
        }
    }
    found
}

/// Fails with all complaints at once.
fn report(rule: &str, complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{rule}:\n{}", complaints.join("\n"));
}

/// Every line of code in `files` that `offends`.
fn offending(files: &[Source], offends: impl Fn(&Source, &str) -> bool) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        for (number, line) in file.code().filter(|(_, line)| offends(file, line)) {
            complaints.push(format!("{}:{number}: {}", file.path, line.trim()));
        }
    }
    complaints
}

fn word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|found| found == word)
}

#[test]
fn files_and_lines_fit_one_look() {
    let mut complaints = Vec::new();
    let places = ["src", "cli", "tests", "examples", "xtask", "bindings", "benches"];
    for file in sources(&places, &[".rs", ".c", ".h", ".cpp", ".hpp", ".py"]) {
        let lines = file.text.lines().count();
        if lines > FILE_LINES_MAX {
            complaints.push(format!("{} has {lines} lines", file.path));
        }
        for (i, line) in file.text.lines().enumerate() {
            let width = line.chars().count();
            let room = if file.path.starts_with("src/") { 0 } else { PROGRAMS_MORE };
            if width > LINE_WIDTH_MAX + room {
                complaints.push(format!("{}:{} has {width} columns", file.path, i + 1));
            }
        }
    }
    report("a file has at most 400 lines of at most 100 columns (110 outside src)", complaints);
}

#[test]
fn unsafe_stands_in_its_rooms_alone() {
    let outside = |file: &Source| !UNSAFE_ROOMS.iter().any(|room| file.path.starts_with(room));
    let complaints = offending(&sources(&["src"], &[".rs"]), |file, line| {
        outside(file)
            && word(line, "unsafe")
            && !line.contains("pub unsafe fn")
            && !line.contains("#![")
    });
    report(&format!("unsafe stands in {UNSAFE_ROOMS:?} alone"), complaints);
}

/// Above `os` there are words: what an error's number means, which libc has what, and which system
/// this is, are that room's own.
#[test]
fn the_system_is_named_in_its_room_alone() {
    let words = ["libc::", "raw_os_error", "target_os", "target_family", "(unix", "(windows"];
    let complaints = offending(&sources(&["src"], &[".rs"]), |file, line| {
        !file.path.starts_with("src/os/") && words.iter().any(|word| line.contains(word))
    });
    report("what is of one system stands in src/os alone", complaints);
}

/// Which system is compiled is said at the head of each capability, in one form.
#[test]
fn a_capability_has_its_contract_and_a_file_a_system() {
    const CHOICE: &str = r#"#[cfg_attr(target_os = "linux", path = "linux.rs")]"#;
    const SHARED: &str = r#"#[cfg(all(target_os = "linux", not(loom)))]"#;
    let files = sources(&["src/os"], &[".rs"]);
    let mut complaints = offending(&files, |file, line| {
        let is_said = [CHOICE, SHARED].contains(&line) && file.path.ends_with("/mod.rs");
        (line.contains("target_os") && !is_said)
            || (line.contains("libc::") && file.path.ends_with("/mod.rs"))
    });
    for system in files.iter().filter(|file| file.path.ends_with("/linux.rs")) {
        let Some(contract) = contract_of(system, &files) else {
            continue;
        };
        let verbs = system.code().filter_map(|(_, line)| line.trim().strip_prefix("pub fn "));
        for verb in verbs.filter_map(|line| line.split(['(', '<']).next()) {
            if ![format!("[`{verb}`]"), format!("::{verb}`]")]
                .iter()
                .any(|it| contract.contains(it))
            {
                complaints.push(format!("{}: `{verb}` is not in the contract", system.path));
            }
        }
    }
    report("a verb that each system must have stands in its capability's contract", complaints);
}

/// The comment at the head of the capability that a system's file belongs to; None for what the
/// files of one system have in common.
fn contract_of(system: &Source, files: &[Source]) -> Option<String> {
    let (folder, _) = system.path.rsplit_once('/').expect("it lies in a folder");
    let module = files.iter().find(|file| file.path == format!("{folder}/mod.rs"))?;
    let head = module.text.lines().take_while(|line| line.starts_with("//!"));
    (folder != "src/os").then(|| head.collect::<Vec<_>>().join("\n"))
}

/// Modules that trust their callers are public for this project's own tests alone.
#[test]
fn no_module_is_public_without_the_feature_for_tests() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).expect("it is there");
    let lines: Vec<&str> = lib.lines().collect();
    let is_open = |i: usize| {
        let attributes = lines[..i].iter().rev().take_while(|line| line.starts_with("#["));
        !attributes.into_iter().any(|line| *line == "#[cfg(feature = \"internals\")]")
    };
    let open = (0..lines.len()).filter(|&i| lines[i].starts_with("pub mod ") && is_open(i));
    report("safe code could crash by these", open.map(|i| lines[i].to_owned()).collect());
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("it is there");
    assert!(!manifest.contains("\ndefault = "), "nobody gets the feature without asking for it");
}

#[test]
fn plain_values_and_the_translation_hold_no_atomics() {
    let complaints = offending(&sources(&["src"], &[".rs"]), |file, line| {
        ROOMS_WITHOUT_ATOMICS.iter().any(|room| file.path.starts_with(room))
            && (line.contains("Atomic") || line.contains("Ordering::"))
    });
    report("there is nothing to share between threads in these files", complaints);
}

#[test]
fn the_library_neither_prints_nor_exits_nor_starts_threads() {
    let forbidden = [
        "println!",
        "print!",
        "dbg!",
        "process::exit",
        "thread::spawn",
        "todo!",
        "unimplemented!",
        "set_var(",
    ];
    let complaints = offending(&sources(&["src"], &[".rs"]), |file, line| {
        let is_doc = line.trim_start().starts_with("//");
        !file.is_test() && !is_doc && forbidden.iter().any(|name| line.contains(name))
    });
    report("it is someone else's process", complaints);
}

#[test]
fn tests_wait_for_events_and_never_sleep() {
    let forbidden = ["thread::", "u", "nano"].map(|prefix| format!("{prefix}sleep("));
    let files = sources(&["tests"], &[".rs", ".c", ".cpp", ".py"]);
    let complaints =
        offending(&files, |_, line| forbidden.iter().any(|name| line.contains(name.as_str())));
    report("a sleep is slow and still flaky", complaints);
}

#[test]
fn no_file_names_the_place_it_was_written_at() {
    let here = root().display().to_string();
    let above = root().parent().map(|path| format!("{}/", path.display()));
    // Directly under /tmp or the like the place above has a name that files may well mention.
    let above = above.filter(|path| path.matches('/').count() > 2);
    let endings = [".rs", ".c", ".h", ".cpp", ".py", ".js", ".md", ".toml", ".json", ".txt"];
    let complaints = offending(&sources(&["."], &endings), |_, line| {
        line.contains(&here) || above.as_ref().is_some_and(|path| line.contains(path.as_str()))
    });
    report("a path of this checkout means nothing elsewhere", complaints);
}

#[test]
fn every_dependency_comes_from_the_common_registry() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock is committed");
    let common = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    let odd = |line: &&str| line.starts_with("source = ") && *line != common;
    let complaints: Vec<_> = lock.lines().filter(odd).map(str::to_string).collect();
    report("a dependency from elsewhere", complaints);
}
