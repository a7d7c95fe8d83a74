//! What `cargo xtask demo` runs: a server that takes files and messages, and a client that sends,
//! checks and measures. Those in other languages do the same.
//!
//! ```sh
//! cargo run --release --example demo server shm:demo KEPT           # serves one client
//! cargo run --release --example demo client shm:demo SENT RECEIVED  # sends, and fetches back
//! ```
//!
//! Tags say what a message is: see the constants.

use std::error::Error;
use std::io::IoSlice;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use treenail::{Channel, FOREVER, Listener, Status, TransportKind, View};

/// Comes back as it is.
const ECHO: u32 = 1;
/// Begins with its number, counted from 0; the server checks that none is missing.
const NUMBER: u32 = 2;
/// Ends the numbers; the answer is how many came in order.
const NUMBERS: u32 = 3;
/// A piece of a file.
const CHUNK: u32 = 4;
/// Ends the file; the answer says that the server has it all.
const FILE_END: u32 = 5;
/// Asks for the file back: CHUNKs, then FILE_END.
const FETCH: u32 = 6;

const SMALL: usize = 64;
const CHUNK_LEN: usize = 65536;
const WARM_UP: usize = 500;
const ROUNDS: usize = 2000;
const COUNT: u64 = 100_000;
const REPEATS: usize = 8;

fn send_tagged(channel: &Channel, tag: u32, data: &[u8]) -> treenail::Result<()> {
    channel.sendv(tag, &[IoSlice::new(data)], FOREVER)
}

fn send_file(channel: &Channel, file: &[u8]) -> treenail::Result<()> {
    for chunk in file.chunks(CHUNK_LEN) {
        send_tagged(channel, CHUNK, chunk)?;
    }
    send_tagged(channel, FILE_END, &[])
}

/// A file in memory that arrives in pieces.
#[derive(Default)]
struct Content {
    data: Vec<u8>,
    whole: bool,
}

impl Content {
    fn append(&mut self, piece: &View<'_>) {
        if std::mem::take(&mut self.whole) {
            self.data.clear();
        }
        let at = self.data.len();
        self.data.resize(at + piece.len(), 0);
        piece.copy_to(&mut self.data[at..]);
    }
}

struct Service {
    channel: Channel,
    file: Content,
    numbers: u64,
}

impl Service {
    /// Serves until the client closes.
    fn run(&mut self) -> treenail::Result<()> {
        let Service { channel, file, numbers } = self;
        loop {
            let message = match channel.recv_view(FOREVER) {
                Ok(message) => message,
                Err(error) if error.status() == Status::Closed => return Ok(()),
                Err(error) => return Err(error),
            };
            match message.info().tag {
                ECHO => send_tagged(channel, ECHO, &message.to_vec())?,
                NUMBER => *numbers += u64::from(number_of(&message) == Some(*numbers)),
                NUMBERS => {
                    send_tagged(channel, NUMBERS, &numbers.to_le_bytes())?;
                    *numbers = 0;
                }
                CHUNK => file.append(&message),
                FILE_END => {
                    file.whole = true;
                    send_tagged(channel, FILE_END, &[])?;
                }
                FETCH => send_file(channel, &file.data)?,
                _ => {}
            }
        }
    }
}

fn number_of(message: &View<'_>) -> Option<u64> {
    let mut text = [0; SMALL];
    (message.len() == SMALL).then(|| message.copy_to(&mut text))?;
    Some(u64::from_le_bytes(text[..8].try_into().expect("8 bytes")))
}

fn run_server(endpoint: &str, kept: &str) -> Result<(), Box<dyn Error>> {
    let listener = Listener::open(endpoint)?;
    println!("listening at {endpoint}");
    let channel = listener.accept(FOREVER)?;
    let mut service = Service { channel, file: Content::default(), numbers: 0 };
    service.run()?;
    std::fs::write(kept, &service.file.data)?;
    Ok(())
}

/// Round trips of small messages: the median and the 99th percentile, in microseconds.
fn measure_latency(channel: &Channel) -> Result<(f64, f64), Box<dyn Error>> {
    let mut times = Vec::with_capacity(WARM_UP + ROUNDS);
    let mut back = [0; SMALL];
    for round in 0..WARM_UP + ROUNDS {
        let sent = [round as u8; SMALL];
        let start = Instant::now();
        send_tagged(channel, ECHO, &sent)?;
        let len = channel.recv(&mut back, FOREVER)?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
        if back[..len] != sent {
            return Err("another echo came back".into());
        }
    }
    let mut times = times.split_off(WARM_UP);
    times.sort_by(f64::total_cmp);
    Ok((times[ROUNDS / 2], times[ROUNDS * 99 / 100]))
}

/// Small messages one way, a second.
fn measure_messages(channel: &Channel) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let mut text = [0; SMALL];
    for number in 0..COUNT {
        text[..8].copy_from_slice(&number.to_le_bytes());
        send_tagged(channel, NUMBER, &text)?;
    }
    send_tagged(channel, NUMBERS, &[])?;
    let answer = channel.recv_vec(FOREVER)?;
    let seconds = start.elapsed().as_secs_f64();
    if answer != COUNT.to_le_bytes() {
        return Err("messages are missing or out of order".into());
    }
    Ok(COUNT as f64 / seconds)
}

/// The file one way, several times: MiB a second.
fn measure_file(channel: &Channel, file: &[u8]) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    for _ in 0..REPEATS {
        send_file(channel, file)?;
        channel.recv_vec(FOREVER)?;
    }
    let mib = (file.len() * REPEATS) as f64 / f64::from(1 << 20);
    Ok(mib / start.elapsed().as_secs_f64())
}

fn fetch(channel: &Channel) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut file = Content::default();
    send_tagged(channel, FETCH, &[])?;
    loop {
        let message = channel.recv_view(FOREVER)?;
        match message.info().tag {
            CHUNK => file.append(&message),
            FILE_END => return Ok(file.data),
            tag => return Err(format!("a message with tag {tag} among the chunks").into()),
        }
    }
}

fn run_client(endpoint: &str, sent: &str, received: &str) -> Result<(), Box<dyn Error>> {
    let file = std::fs::read(sent)?;
    let channel = Channel::connect(endpoint, Some(Duration::from_secs(5)))?;
    let transport = match channel.peer()?.transport {
        TransportKind::Shm => "shm",
        _ => "local",
    };
    let (median, p99) = measure_latency(&channel)?;
    let messages = measure_messages(&channel)?;
    let mib = measure_file(&channel, &file)?;
    std::fs::write(received, fetch(&channel)?)?;
    println!(
        "transport={transport} median_us={median:.2} p99_us={p99:.2} \
         messages_per_s={messages:.0} mib_per_s={mib:.0}"
    );
    Ok(())
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["server", endpoint, kept] => run_server(endpoint, kept),
        ["client", endpoint, sent, received] => run_client(endpoint, sent, received),
        _ => {
            eprintln!(
                "usage: demo server ENDPOINT KEPT\n       demo client ENDPOINT SENT RECEIVED"
            );
            return ExitCode::from(2);
        }
    };
    if let Err(error) = outcome {
        eprintln!("demo: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
