//! The programs of README.md, run as they stand there: its commands build them, and every client
//! meets every listener.

#[path = "abi/toolchain.rs"]
mod toolchain;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use toolchain::{Directory, library, root, succeed};

/// How long one program waits for another; generous, as two compilers may be at work meanwhile.
const PATIENCE: &str = "60";

/// A block of code of README.md: its language, the file name in the line above it, its text.
struct Block {
    language: String,
    name: Option<String>,
    text: String,
}

fn blocks() -> Vec<Block> {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md is committed");
    let mut found = Vec::new();
    let mut above = "";
    let mut lines = readme.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let name = above.strip_prefix('`').and_then(|name| name.strip_suffix("`:"));
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            found.push(Block {
                language: language.to_owned(),
                name: name.map(str::to_owned),
                text: text.join("\n") + "\n",
            });
            above = "";
        } else if !line.is_empty() {
            above = line;
        }
    }
    found
}

/// The text of the file that README.md shows under this name.
fn program(name: &str) -> String {
    let named = |block: &Block| block.name.as_deref() == Some(name);
    let block = blocks().into_iter().find(named);
    block.unwrap_or_else(|| panic!("README.md has no `{name}`:")).text
}

/// The lines of its commands that begin so.
fn commands(beginning: &str) -> Vec<String> {
    let shell = blocks().into_iter().filter(|block| block.language == "sh");
    let lines: Vec<String> = shell.flat_map(|block| lines_of(&block.text)).collect();
    let found: Vec<String> = lines.into_iter().filter(|line| line.starts_with(beginning)).collect();
    assert!(!found.is_empty(), "README.md has no command that begins with `{beginning}`");
    found
}

fn lines_of(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// A place that looks like the top of this project after `cargo build --release`, and has a
/// compiler that takes every warning for an error.
fn project(place: &Path) {
    fs::create_dir_all(place.join("target/release")).expect("the place is writable");
    symlink(root().join("include"), place.join("include")).expect("links can be made");
    symlink(root().join("examples"), place.join("examples")).expect("links can be made");
    let shared = place.join("target/release/libtreenail.so");
    symlink(library(), shared).expect("links can be made");
    let archive = library().with_file_name("libtreenail.a");
    symlink(archive, place.join("target/release/libtreenail.a")).expect("links can be made");
    fs::create_dir(place.join("bin")).expect("the place is writable");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let found = succeed(Command::new("sh").args(["-c", &format!("command -v {compiler}")]));
    let path = String::from_utf8(found.stdout).expect("paths are text here");
    let wrapper = place.join("bin/cc");
    let flags = "-std=c11 -Wall -Wextra -Werror -pedantic";
    let script = format!("#!/bin/sh\nexec {} {flags} \"$@\" {}\n", path.trim(), sanitizer());
    fs::write(&wrapper, script).expect("the place is writable");
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).expect("it is ours");
}

/// A library that was built with AddressSanitizer needs its programs linked so, too.
fn sanitizer() -> &'static str {
    let wanted = succeed(Command::new("nm").args(["-D", "--undefined-only"]).arg(library()));
    let wants_it = String::from_utf8_lossy(&wanted.stdout).contains("__asan_init");
    if wants_it { "-fsanitize=address" } else { "" }
}

/// A command line of README.md, in `place`.
fn shell(place: &Path, line: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    command.args(["-ec", line]).current_dir(place);
    command.env("PATH", format!("{}:{path}", place.join("bin").display()));
    command.env("TREENAIL_DIR", place.join("sockets")).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Both C programs, by the commands that README.md gives.
fn build_c(place: &Path) {
    for name in ["listener.c", "client.c"] {
        fs::write(place.join(name), program(name)).expect("the place is writable");
    }
    for line in commands("ln ").iter().chain(&commands("cc ")) {
        succeed(&mut shell(place, line));
    }
}

/// Both Rust programs, in a package that depends on this one as README.md says. It is always at
/// the same place, so that only what has changed is built again.
fn build_rust() -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    let package = place.join("hello");
    fs::create_dir_all(package.join("src/bin")).expect("the place is writable");
    let dependency = blocks().into_iter().find(|block| block.language == "toml");
    let dependency = dependency.expect("README.md names its dependency").text;
    assert!(dependency.contains("\"../treenail\""), "{dependency}");
    let _ = fs::remove_file(place.join("treenail"));
    symlink(root(), place.join("treenail")).expect("links can be made");
    let head = "[package]\nname = \"hello\"\nedition = \"2024\"\n[workspace]\n";
    fs::write(package.join("Cargo.toml"), format!("{head}{dependency}")).expect("writable");
    fs::copy(root().join("Cargo.lock"), package.join("Cargo.lock")).expect("it is committed");
    for name in ["src/bin/listener.rs", "src/bin/client.rs"] {
        fs::write(package.join(name), program(name)).expect("the place is writable");
    }
    let line = commands("cargo build").pop().expect("there is one");
    let target = place.join("target");
    let mut cargo = shell(&package, &format!("{line} --offline"));
    // A sanitizer's flags would reach what cargo runs while it builds.
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(name);
    }
    succeed(cargo.env("CARGO_TARGET_DIR", &target));
    target.join("debug")
}

/// Starts a listener, and waits for its socket: the clients without the library don't retry.
fn start(place: &Path, line: &str) -> Child {
    let waiting = format!("timeout {PATIENCE} {line}");
    let mut child = shell(place, &waiting);
    let child = child.stdout(Stdio::piped()).spawn().expect("sh can be run");
    let wait = "until [ -S sockets/hello.sock ]; do :; done";
    succeed(&mut shell(place, &format!("timeout {PATIENCE} sh -c '{wait}'")));
    child
}

#[test]
fn every_client_of_the_readme_meets_every_listener() {
    let directory = Directory::new();
    let place = &directory.0;
    project(place);
    build_c(place);
    let rust = build_rust();
    for name in ["listener.py", "client.py"] {
        fs::write(place.join(name), program(name)).expect("the place is writable");
    }
    let python = commands("PYTHONPATH=").pop().expect("there is one");
    let python = format!("env {python}");
    let listeners = [
        ("C", "./listener".to_owned()),
        ("Rust", rust.join("listener").display().to_string()),
        ("Python", python.replace("client", "listener")),
    ];
    let clients = [
        ("C", "./client".to_owned()),
        ("Rust", rust.join("client").display().to_string()),
        ("Python", python),
    ];
    for (speaker, listener) in &listeners {
        for (name, client) in &clients {
            let mut listening = start(place, listener);
            let output = succeed(&mut shell(place, &format!("timeout {PATIENCE} {client}")));
            let greeting = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(greeting, format!("hello from {speaker}\n"), "{name} at {speaker}");
            let said = BufReader::new(listening.stdout.take().expect("it is piped"));
            let said: Vec<String> = said.lines().map_while(Result::ok).collect();
            assert!(listening.wait().expect("it was started").success(), "{speaker}");
            assert_eq!(said, [format!("{name} is here")], "{name} at {speaker}");
        }
    }
}

#[test]
fn both_programs_in_c_run_by_the_commands_of_the_readme() {
    let directory = Directory::new();
    let place = &directory.0;
    project(place);
    build_c(place);
    let line = commands("./listener").pop().expect("there is one");
    let output = succeed(&mut shell(place, &format!("timeout {PATIENCE} sh -c '{line}'")));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines: Vec<&str> = said.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["C is here", "hello from C"]);
}

#[test]
fn the_static_library_links_with_the_flags_of_the_readme() {
    if !sanitizer().is_empty() {
        return; // the archive lacks the sanitizer's runtime of rustc, and gcc's is another
    }
    let directory = Directory::new();
    let place = &directory.0;
    project(place);
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md is committed");
    let row = readme.lines().find_map(|line| line.strip_prefix("| static | `"));
    let flags = row.and_then(|row| row.split('`').next()).expect("README.md says how to link");
    let test = "#include <treenail.h>\nint main(void) { return tn_version() != TN_VERSION; }\n";
    fs::write(place.join("static.c"), test).expect("the place is writable");
    succeed(&mut shell(place, &format!("cc static.c -o static {flags} && ./static")));
}

#[test]
fn the_map_of_the_readme_leads_somewhere() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md is committed");
    let parts = ["src", "include", "examples", "tests", "benches", "xtask"];
    for part in parts {
        assert!(readme.contains(&format!("]({part}/")), "README.md leaves {part}/ out");
    }
}
