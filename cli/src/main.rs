//! `treenail`, the program: shows what there is, joins a terminal or a pipe to a channel, and
//! measures. It does all of it by the library's Rust API.

mod args;
mod bench;
mod clean;
mod echo;
mod ending;
mod examples;
mod failure;
mod info;
mod list;
mod meeting;
mod named;
mod pages;
mod progress;
mod recv;
mod request;
mod send;
mod show;
mod sockets;
mod talk;
mod time;
mod watch;

use args::{Args, Command};
use clap::Parser;
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let done = run(Args::parse().command);
    ending::finish();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell();
            failure.exit_code()
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(args) => list::run(&args),
        Command::Info(args) => info::run(&args),
        Command::Send(args) => send::run(&args),
        Command::Recv(args) => recv::run(&args),
        Command::Request(args) => request::run(&args),
        Command::Listen(args) => talk::listen(&args),
        Command::Connect(args) => talk::connect(&args),
        Command::Echo(args) => echo::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Clean(args) => clean::clean(&args),
        Command::Remove(args) => clean::remove(&args),
        Command::Completions(args) => pages::completions(&args),
        Command::Man(args) => pages::man(&args),
    }
}
