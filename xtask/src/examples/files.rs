//! `files` of every language with that of every other: what is kept is what was sent, what may not
//! be kept is refused, and what was half sent is gone.

use std::collections::BTreeSet;
use std::fs;
use std::iter;

use crate::content::{random_bytes, sha256_lines};
use crate::languages::Language;
use crate::process::{Process, words};

/// Nothing, less than a chunk, and many chunks with a last one that is not full.
const LENGTHS: [usize; 3] = [0, 1, (3 << 20) + 17];
const BAD_NAME: &str =
    "a name has 1 to 255 bytes, begins with no dot, and has no slash or control character in it";

/// Files that are there to be sent, some for each language.
pub struct Exchange {
    clients: &'static [Language],
    directory: String,
    /// What `sha256sum` says of all that may be sent.
    hashes: Vec<String>,
}

/// The file of that length which a language sends.
fn name(client: &Language, length: usize) -> String {
    format!("{}-{length}", client.name)
}

/// The file of a language that is refused.
fn hidden_name(client: &Language) -> String {
    format!(".{}", client.name)
}

impl Exchange {
    pub fn prepare(clients: &'static [Language], directory: &str) -> Result<Exchange, String> {
        let sent = format!("{directory}/sent");
        let write = |name: &str, content: &[u8]| {
            let path = format!("{sent}/{name}");
            fs::write(&path, content).map_err(|error| format!("{path}: {error}"))
        };
        fs::create_dir(&sent).map_err(|error| format!("{sent}: {error}"))?;
        for (seed, client) in (1..).zip(clients) {
            for length in LENGTHS {
                write(&name(client, length), &random_bytes(seed, length))?;
            }
            write(&hidden_name(client), b"hidden")?;
        }
        let hashes = sha256_lines(&sent)?;
        Ok(Exchange { clients, directory: directory.to_owned(), hashes })
    }

    /// One server, and clients of all languages at once.
    pub fn run(&self, server: &Language, endpoint: &str) -> Result<(), String> {
        let kept = format!("{}/kept", self.directory);
        fs::create_dir(&kept).map_err(|error| format!("{kept}: {error}"))?;
        let arguments = format!("server {endpoint} {kept}");
        let mut serving = start(server, &arguments, &self.directory)?;
        serving.expect(&format!("listening at {endpoint}"))?;

        let send_all = |client| {
            let names = LENGTHS.iter().map(|length| name(client, *length));
            self.send(client, endpoint, iter::once(hidden_name(client)).chain(names))
        };
        let sending: Vec<Process> = self.clients.iter().map(send_all).collect::<Result<_, _>>()?;
        for (client, sending) in self.clients.iter().zip(sending) {
            let mut wanted = self.reports("sent", client);
            wanted.push(self.refusal(&hidden_name(client), BAD_NAME));
            finish_refused(sending, &wanted)?;
        }
        for client in self.clients {
            for line in self.reports("kept", client) {
                serving.expect(&line)?;
            }
        }
        let twice = name(server, 1);
        let again = self.send(server, endpoint, [twice.clone()])?;
        finish_refused(again, &[self.refusal(&twice, &format!("{twice} is there already"))])?;

        let intruder = words(&format!("python3 xtask/src/examples/intruder.py {endpoint}"));
        Process::start("the intruder", &intruder, &self.directory)?.finish()?;
        serving.expect("dropped half: 5 of 10 bytes came")?;
        self.check(&kept).map_err(|what| format!("files {} at {endpoint}: {what}", server.name))?;
        drop(serving);
        fs::remove_dir_all(&kept).map_err(|error| format!("{kept}: {error}"))?;
        let (name, count) = (server.name, self.clients.len());
        println!("files at {endpoint}: {name} keeps what {count} clients send");
        Ok(())
    }

    /// Starts a client that sends these files.
    fn send(
        &self,
        client: &Language,
        endpoint: &str,
        names: impl IntoIterator<Item = String>,
    ) -> Result<Process, String> {
        let path = |name| format!(" {}/sent/{name}", self.directory);
        let paths: String = names.into_iter().map(path).collect();
        start(client, &format!("client {endpoint}{paths}"), &self.directory)
    }

    /// A line for each of a client's files: `sent NAME: 1 bytes, SHA-256 …`.
    fn reports(&self, what: &str, client: &Language) -> Vec<String> {
        let line = |length: &usize| {
            let name = name(client, *length);
            let of_it = |line: &&String| line.ends_with(&format!(" {name}"));
            let hash = self.hashes.iter().find(of_it).and_then(|line| line.split(' ').next());
            format!("{what} {name}: {length} bytes, SHA-256 {}", hash.expect("it was written"))
        };
        LENGTHS.iter().map(line).collect()
    }

    fn refusal(&self, name: &str, why: &str) -> String {
        format!("files: {}/sent/{name} was refused: {why}", self.directory)
    }

    /// All that was sent is kept as it was, and nothing else is there.
    fn check(&self, kept: &str) -> Result<(), String> {
        let found = sha256_lines(kept)?;
        if found != self.hashes {
            return Err(format!("kept {found:#?}, but sent {:#?}", self.hashes));
        }
        let outside = names(&self.directory)?;
        let inside = names(kept)?;
        let odd = |name: &&String| name.starts_with('.') || name.contains("evil");
        match inside.union(&outside).find(odd) {
            Some(name) => Err(format!("{name} should not be there")),
            None => Ok(()),
        }
    }
}

/// Starts a program whose standard error is among its output: complaints are wanted here.
fn start(language: &Language, arguments: &str, directory: &str) -> Result<Process, String> {
    let line = format!("exec {} 2>&1", language.line("files", arguments).join(" "));
    let name = format!("{} files {arguments}", language.name);
    Process::start(&name, &["sh".to_owned(), "-c".to_owned(), line], directory)
}

/// Waits for a client of which something was refused: it says `wanted`, in any order, and fails.
fn finish_refused(client: Process, wanted: &[String]) -> Result<(), String> {
    let (status, lines) = client.end()?;
    let (said, wanted): (BTreeSet<_>, BTreeSet<_>) =
        (lines.iter().collect(), wanted.iter().collect());
    if status.code() != Some(1) || said != wanted {
        return Err(format!("a client ended with {status} and said {said:#?}, not {wanted:#?}"));
    }
    Ok(())
}

fn names(folder: &str) -> Result<BTreeSet<String>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{folder}: {error}"))?;
    Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}
