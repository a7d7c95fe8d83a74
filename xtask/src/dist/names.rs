//! The names of the files of a release.

use super::arch::{ARCHES, Arch};
use super::{DIST, archive, debian, library, version, wheel};
use crate::shell;

/// Those for one processor, with those that are for all.
pub fn of(arch: &Arch) -> Result<Vec<String>, String> {
    let (version, archive) = (version()?, archive::name(arch.name)?);
    let mut names = vec![
        wheel::name(arch)?,
        debian::file("libtreenail0", arch.debian)?,
        debian::file("libtreenail-dev", arch.debian)?,
        debian::file("python3-treenail", "all")?,
        debian::file("libtreenail0-dbgsym", arch.debian)?,
        format!("{archive}.tar.gz"),
        format!("{archive}-debug.tar.gz"),
        format!("treenail-{version}.tar.gz"),
        format!("treenail-{version}.crate"),
        format!("treenail-{version}.cdx.json"),
        "SHA256SUMS".to_owned(),
    ];
    if library::has_tool() {
        names.push(debian::file("treenail", arch.debian)?);
        names.push(format!("treenail-cli-{version}.crate"));
        names.push(format!("treenail-cli-{version}.cdx.json"));
    }
    Ok(names)
}

/// Fails unless the folder has just these files.
pub fn check() -> Result<(), String> {
    let mut expected = Vec::new();
    for arch in &ARCHES {
        expected.extend(of(arch)?);
    }
    expected.sort();
    expected.dedup();
    let found = shell::capture(&format!("LC_ALL=C ls {DIST}"))?;
    let mut found: Vec<&str> = found.lines().collect();
    found.sort_unstable();
    if expected == found { Ok(()) } else { Err(format!("{DIST} has {found:?}, not {expected:?}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(path: &str) -> String {
        std::fs::read_to_string(shell::root().join(path)).unwrap()
    }

    /// The words of a page that are names of such files.
    fn named(page: &str) -> Vec<&str> {
        let endings = [".whl", ".deb", ".tar.gz", ".crate", ".cdx.json"];
        let words = page.split(|c: char| c.is_whitespace() || "`|,()".contains(c));
        let words = words.map(|word| word.trim_start_matches("./"));
        let words = words.filter(|word| word.contains("treenail") && !word.contains("VERSION"));
        words.filter(|word| endings.iter().any(|ending| word.ends_with(ending))).collect()
    }

    #[test]
    fn the_pages_name_the_files_of_a_release() {
        let names = of(&ARCHES[0]).unwrap();
        let (readme, install) = (page("README.md"), page("docs/install.md"));
        assert!(named(&readme).len() >= 6, "README.md names {:?}", named(&readme));
        for name in &names {
            assert!(install.contains(&format!("`{name}`")), "docs/install.md lacks {name}");
        }
        for name in named(&readme).into_iter().chain(named(&install)) {
            assert!(names.iter().any(|known| known == name), "there is no {name}");
        }
    }
}
