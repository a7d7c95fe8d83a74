//! `cargo xtask demo`: the library's main job, in a minute. A listener in one language and clients
//! in the others exchange a file and small messages; hashes say whether all came through.

use crate::examples;
use crate::install::{self, Tool};
use crate::process::{Process, Scratch, words};
use crate::shell;

/// Not a multiple of anything that buffers are multiples of.
const FILE_LEN: usize = (5 << 20) + 123;

const LISTENERS: [(&str, &str); 2] =
    [("C", "target/examples-c/demo"), ("Rust", "target/release/examples/demo")];
const CLIENTS: [(&str, &str); 4] = [
    ("C", "target/examples-c/demo"),
    ("Rust", "target/release/examples/demo"),
    ("Python", "python3 examples/wire/demo.py"),
    ("Node", "node examples/wire/demo.js"),
];

pub fn run() -> Result<(), String> {
    install::ensure(&[Tool::C, Tool::Make, Tool::Python, Tool::Node])?;
    examples::build_c()?;
    shell::run("cargo build --release --example demo")?;
    let scratch = Scratch::new("demo")?;
    let sent = format!("{}/sent", scratch.0);
    std::fs::write(&sent, content()).map_err(|error| format!("{sent}: {error}"))?;
    let hash = sha256(&sent)?;
    println!("\nA file of {FILE_LEN} bytes, there and back; SHA-256 {hash}");
    println!(
        "Python and Node have no library here: they speak the wire format through the socket.\n"
    );
    println!(
        "{:<9} {:<7} {:<11} {:<6} {:>10} {:>10} {:>12} {:>11}  file",
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
    Ok(())
}

/// One pair: prints its row once both ends' files have the hash that was sent.
fn join(
    listener: (&str, &str),
    client: (&str, &str),
    endpoint: &str,
    folder: &str,
    hash: &str,
) -> Result<(), String> {
    let (sent, kept) = (format!("{folder}/sent"), format!("{folder}/kept"));
    let back = format!("{folder}/back");
    let server_line = words(&format!("{} server {endpoint} {kept}", listener.1));
    let mut server = Process::start(&format!("{} listener", listener.0), &server_line, folder)?;
    server.expect(&format!("listening at {endpoint}"))?;
    let client_line = words(&format!("{} client {endpoint} {sent} {back}", client.1));
    let client_process = Process::start(&format!("{} client", client.0), &client_line, folder)?;
    let report = client_process.finish()?.pop().ok_or("the client reported nothing")?;
    server.finish()?;
    for file in [&kept, &back] {
        if sha256(file)? != hash {
            return Err(format!("{} -> {} at {endpoint}: {file} differs", client.0, listener.0));
        }
        std::fs::remove_file(file).map_err(|error| format!("{file}: {error}"))?;
    }
    println!("{:<9} {:<7} {:<11} {}", listener.0, client.0, endpoint, row(&report)?);
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

/// Bytes that look random and are the same in each run (xorshift64).
fn content() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(FILE_LEN + 8);
    while bytes.len() < FILE_LEN {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(FILE_LEN);
    bytes
}

/// By coreutils: a judge that shares no code with those it judges.
fn sha256(path: &str) -> Result<String, String> {
    let line = shell::capture(&format!("sha256sum '{path}'"))?;
    line.split_whitespace().next().map(str::to_owned).ok_or_else(|| "no hash".to_owned())
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
