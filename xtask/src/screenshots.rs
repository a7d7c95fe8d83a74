//! The pictures of the Qt examples in the documents: what the tests of their windows see.

use crate::qt;
use crate::shell;

const PICTURES: &str = "docs/images";

/// Runs those tests with the newest Qt, which keep their last screen.
pub fn take() -> Result<(), String> {
    let pictures = shell::root().join(PICTURES);
    std::fs::create_dir_all(&pictures).map_err(|e| format!("{PICTURES}: {e}"))?;
    let (build, python) = (qt::build_newest()?, qt::numpy()?);
    shell::run(&format!(
        "TREENAIL_PYTHON={python} TREENAIL_SCREENSHOTS=\"$PWD/{PICTURES}\" \
         xvfb-run -a ctest --test-dir {build} --no-tests=error --output-on-failure -R '^windows_'"
    ))
}
