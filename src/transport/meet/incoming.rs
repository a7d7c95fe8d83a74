//! Where a listener's connections come from: a name, or a listening socket that this process was
//! given.

use crate::endpoint::{Address, Endpoint, Meeting};
use crate::error::{Error, Result, Status};
use crate::os::fork::{Fd, Owned, adopt};
use crate::os::local_socket;
use crate::transport::meet::given::{self, Socket};
use crate::transport::meet::local::{Listening, accept_from};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

/// How many names of its own a listener tries, if others have them.
const NAME_TRIES_MAX: u32 = 100;

/// A source of connections.
pub enum Incoming {
    /// A name, which goes with the listener.
    Named(Box<Listening>),
    /// A socket that this process was given. Its name, if it has one, is the giver's.
    Given(Owned<UnixListener>),
}

/// What a channel for exactly two programs is made of.
pub enum Created {
    /// The other program connects here.
    Listens(Incoming),
    /// The other program has the other end of this socket.
    Connected(Fd),
}

impl Incoming {
    /// Listens at an endpoint. The one that comes back has the name, if the listener had to choose
    /// one.
    pub fn open(endpoint: Endpoint) -> Result<(Arc<Endpoint>, Incoming)> {
        let named = |endpoint: Endpoint, address: &Address| {
            let endpoint = Arc::new(endpoint);
            let listening = Listening::open(&endpoint, address)?;
            Ok((endpoint, Incoming::Named(Box::new(listening))))
        };
        match endpoint.meeting.clone() {
            Meeting::At(address) => named(endpoint, &address),
            Meeting::On(given) => {
                let incoming = Incoming::given(given::take_listening(given)?)?;
                Ok((Arc::new(endpoint), incoming))
            }
            Meeting::AsPair => Err(no_own_name()),
            Meeting::AtOwnName => {
                let mut tries = 0..NAME_TRIES_MAX;
                loop {
                    let name = own_name();
                    let opened = named(endpoint.with_own_name(&name), &Address::Name(name.clone()));
                    match opened {
                        Err(error)
                            if error.status() == Status::Exists && tries.next().is_some() => {}
                        opened => return opened,
                    }
                }
            }
        }
    }

    fn given(socket: Fd) -> Result<Incoming> {
        let failed = |error| Error::system("taking a listening socket over", &error);
        // Another process may accept from it too, so that what is waiting may be gone by then.
        let listener = socket.into_other::<UnixListener>();
        local_socket::refuse_descriptors(listener.as_fd());
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Incoming::Given(listener))
    }

    /// The next connection, if one is waiting.
    pub fn accept(&mut self) -> Result<Option<Fd>> {
        match self {
            Incoming::Named(listening) => listening.accept(),
            Incoming::Given(listener) => {
                accept_from(|| adopt(|| listener.accept().map(|(socket, _)| OwnedFd::from(socket))))
            }
        }
    }

    /// The listening sockets to wait for.
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Incoming::Named(listening) => listening.descriptors().collect(),
            Incoming::Given(listener) => vec![listener.as_fd()],
        }
    }

    /// Listens anew if that is needed and can be done. `watch` gets the new socket first. True if
    /// another process hindered it: try again soon.
    pub fn renew(&mut self, watch: impl FnOnce(BorrowedFd<'_>) -> io::Result<()>) -> bool {
        match self {
            Incoming::Named(listening) => listening.renew(watch),
            Incoming::Given(_) => false,
        }
    }

    /// The path that others connect to, if the giver of the socket has bound it to one.
    pub fn given_path(&self) -> Option<Vec<u8>> {
        let Incoming::Given(listener) = self else {
            return None;
        };
        let address = listener.local_addr().ok()?;
        let path = address.as_pathname().filter(|path| path.is_absolute())?;
        Some(path.as_os_str().as_bytes().to_vec())
    }
}

impl Created {
    /// What the endpoint leads to.
    pub fn open(endpoint: &Arc<Endpoint>) -> Result<Created> {
        match &endpoint.meeting {
            Meeting::At(address) => {
                let listening = Box::new(Listening::open(endpoint, address)?);
                Ok(Created::Listens(Incoming::Named(listening)))
            }
            Meeting::On(given) => match given::take(*given)? {
                Socket::Connected(socket) => Ok(Created::Connected(socket)),
                Socket::Listening(socket) => Ok(Created::Listens(Incoming::given(socket)?)),
            },
            Meeting::AtOwnName | Meeting::AsPair => Err(no_own_name()),
        }
    }
}

/// The error for who would have to know the name that a listener chooses.
pub fn no_own_name() -> Error {
    Error::invalid(
        "with * a listener chooses a name, and tells it as its endpoint; open a listener with *, \
         and connect to what it tells",
    )
}

/// A name that no other listener has, as far as chance allows.
fn own_name() -> String {
    let mut hasher = RandomState::new().build_hasher();
    // Forked processes go on with the same random numbers.
    hasher.write_u32(std::process::id());
    format!("own-{:016x}", hasher.finish())
}
