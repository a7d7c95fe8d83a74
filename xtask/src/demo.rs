//! `cargo xtask demo`: the library's main job, in a minute. A listener in one language and clients
//! in the others exchange a file and small messages; hashes say whether all came through.

use crate::content::{random_bytes, sha256};
use crate::languages::{self, C, CPP, Language, PYTHON, RUST_RELEASE, WIRE_NODE, WIRE_PYTHON};
use crate::load;
use crate::process::Scratch;
use crate::shell;
use std::time::Duration;

/// Not a multiple of anything that buffers are multiples of.
const FILE_LEN: usize = (5 << 20) + 123;

const LISTENERS: &[Language] = &[C, CPP, PYTHON, RUST_RELEASE];
const CLIENTS: &[Language] = &[C, CPP, PYTHON, RUST_RELEASE, WIRE_PYTHON, WIRE_NODE];

/// What the columns say.
const LEGEND: &str = "\
Each row is one listener and one client, two processes of the languages named. What was measured:
  64 B trip    a message of 64 bytes goes there and back: half of 2000 took no longer (the median)
  99 % under   all but the slowest 1 % of them took no longer
  64 B msgs    messages of 64 bytes one way, in millions a second
  64 KiB msgs  messages of 64 KiB one way, in MiB a second
  file         what went there and came back has the hash of what was sent
`over` is what carried them: rings in shared memory (shm), or a Unix socket (local). wire.py and
wire.js have no library: they speak the wire format, through the socket alone.
";

/// The builds are over, but what they wrote may still be on its way to the disk, and others may be
/// busy: so long one waits for a quiet machine.
const QUIET_TIME_MAX: Duration = Duration::from_secs(20);

pub fn run() -> Result<(), String> {
    languages::build()?;
    shell::run("cargo build --release --example demo")?;
    let scratch = Scratch::new("demo")?;
    let sent = format!("{}/sent", scratch.0);
    let content = random_bytes(1, FILE_LEN);
    std::fs::write(&sent, content).map_err(|error| format!("{sent}: {error}"))?;
    let hash = sha256(&sent)?;
    println!("\nA file of {FILE_LEN} bytes, there and back; SHA-256 {hash}");
    println!("{LEGEND}");
    let busy = load::wait_until_quiet(QUIET_TIME_MAX);
    println!(
        "{:<9} {:<8} {:<11} {:<6} {:>10} {:>10} {:>12} {:>11}  file",
        "listener",
        "client",
        "endpoint",
        "over",
        "64 B trip",
        "99 % under",
        "64 B msgs",
        "64 KiB msgs"
    );
    for endpoint in ["shm:demo", "local:demo"] {
        for listener in LISTENERS {
            for client in CLIENTS {
                join(listener, client, endpoint, &scratch.0, &hash)?;
            }
        }
    }
    let pairs = 2 * LISTENERS.len() * CLIENTS.len();
    println!("\nAll is well: {pairs} pairs met, no message was missing, every file is the same.");
    if let Some(busy) = busy {
        println!(
            "But other programs used {busy:.0} % of this machine when it began, so that the times \
             are longer than they are on a quiet one."
        );
    }
    Ok(())
}

/// One pair: prints its row once both ends' files have the hash that was sent.
fn join(
    listener: &Language,
    client: &Language,
    endpoint: &str,
    folder: &str,
    hash: &str,
) -> Result<(), String> {
    let (sent, kept) = (format!("{folder}/sent"), format!("{folder}/kept"));
    let back = format!("{folder}/back");
    let mut server = listener.start("demo", &format!("server {endpoint} {kept}"), folder)?;
    server.expect(&format!("listening at {endpoint}"))?;
    let asking = client.start("demo", &format!("client {endpoint} {sent} {back}"), folder)?;
    let report = asking.finish()?.pop().ok_or("the client reported nothing")?;
    server.finish()?;
    for file in [&kept, &back] {
        if sha256(file)? != hash {
            return Err(format!(
                "{} -> {} at {endpoint}: {file} differs",
                client.name, listener.name
            ));
        }
        std::fs::remove_file(file).map_err(|error| format!("{file}: {error}"))?;
    }
    println!("{:<9} {:<8} {:<11} {}", listener.name, client.name, endpoint, row(&report)?);
    Ok(())
}

/// The client's `key=value` line as the table's other columns.
fn row(report: &str) -> Result<String, String> {
    let value = |key: &str| {
        let pair =
            report.split_whitespace().find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
        pair.ok_or_else(|| format!("the client's report lacks {key}: {report}"))
    };
    let number = |key: &str| value(key)?.parse::<f64>().map_err(|error| format!("{key}: {error}"));
    Ok(format!(
        "{:<6} {:>7.2} µs {:>7.2} µs {:>8.3} M/s {:>5.0} MiB/s  same",
        value("transport")?,
        number("median_us")?,
        number("p99_us")?,
        number("messages_per_s")? / 1e6,
        number("mib_per_s")?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_becomes_a_row() {
        let report = "transport=shm median_us=0.5 p99_us=1 messages_per_s=2000000 mib_per_s=9";
        let row = row(report).unwrap();
        assert!(row.starts_with("shm ") && row.contains("2.000 M/s"), "{row}");
    }

    #[test]
    fn a_report_without_a_column_is_refused() {
        assert!(row("transport=shm").unwrap_err().contains("median_us"));
    }
}
