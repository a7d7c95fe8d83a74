//! What sends messages back: this program behind a channel, somebody's program, `cat` behind pipes.

use crate::failure::Failure;
use crate::meeting::with_option;
use std::env::current_exe;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio, id};
use std::time::Duration;
use treenail::Channel;

/// How long the other side may take to begin.
const BEGINNING: Duration = Duration::from_secs(20);

/// Something that sends each message back.
pub trait Echoing: Sync {
    /// What it is.
    fn name(&self) -> &str;
    /// Sends a message.
    fn send(&self, data: &[u8]) -> Result<(), Failure>;
    /// Receives a message of this size.
    fn recv(&self, buf: &mut [u8]) -> Result<(), Failure>;
}

/// A program that listens somewhere.
pub struct Somebody {
    endpoint: String,
    channel: Channel,
}

impl Somebody {
    pub fn at(endpoint: &str) -> Result<Somebody, Failure> {
        let channel = Channel::connect(endpoint, Some(BEGINNING))?;
        Ok(Somebody { endpoint: endpoint.to_owned(), channel })
    }
}

impl Echoing for Somebody {
    fn name(&self) -> &str {
        &self.endpoint
    }

    fn send(&self, data: &[u8]) -> Result<(), Failure> {
        Ok(self.channel.send(data, treenail::FOREVER)?)
    }

    fn recv(&self, buf: &mut [u8]) -> Result<(), Failure> {
        Ok(self.channel.recv(buf, treenail::FOREVER).map(drop)?)
    }
}

/// This program's `echo`, in a process of its own.
pub struct OwnEcho {
    name: String,
    somebody: Somebody,
    child: Child,
}

impl OwnEcho {
    pub fn over(scheme: &str) -> Result<OwnEcho, Failure> {
        let endpoint = format!("{scheme}:treenail-bench-{}-{scheme}", id());
        let failed = |error| Failure::of_io("starting treenail echo", &error);
        let program = current_exe().map_err(failed)?;
        let mut echo = Command::new(program);
        // The time is for one whose parent is killed before it connects.
        echo.args(["echo", "--once", "--timeout", "20", &endpoint]).stdin(Stdio::null());
        let mut child = echo.stdout(Stdio::null()).spawn().map_err(failed)?;
        match Somebody::at(&with_option(&endpoint, "retry=1")) {
            Ok(somebody) => Ok(OwnEcho { name: format!("{scheme}:"), somebody, child }),
            Err(failure) => {
                stop(&mut child);
                Err(failure)
            }
        }
    }
}

fn stop(child: &mut Child) {
    let _ = (child.kill(), child.wait());
}

impl Echoing for OwnEcho {
    fn name(&self) -> &str {
        &self.name
    }

    fn send(&self, data: &[u8]) -> Result<(), Failure> {
        self.somebody.send(data)
    }

    fn recv(&self, buf: &mut [u8]) -> Result<(), Failure> {
        self.somebody.recv(buf)
    }
}

impl Drop for OwnEcho {
    fn drop(&mut self) {
        // It ends with the channel.
        self.somebody.channel.close();
        let _ = self.child.wait();
    }
}

/// `cat`, behind a pipe there and a pipe back.
pub struct Pipes {
    input: Option<File>,
    output: File,
    child: Child,
}

impl Pipes {
    pub fn to_cat() -> Result<Pipes, Failure> {
        let spawned = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|error| Failure::of_io("starting cat", &error))?;
        let input = File::from(OwnedFd::from(child.stdin.take().expect("it is piped")));
        let output = File::from(OwnedFd::from(child.stdout.take().expect("it is piped")));
        Ok(Pipes { input: Some(input), output, child })
    }
}

impl Echoing for Pipes {
    fn name(&self) -> &str {
        "two pipes and cat"
    }

    fn send(&self, data: &[u8]) -> Result<(), Failure> {
        let mut input = self.input.as_ref().expect("it is there until the end");
        input.write_all(data).map_err(|error| Failure::of_io("writing to cat", &error))
    }

    fn recv(&self, buf: &mut [u8]) -> Result<(), Failure> {
        let read = (&self.output).read_exact(buf);
        read.map_err(|error| Failure::of_io("reading from cat", &error))
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        // It ends with its input.
        self.input = None;
        let _ = self.child.wait();
    }
}
