//! The header is what the source says. `cargo xtask header` writes it anew.

mod generated;

use std::fs;
use std::path::Path;

/// The project's top directory.
fn root() -> &'static Path {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3);
    above.expect("this lies in tests/repo/header")
}

#[test]
fn the_header_is_what_the_source_says() {
    let (fresh, path) = (generated::generated(), root().join("include/treenail.h"));
    if std::env::var_os("UPDATE_HEADER").is_some_and(|value| value == "1") {
        return fs::write(path, fresh).expect("include/ is writable");
    }
    let committed = fs::read_to_string(path).expect("include/treenail.h is committed");
    let differs = committed.lines().zip(fresh.lines()).position(|(old, new)| old != new);
    let line = differs.unwrap_or(committed.lines().count().min(fresh.lines().count())) + 1;
    assert!(
        committed == fresh,
        "include/treenail.h differs from src/ffi at line {line}; UPDATE_HEADER=1 writes it anew"
    );
}
