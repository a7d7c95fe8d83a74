//! How a command gets its channel: one side listens, the other connects.

use crate::args::{Meeting, Side};
use crate::ending;
use crate::failure::Failure;
use std::sync::Arc;
use std::time::Duration;
use treenail::{Channel, Listener};

/// The channel of a command that talks to one program. A listener stops listening once that has
/// come.
pub fn meet(meeting: &Meeting, usual: Side) -> Result<Arc<Channel>, Failure> {
    match meeting.side(usual) {
        Side::Connect => connect(meeting),
        Side::Listen => {
            let listener = listen(&meeting.endpoint)?;
            let channel = accept(&listener, meeting.timeout)?;
            listener.close();
            Ok(channel)
        }
    }
}

/// Listens; the name goes when the program ends. A name that the listener has chosen itself is told.
pub fn listen(endpoint: &str) -> Result<Arc<Listener>, Failure> {
    let open = || Ok(Arc::new(Listener::open(endpoint)?));
    let listener = ending::open(open, |listener: &Arc<Listener>| listener.close())?;
    let address = endpoint.split('?').next().unwrap_or_default();
    if address.ends_with(":*") {
        eprintln!("treenail: listening at {}", listener.endpoint());
    }
    Ok(listener)
}

/// The next channel of a listener.
pub fn accept(listener: &Listener, timeout: Option<Duration>) -> Result<Arc<Channel>, Failure> {
    Ok(Arc::new(listener.accept(timeout)?))
}

/// Connects.
pub fn connect(meeting: &Meeting) -> Result<Arc<Channel>, Failure> {
    let endpoint = match meeting.wait {
        true => with_option(&meeting.endpoint, "retry=1"),
        false => meeting.endpoint.clone(),
    };
    Ok(Arc::new(Channel::connect(&endpoint, meeting.timeout)?))
}

/// An endpoint with one more option, unless it has a value for that.
pub fn with_option(endpoint: &str, option: &str) -> String {
    let key = option.split('=').next().unwrap_or(option);
    let has = |options: &str| options.split('&').any(|one| one.split('=').next() == Some(key));
    match endpoint.split_once('?') {
        None => format!("{endpoint}?{option}"),
        Some((_, options)) if has(options) => endpoint.to_owned(),
        Some((_, "")) => format!("{endpoint}{option}"),
        Some(_) => format!("{endpoint}&{option}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_added_unless_it_is_there() {
        for (endpoint, with) in [
            ("shm:a", "shm:a?retry=1"),
            ("shm:a?", "shm:a?retry=1"),
            ("shm:a?ring=4KiB", "shm:a?ring=4KiB&retry=1"),
            ("shm:a?retry=0", "shm:a?retry=0"),
            ("shm:a?ring=4KiB&retry=0", "shm:a?ring=4KiB&retry=0"),
        ] {
            assert_eq!(with_option(endpoint, "retry=1"), with);
        }
    }
}
