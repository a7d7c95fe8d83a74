//! `list`: what there is, as a table or as JSON.

use crate::args::List;
use crate::failure::Failure;
use crate::named::{Named, pattern, size};
use crate::watch;
use std::fmt::Write;

pub fn run(args: &List) -> Result<(), Failure> {
    let pattern = pattern(args.pattern.as_deref());
    let pattern = pattern.as_deref();
    if args.json {
        return watch::show(&args.watch, "", || {
            let lines = treenail::list(pattern)?;
            Ok(if args.watch.watch.is_some() { array(&lines) } else { lines })
        });
    }
    watch::show(&args.watch, "\n", || Ok(table(&Named::all(pattern)?)))
}

/// One line of JSON out of several.
pub fn array(lines: &str) -> String {
    format!("[{}]\n", lines.trim_end().replace('\n', ","))
}

/// A line each, below a line of headings.
fn table(all: &[Named]) -> String {
    let headings = ["KIND", "NAME", "STATE", "HOLDERS", "SIZE", "MODE", ""];
    let mut rows = vec![headings.map(str::to_owned)];
    rows.extend(all.iter().map(row));
    let widths: [usize; 7] = std::array::from_fn(|column| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
    });
    let mut text = String::new();
    for row in rows {
        let [kind, name, state, holders, size, mode, more] = &row;
        let [w0, w1, w2, w3, w4, w5, _] = widths;
        let line = format!(
            "{kind:w0$}  {name:w1$}  {state:w2$}  {holders:>w3$}  {size:>w4$}  {mode:w5$}  {more}"
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn row(named: &Named) -> [String; 7] {
    let is_listener = named.kind == "listener";
    let hide = |text: String| if is_listener { "-".to_owned() } else { text };
    let mut more = Vec::new();
    more.extend(named.version.map(|version| format!("version {version}")));
    more.extend(named.units.map(|units| format!("{units} free")));
    if !named.pids.is_empty() {
        let pids: Vec<String> = named.pids.iter().map(u32::to_string).collect();
        more.push(format!("pids {}", pids.join(" ")));
    }
    [
        named.kind.clone(),
        named.name.clone(),
        named.state().to_owned(),
        hide(named.holders.to_string()),
        hide(size(named.bytes)),
        named.mode.clone(),
        more.join(", "),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_one_array() {
        assert_eq!(array(""), "[]\n");
        assert_eq!(array("{\"a\":1}\n{\"a\":2}\n"), "[{\"a\":1},{\"a\":2}]\n");
    }
}
