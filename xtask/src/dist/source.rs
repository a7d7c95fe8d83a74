//! The packages of source: for pip, and for Cargo.

use super::{DIST, library};
use crate::shell;

/// A source archive for Python, and the crates, which cargo builds once more from what it packed.
pub fn make() -> Result<(), String> {
    shell::run(&format!(
        "PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=bindings/python python3 -c \
         \"import build_backend; build_backend.build_sdist('{DIST}')\""
    ))?;
    let tool = if library::has_tool() { "--package treenail-cli" } else { "" };
    // What isn't committed is packed too: a test of a change runs before its commit.
    shell::run(&format!(
        "rm -f target/package/treenail*.crate && \
         cargo package --quiet --locked --allow-dirty --package treenail {tool} && \
         cp target/package/treenail*.crate {DIST}/"
    ))
}
