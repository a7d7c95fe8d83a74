//! The log that `TREENAIL_LOG=stderr|FILE[,warn|info]` asks for: a line for each connection,
//! refusal, fallback and loss. While it is off it costs one relaxed load each time.
//!
//! It takes no lock, and keeps no descriptor open: so a fork may fall anywhere, and lines of many
//! processes may go to one file.

use crate::os::log_output::{to_file, to_standard_error};
use crate::os::process;
use once_cell::race::OnceBox;
use std::ffi::OsStr;
use std::fmt::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, SystemTime};

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Level {
    /// Somebody may have to do something: refusals, fallbacks, losses.
    Warn = 2,
    /// What goes on.
    Info = 3,
}

/// The level up to which lines are written, or one of these.
static LEVEL: AtomicU8 = AtomicU8::new(UNREAD);
const UNREAD: u8 = 0;
const OFF: u8 = 1;

/// The longest line, in bytes: so much goes into a pipe as a whole.
const LINE_SIZE_MAX: usize = 4096;

enum Output {
    StandardError,
    File(PathBuf),
}

struct Setting {
    level: u8,
    output: Output,
}

/// What the environment asked for when it was first read.
static SETTING: OnceBox<Setting> = OnceBox::new();

/// Whether lines of this level may be asked for.
#[inline]
pub fn is_on(level: Level) -> bool {
    let asked = LEVEL.load(Ordering::Relaxed);
    asked == UNREAD || asked >= level as u8
}

/// Writes a line, which `say` puts together, if lines of this level are asked for.
#[inline]
pub fn note(level: Level, say: impl FnOnce(&mut String) -> fmt::Result) {
    if is_on(level) {
        write_line(level, say);
    }
}

#[cold]
fn write_line(level: Level, say: impl FnOnce(&mut String) -> fmt::Result) {
    let setting =
        SETTING.get_or_init(|| Box::new(read(process::variable("TREENAIL_LOG").as_deref())));
    LEVEL.store(setting.level, Ordering::Relaxed);
    if setting.level < level as u8 {
        return;
    }
    let mut text = String::new();
    if say(&mut text).is_err() {
        return;
    }
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let line = line(since_1970, std::process::id(), level, &text);
    match &setting.output {
        Output::StandardError => to_standard_error(line.as_bytes()),
        Output::File(path) => to_file(path, line.as_bytes()),
    }
}

/// Reads the variable's value. A level that there isn't stands for all lines.
fn read(value: Option<&OsStr>) -> Setting {
    let Some(value) = value else {
        return Setting { level: OFF, output: Output::StandardError };
    };
    let bytes = value.as_bytes();
    let (target, level) = match bytes.iter().rposition(|byte| *byte == b',') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &b""[..]),
    };
    let level = if level == b"warn" { Level::Warn } else { Level::Info };
    let output = match target {
        b"stderr" => Output::StandardError,
        // The program may go to another directory.
        path => Output::File(
            std::path::absolute(Path::new(OsStr::from_bytes(path))).unwrap_or_default(),
        ),
    };
    Setting { level: level as u8, output }
}

/// A line: when, which process, how much it matters, and what happened.
fn line(since_1970: Duration, process: u32, level: Level, text: &str) -> String {
    let (year, month, day) = date(since_1970.as_secs() / 86_400);
    let (second, micros) = (since_1970.as_secs() % 86_400, since_1970.subsec_micros());
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let word = match level {
        Level::Warn => "warn",
        Level::Info => "info",
    };
    let mut line = String::new();
    let _ = write!(
        line,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z \
         treenail[{process}] {word} "
    );
    line.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c }));
    line.truncate(line.floor_char_boundary(LINE_SIZE_MAX - 1));
    line.push('\n');
    line
}

/// Year, month and day, so many days after 1970-01-01: each era of 400 years has 146,097 days, and
/// years begin in March here, so that the leap day is the last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_date_process_level_and_text() {
        let at = |seconds| Duration::from_secs(seconds) + Duration::from_micros(1_234);
        let cases = [
            (0, "1970-01-01T00:00:00.001234Z"),
            (951_782_399, "2000-02-28T23:59:59.001234Z"),
            (951_868_799, "2000-02-29T23:59:59.001234Z"),
            (951_868_800, "2000-03-01T00:00:00.001234Z"),
            (1_704_067_199, "2023-12-31T23:59:59.001234Z"),
            (4_107_542_400, "2100-03-01T00:00:00.001234Z"),
        ];
        for (seconds, date) in cases {
            let expected = format!("{date} treenail[7] warn a b\n");
            assert_eq!(line(at(seconds), 7, Level::Warn, "a\nb"), expected);
        }
    }

    #[test]
    fn a_long_line_is_cut_and_stays_a_line() {
        let line = line(Duration::ZERO, 7, Level::Info, &"\u{e9}".repeat(LINE_SIZE_MAX));
        assert!((LINE_SIZE_MAX - 1..=LINE_SIZE_MAX).contains(&line.len()), "{}", line.len());
        assert!(line.ends_with("\u{e9}\n"));
    }

    #[test]
    fn the_variable_names_the_place_and_the_level() {
        let setting = |value: &str| read(Some(OsStr::new(value)));
        assert_eq!(read(None).level, OFF);
        let levels = ["stderr", "stderr,info", "stderr,warn", "stderr,all", "/tmp/a,b,warn"];
        let levels = levels.map(|value| setting(value).level);
        assert_eq!(levels, [3, 3, 2, 3, 2]);
        let path = |value| match setting(value).output {
            Output::File(path) => path,
            Output::StandardError => PathBuf::new(),
        };
        assert_eq!(path("/tmp/a,b,warn"), Path::new("/tmp/a,b"));
        assert_eq!(path("stderr,warn"), Path::new(""));
        assert!(path("here.log").is_absolute());
    }
}
