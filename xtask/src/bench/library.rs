//! The library that contestants are linked to: this tree's, or the one of a file.

use std::fs;
use std::path::{Path, PathBuf};

use crate::shell;

/// A library, copied to where its programs are.
pub struct Library {
    pub file: PathBuf,
    pub abi: Abi,
}

/// Which functions it has, and with which parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abi {
    /// This tree's.
    Current,
    /// The one before `tn_channel_send_fd`; benches/ours/abi.h has what was different.
    Older,
}

impl Library {
    /// This tree's, as it is now.
    pub fn of_tree(root: &Path) -> Result<Library, String> {
        shell::run("cargo build --quiet --release --package treenail")?;
        Library::copy(&target(root).join("release/libtreenail.so"), &folder(root))
    }

    pub fn of_file(root: &Path, file: &Path) -> Result<Library, String> {
        Library::copy(file, &folder(root).join("against"))
    }

    /// Under the name that the loader looks for. A build that runs meanwhile doesn't change what is
    /// measured.
    fn copy(file: &Path, folder: &Path) -> Result<Library, String> {
        fs::create_dir_all(folder).map_err(|e| format!("create {}: {e}", folder.display()))?;
        let abi = abi(file)?;
        let copy = folder.join(soname(file)?);
        // A new file, never the old one overwritten: a program may still have that one mapped.
        let _ = fs::remove_file(&copy);
        fs::copy(file, &copy).map_err(|e| format!("copy {}: {e}", file.display()))?;
        Ok(Library { file: copy, abi })
    }

    pub fn folder(&self) -> &Path {
        self.file.parent().expect("it was copied into a folder")
    }

    /// What a program is compiled with so that it runs with this library and no other: the path of
    /// an old-style tag comes before LD_LIBRARY_PATH.
    pub fn flags(&self) -> String {
        let abi = match self.abi {
            Abi::Current => "",
            Abi::Older => "-DBENCH_OLDER_ABI ",
        };
        format!(
            "{abi}'{}' -Wl,--disable-new-dtags '-Wl,-rpath,{}'",
            self.file.display(),
            self.folder().display()
        )
    }
}

/// Where the benchmark builds.
pub fn folder(root: &Path) -> PathBuf {
    target(root).join("bench")
}

pub fn target(root: &Path) -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root.join(folder),
        None => root.join("target"),
    }
}

fn abi(file: &Path) -> Result<Abi, String> {
    let symbols = shell::capture(&format!("nm -D --defined-only '{}'", file.display()))?;
    abi_of(&symbols).ok_or_else(|| format!("{} is no treenail library", file.display()))
}

/// By what `nm` prints: an address, a letter and a name a line.
fn abi_of(symbols: &str) -> Option<Abi> {
    let has = |name| symbols.lines().any(|line| line.split_whitespace().nth(2) == Some(name));
    match (has("tn_channel_send"), has("tn_channel_send_fd")) {
        (false, _) => None,
        (true, true) => Some(Abi::Current),
        (true, false) => Some(Abi::Older),
    }
}

fn soname(file: &Path) -> Result<String, String> {
    let dynamic = shell::capture(&format!("readelf -d '{}'", file.display()))?;
    let name = dynamic.lines().find(|line| line.contains("(SONAME)"));
    let name = name.and_then(|line| line.split(['[', ']']).nth(1));
    name.map(Into::into).ok_or_else(|| format!("{} has no soname", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_symbols_tell_the_abi() {
        let older = "0000000000037a10 T tn_channel_send\n0000000000037b00 T tn_channel_sendv\n";
        assert_eq!(abi_of(older), Some(Abi::Older));
        let current = format!("{older}0000000000037c00 T tn_channel_send_fd\n");
        assert_eq!(abi_of(&current), Some(Abi::Current));
        assert_eq!(abi_of("0000000000001000 T deflate\n"), None);
    }
}
