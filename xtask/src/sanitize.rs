//! The tests under AddressSanitizer and ThreadSanitizer, on a stable toolchain.
//!
//! AddressSanitizer works with std as it comes. ThreadSanitizer reports false races unless std is
//! rebuilt with it, which takes std's source: rustup's `rust-src`, or Debian's rustc-web packages,
//! whose compiler matches their source but comes without the sanitizers' runtimes: rustup's fit.

use std::path::{Path, PathBuf};

use crate::install::{self, Tool};
use crate::shell;

/// What runs under AddressSanitizer unless arguments say otherwise. Doc tests are left out: they
/// are built by rustdoc, which the flags don't reach. So is what only compiles, or runs the programs
/// of documents: these use no memory of ours that others don't.
const ADDRESS_TESTS: &str = "--lib --test behaviour --test robustness --test languages -- \
    --skip header:: --skip cpp::compiles:: --skip doc_programs:: --skip readme::";

/// Memory that is used after its function has returned is reported. What memory is too short for
/// fails, as some tests want it to, and doesn't end the program.
const ADDRESS_OPTIONS: &str = "detect_stack_use_after_return=1:allocator_may_return_null=1";

/// ThreadSanitizer sees races between threads over one mapping: the library's own tests.
const THREAD_TESTS: &str = "--lib";

const DEBIAN_SYSROOT: &str = "/usr/lib/rustlib";
const THREAD_RUNTIME: &str = "librustc-stable_rt.tsan.a";

/// A cargo and a rustc that have std's source.
pub struct StdBuilder {
    cargo: String,
    rustc: String,
}

impl StdBuilder {
    /// A cargo command that builds std too, with these settings in its environment.
    pub fn line(&self, settings: &str, command: &str, arguments: &str) -> String {
        let StdBuilder { cargo, rustc } = self;
        format!(
            "RUSTC={rustc} RUSTC_BOOTSTRAP=1 {settings} {cargo} {command} -Zbuild-std {arguments}"
        )
    }
}

pub fn address(args: &[String]) -> Result<(), String> {
    install::ensure(&[Tool::C, Tool::Cpp, Tool::Python, Tool::PythonVenv])?;
    let host = shell::host()?;
    let tests = chosen(args, ADDRESS_TESTS);
    shell::run(&format!(
        "RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=target/asan TREENAIL_SANITIZED=1 \
         ASAN_OPTIONS={ADDRESS_OPTIONS} cargo test --target {host} {tests}"
    ))
}

pub fn thread(args: &[String]) -> Result<(), String> {
    install::ensure(&[Tool::C, Tool::StdSource])?;
    let builder = std_builder().ok_or("no toolchain with std's source")?;
    let host = shell::host()?;
    let tests = chosen(args, THREAD_TESTS);
    let settings = "RUSTFLAGS=-Zsanitizer=thread CARGO_TARGET_DIR=target/tsan \
                    TSAN_OPTIONS=halt_on_error=1";
    shell::run(&builder.line(settings, "test", &format!("--target {host} {tests}")))
}

fn chosen(args: &[String], default: &str) -> String {
    if args.is_empty() { default.to_owned() } else { args.join(" ") }
}

/// The toolchain that can rebuild std with ThreadSanitizer, if there is one.
pub fn std_builder() -> Option<StdBuilder> {
    let host = shell::host().ok()?;
    let sysroot = PathBuf::from(shell::capture("rustc --print sysroot").ok()?);
    if is_complete(&sysroot.join("lib/rustlib"), &host) {
        return Some(StdBuilder { cargo: "cargo".to_owned(), rustc: "rustc".to_owned() });
    }
    let debian = is_complete(Path::new(DEBIAN_SYSROOT), &host);
    debian.then(|| StdBuilder {
        cargo: "/usr/bin/cargo".to_owned(),
        rustc: "/usr/bin/rustc".to_owned(),
    })
}

fn is_complete(rustlib: &Path, host: &str) -> bool {
    has_source(rustlib) && rustlib.join(host).join("lib").join(THREAD_RUNTIME).exists()
}

fn has_source(rustlib: &Path) -> bool {
    rustlib.join("src/rust/library/std/Cargo.toml").exists()
}

/// Debian's packages first: they need no rustup, and come from the mirror that apt knows.
pub fn install_std_source() -> Result<(), String> {
    if shell::succeeds("apt-cache show rust-web-src") {
        return install_debian();
    }
    install::component("rust-src")
}

fn install_debian() -> Result<(), String> {
    if !has_source(Path::new(DEBIAN_SYSROOT)) || !Path::new("/usr/bin/cargo").exists() {
        install::apt("rustc-web cargo-web rust-web-src rust-web-llvm")?;
    }
    let host = shell::host()?;
    let sysroot = shell::capture("rustc --print sysroot")?;
    let prefix = install::root_prefix().unwrap_or("");
    shell::run(&format!(
        "{prefix}cp {sysroot}/lib/rustlib/{host}/lib/{} {DEBIAN_SYSROOT}/{host}/lib/",
        THREAD_RUNTIME
    ))
}
