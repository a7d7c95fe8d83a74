//! `echo`: sends back whatever comes, to any number of programs.

use crate::args::{Echo, Side};
use crate::ending;
use crate::failure::Failure;
use crate::meeting::{accept, listen, meet};
use std::sync::Arc;
use std::thread;
use treenail::{Channel, FOREVER, Result, Status, View};

pub fn run(args: &Echo) -> std::result::Result<(), Failure> {
    if args.once || args.meeting.side(Side::Listen) == Side::Connect {
        let channel = meet(&args.meeting, Side::Listen)?;
        ending::hold(&channel)?;
        return Ok(send_back_all(&channel)?);
    }
    let listener = listen(&args.meeting.endpoint)?;
    loop {
        let channel = accept(&listener, args.meeting.timeout)?;
        ending::hold(&channel)?;
        thread::spawn(move || {
            // Others go on if a client has died.
            if let Err(error) = send_back_all(&channel) {
                Failure::from(error).tell();
            }
        });
    }
}

/// Serves one program until it closes.
fn send_back_all(channel: &Arc<Channel>) -> Result<()> {
    loop {
        let done = channel.recv_view(FOREVER).and_then(|view| send_back(channel, &view));
        match done {
            Err(error) if error.status() == Status::Closed => return Ok(()),
            done => done?,
        }
    }
}

fn send_back(channel: &Channel, view: &View<'_>) -> Result<()> {
    let info = view.info();
    let bytes = view.to_vec();
    match info.is_request() {
        true => channel.reply(&info, &bytes, FOREVER),
        false => channel.send_tagged(info.tag, &bytes, FOREVER),
    }
}
