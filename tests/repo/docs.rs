//! The documents say what the source says: options, limits, offsets; and their links lead
//! somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::mem::offset_of;
use std::path::{Path, PathBuf};
use treenail::endpoint::OPTIONS;
use treenail::endpoint::names::OBJECT_OPTIONS;
use treenail::ring::layout::{ControlPage, FORMAT, RingControl};

/// Limits whose names don't say that they are.
const OTHER_LIMITS: [&str; 10] = [
    "BLOCK",
    "LARGE",
    "BATCH_SHOWN",
    "PATIENCE",
    "FRESH",
    "LOOK_PERIOD",
    "CHOKED_SLICE",
    "PLACES",
    "SLICE",
    "SECOND_LOOK",
];
/// Written by `cargo xtask bench --write` alone.
const MEASURED: &str = "docs/performance.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files under `place` that end so; paths from the project's top.
fn files(place: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root().join(place)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("directories can be read");
            open.extend(entries.map(|entry| entry.expect("entries can be read").path()));
        } else if path.to_string_lossy().ends_with(ending) {
            let path = path.strip_prefix(root()).expect("it lies within");
            found.push(path.display().to_string());
        }
    }
    found
}

/// The documents that people read.
fn documents() -> Vec<String> {
    let single = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"];
    let folders = ["examples/README.md", "benches/README.md"];
    let mut all: Vec<String> = single.into_iter().chain(folders).map(str::to_owned).collect();
    all.extend(files("docs", ".md"));
    all.extend(files("bindings", "README.md"));
    all
}

fn report(rule: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{rule}:\n{}", complaints.join("\n"));
}

#[test]
fn every_option_is_in_the_table() {
    let page = read("docs/options.md");
    let row = |(name, values, default): &(&str, &str, &str)| {
        format!("| `{name}` | {values} | {default} |")
    };
    let missing: Vec<String> = OPTIONS
        .iter()
        .chain(&OBJECT_OPTIONS)
        .map(row)
        .filter(|row| !page.contains(row.as_str()))
        .collect();
    report("docs/options.md lacks these rows", &missing);
    let rows = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(
        rows,
        OPTIONS.len() + OBJECT_OPTIONS.len(),
        "docs/options.md has a row for an option that there isn't"
    );
}

/// The page of the crate, which an editor and docs.rs show, has the same rows in short.
#[test]
fn the_crate_page_lists_every_option() {
    let (page, short) = (read("docs/options.md"), read("src/options.md"));
    let (all, objects) = short.split_once("\nSegments and ").expect("two tables");
    let row = |(name, values, default): &(&str, &str, &str)| {
        format!("| `{name}` | {values} | {default} |")
    };
    let lacks = |table: &str, options: &[(&str, &str, &str)]| -> Vec<String> {
        options.iter().map(row).filter(|row| !table.contains(row.as_str())).collect()
    };
    report("src/options.md lacks these rows", &lacks(all, &OPTIONS));
    report("src/options.md lacks these rows of objects", &lacks(objects, &OBJECT_OPTIONS));
    let rows = |text: &str| text.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows(&short), rows(&page), "src/options.md has a row too many");
    let lib = read("src/lib.rs");
    let example = lib.find("//! ```").expect("the crate page has an example");
    assert!(example < lib.find("//! # ").expect("it has headings"), "it begins with the example");
}

/// Users look for the words of an error: these are words that the library says.
#[test]
fn troubleshooting_has_the_words_of_the_source() {
    let page = read("docs/troubleshooting.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | `TN_"));
    let rows: Vec<&str> = rows.map(|(words, _)| words).collect();
    assert!(rows.len() > 20, "the page has the table of texts, not only {rows:?}");
    let mut said = String::new();
    for file in files("src", ".rs") {
        for line in read(&file).lines() {
            // A text goes on in the next line behind a backslash.
            let line = line.trim_start();
            said.push_str(line.strip_suffix('\\').unwrap_or(line));
        }
    }
    let gone = rows.into_iter().filter(|words| !said.contains(words)).map(str::to_owned);
    report("no error has these words any more", &gone.collect::<Vec<_>>());
}

/// The constants of the source that bound something, each with its value as it is written.
fn limits() -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for file in files("src", ".rs").into_iter().filter(|file| !file.contains("test")) {
        for line in read(&file).lines() {
            let line = line
                .trim_start()
                .trim_start_matches("pub(crate) ")
                .trim_start_matches("pub(super) ");
            let line = line.trim_start_matches("pub ");
            let Some((name, rest)) = line.strip_prefix("const ").and_then(|s| s.split_once(": "))
            else {
                continue;
            };
            let bounds = name.ends_with("_MAX") || name.ends_with("_MIN");
            let value = rest.split_once(" = ").and_then(|(_, value)| value.strip_suffix(';'));
            if let (true, Some(value)) = (bounds || OTHER_LIMITS.contains(&name), value) {
                found.insert((name.to_owned(), value.to_owned()));
            }
        }
    }
    found
}

#[test]
fn every_limit_is_in_the_table_with_its_value() {
    let page = read("docs/design.md");
    let table = page.split_once("\n## Limits\n").expect("there is a table of limits").1;
    let table = table.split("\n## ").next().expect("split gives one");
    let cell = |cell: &str| cell.trim().trim_matches('`').to_owned();
    let said: BTreeSet<(String, String)> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|row| {
            let mut cells = row.split(" | ");
            let mut next = || cell(cells.next().expect("a row has its cells"));
            (next(), next())
        })
        .collect();
    let is = limits();
    let missing: Vec<String> = is.difference(&said).map(|limit| format!("{limit:?}")).collect();
    report("the table of limits in docs/design.md lacks these", &missing);
    let gone: Vec<String> = said.difference(&is).map(|limit| format!("{limit:?}")).collect();
    report("the table of limits in docs/design.md has what the source hasn't", &gone);
}

#[test]
fn the_control_page_is_where_the_wire_format_says() {
    let page = read("docs/wire-format.md");
    let rings = offset_of!(ControlPage, rings);
    let ring = size_of::<RingControl>();
    let mut rows = vec![
        (offset_of!(ControlPage, magic), 8, "`magic`"),
        (offset_of!(ControlPage, format), 4, "`format`"),
        (rings, ring, "control of the ring from connector to listener"),
        (rings + ring, ring, "control of the ring from listener to connector"),
    ];
    rows.extend([
        (offset_of!(RingControl, tail), 8, "`tail`"),
        (offset_of!(RingControl, writer_waits), 4, "`writer_waits`"),
        (offset_of!(RingControl, writer_closed), 4, "`writer_closed`"),
        (offset_of!(RingControl, writer_registered), 4, "`writer_registered`"),
        (offset_of!(RingControl, refused), 8, "`refused`"),
        (offset_of!(RingControl, head), 8, "`head`"),
        (offset_of!(RingControl, reader_waits), 4, "`reader_waits`"),
        (offset_of!(RingControl, reader_registered), 4, "`reader_registered`"),
    ]);
    let row = |(offset, size, what): &(usize, usize, &str)| format!("| {offset} | {size} | {what}");
    let missing: Vec<String> =
        rows.iter().map(row).filter(|row| !page.contains(row.as_str())).collect();
    report("docs/wire-format.md lacks these rows", &missing);
    let word = format!("`{FORMAT:#010x}`");
    let big = cfg!(target_endian = "big");
    assert!(big || page.contains(&word), "the format word is {word}; docs/wire-format.md differs");
}

/// Editors show the comment of one function alone: there "the same" says nothing.
#[test]
fn a_comment_that_users_see_stands_alone() {
    let headers = files("bindings", ".hpp").into_iter().chain(files("include", ".h"));
    let seen: Vec<String> = headers.chain(files("bindings", ".py")).collect();
    assert!(seen.len() > 40, "only {seen:?} were found");
    let mut relative = Vec::new();
    for file in seen {
        for (number, line) in (1..).zip(read(&file).lines()) {
            let comment = line.trim_start().trim_start_matches(['/', '*', '"', ' ']);
            let is_comment = line.trim_start().starts_with(['/', '*', '"']);
            if is_comment && (comment.starts_with("The same") || comment.starts_with("As above")) {
                relative.push(format!("{file}:{number}: {comment}"));
            }
        }
    }
    report("these comments need another to be read first", &relative);
}

/// The targets of a document's links.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// The anchors of a document's headings, as web sites make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let kept = line.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for document in documents() {
        let text = read(&document);
        let folder = Path::new(&document).parent().expect("a file lies in a folder");
        // Code has the same signs, as in a C++ lambda.
        let prose: String = text.split("```").step_by(2).collect();
        let prose: String = prose.split('`').step_by(2).collect();
        for link in links(&prose).filter(|link| !link.contains("://")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => PathBuf::from(&document),
                path => folder.join(path),
            };
            let there = root().join(&target).exists() || target == Path::new(MEASURED);
            let named = || anchors(&read(&target.to_string_lossy())).contains(anchor);
            if !there || (!anchor.is_empty() && !named()) {
                broken.push(format!("{document}: {link}"));
            }
        }
    }
    report("these links lead nowhere", &broken);
}

#[test]
fn files_that_are_named_are_there() {
    let places =
        ["src/", "bindings/", "tests/", "examples/", "xtask/", "benches/", "include/", "docs/"];
    let mut missing = Vec::new();
    for document in documents() {
        let text = read(&document);
        for name in text.split('`').skip(1).step_by(2) {
            let is_path = places.iter().any(|place| name.starts_with(place));
            let is_path = is_path && !name.contains([' ', '*', '{', '\n']);
            // The first programs are files of their reader's.
            let is_path = is_path && !name.starts_with("src/bin/");
            if is_path && !root().join(name).exists() && name != MEASURED {
                missing.push(format!("{document}: {name}"));
            }
        }
    }
    report("these files are not there", &missing);
}
