//! Sockets that this process was given: by its parent, by another program, or by systemd.

use crate::endpoint::Given;
use crate::error::{Error, Result, Status};
use crate::os::fork::Fd;
use crate::os::given::{self, Kind};
use crate::os::process;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};

/// The first number that systemd passes (sd_listen_fds(3)).
const FIRST_PASSED: i32 = 3;

/// Whether this process has taken what systemd passed: its number may be another descriptor's by
/// now.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A socket that was given.
pub enum Socket {
    Connected(Fd),
    Listening(Fd),
}

impl Socket {
    fn into_fd(self) -> Fd {
        match self {
            Socket::Connected(fd) | Socket::Listening(fd) => fd,
        }
    }
}

/// Takes a socket over, whichever it is. One that is refused stays as it is.
pub fn take(given: Given) -> Result<Socket> {
    take_unless(given, |_| None)
}

/// Takes a connected socket over.
pub fn take_connected(given: Given) -> Result<Fd> {
    let why = "is a listening socket; listen at it, or create a channel of it";
    let taken = take_unless(given, |kind| (kind == Kind::Listening).then_some(why))?;
    Ok(taken.into_fd())
}

/// Takes a listening socket over.
pub fn take_listening(given: Given) -> Result<Fd> {
    let why = "is a connected socket; connect or create a channel of it";
    let taken = take_unless(given, |kind| (kind == Kind::Connected).then_some(why))?;
    Ok(taken.into_fd())
}

fn take_unless(given: Given, refusal: impl FnOnce(Kind) -> Option<&'static str>) -> Result<Socket> {
    let number = match given {
        Given::Number(number) => number,
        Given::Systemd => first_passed()?,
    };
    let refused = |why: &str| Error::invalid(format!("descriptor {number} {why}"));
    let failed = |error| Error::system(&format!("taking descriptor {number} over"), &error);
    let kind = given::look(number).map_err(failed)?;
    if let Some(why) = refusal(kind) {
        return Err(refused(why));
    }
    let into: fn(Fd) -> Socket = match kind {
        Kind::Connected => Socket::Connected,
        Kind::Listening => Socket::Listening,
        kind => return Err(unfit(kind, number)),
    };
    let socket = given::take(number).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => refused(
            "belongs to a handle of this library, which closes it; pass each socket to one call",
        ),
        _ => failed(error),
    })?;
    if given == Given::Systemd {
        TAKEN.store(true, Ordering::Relaxed);
    }
    Ok(into(socket))
}

/// Why such a descriptor carries no channel.
fn unfit(kind: Kind, number: i32) -> Error {
    let (status, why) = match kind {
        Kind::NotOpen => (Status::Invalid, "isn't open; pass it to this process, and only once"),
        Kind::NoSocket => (Status::Invalid, "is no socket; pass one end of a socketpair"),
        Kind::Internet => {
            (Status::Unsupported, "is a TCP or UDP socket; pass a Unix stream socket")
        }
        Kind::OtherFamily => {
            (Status::Unsupported, "is of another family; pass a Unix stream socket")
        }
        Kind::NoStream => (Status::Invalid, "is a Unix socket, but no stream; pass a SOCK_STREAM"),
        _ => (Status::Invalid, "is neither connected nor listening; call connect or listen first"),
    };
    Error::new(status, format!("descriptor {number} {why}"))
}

/// The first descriptor that systemd has passed to this process.
fn first_passed() -> Result<i32> {
    let missing = |why: String| {
        let advice = "start it by a systemd socket unit or systemd-socket-activate";
        Error::new(Status::NotFound, format!("systemd has passed no socket: {why}; {advice}"))
    };
    if TAKEN.load(Ordering::Relaxed) {
        return Err(Error::invalid(
            "this process has taken the socket that systemd passed; name further ones by \
             fd:NUMBER, from fd:4 on",
        ));
    }
    let number_in = |name: &str| {
        let value = process::variable(name).ok_or_else(|| missing(format!("{name} isn't set")))?;
        let read = |value: &OsString| value.to_str()?.parse::<u32>().ok();
        read(&value).ok_or_else(|| missing(format!("{name} is no number")))
    };
    let (count, pid) = (number_in("LISTEN_FDS")?, number_in("LISTEN_PID")?);
    match () {
        _ if pid != std::process::id() => {
            Err(missing(format!("LISTEN_PID is {pid}, another process'")))
        }
        _ if count == 0 => Err(missing("LISTEN_FDS is 0".to_owned())),
        _ => Ok(FIRST_PASSED),
    }
}
