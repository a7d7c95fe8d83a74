//! `recv`: writes the messages that come to standard output.

use crate::args::{Recv, Side};
use crate::ending;
use crate::failure::Failure;
use crate::meeting::{accept, listen, meet};
use crate::progress;
use crate::send::enlarge;
use crate::show::Form;
use indicatif::ProgressBar;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use treenail::{Channel, Status};

/// What becomes of messages: the same for all clients.
struct Output {
    form: Form,
    timeout: Option<Duration>,
    tag: Option<u32>,
    /// How many messages are still wanted.
    left: AtomicU64,
    bar: ProgressBar,
}

/// Why no more is received from a client.
#[derive(PartialEq, Eq)]
enum End {
    /// The client has no more.
    Closed,
    /// All that were wanted have come.
    Enough,
}

pub fn run(args: &Recv) -> Result<(), Failure> {
    let output = Output {
        form: Form::of(&args.shown),
        timeout: args.meeting.timeout,
        tag: args.tag,
        left: AtomicU64::new(args.count.unwrap_or(u64::MAX)),
        bar: progress::bar(args.progress, None),
    };
    enlarge(&io::stdout());
    if args.keep {
        return serve(args, output);
    }
    let channel = meet(&args.meeting, Side::Listen)?;
    ending::hold(&channel)?;
    output.take_all(&channel)?;
    channel.close();
    output.bar.finish();
    Ok(())
}

/// Serves every client in a thread of its own, until all that were wanted have come, or the output
/// fails.
fn serve(args: &Recv, output: Output) -> Result<(), Failure> {
    let listener = listen(&args.meeting.endpoint)?;
    let shared = Arc::new((output, OnceLock::new()));
    loop {
        let channel = match accept(&listener, args.meeting.timeout) {
            Ok(channel) => channel,
            Err(failure) => return shared.1.get().cloned().unwrap_or(Err(failure)),
        };
        ending::hold(&channel)?;
        let (listener, shared) = (Arc::clone(&listener), Arc::clone(&shared));
        std::thread::spawn(move || {
            let (output, outcome) = &*shared;
            let done = match output.take_all(&channel) {
                Ok(End::Closed) => return,
                Ok(End::Enough) => Ok(()),
                // Others go on if a client has died.
                Err(failure @ Failure::Told(..)) => return failure.tell(),
                Err(Failure::OutputClosed) => Err(Failure::OutputClosed),
            };
            // This ends the call to accept.
            let _ = outcome.set(done);
            listener.close();
        });
    }
}

impl Output {
    fn take_all(&self, channel: &Channel) -> Result<End, Failure> {
        while self.left.load(Ordering::Relaxed) > 0 {
            let view = match channel.recv_view(self.timeout) {
                Ok(view) => view,
                Err(error) if error.status() == Status::Closed => return Ok(End::Closed),
                Err(error) => return Err(error.into()),
            };
            if self.tag.is_some_and(|tag| tag != view.info().tag) {
                continue;
            }
            let one_less = |left: u64| left.checked_sub(1);
            if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
                self.form.write(&view)?;
                self.bar.inc(view.len() as u64);
            }
        }
        Ok(End::Enough)
    }
}
