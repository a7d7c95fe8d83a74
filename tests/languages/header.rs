//! The header compiles alone, and declares exactly what is exported. That it is what the source says
//! is tested in tests/repo/header/.

use crate::common::toolchain::{WARNINGS, build, library, root, run, succeed, workshop};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

fn header_path() -> PathBuf {
    root().join("include/treenail.h")
}

fn header() -> String {
    fs::read_to_string(header_path()).expect("include/treenail.h is committed")
}

/// What uses each kind of thing that the header declares, in words that all of C and C++ know.
const USER: &str = "
typedef char a_status_has_32_bits[sizeof(tn_status) == 4 ? 1 : -1];
typedef char a_message_has_72_bytes[sizeof(void *) != 8 || sizeof(tn_message) == 72 ? 1 : -1];
#if TN_FOREVER == 0 || TN_VERSION < 1 || TN_MESSAGE_REPLY != 2
#error the constants are for the preprocessor too
#endif
tn_status receive(const tn_channel *channel, int wait);
tn_status receive(const tn_channel *channel, int wait) {
    tn_message message;
    tn_fd fd = -1;
    tn_status status = tn_channel_recv_view(channel, wait ? TN_FOREVER : 5, &message);
    if (status == TN_AGAIN) status = tn_channel_fd(channel, &fd);
    return status < TN_OK ? status : tn_channel_release(channel, &message);
}
";

/// Every compiler that is here, with every standard that it knows of these.
fn languages() -> Vec<(&'static str, &'static str, &'static str)> {
    let c = ["c89", "c99", "c11", "c17", "c2x"].map(|standard| ("c", standard));
    let cxx = ["c++98", "c++11", "c++14", "c++17", "c++20", "c++2b"];
    let all = c.into_iter().chain(cxx.map(|standard| ("cpp", standard)));
    let there = |name: &str| Command::new(name).arg("--version").output().is_ok();
    let compilers = [("c", "cc"), ("cpp", "c++"), ("c", "clang"), ("cpp", "clang++")];
    let compilers: Vec<_> = compilers.into_iter().filter(|(_, name)| there(name)).collect();
    let pair = |(language, standard)| {
        let of_language = compilers.iter().filter(move |(of, _)| *of == language);
        of_language.map(move |(_, name)| (*name, language, standard))
    };
    all.flat_map(pair).collect()
}

#[test]
fn the_header_compiles_in_every_standard_of_c_and_cxx() {
    for (compiler, language, standard) in languages() {
        for times in [1, 2] {
            let source = workshop().join(format!("{compiler}-{standard}-{times}.{language}"));
            let text = "#include \"treenail.h\"\n".repeat(times) + USER;
            fs::write(&source, text).expect("the directory is writable");
            let mut command = Command::new(compiler);
            command.arg(format!("-std={standard}")).args(WARNINGS);
            command.args(["-Wundef", "-Wshadow", "-Wconversion", "-fsyntax-only", "-I"]);
            succeed(command.arg(root().join("include")).arg(&source));
        }
    }
}

#[test]
fn the_header_is_plain_ascii_in_comments_that_all_of_c_knows() {
    for (number, line) in (1..).zip(header().lines()) {
        assert!(line.is_ascii() && line.len() <= 100, "line {number}: {line}");
        assert!(!line.contains("//"), "line {number} has a comment of C99: {line}");
    }
}

#[test]
fn only_functions_of_the_header_are_exported_and_all_of_them() {
    let output = succeed(Command::new("nm").args(["-D", "--defined-only"]).arg(library()));
    let symbols = String::from_utf8(output.stdout).expect("symbols are text");
    let name = |line: &str| line.split_whitespace().last().map(str::to_string);
    let exported: BTreeSet<String> = symbols.lines().filter_map(name).collect();
    let header = header();
    let functions = crate::prototypes::functions(&header);
    let count = functions.len();
    let declared: BTreeSet<String> = functions.into_iter().map(|function| function.name).collect();
    assert_eq!(declared.len(), count, "a function is declared twice");
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
    for function in crate::prototypes::functions(&header) {
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
