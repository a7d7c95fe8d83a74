//! What the library and the tool are made of, in CycloneDX.

use super::{DIST, WORK, library, source_date, version, write};
use crate::shell;

/// The bill of one crate's dependencies that are linked in, without what only tests use.
pub fn make() -> Result<(), String> {
    let version = version()?;
    let mut crates = vec![("treenail", "Cargo.toml")];
    if library::has_tool() {
        crates.push(("treenail-cli", "cli/Cargo.toml"));
    }
    // It writes a file into the folder of every member of the workspace.
    shell::run(&format!(
        "SOURCE_DATE_EPOCH={} cargo cyclonedx --quiet --format json --spec-version 1.5 \
         --override-filename treenail-sbom --target x86_64-unknown-linux-gnu --no-build-deps",
        source_date()
    ))?;
    write(&format!("{WORK}/sbom.py"), include_str!("sbom.py"))?;
    for (name, manifest) in crates {
        let bill = manifest.replace("Cargo.toml", "treenail-sbom.json");
        let file = format!("{DIST}/{name}-{version}.cdx.json");
        shell::run(&format!("python3 {WORK}/sbom.py {bill} {name} \"$PWD\" > {file}"))?;
    }
    shell::run("find . -path ./target -prune -o -name treenail-sbom.json -exec rm {} +")
}
