//! What has a name, as the library lists it.

use crate::failure::Failure;
use serde::Deserialize;

/// One line of the library's list.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Named {
    pub kind: String,
    pub name: String,
    pub owner: u32,
    pub alive: bool,
    pub holders: u32,
    pub bytes: u64,
    pub memory: u64,
    pub persist: bool,
    pub mode: String,
    pub path: String,
    pub version: Option<u64>,
    pub units: Option<u64>,
    #[serde(default)]
    pub pids: Vec<u32>,
}

impl Named {
    /// Reads the library's list.
    pub fn read(lines: &str) -> Vec<Named> {
        let read = |line| serde_json::from_str(line).expect("the library writes JSON");
        lines.lines().map(read).collect()
    }

    /// All that a pattern of the library's matches.
    pub fn all(pattern: Option<&str>) -> Result<Vec<Named>, Failure> {
        Ok(Named::read(&treenail::list(pattern)?))
    }

    /// What is the matter with it, in a word or two.
    pub fn state(&self) -> &'static str {
        match (self.alive, self.kind.as_str(), self.persist) {
            (true, "listener", _) => "listening",
            (true, ..) => "in use",
            (false, _, true) => "kept",
            (false, ..) => "left over",
        }
    }

    /// Whether nobody alive has it, so that a sweep removes it.
    pub fn is_left_over(&self) -> bool {
        !self.alive && !self.persist
    }
}

/// A pattern as the library takes it, of one that may leave out the kind.
pub fn pattern(text: Option<&str>) -> Option<String> {
    let text = text?;
    Some(if text.contains(':') { text.to_owned() } else { format!("*:{text}") })
}

/// A pattern as the library takes it, of an endpoint, a KIND:NAME or a NAME.
pub fn pattern_of_name(text: &str) -> String {
    let text = text.split('?').next().unwrap_or(text);
    match text.split_once(':') {
        Some(("shm" | "local", name)) => format!("listener:{name}"),
        Some(_) => text.to_owned(),
        None => format!("*:{text}"),
    }
}

/// Bytes with a unit that fits.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = (0..UNITS.len() - 1).find(|unit| bytes >> (10 * unit) < 1024);
    let unit = unit.unwrap_or(UNITS.len() - 1);
    match unit {
        0 => format!("{bytes} B"),
        _ => format!("{:.1} {}", bytes as f64 / f64::powi(1024.0, unit as i32), UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit_that_fits() {
        for (bytes, text) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (1 << 40, "1.0 TiB")]
        {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn a_name_may_be_an_endpoint_or_have_a_kind_or_neither() {
        assert_eq!(pattern_of_name("shm:a?ring=4KiB"), "listener:a");
        assert_eq!(pattern_of_name("segment:a"), "segment:a");
        assert_eq!(pattern_of_name("a"), "*:a");
        assert_eq!(pattern(None), None);
        assert_eq!(pattern(Some("a*")).as_deref(), Some("*:a*"));
    }
}
