//! Times as a user writes them: `2`, `0.5`, `500ms`, `2s`, `3m`, `1h`.

use std::time::Duration;

/// Units, the longest endings first.
const UNITS: [(&str, f64); 5] =
    [("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];

/// Reads a time; a number alone is seconds.
pub fn parse(text: &str) -> Result<Duration, String> {
    let found = UNITS.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)));
    let (number, seconds) = found.unwrap_or((text, &1.0));
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: Option<f64> = number.parse().ok().filter(|_| is_plain);
    let time = number.and_then(|number| Duration::try_from_secs_f64(number * seconds).ok());
    time.ok_or_else(|| "a time is seconds, or has a unit: 2, 0.5, 500ms, 3m, 1h".to_owned())
}

/// A short time with a unit that fits.
pub fn show(time: Duration) -> String {
    match time.as_nanos() {
        nanos @ 0..1_000 => format!("{nanos} ns"),
        nanos @ 1_000..1_000_000 => format!("{:.2} µs", nanos as f64 / 1e3),
        nanos @ 1_000_000..1_000_000_000 => format!("{:.2} ms", nanos as f64 / 1e6),
        nanos => format!("{:.2} s", nanos as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_or_is_seconds() {
        for (text, ms) in [("2", 2000), ("0.5", 500), ("250ms", 250), ("1m", 60_000), (".5s", 500)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "-1", "soon", "1d", "1e9", "ms", "inf"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_short_time_is_shown_with_a_unit_that_fits() {
        for (nanos, text) in [(999, "999 ns"), (1_500, "1.50 µs"), (2_000_000, "2.00 ms")] {
            assert_eq!(show(Duration::from_nanos(nanos)), text);
        }
    }
}
