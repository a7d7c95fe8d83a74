//! Other systems: the library is compiled for them, and its tests are run for one of them by an
//! emulator. rustup's toolchain has std for this machine alone, so std is built from its source.

use crate::install::{self, Tool};
use crate::sanitize::std_builder;
use crate::shell;

/// What has to compile: other processors, other sizes of addresses, another C library.
const COMPILED: [&str; 4] = [
    "aarch64-unknown-linux-gnu",
    "riscv64gc-unknown-linux-gnu",
    "i686-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
];

/// What runs on an emulated aarch64 unless arguments say otherwise: all but tests that count time, or
/// have thousands of everything, for which an emulator is too slow.
const EMULATED_TESTS: &str = "--lib --test behaviour -- --test-threads=2 \
    --skip many:: --skip keep_no_call_beyond_its_time --skip whoever_waits_uses_no_processor";

/// How they are linked and run, without debug information, as std is built too. Tests that start
/// themselves again do that by TREENAIL_RUNNER. All is 10 to 30 times slower, so few messages do.
const EMULATION: &str = "CARGO_TARGET_DIR=target/aarch64 CARGO_PROFILE_DEV_DEBUG=0 \
    CARGO_PROFILE_TEST_DEBUG=0 \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64-static \
    TREENAIL_RUNNER=qemu-aarch64-static QEMU_LD_PREFIX=/usr/aarch64-linux-gnu \
    TREENAIL_MESSAGES=2000";

/// `cargo check` of the library for each of them.
pub fn check() -> Result<(), String> {
    install::ensure(&[Tool::C, Tool::StdSource])?;
    let builder = std_builder().ok_or("no toolchain with std's source")?;
    let targets = COMPILED.map(|target| format!("--target {target}")).join(" ");
    let settings = "CARGO_TARGET_DIR=target/systems";
    shell::run(&builder.line(settings, "check", &format!("--lib {targets}")))
}

/// The tests, built for aarch64 and run by qemu.
pub fn aarch64(args: &[String]) -> Result<(), String> {
    install::ensure(&[Tool::C, Tool::StdSource, Tool::CrossAarch64, Tool::Qemu])?;
    let builder = std_builder().ok_or("no toolchain with std's source")?;
    let tests = if args.is_empty() { EMULATED_TESTS.to_owned() } else { args.join(" ") };
    shell::run(&builder.line(
        EMULATION,
        "test",
        &format!("--target aarch64-unknown-linux-gnu {tests}"),
    ))
}
