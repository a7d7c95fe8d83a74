//! Runs command lines from the root of the project, so that what is printed can be pasted.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The root of the project: the folder above xtask's.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask is in the project's folder").to_owned()
}

/// A command for the shell; its output goes where ours goes.
pub fn command(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(root());
    // What cargo tells us about ourselves would make the cargo below rebuild build scripts.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_PKG_")) {
        command.env_remove(name);
    }
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH");
    command
}

/// Says what it runs, and runs it.
pub fn run(line: &str) -> Result<(), String> {
    println!("$ {line}");
    let status = command(line).status().map_err(|error| format!("{line}: {error}"))?;
    judge(line, status)
}

/// Runs `line` at most for `limit`: then it and all its descendants are killed.
pub fn run_limited(mut command: Command, line: &str, limit: Duration) -> Result<(), String> {
    let mut child = command.spawn().map_err(|error| format!("{line}: {error}"))?;
    match wait_limited(&mut child, limit) {
        Some(status) => judge(line, status),
        None => Err(format!("took more than {} s and was killed", limit.as_secs())),
    }
}

/// As `run_limited`, and counts the tests that `cargo test` says have passed: a filter that
/// matches nothing also ends well, and has checked nothing. None when no tests were meant.
pub fn run_counted(line: &str, limit: Duration) -> Result<Option<u64>, String> {
    let spawned = command(line).stdout(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| format!("{line}: {error}"))?;
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let (sender, counted) = channel();
    std::thread::spawn(move || {
        let lines = output.split(b'\n').map_while(Result::ok);
        let _ = sender.send(lines.fold(None, |count, line| pass_on(&line, count)));
    });
    match wait_limited(&mut child, limit) {
        Some(status) => judge(line, status)?,
        None => return Err(format!("took more than {} s and was killed", limit.as_secs())),
    }
    let orphan = "it left a process behind that holds its output".to_owned();
    counted.recv_timeout(Duration::from_secs(10)).map_err(|_| orphan)
}

/// Prints a line, and adds what it counts.
fn pass_on(line: &[u8], count: Option<u64>) -> Option<u64> {
    let text = String::from_utf8_lossy(line);
    println!("{text}");
    let passed = text.strip_prefix("test result: ok. ").and_then(|rest| rest.split(' ').next());
    match passed.and_then(|number| number.parse::<u64>().ok()) {
        Some(more) => Some(count.unwrap_or(0) + more),
        None => count,
    }
}

/// What a command prints.
pub fn capture(line: &str) -> Result<String, String> {
    let output = command(line)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{line}: {error}"))?;
    judge(line, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// Whether a command, run silently, succeeds.
pub fn succeeds(line: &str) -> bool {
    let quiet =
        command(line).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

fn judge(line: &str, status: ExitStatus) -> Result<(), String> {
    if status.success() { Ok(()) } else { Err(format!("{line}: {status}")) }
}

/// How the child ended; None when the time ran out and it was killed.
pub fn wait_limited(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().expect("our own child") {
            return Some(status);
        }
        if Instant::now() >= end {
            kill_tree(child.id());
            child.wait().expect("our own child");
            return None;
        }
        sleep(Duration::from_millis(20));
    }
}

/// Kills a process with all its descendants. A process group would do it too, but would take the
/// step out of the terminal's foreground, where Ctrl-C reaches it.
pub fn kill_tree(pid: u32) {
    let mut family = vec![pid];
    let parents = parents();
    let mut at = 0;
    while at < family.len() {
        let parent = family[at];
        family.extend(parents.iter().filter(|(_, of)| **of == parent).map(|(child, _)| child));
        at += 1;
    }
    let pids: Vec<String> = family.iter().map(u32::to_string).collect();
    let _ = command(&format!("kill -KILL {} 2>/dev/null", pids.join(" "))).status();
}

/// Every process's parent, from /proc/PID/stat: `pid (name) state ppid ...`.
fn parents() -> HashMap<u32, u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            let (_, after_name) = stat.rsplit_once(')')?;
            Some((pid, after_name.split_whitespace().nth(1)?.parse().ok()?))
        })
        .collect()
}

/// The target triple of this machine, as rustc calls it.
pub fn host() -> Result<String, String> {
    let text = capture("rustc -vV")?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc -vV names no host".to_owned())
}

/// The value after `--name`, if it is there.
pub fn option(args: &[String], name: &str) -> Result<Option<u64>, String> {
    let Some(at) = args.iter().position(|arg| arg == name) else {
        return Ok(None);
    };
    let value = args.get(at + 1).and_then(|value| value.parse().ok());
    value.map(Some).ok_or_else(|| format!("{name} takes a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_descendants_when_the_time_is_over() {
        let start = Instant::now();
        let mut nested = command("sh -c 'sleep 60 & wait' & wait");
        let mut child = nested.stdout(Stdio::piped()).spawn().unwrap();
        assert!(wait_limited(&mut child, Duration::from_millis(300)).is_none());
        // Standard output ends only when the last of them is gone.
        std::io::copy(&mut child.stdout.take().unwrap(), &mut std::io::sink()).unwrap();
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn counts_the_tests_that_passed() {
        let results = "echo 'test result: ok. 2 passed; 0'; echo 'test result: ok. 3 passed; 0'";
        assert_eq!(run_counted(results, Duration::from_secs(9)), Ok(Some(5)));
        assert_eq!(run_counted("echo nothing", Duration::from_secs(9)), Ok(None));
        assert!(run_counted("exit 1", Duration::from_secs(9)).is_err());
    }

    #[test]
    fn reads_options() {
        let args = ["--seconds", "5", "--seed"].map(str::to_owned);
        assert_eq!(option(&args, "--seconds"), Ok(Some(5)));
        assert_eq!(option(&args, "--hours"), Ok(None));
        assert!(option(&args, "--seed").is_err());
    }
}
