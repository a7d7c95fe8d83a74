//! What the header has to be: the manual's head, the statuses, and what cbindgen makes of src/ffi,
//! put into a form that every C and C++ compiler takes.

use super::root;
use std::fs;
use treenail::Status;

/// No line of the header is longer.
const COLUMNS_MAX: usize = 100;

/// The header, as the source says it.
pub fn generated() -> String {
    let config = cbindgen::Config::from_file(root().join("cbindgen.toml")).expect("it is valid");
    let builder = cbindgen::Builder::new()
        .with_config(config)
        .with_header(preamble())
        .with_after_include(versions() + &statuses());
    let files = sources();
    let builder = files.iter().fold(builder, |b, file| b.with_src(root().join(file)));
    let bindings = builder.generate();
    let mut text = Vec::new();
    bindings.expect("src/ffi can be read by cbindgen").write(&mut text);
    let text = String::from_utf8(text).expect("C is text");
    in_strict_c(&with_short_comments(&without_rust(&without_shadows(&text))))
}

/// The files that the header is made of: those that have the handles and what can be asked of
/// them, then the front door, whose modules cbindgen follows in their order.
fn sources() -> Vec<String> {
    let door = "src/ffi/mod.rs";
    let text = fs::read_to_string(root().join(door)).expect("it is there");
    let modules = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let nouns = modules.flat_map(|name| ["", "/info"].map(|info| format!("src/{name}{info}.rs")));
    nouns.filter(|file| root().join(file).exists()).chain([door.to_owned()]).collect()
}

/// The head of the manual: tests/repo/header/header.txt, with the table of options as the parser has it.
fn preamble() -> String {
    let line = |(name, values, default): &(&str, &str, &str)| {
        format!(" *   {name:<13} {values}; default {default}\n")
    };
    let options: String = treenail::endpoint::OPTIONS.iter().map(line).collect();
    let of_objects: String = treenail::endpoint::names::OBJECT_OPTIONS.iter().map(line).collect();
    let text =
        fs::read_to_string(root().join("tests/repo/header/header.txt")).expect("it is committed");
    text.replace(" *   @OPTIONS@\n", &options).replace(" *   @OBJECT_OPTIONS@\n", &of_objects)
}

/// Macros that say what Cargo.toml says of the library.
fn versions() -> String {
    let text = treenail::version();
    let numbers: Vec<&str> = text.split('.').collect();
    let [major, minor, patch] = numbers[..] else { panic!("{text}") };
    format!(
        "\n/** The version of this header; tn_version() tells that of the library. */\n\
         #define TN_VERSION_MAJOR {major}\n\
         #define TN_VERSION_MINOR {minor}\n\
         #define TN_VERSION_PATCH {patch}\n\
         #define TN_VERSION_TEXT \"{text}\"\n\
         #define TN_VERSION \\\n    \
         (TN_VERSION_MAJOR * 65536u + TN_VERSION_MINOR * 256u + TN_VERSION_PATCH)\n"
    )
}

/// The statuses, which the library has in one list. C has no way to give an enumeration its size
/// that all compilers know, so there tn_status is the number.
fn statuses() -> String {
    let constant = |(status, name, lines): &(Status, &std::ffi::CStr, &[&str])| {
        let name = name.to_str().expect("names are text");
        let number = *status as i32;
        format!("{}    {name} = {number}", comment("    ", lines))
    };
    let constants: Vec<_> = Status::ALL.iter().map(constant).collect();
    let about = [
        " tn_status is what a call came to: 0 is good, above 0 is good with a notice, below 0 is a",
        " failure. Numbers are never reused.",
    ];
    let about = comment("", &about);
    let constants = constants.join(",\n");
    format!(
        "\n#if defined(__cplusplus) && __cplusplus >= 201103L\n\
         #define TREENAIL_INT32 : int32_t\n\
         #else\n\
         #define TREENAIL_INT32\n\
         #endif\n\n\
         {about}enum tn_status TREENAIL_INT32 {{\n{constants}\n}};\n\
         #ifndef __cplusplus\n\
         /** tn_status holds one of the constants above. */\n\
         typedef int32_t tn_status;\n\
         #endif\n\
         #undef TREENAIL_INT32\n"
    )
}

/// A comment as IDEs show it, of lines that begin with a space each.
fn comment(indent: &str, lines: &[&str]) -> String {
    if let [line] = lines {
        return format!("{indent}/**{line} */\n");
    }
    let line = |line: &&str| format!("{indent} *{line}\n");
    format!("{indent}/**\n{}{indent} */\n", lines.iter().map(line).collect::<String>())
}

/// A structure that has the name of a function has no other name than `struct NAME`, as stat(2) has.
/// gcc would warn of that in C++ if it was told to warn of shadows.
fn without_shadows(text: &str) -> String {
    const NAME: &str = "tn_listener_stats";
    let text = text.replace(&format!("typedef struct {NAME} {{"), &format!("struct {NAME} {{"));
    let text = text.replace(&format!("}} {NAME};"), "};");
    let start = text.find(&format!("\ntn_status {NAME}(")).expect("there is the function") + 1;
    let end = start + text[start..].find(";\n").expect("it ends") + 2;
    let pragma = |what| {
        format!(
            "#if defined(__cplusplus) && defined(__GNUC__)\n#pragma GCC diagnostic {what}\n#endif\n"
        )
    };
    let quiet = pragma("push\n#pragma GCC diagnostic ignored \"-Wshadow\"");
    format!("{}{quiet}{}{}{}", &text[..start], &text[start..end], pragma("pop"), &text[end..])
}

/// Leaves out the examples in Rust.
fn without_rust(text: &str) -> String {
    let mut within = false;
    let mut kept = String::new();
    for line in text.lines() {
        let fence = line == " * ```";
        within ^= fence;
        if !fence && !within {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept.replace(" *\n */", " */").replace("\n\n\n", "\n\n")
}

/// Comments of one line stand in one line.
fn with_short_comments(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let (mut kept, mut at) = (String::new(), 0);
    while at < lines.len() {
        let line = lines[at];
        let only = |next: &&str| {
            let words = next.trim_start().strip_prefix("* ")?;
            let short = format!("{line} {words} */\n");
            (short.len() <= COLUMNS_MAX + 1).then_some(short)
        };
        let is_short = line.trim_start() == "/**"
            && lines.get(at + 2).is_some_and(|after| after.trim_start() == "*/");
        match lines.get(at + 1).and_then(only).filter(|_| is_short) {
            Some(short) => {
                kept.push_str(&short);
                at += 3;
            }
            None => {
                kept.push_str(line);
                kept.push('\n');
                at += 1;
            }
        }
    }
    kept
}

/// What cbindgen writes that C89 doesn't know, in other words; and negative numbers in brackets.
fn in_strict_c(text: &str) -> String {
    let mut kept = String::new();
    for line in text.replace("}  // extern \"C\"", "}").lines() {
        let line = match (line.strip_prefix("#endif"), line.strip_prefix("#define ")) {
            (Some(rest), _) => match rest.trim_matches([' ', '/', '*']) {
                "" => "#endif".to_owned(),
                ended => format!("#endif /* {ended} */"),
            },
            (_, Some(rest)) => match rest.split_once(" -") {
                Some((name, number)) => format!("#define {name} (-{number})"),
                None => line.to_owned(),
            },
            _ => line.to_owned(),
        };
        kept.push_str(&line);
        kept.push('\n');
    }
    kept
}
