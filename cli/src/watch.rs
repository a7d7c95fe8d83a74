//! `--watch`: shows something again whenever it changes.

use crate::args::Watch;
use crate::failure::{Failure, print};
use rustix::termios::tcgetwinsize;
use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::thread::sleep;

/// Takes the rest of a line away.
const REST_OF_LINE: &str = "\x1b[K";
/// Takes away all that is below.
const ALL_BELOW: &str = "\x1b[J";

/// Shows a text once, or again whenever it changes. A terminal shows the newest in place of the
/// last; elsewhere the texts come one after another, with `between` in between.
pub fn show(
    watch: &Watch,
    between: &str,
    mut look: impl FnMut() -> Result<String, Failure>,
) -> Result<(), Failure> {
    let mut text = look()?;
    let Some(period) = watch.watch else {
        return print(&text);
    };
    let is_terminal = io::stdout().is_terminal();
    let mut lines = 0;
    loop {
        match is_terminal {
            true => lines = redraw(&text, lines)?,
            false => print(&text)?,
        }
        let last = text;
        text = loop {
            sleep(period);
            let next = look()?;
            // A terminal may have got another size.
            if next != last || is_terminal {
                break next;
            }
        };
        if !is_terminal {
            print(between)?;
        }
    }
}

/// Writes a text over the last one, which had some lines: how many this has. It is written in one
/// go, and nothing is cleared that is written again: so it doesn't flicker.
fn redraw(text: &str, lines_before: usize) -> Result<usize, Failure> {
    let (rows, columns) = match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_row > 1 => (usize::from(size.ws_row) - 1, usize::from(size.ws_col)),
        _ => (23, 80),
    };
    let mut frame = String::new();
    if lines_before > 0 {
        let _ = write!(frame, "\x1b[{lines_before}A\r");
    }
    let mut lines = 0;
    for line in text.lines().take(rows) {
        frame.extend(line.chars().take(columns));
        let _ = writeln!(frame, "{REST_OF_LINE}");
        lines += 1;
    }
    frame.push_str(ALL_BELOW);
    print(&frame)?;
    Ok(lines)
}
