//! The interpreter of the Python contestants, in an environment of its own with their packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes the environment, of the newest Python.
pub fn prepare(root: &Path, folder: &Path) -> Result<(), String> {
    let list = root.join("benches/python/requirements.txt");
    let list = fs::read_to_string(&list).map_err(|e| format!("{}: {e}", list.display()))?;
    let packages = list.lines().collect::<Vec<_>>().join(" ");
    let newest = crate::python::newest()?;
    crate::python::environment(&newest, &folder.display().to_string(), &packages).map(drop)
}

/// Runs contestants, with this tree's package and the given library.
pub fn command(root: &Path, folder: &Path, library: &Path) -> Command {
    let mut command = Command::new(interpreter(folder));
    command
        .arg(root.join("benches/python/bench.py"))
        .env("PYTHONPATH", root.join("bindings/python"))
        .env("TREENAIL_LIBRARY", library)
        // As an installed package is: compiled once, not whenever it is imported.
        .env_remove("PYTHONDONTWRITEBYTECODE");
    command
}

/// A command that prints the version of a package in the environment, or of `python` itself.
pub fn version(folder: &Path, package: &str) -> String {
    let python = interpreter(folder);
    let print = match package {
        "python" => "import platform; print(platform.python_version())".to_owned(),
        _ => format!("from importlib import metadata; print(metadata.version(\"{package}\"))"),
    };
    format!("'{}' -c '{print}'", python.display())
}

fn interpreter(folder: &Path) -> PathBuf {
    folder.join("bin/python")
}
