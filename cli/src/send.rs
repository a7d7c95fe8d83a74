//! `send`: messages out of arguments, files, lines, or standard input as it comes.

use crate::args::{Send, Side, Source};
use crate::failure::{Exit, Failure};
use crate::meeting::meet;
use crate::progress;
use crate::show::from_hex;
use indicatif::ProgressBar;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, ioctl_fionread};
use std::fs;
use std::io::{self, BufRead, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;
use treenail::{Channel, Loan, NOW, Status};

/// Bytes of a piece of standard input. Four of them fit into a ring of the usual size, less what
/// their headers take: both sides can be at work.
const PIECE: usize = (64 << 10) - 64;
/// Bytes that a pipe at standard input or output is to hold, so that fewer sleeps are needed.
const PIPE: usize = 1 << 20;

/// Where messages come from.
pub enum Messages {
    /// What was given.
    Given(Vec<Vec<u8>>),
    /// Each line of standard input.
    Lines(Digits),
    /// Standard input as it comes.
    Stream,
}

/// What the letters of a message stand for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Digits {
    Themselves,
    Hexadecimal,
}

impl Digits {
    fn read(self, text: Vec<u8>) -> Result<Vec<u8>, Failure> {
        match self {
            Digits::Themselves => Ok(text),
            Digits::Hexadecimal => from_hex(&String::from_utf8_lossy(&text))
                .map_err(|text| Failure::new(Exit::Usage, text)),
        }
    }
}

impl Messages {
    /// Those that the arguments mean.
    pub fn of(source: &Source) -> Result<Messages, Failure> {
        let digits = if source.hex { Digits::Hexadecimal } else { Digits::Themselves };
        if !source.data.is_empty() {
            let data = source.data.iter().map(|text| digits.read(text.clone().into_bytes()));
            return Ok(Messages::Given(data.collect::<Result<_, _>>()?));
        }
        if !source.file.is_empty() {
            let files = source.file.iter().map(|path| read_file(path));
            return Ok(Messages::Given(files.collect::<Result<_, _>>()?));
        }
        match source.lines || source.hex {
            true => Ok(Messages::Lines(digits)),
            false => Ok(Messages::Stream),
        }
    }

    /// Acts on each, several times on those that were given. A stream is a single one here.
    pub fn each(
        &self,
        times: u64,
        mut act: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        match self {
            Messages::Given(messages) => {
                (0..times).try_for_each(|_| messages.iter().try_for_each(|data| act(data)))
            }
            _ if times != 1 => {
                let text = "--count is for DATA and --file; standard input comes only once";
                Err(Failure::new(Exit::Usage, text))
            }
            Messages::Lines(digits) => each_line(|line| act(&digits.read(line)?)),
            Messages::Stream => act(&read_file(Path::new("-"))?),
        }
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = match path.to_str() {
        Some("-") => io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes),
        _ => fs::read(path),
    };
    read.map_err(|error| Failure::of_io(format!("reading {}", path.display()), &error))
}

/// Acts on each line of standard input, without its end.
pub fn each_line(mut act: impl FnMut(Vec<u8>) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut input = io::stdin().lock();
    loop {
        let mut line = Vec::new();
        match input.read_until(b'\n', &mut line) {
            Ok(0) => return Ok(()),
            Ok(_) => {
                line.pop_if(|byte| *byte == b'\n');
                act(line)?;
            }
            Err(error) => return Err(of_input(&error)),
        }
    }
}

fn of_input(error: &io::Error) -> Failure {
    Failure::of_io("reading standard input", error)
}

pub fn run(args: &Send) -> Result<(), Failure> {
    let messages = Messages::of(&args.source)?;
    let (tag, timeout) = (args.source.tag, args.meeting.timeout);
    let channel = meet(&args.meeting, Side::Connect)?;
    let bar = progress::bar(args.progress, size(&messages, args.count));
    match messages {
        Messages::Stream if args.count == 1 => stream(&channel, tag, timeout, &bar)?,
        _ => messages.each(args.count, |data| {
            channel.send_tagged(tag, data, timeout)?;
            bar.inc(data.len() as u64);
            Ok(())
        })?,
    }
    channel.flush(timeout)?;
    bar.finish();
    channel.close();
    Ok(())
}

/// How many bytes there are to be sent, if that can be told.
fn size(messages: &Messages, times: u64) -> Option<u64> {
    match messages {
        Messages::Given(data) => {
            Some(data.iter().map(|data| data.len() as u64).sum::<u64>() * times)
        }
        _ => rustix::fs::fstat(io::stdin())
            .ok()
            .map(|stat| stat.st_size as u64)
            .filter(|size| *size > 0),
    }
}

/// Sends standard input as it comes: it is read straight into the channel's memory.
fn stream(
    channel: &Channel,
    tag: u32,
    timeout: Option<Duration>,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let input = io::stdin();
    enlarge(&input);
    let mut piece = PIECE;
    loop {
        let there = wait_for_input(channel, &input)?;
        let mut loan = lend(channel, &mut piece, there, timeout)?;
        let len = match loan.read_from(0, &input) {
            Ok(0) => return Ok(()),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(of_input(&error)),
        };
        loan.commit(tag, len, timeout).map_err(treenail::Error::from)?;
        bar.inc(len as u64);
    }
}

/// Room for what is there, or for smaller pieces if the other side takes no such large ones.
fn lend<'a>(
    channel: &'a Channel,
    piece: &mut usize,
    there: usize,
    timeout: Option<Duration>,
) -> Result<Loan<'a>, Failure> {
    loop {
        match channel.loan(there.min(*piece), timeout) {
            Err(error) if error.status() == Status::TooLarge && *piece > 1 => *piece /= 2,
            loan => return Ok(loan?),
        }
    }
}

/// Waits until there is input, or its end: about how much. Ends with the channel, if that ends.
fn wait_for_input(channel: &Channel, input: &io::Stdin) -> Result<usize, Failure> {
    loop {
        match ioctl_fionread(input) {
            Ok(0) => {}
            Ok(count) => return Ok(usize::try_from(count).unwrap_or(PIECE)),
            // It can't tell, as /dev/zero can't.
            Err(_) => return Ok(PIECE),
        }
        drop_what_comes(channel)?;
        let end = channel.fd()?;
        let mut both = [PollFd::new(input, PollFlags::IN), PollFd::new(&end, PollFlags::IN)];
        match poll(&mut both, None) {
            Ok(_) if !both[0].revents().is_empty() => {
                let there =
                    ioctl_fionread(input).ok().and_then(|count| usize::try_from(count).ok());
                return Ok(there.filter(|count| *count > 0).unwrap_or(PIECE));
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(of_input(&error.into())),
        }
    }
}

/// Nobody reads here what the other side sends, but its end counts.
fn drop_what_comes(channel: &Channel) -> Result<(), Failure> {
    loop {
        match channel.recv_view(NOW) {
            Ok(view) => drop(view),
            Err(error) if error.status() == Status::Again => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Lets a pipe hold more, if it is one, and the system allows it.
pub fn enlarge(pipe: &impl AsFd) {
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, PIPE);
}
