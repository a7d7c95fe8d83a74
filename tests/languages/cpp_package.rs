//! The packages for C and C++: what CMake builds and installs, and programs outside the tree that
//! find it there. Takes CMake, which makes a release build, so only `cargo xtask test` runs it:
//!
//! `cargo test --test languages cpp_package -- --ignored`

use crate::common::toolchain::{Directory, root, run, succeed};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const LANGUAGES: [&str; 2] = ["c", "cpp"];
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn package() -> PathBuf {
    root().join("tests/languages/cpp/package")
}

fn text(command: &mut Command) -> String {
    String::from_utf8(succeed(command).stdout).expect("it prints text")
}

/// `cmake`, which builds the library where cargo builds all else.
fn configure(source: &Path, build: &Path) -> Command {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in target");
    let mut command = Command::new("cmake");
    command.arg("-S").arg(source).arg("-B").arg(build);
    command.arg(format!("-DTREENAIL_CARGO_TARGET_DIR={}", target.display()));
    command
}

fn build_in(directory: &Path) {
    succeed(Command::new("cmake").arg("--build").arg(directory));
}

/// Builds and installs into `directory/made`, and moves that: nothing may know its place.
fn install(directory: &Path) -> PathBuf {
    let (build, made, prefix) =
        (directory.join("build"), directory.join("made"), directory.join("prefix"));
    succeed(
        configure(&root().join("bindings/cpp"), &build)
            .arg(format!("-DCMAKE_INSTALL_PREFIX={}", made.display())),
    );
    build_in(&build);
    succeed(Command::new("cmake").arg("--install").arg(&build));
    fs::rename(&made, &prefix).expect("both lie in one directory");
    prefix
}

/// The directory in `prefix` that holds the library: lib, lib64 or with the machine's name.
fn library_directory(prefix: &Path) -> PathBuf {
    let found = text(Command::new("find").arg(prefix).args(["-name", "libtreenail.so"]));
    Path::new(found.trim()).parent().expect("it lies in a directory").to_owned()
}

/// Runs what was built; it must have talked, and be linked as its name says.
fn check(program: &Path, libraries: Option<&Path>) {
    let endpoint = format!("shm:package-{}", std::process::id());
    let dynamic = text(Command::new("readelf").arg("-d").arg(program));
    let is_static = program.to_string_lossy().contains("static");
    assert_eq!(!dynamic.contains("[libtreenail.so.0]"), is_static, "{program:?}: {dynamic}");
    let runner = Path::new("/usr/bin/env");
    let path = format!("LD_LIBRARY_PATH={}", libraries.unwrap_or(Path::new("")).display());
    let output = run(runner, &[&path, &program.to_string_lossy(), &endpoint]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("peg {VERSION}\n"));
}

/// Builds the user's project with CMake, and runs its programs from their build tree.
fn check_cmake(build: &Path, option: &str) {
    succeed(configure(&package(), build).arg(option).arg(format!("-DTREENAIL_VERSION={VERSION}")));
    build_in(build);
    for language in LANGUAGES {
        for kind in ["shared", "static"] {
            check(&build.join(format!("{language}-{kind}")), None);
        }
    }
}

fn pkg_config(libraries: &Path, arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command.env("PKG_CONFIG_PATH", libraries.join("pkgconfig")).args(arguments).arg("treenail");
    text(&mut command).split_whitespace().map(str::to_owned).collect()
}

/// Builds a program with the flags that pkg-config gives; `more` follows them.
fn check_pkg_config(directory: &Path, libraries: &Path, kind: &str, ask: &[&str], more: &[&str]) {
    for language in LANGUAGES {
        let compiler = if language == "c" { ["cc", "-std=c11"] } else { ["c++", "-std=c++17"] };
        let program = directory.join(format!("{language}-{kind}"));
        let mut command = Command::new(compiler[0]);
        command.arg(compiler[1]).arg(package().join(format!("program.{language}")));
        command.arg("-o").arg(&program).args(more).args(pkg_config(libraries, ask));
        succeed(&mut command);
        check(&program, Some(libraries));
    }
}

#[test]
#[ignore = "takes a release build and CMake"]
fn what_is_installed_serves_programs_outside_the_tree() {
    let directory = Directory::new();
    let prefix = install(&directory.0);
    let libraries = library_directory(&prefix);
    for (link, target) in [
        ("libtreenail.so", "libtreenail.so.0"),
        ("libtreenail.so.0", &format!("libtreenail.so.{VERSION}")),
    ] {
        let found = fs::read_link(libraries.join(link)).expect("it is a link");
        assert_eq!(found, Path::new(target), "{link}");
    }
    let made_at = directory.0.join("made").display().to_string();
    for file in ["pkgconfig/treenail.pc", "cmake/treenail/treenailConfig.cmake"] {
        let words = fs::read_to_string(libraries.join(file)).expect("it is installed");
        let foreign = [&made_at, &root().display().to_string()];
        assert!(!foreign.iter().any(|place| words.contains(*place)), "{file}: {words}");
    }

    let found = format!("-DCMAKE_PREFIX_PATH={}", prefix.display());
    check_cmake(&directory.0.join("found"), &found);

    assert_eq!(pkg_config(&libraries, &["--modversion"]), [VERSION]);
    let (shared, private) = (["--cflags", "--libs"], ["--static", "--cflags", "--libs"]);
    check_pkg_config(&directory.0, &libraries, "shared", &shared, &[]);
    check_pkg_config(&directory.0, &libraries, "static", &private, &["-static"]);
}

#[test]
#[ignore = "takes a release build and CMake"]
fn a_project_can_contain_the_library_s_source() {
    let directory = Directory::new();
    let source = format!("-DTREENAIL_SOURCE={}", root().display());
    check_cmake(&directory.0.join("contained"), &source);
}
