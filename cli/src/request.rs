//! `request`: sends requests, and writes their replies.

use crate::args::{Request, Side};
use crate::failure::Failure;
use crate::meeting::meet;
use crate::send::Messages;
use crate::show::Form;
use std::io::{self, IsTerminal};

pub fn run(args: &Request) -> Result<(), Failure> {
    let messages = Messages::of(&args.source)?;
    let channel = meet(&args.meeting, Side::Connect)?;
    let form = match (args.hex_reply, io::stdout().is_terminal()) {
        (true, _) => Form::Hex,
        (false, true) => Form::Text,
        (false, false) => Form::Lines,
    };
    messages.each(args.count, |data| {
        let reply = channel.request(args.source.tag, data, args.meeting.timeout)?;
        form.write(&reply)
    })?;
    channel.close();
    Ok(())
}
