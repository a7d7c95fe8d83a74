//! What `cargo xtask test` and `cargo xtask verify` run: to add a check is to add a line.

use crate::install::Tool::{
    self, Abigail, Binutils, Boost, C, CargoFuzz, Clippy, Cmake, Cpp, CrossAarch64, Crypto,
    CycloneDx, Debootstrap, Doxygen, Lintian, Make, Ninja, Node, Patch, PkgConfig, Python,
    PythonTests, PythonVenv, Qemu, Qt5, Qt6, RustTargets, Rustfmt, SharedMemory, StdSource, Xvfb,
};

/// One check, by a command that can be pasted into a terminal at the root of the project.
pub struct Step {
    pub name: &'static str,
    pub what: &'static str,
    pub command: &'static str,
    pub needs: &'static [Tool],
    /// A step that takes longer hangs, and has failed.
    pub minutes: u64,
}

const fn step(
    name: &'static str,
    what: &'static str,
    command: &'static str,
    needs: &'static [Tool],
    minutes: u64,
) -> Step {
    Step { name, what, command, needs, minutes }
}

/// In the order of what fails soonest.
#[rustfmt::skip]
pub const TEST: &[Step] = &[
    step("format", "rustfmt has nothing to change",
        "cargo fmt --all --check", &[Rustfmt], 1),
    step("clippy", "no warnings in any target",
        "cargo clippy --workspace --all-targets -- -D warnings", &[C, Clippy], 5),
    step("docs", "the guide and all references build without a warning, and their links lead somewhere",
        "cargo xtask docs", &[C, Python, PythonVenv, Doxygen], 10),
    step("tests", "unit, integration and documentation tests",
        "cargo test --workspace", &[C, Cpp, Boost, Python, PythonVenv, SharedMemory], 30),
    step("pages", "the promises where a page has 64 KiB",
        "TREENAIL_PAGE_SIZE=65536 TREENAIL_MESSAGES=20000 cargo test --lib --test behaviour && \
         TREENAIL_PAGE_SIZE=65536 cargo test --test robustness -- hostile:: ring_bytes:: space::",
        &[C, Cpp, SharedMemory], 10),
    step("systems", "the library compiles for aarch64, riscv64, i686 and musl",
        "cargo xtask systems", &[C, StdSource], 15),
    step("aarch64", "unit tests and golden bytes on an emulated aarch64",
        "cargo xtask aarch64 --lib && cargo xtask aarch64 --test behaviour golden::",
        &[C, StdSource, CrossAarch64, Qemu, SharedMemory], 15),
    step("abi", "the release library as C and C++ programs see it",
        "cargo build --release && TREENAIL_LIBRARY=\"$PWD/target/release/libtreenail.so\" \
         cargo test --test languages abi::", &[C, Cpp], 8),
    step("tool", "the treenail program's release build, beside plain programs",
        "cargo build --release --package treenail-cli && \
         TREENAIL_TOOL=\"$PWD/target/release/treenail\" \
         cargo test --package treenail-cli --test tool ratios:: -- --ignored", &[C], 8),
    step("kept", "the C ABI is the one that is committed, and abidiff would notice a break",
        "cargo xtask abi", &[C, Abigail], 3),
    step("leaks", "a hundred thousand channels, messages, segments and semaphores leave nothing",
        "export TREENAIL_LEAKS=100000; cargo test --release --test robustness leave_nothing && \
         cargo build --release && TREENAIL_LIBRARY=\"$PWD/target/release/libtreenail.so\" \
         cargo test --test languages -- leave_nothing many_of", &[C, Cpp], 10),
    step("package", "the CMake package and pkg-config, from an install prefix",
        "cargo test --test languages cpp_package -- --ignored", &[C, Cpp, Cmake, PkgConfig], 8),
    step("dist", "the packages of a release, each installed where neither Rust nor the source is",
        "cargo xtask dist",
        &[C, Cpp, Cmake, PkgConfig, PythonVenv, Qt6, RustTargets, Binutils, Lintian, CycloneDx], 15),
    step("python", "the Python package and examples: pytest, mypy, pyright, the oldest and the newest Python",
        "cargo xtask python", &[C, Python, PythonVenv, PythonTests, Qt6], 30),
    step("qt", "the Qt classes with Qt 6 and Qt 5, beside Qt's own",
        "cargo xtask qt", &[C, Cpp, Cmake, Ninja, PkgConfig, Qt6, Qt5, Xvfb], 40),
    step("examples", "every language's examples with every other's",
        "cargo xtask examples", &[C, Cpp, Make, Crypto, Python, Node], 5),
    step("demo", "a file and messages between all languages, checked by hash",
        "cargo xtask demo", &[C, Cpp, Make, Crypto, Python, Node], 5),
    step("kills", "500 processes killed at random moments, and more after some instructions",
        "TREENAIL_KILLS=500 cargo test --release --test robustness -- \
         --nocapture crash:: kill a_forked_child", &[C, Cpp, Python], 20),
    step("loom", "bounded model check of ring and wake-up",
        "RUSTFLAGS='--cfg loom' LOOM_MAX_PREEMPTIONS=2 CARGO_TARGET_DIR=target/loom \
         cargo test --release --lib loom_ -- --skip two_receivers_and_the_fd", &[C], 20),
    step("asan", "the tests under AddressSanitizer",
        "cargo xtask asan", &[C, Cpp, Boost, Python, PythonVenv], 30),
    step("tsan", "the tests under ThreadSanitizer",
        "cargo xtask tsan", &[C, StdSource], 25),
    step("fuzz", "30 s of each fuzz target",
        "cargo xtask fuzz --seconds 30", &[Cpp, CargoFuzz], 15),
];

/// What one runs before a commit: at most five minutes on two processors from a built tree.
#[rustfmt::skip]
pub const QUICK: &[Step] = &[
    step("format", "rustfmt has nothing to change",
        "cargo fmt --all --check", &[Rustfmt], 1),
    step("clippy", "no warnings in any target",
        "cargo clippy --workspace --all-targets -- -D warnings", &[C, Clippy], 5),
    step("units", "unit tests, the form of the code, what the documents say of it",
        "cargo test --workspace --lib --bins --test repo --test header", &[C, SharedMemory], 5),
    step("behaviour", "what the library promises, but with the fewest messages",
        "TREENAIL_MESSAGES=20000 cargo test --test behaviour", &[C, Cpp, SharedMemory], 10),
    step("robustness", "where something goes wrong, without a kill after each instruction",
        "cargo test --test robustness -- --skip after_any_instruction --skip who_is_killed_while \
         --skip kills::", &[C, Cpp, SharedMemory], 10),
    step("languages", "the header, the C ABI, the C++ classes in one program, objects of others",
        "cargo test --test languages -- abi:: header:: null:: foreign:: cpp::every_ \
         cpp::exceptions_and_rtti", &[C, Cpp, Boost, Python, SharedMemory], 10),
];

/// What QUICK leaves to the whole.
pub const NOT_IN_QUICK: &str = "most C++ programs, each language with each, the documents' programs, \
    the treenail program, kills amid messages and after each instruction, release builds and packages, \
    other processors and pages, Python, Qt, the examples, loom, the sanitizers, fuzzing";

/// The deep checks; {seed} and {preemptions} are filled in anew each round.
#[rustfmt::skip]
pub const VERIFY: &[Step] = &[
    step("mutants", "each deliberate fault is noticed",
        "cargo xtask mutants", &[C, Cpp, Patch], 60),
    step("kills", "5000 processes killed at random moments, and more after each instruction",
        "TREENAIL_KILLS=5000 TREENAIL_SEED={seed} cargo test --release --test robustness -- \
         --nocapture crash:: kill a_forked_child", &[C, Cpp, Python], 60),
    step("tests", "all tests of the release build",
        "TREENAIL_SEED={seed} cargo test --release",
        &[C, Cpp, Boost, Python, PythonVenv, Cmake, PkgConfig], 30),
    step("mixed", "ten million messages by calls and by descriptors at once",
        "TREENAIL_MESSAGES=10000000 cargo test --release --test behaviour calls_and_descriptors",
        &[C, Cpp, Boost, Python, PythonVenv], 30),
    step("early", "a million messages on channels that move into rings",
        "TREENAIL_MESSAGES=1000000 cargo test --release --test behaviour early::order_is_kept",
        &[C, Cpp, Boost, Python, PythonVenv], 30),
    step("python", "the Python package's tests, the largest messages, 100 000 of everything",
        "TREENAIL_LEAKS=100000 TREENAIL_LARGE=1 cargo xtask python",
        &[C, Python, PythonVenv, PythonTests, Qt6], 30),
    step("leaks", "a million channels, messages, segments and semaphores leave nothing",
        "export TREENAIL_LEAKS=1000000; cargo test --release --test robustness leave_nothing && \
         cargo build --release && TREENAIL_LIBRARY=\"$PWD/target/release/libtreenail.so\" \
         cargo test --test languages -- leave_nothing many_of", &[C, Cpp], 60),
    step("dist", "the packages of a release, each installed in a new Debian",
        "cargo xtask dist build && cargo xtask dist try --bare",
        &[C, Cmake, PythonVenv, RustTargets, Binutils, Lintian, CycloneDx, Debootstrap], 60),
    step("fuzz", "10 minutes of each fuzz target",
        "cargo xtask fuzz --seconds 600 --seed {seed}", &[Cpp, CargoFuzz], 60),
    step("asan", "the tests under AddressSanitizer",
        "TREENAIL_SEED={seed} cargo xtask asan", &[C, Cpp, Boost, Python, PythonVenv], 30),
    step("tsan", "the tests under ThreadSanitizer",
        "TREENAIL_SEED={seed} cargo xtask tsan", &[C, StdSource], 30),
    step("aarch64", "what the library promises, on an emulated aarch64",
        "cargo xtask aarch64", &[C, StdSource, CrossAarch64, Qemu, SharedMemory], 60),
    step("loom", "model check with more preemptions each round, up to 5",
        "RUSTFLAGS='--cfg loom' LOOM_MAX_PREEMPTIONS={preemptions} CARGO_TARGET_DIR=target/loom \
         cargo test --release --lib loom_", &[C], 240),
    step("mutants", "each deliberate fault is noticed",
        "cargo xtask mutants", &[C, Cpp, Patch], 60),
];
