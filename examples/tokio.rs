//! The echo server and client on tokio.
//!
//! ```sh
//! cargo run --example tokio server shm:echo
//! cargo run --example tokio client shm:echo hello world
//! ```
//!
//! A program of your own needs the cargo feature `tokio` of this crate: see docs/tokio.md.

use std::process::ExitCode;
use treenail::{AsyncChannel, AsyncListener, Error, Result, Status};

/// Many clients at a time, a task each, on one thread.
async fn run_server(endpoint: &str) -> Result<()> {
    let listener = AsyncListener::open(endpoint)?;
    println!("listening at {endpoint}");
    loop {
        let channel = listener.accept().await?;
        tokio::spawn(async move {
            let end = serve(channel).await;
            if end.status() != Status::Closed {
                eprintln!("tokio: a client ended: {end}");
            }
        });
    }
}

/// Echoes until the client goes, and returns how it went.
async fn serve(channel: AsyncChannel) -> Error {
    loop {
        let message = match channel.recv_vec().await {
            Ok(message) => message,
            Err(end) => return end,
        };
        if let Err(end) = channel.send(&message).await {
            return end;
        }
    }
}

async fn run_client(endpoint: &str, words: &[String]) -> Result<()> {
    let channel = AsyncChannel::connect(endpoint).await?;
    for word in words {
        channel.send(word.as_bytes()).await?;
        println!("{}", String::from_utf8_lossy(&channel.recv_vec().await?));
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
