//! One pair of processes that runs a slice when told to, and uses no processor in between.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::table::Contestant;

/// Beyond the time of a slice: whoever is later hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// What one slice measured: nanoseconds (or bytes) an operation, and percentiles of single ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slice {
    pub per_operation: f64,
    pub p50: f64,
    pub p99: f64,
}

/// A started contestant; dropping it ends it.
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    answers: Receiver<String>,
    label: &'static str,
}

impl Running {
    pub fn start(contestant: &Contestant, mut program: Command) -> Result<Running, String> {
        let mut child = program
            .args(contestant.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("start {}: {e}", contestant.label))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("piped above");
        let (sender, answers) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let running = Running { child, stdin, answers, label: contestant.label };
        match running.answer()?.as_str() {
            "ready" => Ok(running),
            other => Err(running.complaint(&format!("said {other:?} instead of ready"))),
        }
    }

    /// Runs one slice and waits for its result.
    pub fn slice(&mut self, microseconds: u64) -> Result<Slice, String> {
        let stdin = self.stdin.as_mut().expect("open until dropped");
        writeln!(stdin, "go {microseconds}").map_err(|e| format!("{}: {e}", self.label))?;
        let answer = self.answer()?;
        parse(&answer).ok_or_else(|| self.complaint(&format!("made no sense: {answer:?}")))
    }

    fn answer(&self) -> Result<String, String> {
        self.answers.recv_timeout(PATIENCE).map_err(|_| self.complaint("gave up or hung"))
    }

    fn complaint(&self, what: &str) -> String {
        format!("{} {what}", self.label)
    }
}

/// `count ns p50 p99`
fn parse(answer: &str) -> Option<Slice> {
    let numbers: Vec<u64> = answer.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let &[count, ns, p50, p99] = numbers.as_slice() else {
        return None;
    };
    (count > 0 && ns > 0).then(|| Slice {
        per_operation: ns as f64 / count as f64,
        p50: p50 as f64,
        p99: p99 as f64,
    })
}

impl Drop for Running {
    /// The end of its input tells a contestant to clean up and go; one that hangs is killed, and its
    /// far side with it.
    fn drop(&mut self) {
        self.stdin = None;
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
        // It may have ended just now; then there is nothing to kill and nothing wrong.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_four_numbers_and_never_zero_operations() {
        let slice = parse("10 2000 150 900").unwrap();
        assert_eq!(slice.per_operation, 200.0);
        assert_eq!((slice.p50, slice.p99), (150.0, 900.0));
        assert_eq!(parse("0 2000 150 900"), None);
        assert_eq!(parse("10 2000 150"), None);
        assert_eq!(parse("ready"), None);
    }
}
