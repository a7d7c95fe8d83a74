//! What the library and the tool are made of, in CycloneDX.

use super::{DIST, library, source_date, version};
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
    for (name, manifest) in crates {
        let folder = manifest.trim_end_matches("Cargo.toml");
        let file = format!("{DIST}/{name}-{version}.cdx.json");
        // Nobody else has this machine's paths.
        shell::run(&format!(
            "sed \"s|file://$PWD|file://|g\" {folder}treenail-sbom.json > {file}"
        ))?;
    }
    shell::run("find . -path ./target -prune -o -name treenail-sbom.json -exec rm {} +")
}
