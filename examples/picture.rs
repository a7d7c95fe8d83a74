//! One program puts a PNG picture into shared memory, another gets it and puts one back.
//!
//! ```sh
//! cargo run --example picture answer album mine.png theirs.png
//! cargo run --example picture ask album question.png answer.png
//! ```
//!
//! Either may start first. Each waits for the other's picture without polling, and neither has to
//! close the segment for the other. The programs of the same name in other languages take the same
//! arguments and exchange pictures.

use std::fs;
use std::process::ExitCode;

use treenail::{FOREVER, Segment, Status};

const QUESTION: u64 = 1;
const ANSWER: u64 = 2;
/// Before the picture: which one is there, and its size in bytes.
const HEADER: usize = 16;
const PNG_MAX: usize = 4 << 20;
/// Signature, the first chunk's length and name, width and height.
const PNG_START: usize = 24;

type Result<T> = std::result::Result<T, String>;

/// The width and height of a picture, if it is one.
fn size_of_png(png: &[u8]) -> Option<(u32, u32)> {
    let number_at = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().expect("4 bytes"));
    let is_png = (PNG_START..=PNG_MAX).contains(&png.len())
        && png.starts_with(b"\x89PNG\r\n\x1a\n")
        && &png[12..16] == b"IHDR";
    is_png.then(|| (number_at(16), number_at(20)))
}

fn tell(verb: &str, png: &[u8], (width, height): (u32, u32)) {
    println!("{verb} {} bytes, {width} x {height} pixels", png.len());
}

/// Puts a file in. One call locks, copies, announces the change, and unlocks.
fn put(segment: &Segment, which: u64, path: &str) -> Result<()> {
    let png = fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    let size = size_of_png(&png).ok_or_else(|| format!("{path} is no PNG, or over 4 MiB"))?;
    let header = [which.to_ne_bytes(), (png.len() as u64).to_ne_bytes()].concat();
    segment.write(0, &[&header[..], &png].concat(), FOREVER).map_err(said)?;
    tell("put", &png, size);
    Ok(())
}

/// Waits until there is the picture that is wanted, and saves it.
fn get(segment: &Segment, which: u64, path: &str) -> Result<()> {
    let mut page = vec![0; HEADER + PNG_MAX];
    let mut version = segment.version(); // before it is read: no change is missed
    let png = loop {
        if segment.read(0, &mut page, FOREVER).map_err(said)? == Status::OwnerDied {
            return Err("the other program died while it wrote".to_owned());
        }
        let (header, png) = page.split_at(HEADER);
        if header[..8] == which.to_ne_bytes() {
            let len = u64::from_ne_bytes(header[8..].try_into().expect("8 bytes"));
            break png.get(..len as usize).unwrap_or_default();
        }
        version = segment.wait(version, FOREVER).map_err(said)?;
    };
    tell("got", png, size_of_png(png).ok_or("what came is no PNG")?);
    fs::write(path, png).map_err(|error| format!("{path}: {error}"))
}

fn said(error: treenail::Error) -> String {
    error.to_string()
}

fn exchange(asks: bool, name: &str, mine: &str, theirs: &str) -> Result<()> {
    let segment = Segment::open_or_create(name, HEADER + PNG_MAX).map_err(said)?;
    if asks {
        put(&segment, QUESTION, mine)?;
        get(&segment, ANSWER, theirs)
    } else {
        get(&segment, QUESTION, theirs)?;
        put(&segment, ANSWER, mine)
    }
} // the last of the two that goes takes the segment along

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["ask", name, mine, theirs] => exchange(true, name, mine, theirs),
        ["answer", name, mine, theirs] => exchange(false, name, mine, theirs),
        _ => {
            eprintln!("usage: picture ask NAME MINE.png THEIRS.png");
            eprintln!("       picture answer NAME MINE.png THEIRS.png");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("picture: {why}");
            ExitCode::FAILURE
        }
    }
}
