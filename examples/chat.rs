//! A room with one host and many guests, in terminals.
//!
//! ```sh
//! cargo run --example chat server shm:chat
//! cargo run --example chat client shm:chat ann
//! ```
//!
//! A line that one types goes to all others. The host ends the room with /quit; a guest leaves at
//! the end of its input. A guest's first message is its name (tag JOIN); all others are talk (tag
//! SAY). Programs of the same name in other languages take the same arguments and talk together.

use std::collections::HashMap;
use std::fs::File;
use std::io::{IoSlice, Read, stdin};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Duration;

use treenail::{Channel, FOREVER, Listener, NOW, Poller, Result, Status};

const JOIN: u32 = 1;
const SAY: u32 = 2;
const TEXT_MAX: usize = 4096;
const NAME_LEN_MAX: usize = 32;

// What the poller's keys mean; guests have FIRST_GUEST and up.
const STDIN: u64 = 0;
const LISTENER: u64 = 1;
const CHANNEL: u64 = 1;
const FIRST_GUEST: u64 = 2;

/// Lines out of a descriptor that a poller watches: `std::io::stdin` has a buffer of its own, which
/// would hide lines from it.
struct LineReader {
    input: File,
    text: Vec<u8>,
}

impl LineReader {
    fn new() -> std::io::Result<LineReader> {
        let input = File::from(stdin().as_fd().try_clone_to_owned()?);
        Ok(LineReader { input, text: Vec::new() })
    }

    /// Reads what is there, and gives the whole lines of it; None at the end of the input.
    fn read_lines(&mut self) -> Option<Vec<String>> {
        let mut chunk = [0; TEXT_MAX];
        let len = self.input.read(&mut chunk).ok().filter(|&len| len > 0)?;
        self.text.extend_from_slice(&chunk[..len]);
        let end = self.text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let whole: Vec<u8> = self.text.drain(..end).collect();
        Some(String::from_utf8_lossy(&whole).lines().map(str::to_owned).collect())
    }
}

fn say(channel: &Channel, tag: u32, text: &str, timeout: Option<Duration>) -> Result<()> {
    channel.sendv(tag, &[IoSlice::new(text.as_bytes())], timeout)
}

struct Guest {
    channel: Channel,
    name: String,
}

struct Room {
    listener: Listener,
    poller: Poller,
    guests: HashMap<u64, Guest>,
    next_key: u64,
}

impl Room {
    fn open(endpoint: &str) -> Result<Room> {
        let listener = Listener::open(endpoint)?;
        let poller = Poller::new()?;
        poller.add_listener(&listener, LISTENER)?;
        Ok(Room { listener, poller, guests: HashMap::new(), next_key: FIRST_GUEST })
    }

    fn run(&mut self, mut input: LineReader) -> Result<()> {
        // A file or /dev/null cannot be waited for: then the host only listens.
        let _ = self.poller.add_fd(&input.input, STDIN);
        let mut keys = Vec::new();
        loop {
            self.poller.wait(&mut keys, 16, FOREVER)?;
            for &key in &keys {
                match key {
                    STDIN => match input.read_lines() {
                        Some(lines) if !self.host_speaks(&lines) => return Ok(()),
                        Some(_) => {}
                        None => self.poller.remove(STDIN)?,
                    },
                    LISTENER => self.welcome()?,
                    guest => self.hear(guest),
                }
            }
        }
    }

    fn welcome(&mut self) -> Result<()> {
        let Ok(channel) = self.listener.accept(NOW) else {
            return Ok(()); // Again: a handshake got further, nobody is ready yet
        };
        self.poller.add_channel(&channel, self.next_key)?;
        self.guests.insert(self.next_key, Guest { channel, name: String::new() });
        self.next_key += 1;
        Ok(())
    }

    /// Receives one message each time the poller reports the guest; it reports it again while there
    /// are more.
    fn hear(&mut self, key: u64) {
        let mut text = [0; TEXT_MAX];
        let Some(guest) = self.guests.get_mut(&key) else {
            return; // was shown out a moment ago
        };
        let info = match guest.channel.recv_message(&mut text, NOW) {
            Ok(info) => info,
            Err(error) if error.status() == Status::Again => return,
            Err(_) => return self.leave(key),
        };
        let text = String::from_utf8_lossy(&text[..info.len]);
        if info.tag == JOIN && guest.name.is_empty() {
            guest.name = text.chars().take(NAME_LEN_MAX).collect();
            let line = format!("* {} joined", guest.name);
            self.tell_all_but(key, &line);
        } else if info.tag == SAY && !guest.name.is_empty() {
            let line = format!("{}: {text}", guest.name);
            self.tell_all_but(key, &line);
        }
    }

    /// False when the host ends the room.
    fn host_speaks(&mut self, lines: &[String]) -> bool {
        for line in lines {
            if line == "/quit" {
                return false;
            }
            self.tell_all_but(STDIN, &format!("host: {line}"));
        }
        true
    }

    /// Nobody is waited for: a guest that has not read for a whole ring of talk is shown out.
    fn tell_all_but(&mut self, speaker: u64, text: &str) {
        println!("{text}");
        let deaf: Vec<u64> = self
            .guests
            .iter()
            .filter(|(key, guest)| **key != speaker && !guest.name.is_empty())
            .filter(|(_, guest)| say(&guest.channel, SAY, text, NOW).is_err())
            .map(|(key, _)| *key)
            .collect();
        for key in deaf {
            self.leave(key);
        }
    }

    /// Removes a guest, and tells the others if it had a name.
    fn leave(&mut self, key: u64) {
        let _ = self.poller.remove(key);
        if let Some(guest) = self.guests.remove(&key)
            && !guest.name.is_empty()
        {
            self.tell_all_but(key, &format!("* {} left", guest.name));
        }
    }
}

fn run_server(endpoint: &str) -> Result<()> {
    let mut room = Room::open(endpoint)?;
    println!("listening at {endpoint}");
    room.run(LineReader::new().expect("standard input"))
}

fn run_client(endpoint: &str, name: &str) -> Result<()> {
    let channel = Channel::connect(endpoint, Some(Duration::from_secs(5)))?;
    let mut input = LineReader::new().expect("standard input");
    let poller = Poller::new()?;
    poller.add_channel(&channel, CHANNEL)?;
    poller.add_fd(&input.input, STDIN)?;
    say(&channel, JOIN, name, FOREVER)?;
    let mut keys = Vec::new();
    loop {
        poller.wait(&mut keys, 1, FOREVER)?;
        let here = match keys.first() {
            Some(&STDIN) => speak(&channel, &mut input),
            Some(_) => listen_to_room(&channel),
            None => true,
        };
        if !here {
            return channel.flush(Some(Duration::from_secs(1))).or(Ok(()));
        }
    }
}

/// Sends what was typed; false at the end of the input.
fn speak(channel: &Channel, input: &mut LineReader) -> bool {
    let Some(lines) = input.read_lines() else {
        return false;
    };
    for line in lines {
        if say(channel, SAY, &line, FOREVER).is_err() {
            break; // the channel's own event says why
        }
    }
    true
}

/// Prints what the room says; false when the room is over.
fn listen_to_room(channel: &Channel) -> bool {
    let end = match channel.recv_vec(NOW) {
        Ok(text) => {
            println!("{}", String::from_utf8_lossy(&text));
            return true;
        }
        Err(error) => error.status(),
    };
    match end {
        Status::Again => return true,
        Status::Closed => println!("* the host has closed the room"),
        _ => println!("* the host is gone"),
    }
    false
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["server", endpoint] => run_server(endpoint),
        ["client", endpoint, name] => run_client(endpoint, name),
        _ => {
            eprintln!("usage: chat server ENDPOINT\n       chat client ENDPOINT NAME");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = outcome {
        eprintln!("chat: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
