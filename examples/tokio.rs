//! The echo server and client inside tokio: a channel's descriptors in two `AsyncFd`.
//!
//! ```sh
//! cargo run --example tokio server shm:echo
//! cargo run --example tokio client shm:echo hello world
//! ```
//!
//! `wait_for` is all that joins the two: it tries without waiting, and waits for the descriptor
//! only when the library returns `Again`, not sooner. `Again` makes the descriptor unreadable, so
//! the next event is an edge that tokio sees. One descriptor tells of messages and the end, the
//! other of room to send; both are only watched for reading.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::process::ExitCode;
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use treenail::{Channel, Error, Listener, NOW, Result, Status};

/// A channel, for tokio to wait for its messages and for its room.
struct Watched {
    channel: AsyncFd<Arc<Channel>>,
    room: AsyncFd<Room>,
}

/// A channel whose descriptor is that for room.
struct Room(Arc<Channel>);

impl AsRawFd for Room {
    fn as_raw_fd(&self) -> RawFd {
        self.0.send_fd().expect("it was made before").as_raw_fd()
    }
}

impl Watched {
    fn new(channel: Channel) -> io::Result<Watched> {
        let channel = Arc::new(channel);
        channel.send_fd()?;
        Ok(Watched { channel: watch(Arc::clone(&channel))?, room: watch(Room(channel))? })
    }

    async fn recv(&self) -> Result<Vec<u8>> {
        wait_for(&self.channel, |channel| channel.recv_vec(NOW)).await
    }

    async fn send(&self, message: &[u8]) -> Result<()> {
        wait_for(&self.room, |room| room.0.send(message, NOW)).await
    }
}

/// Gives tokio a descriptor to wait for.
fn watch<T: AsRawFd>(handle: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: the handle's descriptor is the same and stays open until the handle is dropped.
    let watched = unsafe { AsyncFd::register_with_interest(handle, Interest::READABLE) };
    Ok(watched?)
}

/// Makes `attempt`, which never waits itself, until it returns something else than `Again`.
async fn wait_for<T: AsRawFd, R>(
    handle: &AsyncFd<T>,
    attempt: impl Fn(&T) -> Result<R>,
) -> Result<R> {
    // At once, without asking tokio: often there is a message, or room, already.
    let mut outcome = attempt(handle.get_ref());
    while is_again(&outcome) {
        // Trying between `readable` and `clear_ready` is what loses no event: what comes after
        // this guard was made is not cleared by it.
        let mut guard = handle.readable().await.expect("tokio is running");
        outcome = attempt(handle.get_ref());
        if is_again(&outcome) {
            guard.clear_ready();
        }
    }
    outcome
}

fn is_again<R>(outcome: &Result<R>) -> bool {
    matches!(outcome, Err(error) if error.status() == Status::Again)
}

/// Many clients at a time, a task each, on one thread.
async fn run_server(endpoint: &str) -> io::Result<()> {
    let listener = watch(Listener::open(endpoint)?)?;
    println!("listening at {endpoint}");
    loop {
        let channel = wait_for(&listener, |listener| listener.accept(NOW)).await?;
        tokio::spawn(async move {
            let end = serve(Watched::new(channel)?).await;
            if end.status() != Status::Closed {
                eprintln!("tokio: a client ended: {end}");
            }
            io::Result::Ok(())
        });
    }
}

/// Echoes until the client goes, and returns how it went.
async fn serve(channel: Watched) -> Error {
    loop {
        let message = match channel.recv().await {
            Ok(message) => message,
            Err(end) => return end,
        };
        if let Err(end) = channel.send(&message).await {
            return end;
        }
    }
}

async fn run_client(endpoint: &str, words: &[String]) -> io::Result<()> {
    let channel = Watched::new(Channel::connect_start(endpoint)?)?;
    for word in words {
        channel.send(word.as_bytes()).await?;
        let reply = channel.recv().await?;
        println!("{}", String::from_utf8_lossy(&reply));
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["server", endpoint] => run_server(endpoint).await,
        ["client", endpoint, ..] => run_client(endpoint, &args[2..]).await,
        _ => {
            eprintln!("usage: tokio server ENDPOINT\n       tokio client ENDPOINT WORD ...");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = outcome {
        eprintln!("tokio: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
