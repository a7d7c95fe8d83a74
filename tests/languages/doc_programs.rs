//! The pages of docs/ that each show how to do one thing, by programs: these are built and run by
//! the page's own commands, and must print what the page says.

use crate::common::document::{Document, Project};
use crate::common::toolchain::{path_of, root, succeed};
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// How long a page's programs may take, with their compilers; generous.
const SECONDS_MAX: u32 = 300;

/// What `pkg-config` says of a library that isn't installed.
const FLAGS: &str =
    "-Iinclude -Ibindings/cpp -Ltarget/release -ltreenail -Wl,-rpath,target/release";

macro_rules! pages {
    ($($test:ident: $file:literal, $python:expr;)*) => {
        const PAGES: &[&str] = &[$($file),*];
        $(#[test]
        fn $test() {
            run($file, &$python);
        })*
    };
}

pages! {
    python_and_cpp: "python-and-cpp.md", path_of("python3");
    poll_and_epoll: "poll-and-epoll.md", path_of("python3");
    asyncio: "asyncio.md", path_of("python3");
    numpy: "numpy.md", python_with_numpy();
    peer_death: "peer-death.md", path_of("python3");
    python_connection: "python-connection.md", path_of("python3");
    python_shared_memory: "python-shared-memory.md", path_of("python3");
    shared_memory: "shared-memory.md", path_of("python3");
    given_sockets: "given-sockets.md", path_of("python3");
    one_instance: "one-instance.md", path_of("python3");
}

/// The interpreter of a virtual environment that has numpy, which is made if need be.
fn python_with_numpy() -> String {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("numpy");
    let python = place.join("bin/python3");
    let has_numpy = || Command::new(&python).args(["-c", "import numpy"]).output();
    if !has_numpy().is_ok_and(|output| output.status.success()) {
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&place));
        succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet", "numpy"]));
    }
    python.display().to_string()
}

/// The programs of this page are a package that depends on this one. It is built at a place that
/// stays, so that only what has changed is built again.
#[test]
fn tokio() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tokio");
    run_in("tokio.md", &path_of("python3"), |project| {
        let place = project.place();
        fs::copy(root().join("Cargo.lock"), place.join("Cargo.lock")).expect("it is committed");
        let manifest = place.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).expect("the page has it");
        assert!(text.contains("\"../treenail\""), "{text}");
        let text = text.replace("../treenail", root().to_str().expect("it is UTF-8"));
        fs::write(&manifest, text + "[workspace]\n").expect("the place is writable");
        // The place has a target/ already; a sanitizer's flags would reach what runs at a build.
        let unset = "unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET";
        let built = format!("--quiet --offline --target-dir '{}'", target.display());
        let cargo = format!("{unset}; exec '{}' \"$@\" {built}", env!("CARGO"));
        project.tool("cargo", &cargo);
        fs::create_dir_all(target.join("debug")).expect("the place is writable");
        symlink(target.join("debug"), place.join("target/debug")).expect("links can be made");
    });
}

/// Runs all of a page's commands in one shell, beside its files.
fn run(name: &str, python: &str) {
    run_in(name, python, |_| {});
}

/// The same, after `prepare` has changed the place.
fn run_in(name: &str, python: &str, prepare: impl FnOnce(&Project)) {
    let page = Document::read(&format!("docs/{name}"));
    let project = Project::new();
    project.use_python(python);
    let place = project.place();
    page.write_programs(place);
    symlink("libtreenail.so", place.join("target/release/libtreenail.so.0")).expect("writable");
    let asked = "test \"$*\" = '--cflags --libs treenail'";
    project.tool("pkg-config", &format!("{asked} && echo {FLAGS}"));
    prepare(&project);
    fs::create_dir(place.join("said")).expect("the place is writable");
    // To files, as a program that is left over would keep a pipe open.
    let script = format!("exec >said/output 2>said/complaints\n{}", page.all("sh"));
    let mut command = project.shell(place, &script);
    let status = run_alone(&mut command);
    let said = |name: &str| fs::read_to_string(place.join("said").join(name)).expect("text");
    let (output, complaints) = (said("output"), said("complaints"));
    assert!(status, "docs/{name} fails\n{output}{complaints}");
    assert_eq!(sorted(&output), sorted(&page.all("text")), "docs/{name}\n{complaints}");
}

/// Runs a command with all that it starts, which must not outlive it; whether it succeeded.
fn run_alone(command: &mut Command) -> bool {
    // SAFETY: one system call, which may be made between fork and exec.
    unsafe {
        command.process_group(0).pre_exec(|| {
            libc::alarm(SECONDS_MAX);
            Ok(())
        })
    };
    let mut child = command.spawn().expect("sh can be run");
    let status = child.wait().expect("it is our child");
    // SAFETY: takes no memory; the group is the child's own.
    unsafe { libc::kill(-(child.id() as libc::pid_t), libc::SIGKILL) };
    status.success()
}

/// Lines of several programs come in any order.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn every_page_with_a_program_is_run() {
    for entry in fs::read_dir(root().join("docs")).expect("the pages are there") {
        let name = entry.expect("entries can be read").file_name();
        let name = name.to_str().expect("names are text");
        // readme.rs runs the programs of the first page, each client with each listener; the tests
        // of the Qt classes build those of qt.md.
        let elsewhere = ["first-programs.md", "tokio.md", "qt.md"];
        let is_run = PAGES.contains(&name) || elsewhere.contains(&name);
        let is_run = is_run || !name.ends_with(".md");
        let named =
            || Document::read(&format!("docs/{name}")).blocks.iter().any(|b| b.name.is_some());
        assert!(is_run || !named(), "the programs of docs/{name} are in no test");
    }
}
