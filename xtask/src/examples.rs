//! Lets the examples of every language talk with those of every other.

mod counter;
mod files;
mod picture;

use crate::languages::{
    self, ASYNCIO, C, CPP, Language, PYTHON, RUST, TOKIO, WIRE_NODE, WIRE_PYTHON,
};
use crate::process::{Process, Scratch};
use crate::shell;

const ECHO: &[Language] = &[C, CPP, PYTHON, ASYNCIO, RUST, TOKIO, WIRE_PYTHON, WIRE_NODE];
const CHAT: &[Language] = &[C, CPP, PYTHON, ASYNCIO, RUST, WIRE_PYTHON, WIRE_NODE];
const FILES: &[Language] = &[C, CPP, PYTHON, ASYNCIO, RUST];
const SEGMENTS: &[Language] = &[C, CPP, PYTHON, RUST];

const ENDPOINTS: [&str; 2] = ["shm:example", "local:example"];

pub fn run() -> Result<(), String> {
    languages::build()?;
    shell::run("cargo build --examples")?;
    let scratch = Scratch::new("examples")?;
    let exchange = files::Exchange::prepare(FILES, &scratch.0)?;
    for endpoint in ENDPOINTS {
        for server in ECHO.iter().filter(|language| language.serves) {
            echo(server, endpoint, &scratch.0)?;
        }
        for (number, host) in CHAT.iter().filter(|language| language.serves).enumerate() {
            chat(host, endpoint, &scratch.0, number)?;
        }
        for server in FILES {
            exchange.run(server, endpoint)?;
        }
    }
    for show in SEGMENTS {
        counter::run(show, SEGMENTS, &scratch.0)?;
    }
    picture::Pictures::prepare(&scratch.0)?.run(SEGMENTS)
}

/// One server, and clients of all languages at once.
fn echo(server: &Language, endpoint: &str, directory: &str) -> Result<(), String> {
    let mut serving = server.start("echo", &format!("server {endpoint}"), directory)?;
    serving.expect(&format!("listening at {endpoint}"))?;
    let arguments = format!("client {endpoint} hello wörld");
    let start = |client: &Language| client.start("echo", &arguments, directory);
    let asking: Vec<Process> = ECHO.iter().map(start).collect::<Result<_, _>>()?;
    for (client, asking) in ECHO.iter().zip(asking) {
        let answers = asking.finish()?;
        if answers != ["hello", "wörld"] {
            let (server, client) = (server.name, client.name);
            return Err(format!("echo {client} -> {server} at {endpoint} printed {answers:?}"));
        }
    }
    println!("echo at {endpoint}: {} serves all {} clients", server.name, ECHO.len());
    Ok(())
}

/// A guest, by the name that the room knows.
type Guest = (&'static str, Process);

/// One host and guests of all languages, who come at once; the one with `number` leaves early.
fn chat(host: &Language, endpoint: &str, directory: &str, number: usize) -> Result<(), String> {
    let mut hosting = host.start("chat", &format!("server {endpoint}"), directory)?;
    hosting.expect(&format!("listening at {endpoint}"))?;
    let start = |guest: &Language| -> Result<Guest, String> {
        let arguments = format!("client {endpoint} {}", guest.name);
        Ok((guest.name, guest.start("chat", &arguments, directory)?))
    };
    let mut guests: Vec<Guest> = CHAT.iter().map(start).collect::<Result<_, _>>()?;
    for (name, _) in &guests {
        hosting.expect(&format!("* {name} joined"))?;
    }
    converse(&mut hosting, &mut guests)?;
    let (leaving, guest) = guests.remove(number);
    guest.finish()?;
    hear(&mut hosting, &mut guests, leaving, &format!("* {leaving} left"))?;
    hosting.write_line("/quit")?;
    hosting.finish()?;
    for (_, mut guest) in guests {
        guest.expect("* the host has closed the room")?;
        guest.finish()?;
    }
    println!("chat at {endpoint}: {} is host to {} guests", host.name, CHAT.len());
    Ok(())
}

/// Each says a line, and all others hear it.
fn converse(host: &mut Process, guests: &mut [Guest]) -> Result<(), String> {
    host.write_line("welcome")?;
    hear(host, guests, "host", "host: welcome")?;
    for speaker in 0..guests.len() {
        let (name, guest) = &mut guests[speaker];
        let (name, text) = (*name, format!("I write {name}"));
        guest.write_line(&text)?;
        hear(host, guests, name, &format!("{name}: {text}"))?;
    }
    Ok(())
}

/// The host and all guests but the speaker print `line`.
fn hear(host: &mut Process, guests: &mut [Guest], speaker: &str, line: &str) -> Result<(), String> {
    host.expect(line)?;
    for (name, guest) in guests {
        if *name != speaker {
            guest.expect(line)?;
        }
    }
    Ok(())
}
