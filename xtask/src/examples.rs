//! Builds the examples, and lets those of every language talk with those of every other.

use crate::install::{self, Tool};
use crate::process::{Process, Scratch, words};
use crate::shell;

/// A language's program NAME: what comes before its arguments.
struct Language {
    name: &'static str,
    program: &'static str,
    serves: bool,
}

const fn language(name: &'static str, program: &'static str, serves: bool) -> Language {
    Language { name, program, serves }
}

const ECHO: &[Language] = &[
    language("C", "target/examples-c/echo", true),
    language("Rust", "target/debug/examples/echo", true),
    language("tokio", "target/debug/examples/tokio", true),
    language("Python", "python3 examples/wire/echo.py", true),
    language("Node", "node examples/wire/echo.js", false),
];

const CHAT: &[Language] = &[
    language("C", "target/examples-c/chat", true),
    language("Rust", "target/debug/examples/chat", true),
    language("Python", "python3 examples/wire/chat.py", true),
    language("Node", "node examples/wire/chat.js", false),
];

const ENDPOINTS: [&str; 2] = ["shm:example", "local:example"];

pub fn run() -> Result<(), String> {
    install::ensure(&[Tool::C, Tool::Make, Tool::Python, Tool::Node])?;
    build_c()?;
    shell::run("cargo build --examples")?;
    let scratch = Scratch::new("examples")?;
    for endpoint in ENDPOINTS {
        for server in ECHO.iter().filter(|language| language.serves) {
            echo(server, endpoint, &scratch.0)?;
        }
        for host in CHAT.iter().filter(|language| language.serves) {
            chat(host, endpoint, &scratch.0)?;
        }
    }
    Ok(())
}

/// The library as C programs link it, and the C programs.
pub fn build_c() -> Result<(), String> {
    shell::run("cargo build --release --lib")?;
    shell::run("make -s -C examples/c")
}

fn start(language: &Language, arguments: &str, directory: &str) -> Result<Process, String> {
    let line = words(&format!("{} {arguments}", language.program));
    Process::start(&format!("{} {arguments}", language.name), &line, directory)
}

/// One server, and a client of each language after the other.
fn echo(server: &Language, endpoint: &str, directory: &str) -> Result<(), String> {
    let mut serving = start(server, &format!("server {endpoint}"), directory)?;
    serving.expect(&format!("listening at {endpoint}"))?;
    for client in ECHO {
        let asking = start(client, &format!("client {endpoint} hello wörld"), directory)?;
        let answers = asking.finish()?;
        if answers != ["hello", "wörld"] {
            let (server, client) = (server.name, client.name);
            return Err(format!("echo {client} -> {server} at {endpoint} printed {answers:?}"));
        }
    }
    println!("echo at {endpoint}: {} serves all {} clients", server.name, ECHO.len());
    Ok(())
}

/// One host with a guest of each language, all at once.
fn chat(host: &Language, endpoint: &str, directory: &str) -> Result<(), String> {
    let mut hosting = start(host, &format!("server {endpoint}"), directory)?;
    hosting.expect(&format!("listening at {endpoint}"))?;
    let mut guests = Vec::new();
    for language in CHAT {
        let name = language.name;
        let guest = start(language, &format!("client {endpoint} {name}"), directory)?;
        guests.push((name, guest));
        hosting.expect(&format!("* {name} joined"))?;
    }
    converse(&mut hosting, &mut guests)?;
    let (leaving, guest) = guests.remove(0);
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
fn converse(host: &mut Process, guests: &mut [(&str, Process)]) -> Result<(), String> {
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
fn hear(
    host: &mut Process,
    guests: &mut [(&str, Process)],
    speaker: &str,
    line: &str,
) -> Result<(), String> {
    host.expect(line)?;
    for (name, guest) in guests {
        if *name != speaker {
            guest.expect(line)?;
        }
    }
    Ok(())
}
