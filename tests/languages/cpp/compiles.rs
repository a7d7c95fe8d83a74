//! What compiles without a complaint, and what must not compile: nothing here is run.

use super::{SANITIZED, STRICTER, golden_directory, headers, source};
use crate::common::toolchain::{Directory, compiler, root, succeed};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Compiles without linking, with more flags.
fn check(mut command: Command, flags: &[&str], source: &Path) {
    command.args(["-fsyntax-only", STRICTER]).args(flags).arg(source);
    command.arg(golden_directory(&root().join("tests/golden")));
    succeed(&mut command);
}

/// Two programs have a use for std::span, one has every call.
#[test]
fn programs_compile_by_the_newer_standard() {
    for name in ["values.cpp", "handles.cpp", "segment.cpp"] {
        check(compiler(&source(name)), &["-std=c++20"], &source(name));
    }
}

#[test]
fn clang_has_no_complaint() {
    if Command::new("clang++").arg("--version").output().is_err() {
        return println!("there is no clang++");
    }
    for name in SANITIZED {
        let usual = compiler(&source(name));
        let mut clang = Command::new("clang++");
        clang.args(usual.get_args());
        check(clang, &["-Wdocumentation"], &source(name));
    }
}

#[test]
fn each_part_of_the_header_stands_alone_and_passes_strict_users() {
    let stricter = [
        "-Wshadow",
        "-Wold-style-cast",
        "-Wsign-conversion",
        "-Wnon-virtual-dtor",
        "-Woverloaded-virtual",
        "-Wcast-qual",
    ];
    let directory = Directory::new();
    for (path, _) in headers() {
        let name = path.file_name().expect("a header is a file").to_string_lossy();
        let source = directory.0.join(format!("{name}.cpp"));
        let include = format!("#include \"{}\"\n", path.display());
        fs::write(&source, include).expect("temporary files can be written");
        check(compiler(&source), &stricter, &source);
    }
}

/// What must not pass unseen doesn't compile; the compiler's words name the reason.
#[test]
fn slips_are_compile_errors() {
    let slips = [
        ("channel.try_send(\"\", treenail::now);", "nodiscard"),
        ("channel.try_recv_view(treenail::now);", "nodiscard"),
        ("char text[8] = {}; channel.send(text);", "deleted"),
        ("channel.send(nullptr);", "deleted"),
        ("auto copy = channel;", "deleted"),
        ("channel.recv(5000);", "no matching function"),
        ("segment.try_write(0, \"\", treenail::now);", "nodiscard"),
        ("segment.guard();", "nodiscard"),
        ("if (segment.try_lock(treenail::now)) segment.unlock();", "could not convert"),
        ("segment.as<const char*>();", "its bytes mean nothing"),
        ("auto held = segment.guard(), copy = held;", "deleted"),
        ("semaphore.permit();", "nodiscard"),
        ("semaphore.acquire(5s);", "cannot convert"),
        ("int i = 0; channel.send_value(&i);", "a pointer means nothing in another process"),
        ("channel.recv_value<const char*>();", "a pointer means nothing in another process"),
        ("channel.send_value(\"text\");", "use send() for a text"),
        ("channel.send_value(std::string());", "isn't trivially copyable"),
        ("channel.recv_value<std::string>();", "isn't trivially copyable"),
        ("channel.send_value(1, std::string());", "isn't trivially copyable"),
        ("channel.request_value<int>(1, std::string_view());", "only refers to its bytes"),
        ("channel.try_recv_value<int>(treenail::now);", "nodiscard"),
    ];
    let directory = Directory::new();
    let file = directory.0.join("slip.cpp");
    for (slip, reason) in slips {
        let program = format!(
            "#include <treenail.hpp>\n\
             [[maybe_unused]] static void slip(const treenail::Channel& channel, \
                                               const treenail::Segment& segment, \
                                               const treenail::Semaphore& semaphore) {{\n\
                 using namespace std::chrono_literals;\n\
                 (void)channel, (void)segment, (void)semaphore;\n\
                 {slip}\n\
             }}\n"
        );
        fs::write(&file, program).expect("temporary files can be written");
        let mut command = compiler(&file);
        let output = command.arg("-fsyntax-only").arg(&file).output().expect("there is a compiler");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && words.contains(reason), "{slip}: {words}");
    }
}
