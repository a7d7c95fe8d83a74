//! Waits for many channels, listeners and descriptors at once.

use crate::channel::Channel;
use crate::channel::core::{Core, again, forked};
use crate::error::{Error, Result, Status};
use crate::listener::Listener;
use crate::os::clock::Deadline;
use crate::os::event::{Epoll, READABLE};
use crate::os::fork::generation;
use crate::sync::lock;
use crate::transport::readiness::{OWN_TOKEN, PollSet};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::Bound;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

/// Waits for many handles at once. Each has a key of the user's choice.
///
/// It may be used from every thread at any time. A handle that is freed leaves its
/// pollers by itself.
///
/// ```
/// use treenail::{Listener, NOW, Poller};
///
/// let listener = Listener::open("local:doc-poller")?;
/// let poller = Poller::new()?;
/// poller.add_listener(&listener, 7)?;
/// let mut keys = Vec::new();
/// assert!(poller.wait(&mut keys, 16, NOW).is_err()); // nothing is ready
/// # Ok::<(), treenail::Error>(())
/// ```
pub struct Poller {
    set: Arc<PollSet>,
    generation: u32,
    members: Mutex<Members>,
    /// The key that was given out last: the next call begins behind it, so that all have their
    /// turn where there is room for a few only.
    last_key: AtomicU64,
}

#[derive(Default)]
struct Members {
    by_key: HashMap<u64, (u64, Member)>,
    keys: HashMap<u64, u64>,
    next_token: u64,
}

enum Member {
    Channel(Weak<Core>),
    Listener(Weak<Epoll>),
    Descriptor(RawFd),
}

impl Member {
    /// Whether it was freed, and so has left.
    fn is_gone(&self) -> bool {
        match self {
            Member::Channel(core) => core.strong_count() == 0,
            Member::Listener(epoll) => epoll.strong_count() == 0,
            Member::Descriptor(_) => false,
        }
    }
}

impl Poller {
    /// A poller that waits for nothing yet.
    pub fn new() -> Result<Poller> {
        let set = PollSet::new().map_err(|error| Error::system("making a poller", &error))?;
        let generation = generation();
        Ok(Poller {
            set: Arc::new(set),
            generation,
            members: Mutex::default(),
            last_key: AtomicU64::new(u64::MAX),
        })
    }

    fn alive(&self) -> Result<()> {
        if self.generation == generation() { Ok(()) } else { Err(forked()) }
    }

    /// Waits for a channel: its key comes whenever its fd would be readable.
    pub fn add_channel(&self, channel: &Channel, key: u64) -> Result<()> {
        let core = &channel.core;
        core.alive_here()?;
        self.add(key, |token| {
            core.with_watched(|watched| core.readiness.join(&self.set, token, watched))?;
            Ok(Member::Channel(Arc::downgrade(core)))
        })
    }

    /// Waits for a listener: its key comes whenever `accept` may get on.
    pub fn add_listener(&self, listener: &Listener, key: u64) -> Result<()> {
        let member = Member::Listener(Arc::downgrade(listener.shown_by()));
        self.add_descriptor(listener.fd()?, key, member)
    }

    /// Waits for any descriptor to become readable. It stays the caller's, who removes it before
    /// closing it.
    pub fn add_fd(&self, fd: &impl AsFd, key: u64) -> Result<()> {
        self.add_descriptor(fd.as_fd(), key, Member::Descriptor(fd.as_fd().as_raw_fd()))
    }

    fn add_descriptor(&self, fd: BorrowedFd<'_>, key: u64, member: Member) -> Result<()> {
        self.add(key, |token| {
            let added = self.set.epoll.add(fd, READABLE, token);
            added.map_err(|error| match error.raw_os_error() {
                Some(libc::EEXIST) => Error::new(Status::Exists, "the descriptor is in already"),
                Some(libc::EPERM) => Error::invalid("a descriptor of this kind can't be polled"),
                Some(libc::EBADF) => Error::invalid("this descriptor is not open"),
                _ => Error::system("adding to the poller", &error),
            })?;
            Ok(member)
        })
    }

    fn add(&self, key: u64, join: impl FnOnce(u64) -> Result<Member>) -> Result<()> {
        self.alive()?;
        let mut members = lock(&self.members);
        if let Some((_, member)) = members.by_key.get(&key) {
            // The key of a handle that was freed is free too.
            if !member.is_gone() {
                let detail = format!("key {key} is in use in this poller");
                return Err(Error::new(Status::Exists, detail));
            }
        }
        let token = members.next_token;
        members.next_token += 1;
        // Before joining: what is ready may show at once.
        members.keys.insert(token, key);
        match join(token) {
            Ok(member) => {
                if let Some((old, _)) = members.by_key.insert(key, (token, member)) {
                    members.keys.remove(&old);
                }
                Ok(())
            }
            Err(error) => {
                members.keys.remove(&token);
                Err(error)
            }
        }
    }

    /// Waits no longer for what has this key.
    pub fn remove(&self, key: u64) -> Result<()> {
        self.alive()?;
        let mut members = lock(&self.members);
        let Some((token, member)) = members.by_key.remove(&key) else {
            let detail = format!("nothing in this poller has the key {key}");
            return Err(Error::new(Status::NotFound, detail));
        };
        members.keys.remove(&token);
        match member {
            Member::Descriptor(fd) => self.set.epoll.remove(fd),
            Member::Listener(epoll) => {
                if let Some(epoll) = epoll.upgrade() {
                    self.set.epoll.remove(epoll.fd().as_fd());
                }
            }
            Member::Channel(core) => {
                if let Some(core) = core.upgrade() {
                    core.with_watched(|watched| core.readiness.leave(&self.set, watched));
                }
            }
        }
        Ok(())
    }

    /// Waits until something is ready: the keys, at most `max`, are left in `keys`. A
    /// [`Poller::wake`] ends the wait with none.
    pub fn wait(
        &self,
        keys: &mut Vec<u64>,
        max: usize,
        timeout: Option<Duration>,
    ) -> Result<usize> {
        keys.clear();
        if max == 0 {
            return Err(Error::invalid("there must be room for one key at least"));
        }
        let deadline = Deadline::after(timeout);
        loop {
            self.alive()?;
            let ready = self.ready(deadline)?;
            let last = self.last_key.load(Ordering::Relaxed);
            let behind = ready.range((Bound::Excluded(last), Bound::Unbounded));
            keys.extend(behind.chain(ready.range(..=last)).take(max));
            if let Some(last) = keys.last() {
                self.last_key.store(*last, Ordering::Relaxed);
            }
            if !keys.is_empty() || self.set.take_wake() {
                return Ok(keys.len());
            }
            if deadline.passed() {
                return Err(match deadline {
                    Deadline::Now => again(),
                    _ => Error::new(Status::TimedOut, "nothing became ready in time"),
                });
            }
        }
    }

    /// Keys of what is ready, after waiting if nothing is.
    fn ready(&self, deadline: Deadline) -> Result<BTreeSet<u64>> {
        let mut tokens = Vec::new();
        self.set.marked(&mut tokens);
        let time = if tokens.is_empty() { deadline.left() } else { Some(Duration::ZERO) };
        let waited = self.set.epoll.wait(&mut tokens, time);
        waited.map_err(|error| Error::system("waiting", &error))?;
        let members = lock(&self.members);
        let key = |token: &u64| members.keys.get(token).copied();
        Ok(tokens.iter().filter(|token| **token != OWN_TOKEN).filter_map(key).collect())
    }

    /// A descriptor that is readable while `wait` would return at once. Never read or write it.
    pub fn fd(&self) -> Result<BorrowedFd<'_>> {
        self.alive().map(|()| self.set.epoll.fd().as_fd())
    }

    /// Ends the current wait, or the next one if there is none. May be called from a signal
    /// handler.
    pub fn wake(&self) -> Result<()> {
        self.alive()?;
        self.set.wake();
        Ok(())
    }
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Poller({} members)", lock(&self.members).by_key.len())
    }
}

impl AsFd for Poller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.set.epoll.fd().as_fd()
    }
}

impl AsRawFd for Poller {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
