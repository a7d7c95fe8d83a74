//! Both ends of a channel, made at once.

use super::Channel;
use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Status};
use crate::os::local_socket;
use crate::transport::handshake::{Handshake, greet};
use crate::transport::link::Joined;
use crate::transport::peer::lost;
use std::sync::Arc;
use std::time::Duration;

impl Channel {
    /// Makes a private channel and returns both its ends: for tests, and for threads of one
    /// process. `options` is `key=value&key=value` as behind an endpoint, or empty; the ends share
    /// memory unless it says `shm=off`. Each end is a channel like any other. To give an end to
    /// another process, give it an end of a `socketpair`, which it adopts by `fd:NUMBER`.
    ///
    /// ```
    /// use treenail::{Channel, FOREVER};
    ///
    /// let (one, other) = Channel::pair("")?;
    /// let thread = std::thread::spawn(move || other.send(b"done", FOREVER));
    /// assert_eq!(one.recv_vec(FOREVER)?, b"done");
    /// thread.join().unwrap()?;
    /// # Ok::<(), treenail::Error>(())
    /// ```
    pub fn pair(options: &str) -> Result<(Channel, Channel)> {
        let endpoint = Arc::new(Endpoint::of_pair(options)?);
        make(&endpoint).map_err(|error| error.during("make", &endpoint.text))
    }
}

fn make(endpoint: &Arc<Endpoint>) -> Result<(Channel, Channel)> {
    let (connector, acceptor) = join(endpoint)?;
    let [connector, acceptor] =
        [connector, acceptor].map(|joined| Channel::joined(endpoint, joined, None));
    // What the listener's part has sent so far, the answer, and what the listener's part says to
    // that: then both directions go through rings.
    for end in [&connector, &acceptor, &connector] {
        match end.core.recv(&mut [], Some(Duration::ZERO)) {
            Err(error) if error.status() != Status::Again => return Err(error),
            _ => {}
        }
    }
    Ok((connector, acceptor))
}

fn join(endpoint: &Arc<Endpoint>) -> Result<(Joined, Joined)> {
    let failed = |error| Error::system("making a pair of sockets", &error);
    let (connector, acceptor) = local_socket::pair().map_err(failed)?;
    let connector = greet(endpoint, connector)?;
    let acceptor = Handshake::begin(endpoint, acceptor)?.step()?.ok_or_else(lost)?;
    Ok((connector, acceptor))
}
