//! The tar.gz for one processor: everything, below one folder, for any prefix.

use super::library::Built;
use super::{DIST, WORK, tar, version};
use crate::shell;

/// The folder in the archive, and the archive's name without its ending.
pub fn name(arch: &str) -> Result<String, String> {
    Ok(format!("treenail-{}-linux-{arch}", version()?))
}

pub fn make(built: &Built, prefix: &str) -> Result<(), String> {
    let name = name(built.arch.name)?;
    let stage = format!("{WORK}/stage/tar");
    let docs = format!("{stage}/{name}/share/doc/treenail");
    shell::run(&format!(
        "rm -rf {stage} && mkdir -p {stage} && cp -a {prefix} {stage}/{name} && mkdir -p {docs} && \
         cp README.md CHANGELOG.md SECURITY.md LICENSE-MIT LICENSE-APACHE {docs}/"
    ))?;
    tar(&stage, &name, &format!("{DIST}/{name}.tar.gz"))?;
    let debug = built.debug_file()?;
    let file = debug.rsplit('/').next().unwrap_or_default();
    tar(&built.folder, file, &format!("{DIST}/{name}-debug.tar.gz"))
}
