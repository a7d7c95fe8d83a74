//! Programs that are spoken with: their output is waited for line by line, with a deadline.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::shell;

/// For anything that a program here does; all take milliseconds when they work.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A program, and who it is in error messages. It is killed when dropped.
pub struct Process {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<String>,
    /// Lines that came while another was waited for.
    seen: Vec<String>,
}

impl Process {
    pub fn start(name: &str, line: &[String], directory: &str) -> Result<Process, String> {
        let mut child = Command::new(&line[0])
            .args(&line[1..])
            .current_dir(shell::root())
            .env("TREENAIL_DIR", directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{name}: {}: {error}", line.join(" ")))?;
        let (sender, output) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        Ok(Process { name: name.to_owned(), child, input, output, seen: Vec::new() })
    }

    /// Waits until the program has printed `wanted`, whatever else it prints.
    pub fn expect(&mut self, wanted: &str) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.seen.iter().position(|line| line == wanted) {
                self.seen.remove(at);
                return Ok(());
            }
            let rest = end.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(rest) {
                Ok(line) => self.seen.push(line),
                Err(why) => {
                    let (name, seen) = (&self.name, &self.seen);
                    return Err(format!("{name} did not print {wanted:?} ({why}) but {seen:?}"));
                }
            }
        }
    }

    pub fn write_line(&mut self, text: &str) -> Result<(), String> {
        let input = self.input.as_mut().expect("open until the end");
        writeln!(input, "{text}").map_err(|error| format!("{}: {error}", self.name))
    }

    /// Ends the program's input, waits until it is over, and gives the rest of what it printed.
    pub fn finish(self) -> Result<Vec<String>, String> {
        let name = self.name.clone();
        match self.end()? {
            (status, lines) if status.success() => Ok(lines),
            (status, lines) => Err(format!("{name}: {status}, after {lines:?}")),
        }
    }

    /// As `finish`, for a program that may have failed: says how it ended too.
    pub fn end(mut self) -> Result<(ExitStatus, Vec<String>), String> {
        self.input = None;
        let status = shell::wait_limited(&mut self.child, PATIENCE)
            .ok_or_else(|| format!("{} did not end", self.name))?;
        let mut lines = std::mem::take(&mut self.seen);
        lines.extend(self.output.iter());
        Ok((status, lines))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder for sockets and files, short enough for a socket's path; removed when dropped.
pub struct Scratch(pub String);

impl Scratch {
    pub fn new(name: &str) -> Result<Scratch, String> {
        let path = format!("/tmp/treenail-{name}-{}", std::process::id());
        std::fs::create_dir(&path).map_err(|error| format!("{path}: {error}"))?;
        let scratch = Scratch(path);
        // The library refuses a folder that others may write.
        let rights = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&scratch.0, rights).map_err(|error| error.to_string())?;
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A command line's words.
pub fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}
