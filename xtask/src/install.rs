//! Installs the tools that a command needs and the machine lacks, and says what it does.

use std::path::Path;
use std::sync::OnceLock;

use crate::{sanitize, shell};

/// What the tests of segments and large messages take at once.
const SHARED_MEMORY_KIB: u32 = 32 << 10;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tool {
    /// Not in rustup's minimal profile.
    Rustfmt,
    /// Neither is this.
    Clippy,
    C,
    Cpp,
    Make,
    /// The headers and the library of libcrypto, for SHA-256 in the examples.
    Crypto,
    /// abidw and abidiff.
    Abigail,
    /// objcopy and objdump for both processors that there are packages for.
    Binutils,
    /// The standard library of Rust for both.
    RustTargets,
    Lintian,
    CycloneDx,
    /// An emulator of aarch64, with the C library for it.
    Qemu,
    /// Debian's own Python with venv, which may not be the first on the PATH.
    DebianPython,
    Debootstrap,
    Patch,
    Python,
    /// A Python that can make virtual environments.
    PythonVenv,
    /// CPython's own tests, which Debian leaves out of its Python.
    PythonTests,
    Cmake,
    PkgConfig,
    Boost,
    Ninja,
    Qt6,
    Qt5,
    /// A display without a screen.
    Xvfb,
    /// A keyboard and a mouse for it.
    Xdotool,
    Node,
    Doxygen,
    CargoFuzz,
    /// A toolchain that can build std, for ThreadSanitizer and for other systems.
    StdSource,
    /// A C compiler and a C library for aarch64.
    CrossAarch64,
    /// Shared memory with some room, which minimal chroots and containers lack.
    SharedMemory,
}

impl Tool {
    fn is_there(self) -> bool {
        match self {
            Tool::Rustfmt => shell::succeeds("cargo fmt --version"),
            Tool::Clippy => shell::succeeds("cargo clippy --version"),
            Tool::C => shell::succeeds("command -v cc") && compiles("c"),
            Tool::Cpp => shell::succeeds("command -v c++") && compiles("c++"),
            Tool::Make => shell::succeeds("make --version"),
            Tool::Crypto => {
                shell::succeeds("echo '#include <openssl/evp.h>' | cc -x c -fsyntax-only -")
            }
            Tool::Abigail => shell::succeeds("abidw --version && abidiff --version"),
            Tool::Binutils => shell::succeeds(
                "x86_64-linux-gnu-objcopy --version && aarch64-linux-gnu-objcopy --version",
            ),
            Tool::RustTargets => shell::succeeds(
                "for target in x86_64 aarch64; do test -d \"$(rustc --print sysroot)\"/lib/rustlib/\
                 $target-unknown-linux-gnu/lib || exit 1; done",
            ),
            Tool::Lintian => shell::succeeds("lintian --version"),
            Tool::CycloneDx => shell::succeeds("cargo cyclonedx --version"),
            Tool::Qemu => shell::succeeds(
                "qemu-aarch64-static --version && ls /usr/aarch64-linux-gnu/lib/libc.so.6",
            ),
            Tool::DebianPython => shell::succeeds("/usr/bin/python3 -c 'import ensurepip, venv'"),
            Tool::Debootstrap => shell::succeeds("PATH=$PATH:/usr/sbin debootstrap --version"),
            Tool::Patch => shell::succeeds("patch --version"),
            Tool::Python => {
                shell::succeeds("python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))'")
            }
            Tool::PythonVenv => shell::succeeds("python3 -c 'import ensurepip, venv'"),
            Tool::PythonTests => shell::succeeds("python3 -c 'import test._test_multiprocessing'"),
            Tool::Cmake => shell::succeeds("cmake --version"),
            Tool::PkgConfig => shell::succeeds("pkg-config --version"),
            Tool::Boost => Path::new("/usr/include/boost/interprocess").exists(),
            Tool::Ninja => shell::succeeds("ninja --version"),
            Tool::Qt6 => shell::succeeds("ls /usr/lib/*/cmake/Qt6Network/Qt6NetworkConfig.cmake"),
            Tool::Qt5 => shell::succeeds("ls /usr/lib/*/cmake/Qt5Network/Qt5NetworkConfig.cmake"),
            Tool::Xvfb => shell::succeeds("command -v Xvfb && command -v xauth"),
            Tool::Xdotool => shell::succeeds("command -v xdotool"),
            Tool::Node => shell::succeeds("node --version"),
            Tool::Doxygen => shell::succeeds("doxygen --version"),
            Tool::CargoFuzz => shell::succeeds("cargo fuzz --version"),
            Tool::StdSource => sanitize::std_builder().is_some(),
            Tool::CrossAarch64 => {
                shell::succeeds("aarch64-linux-gnu-gcc --version")
                    && Path::new("/usr/aarch64-linux-gnu/lib/libc.so.6").exists()
            }
            Tool::SharedMemory => shell::succeeds(&format!(
                "test -w /dev/shm && test \"$(df -Pk /dev/shm | awk 'NR == 2 {{ print $4 }}')\" \
                 -ge {SHARED_MEMORY_KIB}"
            )),
        }
    }

    fn install(self) -> Result<(), String> {
        match self {
            Tool::Rustfmt => component("rustfmt"),
            Tool::Clippy => component("clippy"),
            Tool::C => apt("gcc libc6-dev"),
            Tool::Cpp => apt("g++"),
            Tool::Make => apt("make"),
            Tool::Crypto => apt("libssl-dev"),
            Tool::Abigail => apt("abigail-tools"),
            Tool::Binutils => apt("binutils-x86-64-linux-gnu binutils-aarch64-linux-gnu"),
            Tool::RustTargets => {
                shell::run("rustup target add x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu")
            }
            Tool::Lintian => apt("lintian"),
            Tool::CycloneDx => shell::run("cargo install cargo-cyclonedx --locked --debug"),
            Tool::Qemu => apt("qemu-user-static libc6-arm64-cross"),
            Tool::DebianPython => apt("python3 python3-venv"),
            Tool::Debootstrap => apt("debootstrap"),
            Tool::Patch => apt("patch"),
            Tool::Python => apt("python3"),
            Tool::PythonVenv => apt("python3-venv"),
            Tool::PythonTests => apt("libpython3-testsuite"),
            Tool::Cmake => apt("cmake make"),
            Tool::PkgConfig => apt("pkg-config"),
            Tool::Boost => apt("libboost-dev"),
            Tool::Ninja => apt("ninja-build"),
            Tool::Qt6 => apt("qt6-base-dev"),
            Tool::Qt5 => apt("qtbase5-dev"),
            Tool::Xvfb => apt("xvfb xauth fonts-dejavu-core"),
            Tool::Xdotool => apt("xdotool"),
            Tool::Node => apt("nodejs"),
            Tool::Doxygen => apt("doxygen"),
            Tool::CargoFuzz => shell::run("cargo install cargo-fuzz --locked"),
            Tool::StdSource => sanitize::install_std_source(),
            Tool::CrossAarch64 => apt("gcc-aarch64-linux-gnu libc6-dev-arm64-cross"),
            Tool::SharedMemory => mount_shared_memory(),
        }
    }
}

/// A compiler without the C library's headers is no compiler.
fn compiles(language: &str) -> bool {
    let compiler = if language == "c" { "cc" } else { "c++" };
    shell::succeeds(&format!(
        "echo '#include <stdio.h>' | {compiler} -x {language} -fsyntax-only -"
    ))
}

/// Makes sure that all of `tools` are there; says of all that aren't what to do.
pub fn ensure(tools: &[Tool]) -> Result<(), String> {
    let missing: Vec<String> = tools.iter().filter_map(|tool| provide(*tool).err()).collect();
    if missing.is_empty() { Ok(()) } else { Err(missing.join("; ")) }
}

fn provide(tool: Tool) -> Result<(), String> {
    if tool.is_there() {
        return Ok(());
    }
    println!("{tool:?} is missing: installing it");
    tool.install().map_err(|error| format!("{tool:?} can't be installed: {error}"))?;
    if tool.is_there() {
        return Ok(());
    }
    Err(format!("{tool:?} was installed, and is still not usable"))
}

fn mount_shared_memory() -> Result<(), String> {
    let needed = format!("/dev/shm isn't writable, or has less than {SHARED_MEMORY_KIB} KiB left");
    if shell::succeeds("mountpoint /dev/shm") {
        // What others have there must not be hidden from them.
        return Err(format!("{needed}: give it more (mount -o remount,size=, docker --shm-size)"));
    }
    let mount = "mkdir -p /dev/shm && mount -t tmpfs -o mode=1777 tmpfs /dev/shm";
    let prefix = root_prefix().ok_or_else(|| format!("{needed}: as root, {mount}"))?;
    shell::run(&format!("{prefix}sh -c '{mount}'")).map_err(|error| format!("{needed}: {error}"))
}

/// Installs a part of Rust's toolchain, which only rustup has in the toolchain's own version.
pub fn component(name: &str) -> Result<(), String> {
    if !shell::succeeds("rustup --version") {
        return Err(format!("there is no rustup: install {name} from where Rust came from"));
    }
    shell::run(&format!("timeout 300 rustup component add {name}"))
}

/// Installs Debian packages, as root or by way of sudo.
pub fn apt(packages: &str) -> Result<(), String> {
    static UPDATED: OnceLock<()> = OnceLock::new();
    let install = format!("apt-get install -y --no-install-recommends {packages}");
    let environment = "env DEBIAN_FRONTEND=noninteractive";
    let prefix = root_prefix().ok_or_else(|| format!("not root, and no sudo: run {install}"))?;
    if UPDATED.set(()).is_ok() {
        shell::run(&format!("{prefix}apt-get update -q"))?;
    }
    shell::run(&format!("{prefix}{environment} {install}"))
}

/// What goes before a command that only root may run; None when there is no way.
pub fn root_prefix() -> Option<&'static str> {
    if shell::capture("id -u").is_ok_and(|uid| uid == "0") {
        Some("")
    } else if shell::succeeds("sudo -n true") {
        Some("sudo -n ")
    } else {
        None
    }
}
