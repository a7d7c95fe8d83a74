//! What the shared library exports: the functions of the header, each with the version of the ABI,
//! and nothing else. rustc's own link step takes no version script, so the library is linked from
//! the static one.

use std::collections::BTreeSet;

/// The version that every symbol has. It changes with the soname.
pub const VERSION: &str = "TREENAIL_0";

/// A linker's version script.
pub fn version_script(functions: &[String]) -> String {
    let names: String = functions.iter().map(|name| format!("    {name};\n")).collect();
    format!("{VERSION} {{\n  global:\n{names}  local: *;\n}};\n")
}

/// Compares what `objdump -T` says with the functions of the header.
pub fn check(objdump: &str, functions: &[String]) -> Result<(), String> {
    let exported: Vec<(&str, &str)> = objdump.lines().filter_map(symbol).collect();
    for (name, version) in &exported {
        if *name != VERSION && *version != VERSION {
            return Err(format!("{name} is exported with version {version:?}, not {VERSION}"));
        }
    }
    let names = exported.iter().map(|(name, _)| (*name).to_owned()).filter(|n| n != VERSION);
    let exported: BTreeSet<String> = names.collect();
    let declared: BTreeSet<String> = functions.iter().cloned().collect();
    let list = |names: Vec<&String>| names.into_iter().cloned().collect::<Vec<_>>().join(", ");
    let missing = list(declared.difference(&exported).collect());
    let excess = list(exported.difference(&declared).collect());
    if missing.is_empty() && excess.is_empty() {
        return Ok(());
    }
    Err(format!("the library lacks [{missing}], and exports more than the header: [{excess}]"))
}

/// The name and version of a symbol that is defined: `ADDRESS FLAGS SECTION<TAB>SIZE VERSION NAME`.
fn symbol(line: &str) -> Option<(&str, &str)> {
    let (before, after) = line.split_once('\t')?;
    if before.ends_with("*UND*") {
        return None;
    }
    let words: Vec<&str> = after.split_whitespace().collect();
    match words[..] {
        [_, version, name] => Some((name, version.trim_matches(['(', ')']))),
        [_, name] => Some((name, "")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
lib.so:     file format elf64-x86-64

DYNAMIC SYMBOL TABLE:
0000000000000000      DF *UND*\t0000000000000000 (GLIBC_2.2.5) write
0000000000000000 g    DO *ABS*\t0000000000000000  TREENAIL_0  TREENAIL_0
00000000000a2310 g    DF .text\t0000000000000128  TREENAIL_0  tn_a
00000000000a9470 g    DF .text\t0000000000000008  TREENAIL_0  tn_b
";

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_library_that_exports_the_header_is_good() {
        assert_eq!(check(GOOD, &names(&["tn_a", "tn_b"])), Ok(()));
    }

    #[test]
    fn whatever_is_missing_or_more_is_found() {
        let missing = check(GOOD, &names(&["tn_a", "tn_b", "tn_c"])).unwrap_err();
        assert!(missing.contains("lacks [tn_c]"), "{missing}");
        let excess = check(GOOD, &names(&["tn_a"])).unwrap_err();
        assert!(excess.contains("[tn_b]"), "{excess}");
        let bare = GOOD.replace(" TREENAIL_0  tn_b", "Base tn_b");
        assert!(check(&bare, &names(&["tn_a", "tn_b"])).is_err());
        let plain = GOOD.replace(" TREENAIL_0  tn_b", " tn_b");
        assert!(check(&plain, &names(&["tn_a", "tn_b"])).is_err());
        assert!(check("", &names(&["tn_a"])).is_err());
    }
}
