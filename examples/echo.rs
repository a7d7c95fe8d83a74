//! A server that sends every message back, and a client for it.
//!
//! ```sh
//! cargo run --example echo server shm:echo
//! cargo run --example echo client shm:echo hello world
//! ```
//!
//! Without words the client sends the lines it reads. The programs of the same
//! name in other languages take the same arguments, and any client may talk to any server.

use std::io::{IoSlice, Write};
use std::process::ExitCode;
use std::time::Duration;

use treenail::{Channel, FOREVER, Listener, Result, Status, View};

/// One client after the other; `chat.rs` shows many at a time.
fn run_server(endpoint: &str) -> Result<()> {
    let listener = Listener::open(endpoint)?;
    println!("listening at {endpoint}");
    loop {
        let channel = listener.accept(FOREVER)?;
        if let Err(error) = serve_one(&channel)
            && error.status() != Status::Closed
        {
            eprintln!("echo: a client ended: {error}");
        }
    }
}

/// Echoes until the client goes, and returns how it went.
fn serve_one(channel: &Channel) -> Result<()> {
    loop {
        let message = channel.recv_view(FOREVER)?;
        send_back(channel, &message)?;
    }
}

/// Sends one message back as it came: a request is answered, so `Channel::request` works too.
fn send_back(channel: &Channel, message: &View<'_>) -> Result<()> {
    let info = message.info();
    let bytes = message.to_vec();
    if info.is_request() {
        channel.reply(&info, &bytes, FOREVER)
    } else {
        channel.sendv(info.tag, &[IoSlice::new(&bytes)], FOREVER)
    }
}

fn run_client(endpoint: &str, words: &[String]) -> Result<()> {
    let channel = Channel::connect(endpoint, Some(Duration::from_secs(5)))?;
    for word in words {
        ask(&channel, word)?;
    }
    if words.is_empty() {
        for line in std::io::stdin().lines().map_while(|line| line.ok()) {
            ask(&channel, &line)?;
        }
    }
    Ok(()) // dropping the channel closes it: the server sees Status::Closed
}

/// Sends one message and prints what comes back.
fn ask(channel: &Channel, text: &str) -> Result<()> {
    channel.send(text.as_bytes(), FOREVER)?;
    let mut reply = channel.recv_vec(FOREVER)?;
    reply.push(b'\n');
    std::io::stdout().write_all(&reply).expect("standard output");
    Ok(())
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["server", endpoint] => run_server(endpoint),
        ["client", endpoint, ..] => run_client(endpoint, &args[2..]),
        _ => {
            eprintln!("usage: echo server ENDPOINT\n       echo client ENDPOINT [WORD ...]");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = outcome {
        eprintln!("echo: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
