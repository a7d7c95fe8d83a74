//! `cargo xtask dist`: the files of a release, in target/dist, each tried in a place that has
//! neither Rust nor the source.

mod arch;
mod archive;
mod debian;
mod exports;
mod library;
mod names;
mod prefix;
mod sbom;
mod source;
mod trial;
mod wheel;

use std::sync::OnceLock;

use crate::install::{self, Tool};
use crate::{python, shell};
use arch::ARCHES;
use trial::Ground;

/// Where the files of a release are.
const DIST: &str = "target/dist";
/// What they are made of on the way.
const WORK: &str = "target/dist-work";
/// A Python environment with the tools that PyPI has.
const TOOLS: &str = "target/dist-tools";
const TOOL_PACKAGES: &str = "ziglang==0.17.1 cargo-zigbuild==0.24.1 auditwheel==6.8.2";

pub fn run(args: &[String]) -> Result<(), String> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        [] => build().and_then(|()| trial::run(&Ground::Machine)),
        ["build"] => build(),
        ["try"] => trial::run(&Ground::Machine),
        ["try", "--bare"] => trial::run(&Ground::Bare),
        _ => Err("usage: cargo xtask dist [build | try [--bare]]".to_owned()),
    }
}

fn build() -> Result<(), String> {
    install::ensure(&[
        Tool::C,
        Tool::Cmake,
        Tool::PythonVenv,
        Tool::Binutils,
        Tool::RustTargets,
        Tool::Lintian,
        Tool::CycloneDx,
    ])?;
    python::environment("python3", TOOLS, TOOL_PACKAGES)?;
    shell::run(&format!("rm -rf {DIST} {WORK}/stage && mkdir -p {DIST} {WORK}"))?;
    for arch in &ARCHES {
        let built = library::build(arch)?;
        wheel::make(&built)?;
        let prefix = prefix::install(&built, "lib")?;
        archive::make(&built, &prefix)?;
        debian::make(&built)?;
    }
    debian::check()?;
    source::make()?;
    sbom::make()?;
    shell::run(&format!("cd {DIST} && sha256sum * > SHA256SUMS && ls -l"))?;
    names::check()
}

/// The version of the project, as Cargo.toml says it.
fn version() -> Result<String, String> {
    let path = shell::root().join("Cargo.toml");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("version = \""));
    let version = line.and_then(|rest| rest.strip_suffix('"'));
    version.map(str::to_owned).ok_or_else(|| format!("{}: no version", path.display()))
}

/// The time that files in packages have, in seconds since 1970: that of the last commit, so that
/// the same source gives the same packages.
fn source_date() -> &'static str {
    static DATE: OnceLock<String> = OnceLock::new();
    DATE.get_or_init(|| {
        let told = std::env::var("SOURCE_DATE_EPOCH");
        let committed = || shell::capture("git log -1 --format=%ct 2>/dev/null");
        told.or_else(|_| committed()).unwrap_or_else(|_| "315532800".to_owned())
    })
}

/// Packs a folder's content with the owner root and one time: a tar.gz that depends on nothing else.
fn tar(folder: &str, what: &str, file: &str) -> Result<(), String> {
    let date = source_date();
    shell::run(&format!(
        "tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@{date} -C {folder} -cf - {what} \
         | gzip -9n > {file}"
    ))
}

/// Writes a file at a path from the root of the project, with the folders above it.
fn write(path: &str, text: &str) -> Result<(), String> {
    let path = shell::root().join(path);
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(&path, text).map_err(failed)
}
