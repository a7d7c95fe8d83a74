//! The header is what the source says, compiles alone, and declares exactly what is exported.
//!
//! `UPDATE_HEADER=1 cargo test --test header` writes it anew.

#[path = "abi/prototypes.rs"]
mod prototypes;
#[path = "abi/toolchain.rs"]
mod toolchain;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use toolchain::{build, compiler, library, root, run, succeed, workshop};

fn header_path() -> PathBuf {
    root().join("include/treenail.h")
}

fn header() -> String {
    fs::read_to_string(header_path()).expect("include/treenail.h is committed")
}

fn generated() -> String {
    let config = cbindgen::Config::from_file(root().join("cbindgen.toml")).expect("it is valid");
    let builder = cbindgen::Builder::new()
        .with_config(config)
        .with_header(preamble())
        .with_after_include(versions());
    // In the order of src/ffi/mod.rs, behind the files that have the handles.
    let files = ["channel", "listener", "segment", "semaphore", "poller"]
        .map(|name| format!("src/{name}.rs"));
    let ffi = [
        "status",
        "listener",
        "channel",
        "message",
        "send",
        "recv",
        "request",
        "segment",
        "semaphore",
        "poller",
    ];
    let ffi = ffi.map(|name| format!("src/ffi/{name}.rs"));
    let builder = files.iter().chain(&ffi).fold(builder, |b, file| b.with_src(root().join(file)));
    let bindings = builder.generate();
    let mut text = Vec::new();
    bindings.expect("src/ffi can be read by cbindgen").write(&mut text);
    without_rust(&String::from_utf8(text).expect("C is text"))
}

/// Leaves out the examples in Rust.
fn without_rust(text: &str) -> String {
    let mut within = false;
    let mut kept = String::new();
    for line in text.lines() {
        let fence = line == "// ```";
        within ^= fence;
        if !fence && !within {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept.replace("//\ntypedef", "typedef").replace("\n\n\n", "\n\n")
}

/// The head of the manual: tests/header.txt, with the table of options as the parser has it.
fn preamble() -> String {
    let line = |(name, values, default): &(&str, &str, &str)| {
        format!(" *   {name:<13} {values}; default {default}\n")
    };
    let options: String = treenail::endpoint::OPTIONS.iter().map(line).collect();
    let of_objects: String = treenail::endpoint::object::OBJECT_OPTIONS.iter().map(line).collect();
    let text = fs::read_to_string(root().join("tests/header.txt")).expect("it is committed");
    text.replace(" *   @OPTIONS@\n", &options).replace(" *   @OBJECT_OPTIONS@\n", &of_objects)
}

/// Macros that say what Cargo.toml says.
fn versions() -> String {
    let (major, minor, patch) = (
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    );
    let text = env!("CARGO_PKG_VERSION");
    format!(
        "\n/* The version of this header; tn_version() tells that of the library. */\n\
         #define TN_VERSION_MAJOR {major}\n\
         #define TN_VERSION_MINOR {minor}\n\
         #define TN_VERSION_PATCH {patch}\n\
         #define TN_VERSION_TEXT \"{text}\"\n\
         #define TN_VERSION \\\n    \
         (TN_VERSION_MAJOR * 65536u + TN_VERSION_MINOR * 256u + TN_VERSION_PATCH)\n"
    )
}

#[test]
fn the_header_is_what_the_source_says() {
    let fresh = generated();
    if std::env::var_os("UPDATE_HEADER").is_some_and(|value| value == "1") {
        return fs::write(header_path(), fresh).expect("include/ is writable");
    }
    let committed = header();
    let differs = committed.lines().zip(fresh.lines()).position(|(old, new)| old != new);
    let line = differs.unwrap_or(committed.lines().count().min(fresh.lines().count())) + 1;
    assert!(
        committed == fresh,
        "include/treenail.h differs from src/ffi at line {line}; UPDATE_HEADER=1 writes it anew"
    );
}

#[test]
fn the_header_compiles_alone_and_twice_in_c_and_cxx() {
    for (name, times) in [("once.c", 1), ("twice.c", 2), ("once.cpp", 1), ("twice.cpp", 2)] {
        let source = workshop().join(name);
        fs::write(&source, "#include \"treenail.h\"\n".repeat(times)).expect("it is writable");
        succeed(compiler(&source).arg("-fsyntax-only").arg(&source));
    }
}

#[test]
fn only_functions_of_the_header_are_exported_and_all_of_them() {
    let output = succeed(Command::new("nm").args(["-D", "--defined-only"]).arg(library()));
    let symbols = String::from_utf8(output.stdout).expect("symbols are text");
    let name = |line: &str| line.split_whitespace().last().map(str::to_string);
    let exported: BTreeSet<String> = symbols.lines().filter_map(name).collect();
    let header = header();
    let declared: BTreeSet<String> =
        prototypes::functions(&header).into_iter().map(|function| function.name).collect();
    let foreign: Vec<_> = exported.iter().filter(|name| !name.starts_with("tn_")).collect();
    assert!(foreign.is_empty(), "the library exports {foreign:?}");
    assert_eq!(exported, declared, "exported (left) and declared (right) differ");
}

#[test]
fn the_library_s_soname_carries_the_major_version() {
    let output = succeed(Command::new("readelf").arg("-d").arg(library()));
    let dynamic = String::from_utf8(output.stdout).expect("readelf writes text");
    let soname = format!("[libtreenail.so.{}]", env!("CARGO_PKG_VERSION_MAJOR"));
    assert!(dynamic.contains(&soname), "there is no {soname} in\n{dynamic}");
}

#[test]
fn the_version_is_cargo_s() {
    let source = workshop().join("version.c");
    let program = "#include \"treenail.h\"\n#include <stdio.h>\nint main(void) {\n\
        printf(\"%d.%d.%d %s\", (int)TN_VERSION_MAJOR, (int)TN_VERSION_MINOR,\n\
        (int)TN_VERSION_PATCH, tn_version_text());\nreturn 0;\n}\n";
    fs::write(&source, program).expect("the directory is writable");
    let output = run(&build(&source), &[]);
    let numbers = [
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    ];
    let expected = format!("{} {}", numbers.join("."), env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

#[test]
fn a_function_s_comment_starts_with_its_name() {
    let header = header();
    for function in prototypes::functions(&header) {
        let opening = format!("{} ", function.name);
        let is_start = |line: &str| line.trim_start_matches(['/', '*', ' ']).starts_with(&opening);
        let in_comment = |line: &str| line.trim_start().starts_with(['/', '*']);
        assert!(
            header.lines().any(|line| in_comment(line) && is_start(line)),
            "no comment starts with `{}` as a sentence",
            function.name
        );
    }
}
