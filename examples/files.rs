//! A folder that takes files, and a client that sends them, checked by hash.
//!
//! ```sh
//! cargo run --example files server shm:files inbox
//! cargo run --example files client shm:files picture.jpg notes.txt
//! ```
//!
//! The programs of the same name in other languages take the same arguments, and any client may
//! send to any server. An empty reply to an OFFER or an END says yes; any other says why not.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, IoSlice, IsTerminal, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sha2::{Digest, Sha256};
use treenail::{Channel, FOREVER, Info, Listener, Result, Status};

/// A request: the file's size as a little-endian 64-bit number, then its name.
const OFFER: u32 = 1;
/// The file's next bytes, at most CHUNK_LEN of them; as many as it takes.
const CHUNK: u32 = 2;
/// A request: the SHA-256 of all the file's bytes.
const END: u32 = 3;

const CHUNK_LEN: usize = 65536;
const NAME_LEN_MAX: usize = 255;
const BAR_LEN: usize = 40;
const BAD_NAME: &str =
    "a name has 1 to 255 bytes, begins with no dot, and has no slash or control character in it";

/// Yes, or why not.
type Verdict = std::result::Result<(), String>;

/// Prints the line for a file that is complete.
fn report(what: &str, name: &OsStr, size: u64, hash: &[u8]) {
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    println!("{what} {}: {size} bytes, SHA-256 {hex}", name.display());
}

// ---- the server ----

/// A file that is not whole yet. Dropping it removes what there is of it.
struct Incoming {
    file: File,
    temporary: PathBuf,
    name: OsString,
    size: u64,
    received: u64,
    hash: Sha256,
    written: io::Result<()>,
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.temporary);
    }
}

impl Incoming {
    /// Its temporary name is one that no client can choose, as it begins with a dot.
    fn create(folder: &Path, name: &OsStr, size: u64) -> io::Result<Incoming> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = folder.join(format!(".{}-{number}.part", std::process::id()));
        let file = File::create_new(&temporary)?;
        let (name, hash) = (name.to_owned(), Sha256::new());
        Ok(Incoming { file, temporary, name, size, received: 0, hash, written: Ok(()) })
    }

    fn append(&mut self, chunk: &[u8]) {
        self.received += chunk.len() as u64;
        if self.received <= self.size && self.written.is_ok() {
            self.hash.update(chunk);
            self.written = self.file.write_all(chunk);
        }
    }

    /// Gives it its name, besides the temporary one: a link, unlike a rename, replaces nothing.
    fn keep(mut self, folder: &Path, hash: &[u8]) -> Verdict {
        let name = self.name.display();
        let unwritable = |error| format!("{name} can't be written: {error}");
        std::mem::replace(&mut self.written, Ok(())).map_err(unwritable)?;
        if self.received != self.size {
            return Err(format!("{name}: {} of {} bytes came", self.received, self.size));
        }
        if hash != std::mem::take(&mut self.hash).finalize().as_slice() {
            return Err(format!("{name} came with another hash"));
        }
        std::fs::hard_link(&self.temporary, folder.join(&self.name)).map_err(unwritable)?;
        report("kept", &self.name, self.size, hash);
        Ok(())
    }
}

/// Whether a name leads only into the folder, and doesn't upset a terminal.
fn is_good_name(name: &[u8]) -> bool {
    let harmless = |byte: &u8| *byte != b'/' && !byte.is_ascii_control();
    (1..=NAME_LEN_MAX).contains(&name.len()) && name[0] != b'.' && name.iter().all(harmless)
}

/// One client of the server.
struct Session<'a> {
    channel: &'a Channel,
    folder: &'a Path,
    incoming: Option<Incoming>,
}

impl Session<'_> {
    /// Serves until the client goes, and returns how it went. It copies messages out of the
    /// channel: the peer could still change what a view shows, between the hash and the file.
    fn run(&mut self) -> Result<()> {
        let mut buffer = vec![0; CHUNK_LEN];
        loop {
            let info = self.channel.recv_message(&mut buffer, FOREVER)?;
            self.take(&info, &buffer[..info.len])?;
        }
    }

    fn take(&mut self, info: &Info, data: &[u8]) -> Result<()> {
        let verdict = match info.tag {
            OFFER => self.take_offer(data),
            END => self.take_end(data),
            _ if info.is_request() => Err("there is no such request".to_owned()),
            CHUNK => {
                self.incoming.iter_mut().for_each(|file| file.append(data));
                return Ok(());
            }
            _ => return Ok(()),
        };
        if let Err(why) = &verdict {
            println!("refused: {why}");
        }
        self.channel.reply(info, verdict.err().unwrap_or_default().as_bytes(), FOREVER)
    }

    fn take_offer(&mut self, offer: &[u8]) -> Verdict {
        self.drop_incoming();
        let Some((size, name)) = offer.split_first_chunk().filter(|(_, name)| is_good_name(name))
        else {
            return Err(BAD_NAME.to_owned());
        };
        let (size, name) = (u64::from_le_bytes(*size), OsStr::from_bytes(name));
        if self.folder.join(name).symlink_metadata().is_ok() {
            return Err(format!("{} is there already", name.display()));
        }
        let unwritable = |error| format!("{} can't be written: {error}", name.display());
        self.incoming = Some(Incoming::create(self.folder, name, size).map_err(unwritable)?);
        Ok(())
    }

    fn take_end(&mut self, hash: &[u8]) -> Verdict {
        let file = self.incoming.take().ok_or("no file was offered")?;
        file.keep(self.folder, hash)
    }

    /// Gives up a file whose END has not come.
    fn drop_incoming(&mut self) {
        if let Some(file) = self.incoming.take() {
            let (received, size) = (file.received, file.size);
            let line = format!("dropped {}: {received} of {size} bytes came", file.name.display());
            drop(file);
            println!("{line}");
        }
    }
}

/// A thread for each client; `chat.rs` serves many on one thread.
fn run_server(endpoint: &str, folder: &Path) -> Result<ExitCode> {
    if !folder.is_dir() {
        eprintln!("files: {}: not a folder", folder.display());
        return Ok(ExitCode::FAILURE);
    }
    let listener = Listener::open(endpoint)?;
    println!("listening at {endpoint}");
    loop {
        let channel = listener.accept(FOREVER)?;
        let folder = folder.to_owned();
        std::thread::spawn(move || {
            let mut session = Session { channel: &channel, folder: &folder, incoming: None };
            if let Err(error) = session.run()
                && error.status() != Status::Closed
            {
                eprintln!("files: a client ended: {error}");
            }
            session.drop_incoming();
        });
    }
}

// ---- the client ----

/// A progress bar, which is redrawn when the percentage changes, and removed when all is sent.
struct Progress<'a> {
    name: &'a OsStr,
    size: u64,
    shown: Option<u64>,
}

impl Progress<'_> {
    fn show(&mut self, done: u64) {
        let percent = (100.0 * done as f64 / self.size as f64) as u64;
        if self.shown == Some(percent) || !io::stderr().is_terminal() {
            return;
        }
        self.shown = Some(percent);
        let full = "#".repeat(percent as usize * BAR_LEN / 100);
        eprint!("\r[{full:-<BAR_LEN$}] {percent:3} %  {}", self.name.display());
        if done == self.size {
            eprint!("\r\x1b[K");
        }
    }
}

/// A request about the file at `path`, and the reply as a verdict.
fn ask(channel: &Channel, path: &Path, tag: u32, data: &[u8]) -> Result<Verdict> {
    let reply = channel.request(tag, data, FOREVER)?.to_vec();
    let why = || format!("{} was refused: {}", path.display(), String::from_utf8_lossy(&reply));
    Ok(if reply.is_empty() { Ok(()) } else { Err(why()) })
}

/// Opens what can be sent: a regular file, with its size.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = File::open(path)?;
    let facts = file.metadata()?;
    if !facts.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    Ok((file, facts.len()))
}

fn send_file(channel: &Channel, path: &Path) -> Result<Verdict> {
    let (mut file, size) = match open(path) {
        Ok(opened) => opened,
        Err(error) => return Ok(Err(format!("{}: {error}", path.display()))),
    };
    let name = path.file_name().unwrap_or_default();
    let offer = [&size.to_le_bytes(), name.as_bytes()].concat();
    let verdict = ask(channel, path, OFFER, &offer)?;
    if verdict.is_err() {
        return Ok(verdict);
    }
    let hash = send_chunks(channel, &mut file, size, name)?;
    let verdict = ask(channel, path, END, &hash)?;
    if verdict.is_ok() {
        report("sent", name, size, &hash);
    }
    Ok(verdict)
}

/// Sends `size` bytes, and gives their hash; fewer if the file has shrunk: the server will say so.
fn send_chunks(channel: &Channel, file: &mut File, size: u64, name: &OsStr) -> Result<Vec<u8>> {
    let mut progress = Progress { name, size, shown: None };
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK_LEN];
    let mut sent = 0;
    while sent < size {
        let len = (size - sent).min(CHUNK_LEN as u64) as usize;
        let len = file.read(&mut buffer[..len]).unwrap_or(0);
        if len == 0 {
            break;
        }
        hash.update(&buffer[..len]);
        channel.sendv(CHUNK, &[IoSlice::new(&buffer[..len])], FOREVER)?;
        sent += len as u64;
        progress.show(sent);
    }
    Ok(hash.finalize().to_vec())
}

/// Sends one file after the other; one that is refused doesn't hold up the next.
fn run_client(endpoint: &str, paths: &[&str]) -> Result<ExitCode> {
    let channel = Channel::connect(endpoint, Some(Duration::from_secs(5)))?;
    let mut code = ExitCode::SUCCESS;
    for path in paths {
        if let Err(why) = send_file(&channel, Path::new(path))? {
            eprintln!("files: {why}");
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["server", endpoint, folder] => run_server(endpoint, Path::new(folder)),
        ["client", endpoint, ref paths @ ..] if !paths.is_empty() => run_client(endpoint, paths),
        _ => {
            eprintln!("usage: files server ENDPOINT FOLDER\n       files client ENDPOINT FILE...");
            return ExitCode::from(2);
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("files: {error}");
        ExitCode::FAILURE
    })
}
