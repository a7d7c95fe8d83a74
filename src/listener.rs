//! A listener: a name that other programs connect to, and a source of channels.

mod info;

use crate::channel::Channel;
use crate::channel::spinner::spin_on_handshake;
use crate::endpoint::{Endpoint, Rings, escape};
use crate::error::{Error, Result, Status};
use crate::os::fork::{Fd, generation};
use crate::os::poll::Wanted;
use crate::os::wait_set::{WRITABLE, WaitSet, event};
use crate::readiness::interest::Interest;
use crate::readiness::waiters::{Source, Step, Waiters};
use crate::sync::biased_mutex::Patience;
use crate::sync::waker::{Waker, poll_with_waker};
use crate::timeout::Deadline;
use crate::transport::meet::accept::{Acceptor, END};
use crate::transport::meet::counts::Counts;
use crate::transport::meet::incoming::Incoming;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

pub use self::info::ListenerStats;

/// Listens for connections.
///
/// Every thread may use it at any time. Handshakes go on whenever `accept` is called; one that
/// stalls does not hold up others.
///
/// ```
/// let listener = treenail::Listener::open("local:doc-listener?backlog=16")?;
/// assert_eq!(listener.endpoint(), "local:doc-listener");
/// assert!(listener.accept(treenail::NOW).is_err()); // nobody has come
/// # Ok::<(), treenail::Error>(())
/// ```
pub struct Listener {
    endpoint: Arc<Endpoint>,
    /// What others connect to.
    address: String,
    generation: u32,
    closed: AtomicBool,
    acceptor: Mutex<Option<Acceptor>>,
    wait_set: Arc<WaitSet>,
    /// Becomes ready when this side closes. It is made at once, as a lack of descriptors must not
    /// hide the close.
    end: Fd,
    waiters: Waiters,
    counts: Arc<Counts>,
    /// The error of an accept that would have to wait.
    again: Error,
}

impl Listener {
    /// Starts listening: `open("shm:NAME")`. It takes over the name of a listener that was killed;
    /// the name of one that is alive is [`Status::Exists`].
    pub fn open(endpoint: &str) -> Result<Listener> {
        let endpoint = Endpoint::parse(endpoint).map_err(|error| error.tried("listen"))?;
        let text = Arc::clone(&endpoint.text);
        let (endpoint, acceptor) = Incoming::open(endpoint)
            .and_then(|(endpoint, incoming)| {
                let acceptor = Acceptor::new(&endpoint, incoming)?;
                Ok((endpoint, acceptor))
            })
            .map_err(|error| error.during("listen", &text))?;
        let given_path = acceptor.incoming().given_path();
        let end = event().and_then(|end| {
            acceptor.wait_set().add(end.as_fd(), 0, END)?;
            Ok(end)
        });
        let failed = |error| {
            Error::system("making the listener's descriptor", &error)
                .during("listen", &endpoint.text)
        };
        let end = end.map_err(failed)?;
        Ok(Listener {
            end,
            generation: generation(),
            closed: AtomicBool::new(false),
            wait_set: Arc::clone(acceptor.wait_set()),
            counts: Arc::clone(acceptor.counts()),
            acceptor: Mutex::new(Some(acceptor)),
            waiters: Waiters::new(),
            again: Error::again().during("accept", &endpoint.text),
            address: given_path
                .map_or_else(|| address_of(&endpoint), |path| endpoint_of_path(&endpoint, &path)),
            endpoint,
        })
    }

    /// Returns the next connection whose HELLO has come. The connection may have ended already:
    /// what its peer sent is received first.
    pub fn accept(&self, timeout: Option<Duration>) -> Result<Channel> {
        let accepted = self.accept_by(Deadline::after(timeout));
        accepted.map_err(|error| error.during("accept", &self.endpoint.text))
    }

    fn accept_by(&self, deadline: Deadline) -> Result<Channel> {
        let now = matches!(deadline, Deadline::Now);
        self.look();
        if let Step::Done(channel) = self.step(if now { Patience::Try } else { Patience::Wait })? {
            return Ok(channel);
        }
        if now {
            return Err(self.again.clone());
        }
        let mut attempt = || self.step(Patience::Wait);
        let accepted =
            self.waiters.wait(self, &|| Interest::READ, deadline, &|| (), &mut attempt)?;
        accepted.ok_or_else(|| {
            Error::new(
                Status::TimedOut,
                "nobody connected in time; give it longer, or start the other program",
            )
        })
    }

    /// Looks whether clients still find the listener, unless another thread drives the acceptor.
    fn look(&self) {
        if self.alive().is_ok()
            && let Ok(mut acceptor) = self.acceptor.try_lock()
            && let Some(acceptor) = acceptor.as_mut()
        {
            acceptor.look();
        }
    }

    fn step(&self, patience: Patience) -> Result<Step<Channel>> {
        self.alive()?;
        let mut acceptor = match self.acceptor.try_lock() {
            Ok(acceptor) => acceptor,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) if patience == Patience::Try => {
                return Ok(Step::Busy);
            }
            Err(TryLockError::WouldBlock) => crate::sync::lock(&self.acceptor),
        };
        let Some(acceptor) = acceptor.as_mut() else {
            return Err(closed());
        };
        let mut done = acceptor.step()?;
        if patience == Patience::Wait && done.is_none() && acceptor.is_busy() {
            done = spin_on_handshake(self.endpoint.spin, || {
                Ok(acceptor.step()?.map_or(Step::Blocked, Step::Done))
            })?;
        }
        Ok(match done {
            Some((joined, slot)) => Step::Done(Channel::joined(&self.endpoint, joined, Some(slot))),
            None => Step::Blocked,
        })
    }

    fn alive(&self) -> Result<()> {
        if self.generation != generation() {
            return Err(Error::forked());
        }
        match self.closed.load(Ordering::Acquire) {
            true => Err(closed()),
            false => Ok(()),
        }
    }

    /// The endpoint to connect to, without options. It has the name that the listener has chosen
    /// for `shm:*` or `local:*`, and the path of a socket that was given to `fd:`, if that has one.
    pub fn endpoint(&self) -> String {
        self.address.clone()
    }

    /// Counts what has become of the connections so far. They stay when the listener is closed.
    pub fn stats(&self) -> Result<ListenerStats> {
        if self.generation != generation() {
            return Err(Error::forked().during("stats", &self.endpoint.text));
        }
        Ok(ListenerStats::of(&self.counts))
    }

    /// The wait set behind the listener's descriptor.
    pub(crate) fn shown_by(&self) -> &Arc<WaitSet> {
        &self.wait_set
    }

    /// A descriptor that is readable while `accept` may get on. Never read or write it. It is also
    /// readable every 5 s, so that `accept` looks whether the socket's file is there: a file that
    /// was removed is made anew.
    pub fn fd(&self) -> Result<BorrowedFd<'_>> {
        match self.generation == generation() {
            true => Ok(self.wait_set.fd().as_fd()),
            false => Err(Error::forked().during("fd", &self.endpoint.text)),
        }
    }

    /// Stops listening, and wakes all waiting threads. Channels that were accepted stay as they
    /// are.
    pub fn close(&self) {
        if self.generation != generation() || self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        *crate::sync::lock(&self.acceptor) = None;
        // An eventfd that nobody reads is writable.
        let shown = self.wait_set.modify(self.end.as_fd(), WRITABLE, END);
        debug_assert!(shown.is_ok(), "{shown:?}");
        self.waiters.notify();
    }
}

impl Source for Listener {
    fn arm(&self, _: Interest) {}

    fn drain(&self) -> bool {
        false
    }

    fn poll(&self, _: Interest, waker: Option<&Waker>, time: Option<Duration>) -> Result<()> {
        let own = Wanted::readable(self.wait_set.fd().as_fd());
        poll_with_waker([own], waker, time).map_err(|error| Error::system("waiting", &error))?;
        Ok(())
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listener({})", self.endpoint.text)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.close();
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wait_set.fd().as_fd()
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// The endpoint without options.
fn address_of(endpoint: &Endpoint) -> String {
    endpoint.text.split('?').next().unwrap_or_default().to_owned()
}

/// The endpoint of a socket file.
fn endpoint_of_path(endpoint: &Endpoint, path: &[u8]) -> String {
    let scheme = if endpoint.rings == Rings::Never { "local:" } else { "shm:" };
    format!("{scheme}{}", escape(path))
}

fn closed() -> Error {
    Error::new(Status::Closed, "the listener was closed by this program; open a new one")
}
