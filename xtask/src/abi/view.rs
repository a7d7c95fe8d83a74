//! The C ABI as a compiler sees it: a library with an empty body for each function of the header.
//! The header is generated from the library's source, and a test compares them; so this describes
//! the library, and not what is private in it, which the debug information of Rust has too.

use std::path::{Path, PathBuf};

use super::header;
use crate::shell;

/// Compiles a header's view in `work`: the path of the library.
pub fn compile(text: &str, work: &Path) -> Result<PathBuf, String> {
    let put = |name: &str, text: &str| {
        let path = work.join(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    put("treenail.h", text)?;
    put("view.c", &source(text))?;
    let library = work.join("libtreenail.so.0");
    shell::capture(&format!(
        "cd '{}' && cc -std=c11 -w -g -O0 -shared -fPIC -nostdlib -I. view.c -o '{}' \
         -Wl,-soname,libtreenail.so.0",
        work.display(),
        library.display()
    ))?;
    Ok(library)
}

/// Its functions, and its constants: macros as the members of an enum, which something has to be
/// of, so that it is part of the ABI.
fn source(text: &str) -> String {
    let bodies = header::prototypes(text);
    let bodies: String = bodies.iter().map(|p| format!("{p} {{ __builtin_trap(); }}\n")).collect();
    let numbers = header::numbers(text);
    let numbers: String = numbers.iter().map(|n| format!("  NUMBER_{n} = {n},\n")).collect();
    format!(
        "#include \"treenail.h\"\n{bodies}enum tn_numbers {{\n{numbers}}};\n\
         enum tn_numbers tn_all_numbers;\nenum tn_status tn_all_statuses;\n"
    )
}
