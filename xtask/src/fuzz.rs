//! Runs every fuzz target of fuzz/ for a while, under AddressSanitizer.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::install::{self, Tool};
use crate::shell;

const SECONDS: u64 = 30;

pub fn run(args: &[String]) -> Result<(), String> {
    install::ensure(&[Tool::Cpp, Tool::CargoFuzz])?;
    let seconds = shell::option(args, "--seconds")?.unwrap_or(SECONDS);
    let seed = shell::option(args, "--seed")?.unwrap_or_else(new_seed);
    let targets = targets(args)?;
    let host = shell::host()?;
    for target in targets {
        println!("fuzz target {target}: {seconds} s with seed {seed}");
        shell::run(&format!(
            "RUSTC_BOOTSTRAP=1 cargo fuzz run --target {host} {target} -- \
             -max_total_time={seconds} -seed={seed} -rss_limit_mb=2048 -print_final_stats=1"
        ))?;
    }
    Ok(())
}

/// The targets that are named, else all there are.
fn targets(args: &[String]) -> Result<Vec<String>, String> {
    let mut named = Vec::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if arg.starts_with("--") {
            rest.next();
        } else {
            named.push(arg.clone());
        }
    }
    if !named.is_empty() {
        return Ok(named);
    }
    let all: Vec<String> =
        shell::capture("cargo fuzz list")?.split_whitespace().map(str::to_owned).collect();
    if all.is_empty() { Err("fuzz/ has no targets".to_owned()) } else { Ok(all) }
}

/// A seed that is new each time, and small enough for libFuzzer, which takes 32 bits.
pub fn new_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (now.as_nanos() as u64 ^ u64::from(std::process::id()) << 16) % (1 << 31) + 1
}
