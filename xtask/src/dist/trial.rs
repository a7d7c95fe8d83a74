//! Each file of a release is installed and used in a place that has neither Rust nor the source, by
//! the commands of README.md.

mod page;

use super::{DIST, TOOLS, WORK, library, write};
use crate::install::{self, Tool};
use crate::{python, shell};
use page::Section;

const TRIAL: &str = "target/dist-work/trial";
const SCRIPTS: [(&str, &str); 6] = [
    ("place.sh", include_str!("trial/place.sh")),
    ("common.sh", include_str!("trial/common.sh")),
    ("wheel.sh", include_str!("trial/wheel.sh")),
    ("debian.sh", include_str!("trial/debian.sh")),
    ("archive.sh", include_str!("trial/archive.sh")),
    ("aarch64.sh", include_str!("trial/aarch64.sh")),
];
const TRIALS: [&str; 3] = ["wheel", "archive", "debian"];

/// The tree that the trials lie over.
pub enum Ground {
    /// This machine's, with the tools that are on it.
    Machine,
    /// A new Debian with the packages that the pages ask for.
    Bare,
}

pub fn run(ground: &Ground) -> Result<(), String> {
    prepare()?;
    let lower = lower(ground)?;
    let Some(prefix) = place_maker(&lower) else {
        for trial in TRIALS {
            println!("NOT CHECKED: installing, {trial}: no root, or no overlay file system");
        }
        return Ok(());
    };
    for trial in TRIALS {
        enter(prefix, &lower, trial)?;
    }
    if std::env::consts::ARCH != "x86_64" {
        println!("NOT CHECKED: aarch64: it is emulated on x86-64 alone");
        return Ok(());
    }
    // The emulator is this machine's.
    prepare_aarch64()?;
    enter(prefix, "/", "aarch64")
}

/// Writes the scripts, and what they take from the pages.
fn prepare() -> Result<(), String> {
    shell::run(&format!("rm -rf {TRIAL} && mkdir -p {TRIAL}"))?;
    for (name, text) in SCRIPTS {
        write(&format!("{TRIAL}/{name}"), text)?;
    }
    for language in ["C", "C++", "Python"] {
        let section = Section::read("docs/first-programs.md", &format!("## {language}"))?;
        write_files(&section, language)?;
    }
    let install = Section::read("README.md", "## Install")?;
    write_files(&Section::read("README.md", "## An example")?, "readme")?;
    write_files(&install, "readme")?;
    for (name, beginning) in [("pip", "pip install "), ("apt", "apt install "), ("tar", "tar -x")] {
        write(&format!("{TRIAL}/install/{name}"), &here(&install.command(beginning)?))?;
    }
    let commands = install.commands();
    let [cpp_build, cpp_run, qt_build, qt_run] = &commands[..] else {
        return Err(format!("README.md has other commands below Install: {commands:?}"));
    };
    let files = [
        ("cpp-build", cpp_build),
        ("cpp-run", cpp_run),
        ("qt-build", qt_build),
        ("qt-run", qt_run),
    ];
    for (name, command) in files {
        write(&format!("{TRIAL}/install/{name}"), command)?;
    }
    if library::has_tool() {
        write(&format!("{TRIAL}/has-tool"), "")?;
    }
    Ok(())
}

/// README's commands have the names for x86-64.
fn here(command: &str) -> String {
    match std::env::consts::ARCH {
        "aarch64" => command.replace("x86_64", "aarch64").replace("amd64", "arm64"),
        _ => command.to_owned(),
    }
}

fn write_files(section: &Section, folder: &str) -> Result<(), String> {
    section
        .files()
        .iter()
        .try_for_each(|(name, text)| write(&format!("{TRIAL}/{folder}/{name}"), text))
}

/// The tree below the trials: made if need be.
fn lower(ground: &Ground) -> Result<String, String> {
    match ground {
        Ground::Machine => {
            install::ensure(&[Tool::C, Tool::Cpp, Tool::Cmake, Tool::PkgConfig, Tool::Qt6])?;
            install::ensure(&[Tool::Qt5, Tool::DebianPython])?;
            Ok("/".to_owned())
        }
        Ground::Bare => {
            install::ensure(&[Tool::Debootstrap])?;
            let tree = format!("{WORK}/debian");
            let include = "gcc,g++,make,cmake,pkg-config,python3-venv,qt6-base-dev,\
                           qtbase5-dev";
            let prefix = install::root_prefix().ok_or("a new Debian takes root, or sudo")?;
            if !shell::root().join(&tree).join("usr/bin/cmake").exists() {
                shell::run(&format!(
                    "{prefix}rm -rf {tree} && {prefix}debootstrap --variant=minbase \
                     --include={include} stable {tree}"
                ))?;
            }
            Ok(shell::root().join(tree).display().to_string())
        }
    }
}

/// What goes before a command that makes a place; None where it can't be made.
fn place_maker(lower: &str) -> Option<&'static str> {
    let prefix = install::root_prefix()?;
    let layer = "mount -t tmpfs tmpfs /mnt && mkdir /mnt/upper /mnt/work /mnt/place && \
                 mount -t overlay overlay /mnt/place -o upperdir=/mnt/upper,workdir=/mnt/work";
    let line = format!("{layer},lowerdir='{lower}'");
    shell::succeeds(&format!("{prefix}unshare --mount --propagation private sh -c \"{line}\""))
        .then_some(prefix)
}

fn enter(prefix: &str, lower: &str, trial: &str) -> Result<(), String> {
    println!("\n-- {trial}: installed and used in a place without Rust and the source");
    shell::run(&format!(
        "{prefix}unshare --mount --propagation private sh {TRIAL}/place.sh '{lower}' \
         \"$PWD/{DIST}\" \"$PWD/{TRIAL}\" {trial}.sh \"$PWD\" \"${{CARGO_HOME:-$HOME/.cargo}}\" \
         \"${{RUSTUP_HOME:-$HOME/.rustup}}\""
    ))
}

/// Compiles the C programs for aarch64, against the headers and the library of the tar.gz.
fn prepare_aarch64() -> Result<(), String> {
    install::ensure(&[Tool::Qemu])?;
    python::environment("python3", TOOLS, super::TOOL_PACKAGES)?;
    let own = format!("{WORK}/aarch64/unpacked");
    shell::run(&format!(
        "rm -rf {own} && mkdir -p {own} && \
         tar -xzf {DIST}/treenail-*-linux-aarch64.tar.gz -C {own} --strip-components=1"
    ))?;
    for name in ["listener", "client"] {
        shell::run(&format!(
            "ZIG_GLOBAL_CACHE_DIR=\"$PWD/{WORK}/zig\" {TOOLS}/bin/python -m ziglang cc \
             -target aarch64-linux-gnu.2.17 {TRIAL}/C/{name}.c -o {TRIAL}/C/{name}.aarch64 \
             -I{own}/include -L{own}/lib -ltreenail"
        ))?;
    }
    Ok(())
}
