//! `counter` of every language with that of every other: the sum is right whoever is killed.

use crate::languages::Language;
use crate::process::Process;

/// What an adder adds that may end in peace.
const TIMES: u64 = 2000;
/// What nobody lives to add.
const FOR_EVER: u64 = 1 << 40;

/// What `show` prints.
#[derive(Debug)]
struct Counter {
    total: u64,
    repaired: u64,
    shares: Vec<u64>,
}

impl Counter {
    /// Of `total 42, repaired 1; shares: 10 20 12`.
    fn parse(line: &str) -> Option<Counter> {
        let (head, shares) = line.strip_prefix("total ")?.split_once("; shares:")?;
        let (total, repaired) = head.split_once(", repaired ")?;
        let shares = shares.split_whitespace().map(|share| share.parse().ok());
        Some(Counter {
            total: total.parse().ok()?,
            repaired: repaired.parse().ok()?,
            shares: shares.collect::<Option<_>>()?,
        })
    }
}

/// One shows what programs of all languages add: of each language one crashes in the middle of an
/// addition, one is killed at any moment, one adds all it was to add.
pub fn run(show: &Language, languages: &[Language], directory: &str) -> Result<(), String> {
    let name = format!("counter-{}", std::process::id());
    let mut showing = show.start("counter", &format!("show {name}"), directory)?;
    showing.expect("total 0, repaired 0; shares:")?;
    let crashed = languages.iter().zip(0..).map(|(language, share)| {
        let mut crashing = language.start("counter", &format!("crash {name}"), directory)?;
        crashing.expect(&format!("share {share}"))?;
        match crashing.end()? {
            (status, _) if status.success() => Err(format!("{} did not crash", language.name)),
            _ => Ok(1),
        }
    });
    let mut wanted: Vec<Option<u64>> = crashed.map(|it| it.map(Some)).collect::<Result<_, _>>()?;
    let mut start = |language: &Language, times: u64, kept: Option<u64>| {
        let mut adding = language.start("counter", &format!("add {name} {times}"), directory)?;
        adding.expect(&format!("share {}", wanted.len()))?;
        wanted.push(kept);
        Ok::<Process, String>(adding)
    };
    let mut pairs = Vec::new();
    for language in languages {
        let victim = start(language, FOR_EVER, None)?;
        pairs.push((victim, start(language, TIMES, Some(TIMES))?));
    }
    for (victim, mut adding) in pairs {
        adding.expect(&format!("added {TIMES}"))?;
        adding.finish()?;
        drop(victim); // killed, while those that are left add
    }
    showing.write_line("")?;
    let lines = showing.finish()?;
    let found = lines.last().and_then(|line| Counter::parse(line));
    let found = found.ok_or_else(|| format!("{} shows {lines:?}", show.name))?;
    check(&found, &wanted, languages.len() as u64)
        .map_err(|what| format!("counter: {} shows {what}: {found:?}", show.name))?;
    println!("counter: {} shows what {} programs add", show.name, wanted.len());
    Ok(())
}

/// Each share has what its adder added, as far as that is known, and the total is their sum.
fn check(found: &Counter, wanted: &[Option<u64>], crashes: u64) -> Result<(), &'static str> {
    let kept = |(share, wanted): (&u64, &Option<u64>)| wanted.is_none_or(|it| it == *share);
    if found.shares.len() != wanted.len() || !found.shares.iter().zip(wanted).all(kept) {
        return Err("wrong shares");
    }
    if found.total != found.shares.iter().sum::<u64>() {
        return Err("a wrong total");
    }
    // One that is killed at any moment may have had the lock, or not.
    if !(crashes..=2 * crashes).contains(&found.repaired) {
        return Err("a wrong number of repairs");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(line: &str) -> Result<(), &'static str> {
        check(&Counter::parse(line).ok_or("no counter")?, &[Some(1), None], 1)
    }

    #[test]
    fn what_is_wrong_is_seen() {
        assert_eq!(checked("total 5, repaired 2; shares: 1 4"), Ok(()));
        assert_eq!(checked("total 5, repaired 1; shares: 2 3"), Err("wrong shares"));
        assert_eq!(checked("total 1, repaired 1; shares: 1"), Err("wrong shares"));
        assert_eq!(checked("total 4, repaired 1; shares: 1 4"), Err("a wrong total"));
        assert_eq!(checked("total 5, repaired 0; shares: 1 4"), Err("a wrong number of repairs"));
        assert_eq!(checked("total 5, repaired; shares: 1 4"), Err("no counter"));
    }
}
