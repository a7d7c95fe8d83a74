//! What this user has on this machine, and how what no live process holds is removed.

use crate::endpoint::pattern::{NamedKind, Pattern};
use crate::error::{Error, Result};
use crate::object::found;
use crate::transport::meet::sockets;
use std::fmt::Write;
use std::sync::Arc;

/// Lists what this user has on this machine: listeners, segments, semaphores, and locks of other
/// programs' objects. Each line is one JSON object; the lines are sorted.
///
/// A pattern is `kind:name`, with `*` for any letters; None means all. Listing takes no lock, and
/// disturbs nobody.
///
/// ```
/// let segment = treenail::Segment::create("doc-list", 100)?;
/// let line = treenail::list(Some("segment:doc-list"))?;
/// assert!(line.contains(r#""holders":1,"bytes":100"#), "{line}");
/// # Ok::<(), treenail::Error>(())
/// ```
pub fn list(pattern: Option<&str>) -> Result<String> {
    let listed = Pattern::parse(pattern).and_then(|pattern| lines(&pattern));
    listed.map_err(|error| with_context(error, "list", pattern))
}

/// Removes objects that no live process holds and that aren't `persist=1`, and socket files at
/// which nobody listens. Returns how many. A pattern is as for [`list`].
pub fn sweep(pattern: Option<&str>) -> Result<usize> {
    let swept = Pattern::parse(pattern).and_then(|pattern| {
        let (mut count, mut beside) = (0, Vec::new());
        found::each(&pattern, |object| {
            if let Some(prefix) = object.sweep() {
                count += 1;
                beside.push(prefix);
            }
        })?;
        found::sweep_beside(&beside);
        Ok(count + sockets::sweep(&pattern)?)
    });
    swept.map_err(|error| with_context(error, "sweep", pattern))
}

fn with_context(error: Error, verb: &'static str, pattern: Option<&str>) -> Error {
    error.during(verb, &Arc::from(pattern.unwrap_or("all")))
}

fn lines(pattern: &Pattern) -> Result<String> {
    let mut lines = Vec::new();
    sockets::each(pattern, |found| {
        let mut line = Line::new(NamedKind::Listener, &found.name, found.id.owner);
        line.field("alive", found.alive);
        line.field("holders", u32::from(found.alive));
        line.field("bytes", 0);
        line.field("memory", 0);
        line.field("persist", false);
        line.field("mode", json(&format!("{:04o}", found.id.mode)));
        line.field("path", json(&found.path().to_string_lossy()));
        lines.push(line.end());
    })?;
    found::each(pattern, |found| {
        let (holders, facts) = (found.holders(), found.facts());
        let mut line = Line::new(found.kind, &found.name, facts.owner);
        line.field("alive", holders.count() > 0);
        line.field("holders", holders.count());
        line.field("bytes", found.bytes);
        line.field("memory", facts.memory);
        line.field("persist", found.persists);
        line.field("mode", json(&format!("{:04o}", facts.mode)));
        line.field("path", json(&found.path()));
        let (word, count) = found.count();
        line.field(word, count);
        line.field("pids", format_args!("{:?}", found.pids(&holders)));
        lines.push(line.end());
    })?;
    lines.sort_unstable();
    Ok(lines.concat())
}

/// A JSON object on one line.
struct Line(String);

impl Line {
    fn new(kind: NamedKind, name: &str, owner: u32) -> Line {
        let (kind, name) = (json(kind.word()), json(name));
        Line(format!(r#"{{"kind":{kind},"name":{name},"owner":{owner}"#))
    }

    fn field(&mut self, key: &str, value: impl std::fmt::Display) {
        let _ = write!(self.0, r#","{key}":{value}"#);
    }

    fn end(self) -> String {
        self.0 + "}\n"
    }
}

/// A text as JSON has it.
fn json(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            _ if letter.is_control() => drop(write!(quoted, "\\u{:04x}", u32::from(letter))),
            _ => quoted.push(letter),
        }
    }
    quoted + "\""
}
