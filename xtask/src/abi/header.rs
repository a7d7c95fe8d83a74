//! What include/treenail.h declares.

use crate::shell;

/// The header's text.
pub fn read() -> Result<String, String> {
    let path = shell::root().join("include/treenail.h");
    std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The prototypes of its functions, each in one line without the semicolon.
pub fn prototypes(header: &str) -> Vec<String> {
    let text = without_comments(header);
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(first) = lines.next() {
        let Some((before, _)) = first.split_once('(') else { continue };
        let is_function = before.rsplit([' ', '*']).next().is_some_and(|n| n.starts_with("tn_"));
        if !is_function || first.starts_with(['#', ' ']) {
            continue;
        }
        let mut prototype = first.trim().to_owned();
        while !prototype.ends_with(';') {
            let Some(more) = lines.next() else { break };
            prototype = format!("{prototype} {}", more.trim());
        }
        found.push(prototype.trim_end_matches(';').to_owned());
    }
    found
}

/// The names of its functions, sorted.
pub fn functions(header: &str) -> Vec<String> {
    let mut names: Vec<String> = prototypes(header).iter().map(|p| name(p).to_owned()).collect();
    names.sort();
    names
}

fn name(prototype: &str) -> &str {
    let before = prototype.split('(').next().unwrap_or_default();
    before.rsplit([' ', '*']).next().unwrap_or_default()
}

/// The names of its macros that are numbers.
pub fn numbers(header: &str) -> Vec<String> {
    let text = without_comments(header);
    let macros = text.lines().filter_map(|line| line.strip_prefix("#define TN_"));
    let macros = macros.filter_map(|rest| rest.split_once(' '));
    let numbers = macros.filter(|(name, value)| is_number(value) && !name.starts_with("VERSION"));
    numbers.map(|(name, _)| format!("TN_{name}")).collect()
}

fn is_number(value: &str) -> bool {
    value.trim().trim_matches(['(', ')']).parse::<i64>().is_ok()
}

fn without_comments(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::new();
    while let Some((before, comment)) = rest.split_once("/*") {
        kept.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "\
#define TN_FOREVER (-1)
#define TN_VERSION_MAJOR 0
/* tn_status tn_unreal(void); */
tn_status tn_channel_send(const struct tn_channel *channel,
                          size_t len);
const char *tn_last_error(void);
typedef struct tn_peer { int x; } tn_peer;
";

    #[test]
    fn finds_functions_and_numbers() {
        let expected = [
            "tn_status tn_channel_send(const struct tn_channel *channel, size_t len)",
            "const char *tn_last_error(void)",
        ];
        assert_eq!(prototypes(HEADER), expected);
        assert_eq!(functions(HEADER), ["tn_channel_send", "tn_last_error"]);
        assert_eq!(numbers(HEADER), ["TN_FOREVER"]);
    }

    #[test]
    fn finds_every_function_of_the_header() {
        let header = read().unwrap();
        let calls = header.lines().filter(|line| !line.starts_with([' ', '#', '/', '}']));
        let calls = calls.filter(|line| line.contains(" tn_") || line.contains("*tn_"));
        assert_eq!(functions(&header).len(), calls.filter(|line| line.contains('(')).count());
    }
}
