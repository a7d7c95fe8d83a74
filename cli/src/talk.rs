//! `listen` and `connect`: a terminal at either end. What is typed goes out by lines, and what comes
//! is printed.

use crate::args::{Side, Talk};
use crate::ending;
use crate::failure::Failure;
use crate::info::process;
use crate::meeting::{accept, listen as listen_at, meet};
use crate::send::each_line;
use crate::show::Form;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;
use treenail::{Channel, Status};

/// How many lines of input wait while the other side doesn't take them.
const LINES_MAX: usize = 16;

/// What a conversation waits for.
enum Event {
    /// A line was typed.
    Line(Vec<u8>),
    /// The input has no more, or can't be read.
    EndOfInput(Result<(), Failure>),
    /// The other side has no more, or is gone.
    EndOfChannel(Result<(), Failure>),
}

/// One program that is talked to after another.
struct Conversation {
    sender: SyncSender<Event>,
    events: Receiver<Event>,
    timeout: Option<Duration>,
    /// How long to go on after the input's end.
    quit_after: Option<Duration>,
}

pub fn listen(args: &Talk) -> Result<(), Failure> {
    hint(|| format!("listening at {}; Ctrl-C ends it", args.meeting.endpoint));
    if args.keep {
        return listen_on(args);
    }
    let mut talk = Conversation::new(args);
    let channel = meet(&args.meeting, Side::Listen)?;
    talk.read_input();
    talk.with(&channel)
}

pub fn connect(args: &Talk) -> Result<(), Failure> {
    let mut talk = Conversation::new(args);
    let channel = meet(&args.meeting, Side::Connect)?;
    talk.read_input();
    talk.with(&channel)
}

/// Talks to one program after another. The end of one is no failure.
fn listen_on(args: &Talk) -> Result<(), Failure> {
    let listener = listen_at(&args.meeting.endpoint)?;
    let mut talk = Conversation::new(args);
    talk.read_input();
    loop {
        let channel = accept(&listener, args.meeting.timeout)?;
        match talk.with(&channel) {
            Err(failure @ Failure::Told(..)) => failure.tell(),
            ended => ended?,
        }
    }
}

impl Conversation {
    fn new(args: &Talk) -> Conversation {
        let (sender, events) = sync_channel(LINES_MAX);
        let usual = io::stdin().is_terminal().then_some(Duration::ZERO);
        let quit_after = args.quit_after.or(usual);
        Conversation { sender, events, timeout: args.meeting.timeout, quit_after }
    }

    /// Reads lines in a thread, which the end of the program ends.
    fn read_input(&self) {
        let sender = self.sender.clone();
        thread::spawn(move || {
            let ended = each_line(|line| {
                let _ = sender.send(Event::Line(line));
                Ok(())
            });
            let _ = sender.send(Event::EndOfInput(ended));
        });
    }

    fn with(&mut self, channel: &Arc<Channel>) -> Result<(), Failure> {
        ending::hold(channel)?;
        hint(|| match channel.peer() {
            Ok(peer) => format!("joined to process {}; Ctrl-D ends it", process(peer.pid)),
            Err(_) => "joined; Ctrl-D ends it".to_owned(),
        });
        print_what_comes(Arc::clone(channel), self.sender.clone());
        let ended = self.pass_on(channel);
        channel.close();
        ended
    }

    /// Sends what is typed, until either side has no more.
    fn pass_on(&mut self, channel: &Channel) -> Result<(), Failure> {
        let mut left = None;
        loop {
            let event = match left {
                None => self.events.recv().expect("this has a sender itself"),
                Some(left) => match self.events.recv_timeout(left) {
                    Ok(event) => event,
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                        return Ok(channel.flush(self.timeout)?);
                    }
                },
            };
            match event {
                Event::Line(line) => match channel.send(&line, self.timeout) {
                    // The other thread tells how it ended.
                    Err(error) if is_end(&error) => {}
                    sent => sent?,
                },
                Event::EndOfInput(ended) => {
                    ended?;
                    left = self.quit_after;
                }
                Event::EndOfChannel(ended) => {
                    hint(|| "the other side has ended".to_owned());
                    return ended;
                }
            }
        }
    }
}

/// Tells somebody at a terminal what goes on. Scripts and pipes aren't told.
fn hint(text: impl FnOnce() -> String) {
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        eprintln!("[{}]", text());
    }
}

fn is_end(error: &treenail::Error) -> bool {
    matches!(error.status(), Status::Closed | Status::PeerLost)
}

/// Prints in a thread, which ends with the channel.
fn print_what_comes(channel: Arc<Channel>, sender: SyncSender<Event>) {
    let form = Form::of_lines();
    thread::spawn(move || {
        let ended = loop {
            match channel.recv_view(treenail::FOREVER) {
                Ok(view) => match form.write(&view) {
                    Ok(()) => {}
                    Err(failure) => break Err(failure),
                },
                Err(error) if error.status() == Status::Closed => break Ok(()),
                Err(error) => break Err(error.into()),
            }
        };
        let _ = sender.send(Event::EndOfChannel(ended));
    });
}
