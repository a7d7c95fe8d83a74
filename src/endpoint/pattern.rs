//! Patterns of names: `kind:name`, with `*` for any characters.

use super::printable;
use crate::error::{Error, Result};

/// The kinds of things that have names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NamedKind {
    /// A socket file that has a listener, or had one.
    Listener,
    /// The lock of another program's object.
    Native,
    Segment,
    Semaphore,
}

/// All kinds with their words.
const KINDS: [(NamedKind, &str); 4] = [
    (NamedKind::Listener, "listener"),
    (NamedKind::Native, "native"),
    (NamedKind::Segment, "segment"),
    (NamedKind::Semaphore, "semaphore"),
];

impl NamedKind {
    /// The word for the kind in a pattern.
    pub fn word(self) -> &'static str {
        KINDS[self as usize].1
    }
}

/// A pattern: the names that a user means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    kind: String,
    name: String,
}

impl Pattern {
    /// Reads a pattern. None matches everything.
    pub fn parse(text: Option<&str>) -> Result<Pattern> {
        let text = text.unwrap_or("*:*");
        let words = KINDS.map(|(_, word)| word).join(", ");
        let Some((kind, name)) = text.split_once(':').filter(|(_, name)| !name.is_empty()) else {
            let detail = format!("a pattern is kind:name, with * for any letters; kinds: {words}");
            return Err(Error::invalid(detail));
        };
        if !KINDS.iter().any(|(_, word)| fits(kind, word)) {
            let kind = printable(kind);
            return Err(Error::invalid(format!("no kind is \"{kind}\"; kinds: {words}")));
        }
        Ok(Pattern { kind: kind.to_owned(), name: name.to_owned() })
    }

    /// Whether the pattern may match any name of this kind.
    pub fn has_kind(&self, kind: NamedKind) -> bool {
        fits(&self.kind, kind.word())
    }

    /// Whether the pattern matches this name.
    pub fn fits(&self, kind: NamedKind, name: &str) -> bool {
        self.has_kind(kind) && fits(&self.name, name)
    }

    /// The only name that the pattern matches, if there is just one.
    pub fn only_name(&self) -> Option<&str> {
        (!self.name.contains('*')).then_some(&self.name)
    }
}

/// Whether `text` matches `pattern`.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(start) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else {
            return false;
        };
        text = &text[at + part.len()..];
    }
    text.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_letters() {
        for (pattern, text, meant) in [
            ("*", "", true),
            ("*", "abc", true),
            ("a*", "abc", true),
            ("a*", "ba", false),
            ("*c", "abc", true),
            ("*c", "cb", false),
            ("a*c", "ac", true),
            ("a*a", "a", false),
            ("a*b*c", "aXbXbc", true),
            ("a*b*b", "ab", false),
            ("*b*b*", "abcb", true),
            ("**", "x", true),
            ("abc", "abc", true),
            ("abc", "abcd", false),
        ] {
            assert_eq!(fits(pattern, text), meant, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_has_a_kind_and_a_name() {
        for text in ["", "frames", "segment:", ":a", "segments:*", "topicx*:a"] {
            assert!(Pattern::parse(Some(text)).is_err(), "{text}");
        }
        let pattern = Pattern::parse(Some("s*:a")).expect("it is one");
        assert!(pattern.fits(NamedKind::Segment, "a") && pattern.fits(NamedKind::Semaphore, "a"));
        assert!(!pattern.fits(NamedKind::Listener, "a") && !pattern.fits(NamedKind::Segment, "b"));
        assert_eq!(pattern.only_name(), Some("a"));
        let all = Pattern::parse(None).expect("all");
        assert!(all.fits(NamedKind::Native, "/x") && all.only_name().is_none());
    }
}
