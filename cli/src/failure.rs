//! How the program ends when something went wrong: one line, and a status for scripts.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use treenail::{Error, Status};

/// The exit status for scripts. 0 is good, and 2 (usage) is clap's own too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It failed.
    Failed = 1,
    /// The arguments make no sense.
    Usage = 2,
    /// Nobody listens there, or nothing has that name.
    Nobody = 3,
    /// The time was over first.
    TimedOut = 4,
}

/// Why the program ends.
#[derive(Clone, Debug)]
pub enum Failure {
    /// Something went wrong: what, in one line.
    Told(Exit, String),
    /// Whoever read the output has gone, as `head` does: no reason to complain.
    OutputClosed,
}

impl Failure {
    /// Of a text of this program's own.
    pub fn new(exit: Exit, text: impl Display) -> Failure {
        Failure::Told(exit, text.to_string())
    }

    /// Of a file or a stream.
    pub fn of_io(what: impl Display, error: &io::Error) -> Failure {
        Failure::new(Exit::Failed, format!("{what}: {error}"))
    }

    /// Of writing to standard output.
    pub fn of_output(error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::OutputClosed,
            _ => Failure::of_io("writing the output", error),
        }
    }

    /// Tells it on standard error.
    pub fn tell(&self) {
        if let Failure::Told(_, text) = self {
            // Nothing is left to be done if nobody can read it.
            let _ = writeln!(io::stderr(), "treenail: {text}");
        }
    }

    /// How the program ends.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Failure::OutputClosed => ExitCode::SUCCESS,
            Failure::Told(exit, _) => ExitCode::from(*exit as u8),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let exit = match error.status() {
            Status::NotFound => Exit::Nobody,
            Status::TimedOut => Exit::TimedOut,
            Status::Invalid => Exit::Usage,
            _ => Exit::Failed,
        };
        Failure::new(exit, error)
    }
}

/// Writes text to standard output, at once.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let written = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    written.map_err(|error| Failure::of_output(&error))
}
