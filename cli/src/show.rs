//! How messages are written to standard output.

use crate::args::Shown;
use crate::failure::Failure;
use serde_json::json;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use treenail::View;

/// The form in which messages are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Their bytes alone.
    Raw,
    /// Their bytes, and a newline each.
    Lines,
    /// A line of text each, in which control characters can't reach the terminal.
    Text,
    /// A line of hexadecimal digits each.
    Hex,
    /// A JSON object each.
    Json,
}

impl Form {
    /// The form that was asked for; otherwise bytes, or text for a terminal.
    pub fn of(shown: &Shown) -> Form {
        match (shown.lines, shown.hex, shown.json) {
            (true, ..) if !io::stdout().is_terminal() => Form::Lines,
            (_, true, _) => Form::Hex,
            (.., true) => Form::Json,
            _ if io::stdout().is_terminal() => Form::Text,
            _ => Form::Raw,
        }
    }

    /// Lines for people, or for a program that reads lines.
    pub fn of_lines() -> Form {
        if io::stdout().is_terminal() { Form::Text } else { Form::Lines }
    }

    /// Writes one message.
    pub fn write(self, view: &View<'_>) -> Result<(), Failure> {
        let mut output = io::stdout().lock();
        let written = match self {
            Form::Raw => write_in_place(&output, view),
            _ => output.write_all(&self.line(view)).and_then(|()| output.flush()),
        };
        written.map_err(|error| Failure::of_output(&error))
    }

    fn line(self, view: &View<'_>) -> Vec<u8> {
        let bytes = view.to_vec();
        let mut line = match self {
            Form::Raw | Form::Lines => bytes,
            Form::Text => text(&bytes).into_bytes(),
            Form::Hex => hex(&bytes).into_bytes(),
            Form::Json => json_of(view.info().tag, &bytes).into_bytes(),
        };
        line.push(b'\n');
        line
    }
}

/// Standard output holds nothing back here, as nothing but this and whole lines is written to it.
fn write_in_place(output: &impl AsFd, view: &View<'_>) -> io::Result<()> {
    let mut done = 0;
    while done < view.len() {
        match view.write_to(done, output) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait_for_room(output)?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whoever shares this output may have made it non-blocking.
fn wait_for_room(output: &impl AsFd) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    poll(&mut [PollFd::new(output, PollFlags::OUT)], None)?;
    Ok(())
}

/// Text for a terminal. One newline at its end is that of the line.
fn text(bytes: &[u8]) -> String {
    let mut shown = String::new();
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\n' | '\t' => shown.push(letter),
                _ if letter.is_control() => {
                    let _ = write!(shown, "\\x{:02x}", u32::from(letter));
                }
                _ => shown.push(letter),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// Hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// The bytes that hexadecimal digits stand for; blanks and colons between them mean nothing.
pub fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !b" \t\r\n:".contains(byte)).collect();
    let bytes = digits.chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
        let is_plain = pair.bytes().all(|byte| byte.is_ascii_hexdigit());
        u8::from_str_radix(pair, 16).ok().filter(|_| is_plain)
    });
    let bytes: Option<Vec<u8>> = bytes.collect();
    bytes.ok_or_else(|| format!("{text:?} is not hexadecimal: two of 0-9 a-f for each byte"))
}

fn json_of(tag: u32, bytes: &[u8]) -> String {
    let object = match std::str::from_utf8(bytes) {
        Ok(text) => json!({"len": bytes.len(), "tag": tag, "text": text}),
        Err(_) => json!({"len": bytes.len(), "tag": tag, "hex": hex(bytes)}),
    };
    object.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(text(b"a\tb\nc\n"), "a\tb\nc");
        assert_eq!(text(b"\x1b[31mred\x07"), "\\x1b[31mred\\x07");
        assert_eq!(text(b"\xff\xc3\xa9"), "\\xff\u{e9}");
    }

    #[test]
    fn hexadecimal_digits_come_back() {
        assert_eq!(from_hex(&hex(b"\x00\xffa")), Ok(b"\x00\xffa".to_vec()));
        assert_eq!(from_hex("de:AD be\tef"), Ok(vec![0xde, 0xad, 0xbe, 0xef]));
        assert!(from_hex("abc").is_err() && from_hex("+1").is_err() && from_hex("é").is_err());
    }

    #[test]
    fn a_message_that_is_no_text_is_hexadecimal_in_json() {
        assert_eq!(json_of(7, b"a\n"), r#"{"len":2,"tag":7,"text":"a\n"}"#);
        assert_eq!(json_of(0, b"\xff"), r#"{"hex":"ff","len":1,"tag":0}"#);
    }
}
