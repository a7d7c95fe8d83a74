//! The values of options, read from text. None if the text is no such value.

use std::time::Duration;

/// How long a waiting call spins before it sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spin {
    /// As long as spinning has paid off lately.
    Auto,
    /// Until the timeout: the call never sleeps.
    Forever,
    /// This long, each time.
    For(Duration),
}

/// Whether received views lie in the ring or are copied out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Views {
    /// In the ring, where the peer could still change them.
    Direct,
    /// Copied to the heap first.
    Copy,
}

/// Whether a channel moves into rings in shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rings {
    /// If both sides can.
    Auto,
    /// It must: it doesn't fall back to the socket.
    Required,
    /// It stays on its socket.
    Never,
}

pub fn size(text: &str, min: u64, max: u64) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit: u64 = match &text[digits.len()..] {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    let count: u64 = whole(digits)?;
    count.checked_mul(unit).filter(|size| (min..=max).contains(size))
}

pub fn number(text: &str, min: u32, max: u32) -> Option<u32> {
    whole(text)
        .filter(|number| (u64::from(min)..=u64::from(max)).contains(number))
        .map(|n| n as u32)
}

/// Reads a number that consists of digits only, without sign or space.
pub fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

pub fn octal(text: &str) -> Option<u32> {
    let digits = (3..=4).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    let mode = digits.then(|| u32::from_str_radix(text, 8).ok()).flatten();
    mode.filter(|mode| *mode <= 0o777)
}

pub fn flag(text: &str) -> Option<bool> {
    match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

pub fn views(text: &str) -> Option<Views> {
    match text {
        "copy" => Some(Views::Copy),
        "direct" => Some(Views::Direct),
        _ => None,
    }
}

pub fn rings(text: &str) -> Option<Rings> {
    match text {
        "auto" => Some(Rings::Auto),
        "required" => Some(Rings::Required),
        "off" => Some(Rings::Never),
        _ => None,
    }
}

pub fn spin(text: &str) -> Option<Spin> {
    match text {
        "auto" => Some(Spin::Auto),
        "forever" => Some(Spin::Forever),
        _ => number(text, 0, 1_000_000).map(|us| Spin::For(Duration::from_micros(us.into()))),
    }
}
