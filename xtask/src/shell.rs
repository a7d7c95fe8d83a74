//! Runs command lines from the root of the project, so that what is printed can be pasted.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::sleep;
use std::time::Duration;

use crate::load::Clock;

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
    judge_limited(&mut child, line, limit)
}

fn judge_limited(child: &mut Child, line: &str, limit: Duration) -> Result<(), String> {
    match wait_limited(child, limit) {
        Some(status) => judge(line, status),
        None => Err(format!(
            "took more than {} s (more still if the machine is loaded) and was killed",
            limit.as_secs()
        )),
    }
}

/// What a command that runs tests has said.
#[derive(Debug, Default, PartialEq)]
pub struct Said {
    /// How many tests have passed, by `cargo test`. None when no tests were meant.
    pub passed: Option<u64>,
    /// What couldn't be checked here, and why, once each.
    pub not_checked: BTreeSet<String>,
}

impl Said {
    fn hear(&mut self, line: &str) {
        // Those of tests that run in a process of their own are indented.
        if let Some(what) = line.trim().strip_prefix("NOT CHECKED: ") {
            self.not_checked.insert(what.to_owned());
        }
        // pytest's `SKIPPED [1] file.py:1: why`.
        if let Some((_, what)) =
            line.strip_prefix("SKIPPED [").and_then(|rest| rest.split_once("] "))
        {
            self.not_checked.insert(what.to_owned());
        }
        let count = line.strip_prefix("test result: ok. ").and_then(|rest| rest.split(' ').next());
        if let Some(more) = count.and_then(|count| count.parse::<u64>().ok()) {
            self.passed = Some(self.passed.unwrap_or(0) + more);
        }
    }

    fn add(&mut self, other: Said) {
        self.not_checked.extend(other.not_checked);
        self.passed = self.passed.or(other.passed);
    }
}

/// As `run_limited`, and hears what it says, which is passed on: a filter that matches no test also
/// ends well, and has checked nothing.
pub fn run_heard(line: &str, limit: Duration) -> (Result<(), String>, Said) {
    let mut command = command(line);
    if std::io::stderr().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = match command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => return (Err(format!("{line}: {error}")), Said::default()),
    };
    let (sender, heard) = channel();
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    listen(output.expect("piped"), |line| println!("{line}"), sender.clone());
    listen(errors.expect("piped"), |line| eprintln!("{line}"), sender);
    let result = judge_limited(&mut child, line, limit);
    let mut said = Said::default();
    for _ in 0..2 {
        match heard.recv_timeout(Duration::from_secs(10)) {
            Ok(more) => said.add(more),
            Err(_) => {
                let orphan = "it left a process behind that holds its output";
                return (result.and(Err(orphan.to_owned())), said);
            }
        }
    }
    (result, said)
}

/// Passes on each line of `from`, and at the end says what it heard.
fn listen(from: impl Read + Send + 'static, pass_on: fn(&str), to: Sender<Said>) {
    std::thread::spawn(move || {
        let mut said = Said::default();
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            pass_on(&line);
            said.hear(&line);
        }
        let _ = to.send(said);
    });
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

/// How the child ended; None when the time ran out and it was killed. On a loaded machine `limit`
/// is longer.
pub fn wait_limited(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let mut clock = Clock::start();
    loop {
        if let Some(status) = child.try_wait().expect("our own child") {
            return Some(status);
        }
        if clock.elapsed() >= limit {
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
    use std::time::Instant;

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
        let passed = |line| {
            let (result, said) = run_heard(line, Duration::from_secs(9));
            result.map(|()| said.passed)
        };
        let results = "echo 'test result: ok. 2 passed; 0'; echo '    test result: ok. 1 passed;'; \
                       echo 'test result: ok. 3 passed; 0'";
        assert_eq!(passed(results), Ok(Some(5)));
        assert_eq!(passed("echo nothing"), Ok(None));
        assert!(passed("exit 1").is_err());
    }

    #[test]
    fn hears_what_is_not_checked() {
        let line = "echo 'NOT CHECKED: b: why' >&2; echo '    NOT CHECKED: a: why'; \
                    echo 'NOT CHECKED: b: why'; echo 'SKIPPED [2] test_x.py:3: not root'; exit 1";
        let (result, said) = run_heard(line, Duration::from_secs(9));
        assert!(result.is_err());
        let heard: Vec<&str> = said.not_checked.iter().map(String::as_str).collect();
        assert_eq!(heard, ["a: why", "b: why", "test_x.py:3: not root"]);
    }

    #[test]
    fn reads_options() {
        let args = ["--seconds", "5", "--seed"].map(str::to_owned);
        assert_eq!(option(&args, "--seconds"), Ok(Some(5)));
        assert_eq!(option(&args, "--hours"), Ok(None));
        assert!(option(&args, "--seed").is_err());
    }
}
