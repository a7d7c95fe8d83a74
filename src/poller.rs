//! Waits for many channels, listeners and descriptors at once.

use crate::channel::Channel;
use crate::error::{Error, Result, Status};
use crate::listener::Listener;
use crate::os::cause::Cause;
use crate::os::fork::{Fd, generation};
use crate::os::wait_set::{READABLE, WaitSet, clear, event, signal};
use crate::readiness::Direction;
use crate::sync::lock;
use crate::timeout::Deadline;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::Bound;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

/// The token of a poller's own wake-up; those of its members count up from 0.
const WAKE_UP: u64 = u64::MAX;

/// Waits for many handles at once. The user chooses a key for each.
///
/// Every thread may use it at any time. A handle that is freed leaves its pollers by itself.
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
    set: WaitSet,
    /// Readable once the poller was woken.
    event: Fd,
    woken: AtomicBool,
    generation: u32,
    /// The error of a wait that may not wait.
    again: Error,
    members: Mutex<Members>,
    /// The key that was given out last. The next call begins behind it, so that every key is
    /// reported in time even if there is room for a few only.
    last_key: AtomicU64,
}

/// The number of a member in the wait set. It is never used again, though the key may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Token(u64);

#[derive(Default)]
struct Members {
    by_key: HashMap<u64, (Token, Member)>,
    keys: HashMap<Token, u64>,
    next_token: Token,
}

enum Member {
    /// The descriptor of a channel or a listener. It leaves the set when it is closed together with
    /// its handle.
    Handle(Weak<WaitSet>),
    Descriptor(RawFd),
}

impl Member {
    /// Whether its handle was freed, so that it has left.
    fn is_gone(&self) -> bool {
        match self {
            Member::Handle(wait_set) => wait_set.strong_count() == 0,
            Member::Descriptor(_) => false,
        }
    }
}

impl Poller {
    /// Makes a poller that waits for nothing yet.
    pub fn new() -> Result<Poller> {
        let make = || {
            let (set, event) = (WaitSet::new()?, event()?);
            set.add(event.as_fd(), READABLE, WAKE_UP)?;
            Ok((set, event))
        };
        let made =
            make().map_err(|error| Error::system("making a poller", &error).tried("poller new"));
        let (set, event) = made?;
        Ok(Poller {
            set,
            event,
            woken: AtomicBool::new(false),
            generation: generation(),
            again: Error::again().tried("poller wait"),
            members: Mutex::default(),
            last_key: AtomicU64::new(u64::MAX),
        })
    }

    fn alive(&self) -> Result<()> {
        if self.generation == generation() { Ok(()) } else { Err(Error::forked()) }
    }

    /// Waits for a channel's messages and its end: `wait` gives the key while [`Channel::fd`] is
    /// readable.
    pub fn add_channel(&self, channel: &Channel, key: u64) -> Result<()> {
        self.add_direction(channel, Direction::Receive, key)
    }

    /// Waits for a channel's room to send, and its end: `wait` gives the key while
    /// [`Channel::send_fd`] is readable, so add it only while there is something to send. The key
    /// must differ from the one of the channel's messages.
    pub fn add_channel_send(&self, channel: &Channel, key: u64) -> Result<()> {
        self.add_direction(channel, Direction::Send, key)
    }

    fn add_direction(&self, channel: &Channel, direction: Direction, key: u64) -> Result<()> {
        let shown = channel.core.descriptor(direction);
        let shown = shown.map_err(|error| error.during("poller add", &of_key(key)))?;
        self.add_handle(shown.wait_set(), key)
    }

    /// Waits for a listener: `wait` gives the key while `accept` may get on.
    pub fn add_listener(&self, listener: &Listener, key: u64) -> Result<()> {
        listener.fd()?;
        self.add_handle(listener.shown_by(), key)
    }

    fn add_handle(&self, wait_set: &Arc<WaitSet>, key: u64) -> Result<()> {
        let member = Member::Handle(Arc::downgrade(wait_set));
        self.add_descriptor(wait_set.fd().as_fd(), key, member)
    }

    /// Waits for any descriptor to become readable. The caller keeps it, and removes it here before
    /// closing it.
    pub fn add_fd(&self, fd: &impl AsFd, key: u64) -> Result<()> {
        self.add_descriptor(fd.as_fd(), key, Member::Descriptor(fd.as_fd().as_raw_fd()))
    }

    fn add_descriptor(&self, fd: BorrowedFd<'_>, key: u64, member: Member) -> Result<()> {
        let added = self.add(key, |token| {
            let added = self.set.add(fd, READABLE, token.0);
            added.map_err(|error| match Cause::of(&error) {
                Cause::Exists => Error::new(Status::Exists, ALREADY_THERE),
                Cause::Forbidden => Error::invalid(NOT_POLLABLE),
                Cause::NotOpen => Error::invalid("this descriptor is not open; add it while it is"),
                _ => Error::system("adding to the poller", &error),
            })?;
            Ok(member)
        });
        added.map_err(|error| error.during("poller add", &of_key(key)))
    }

    fn add(&self, key: u64, join: impl FnOnce(Token) -> Result<Member>) -> Result<()> {
        self.alive()?;
        let mut members = lock(&self.members);
        if let Some((_, member)) = members.by_key.get(&key) {
            // The key of a freed handle is free too.
            if !member.is_gone() {
                let detail =
                    "the key is in use in this poller; choose another, or remove that one first";
                return Err(Error::new(Status::Exists, detail));
            }
        }
        let room = members.keys.try_reserve(1).and_then(|()| members.by_key.try_reserve(1));
        room.map_err(|_| Error::no_memory())?;
        let token = members.next_token;
        members.next_token = Token(token.0 + 1);
        // This comes before joining: a member that is ready may show at once.
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

    /// No longer waits for the member with this key.
    pub fn remove(&self, key: u64) -> Result<()> {
        let explained = |error: Error| error.during("poller remove", &of_key(key));
        self.alive().map_err(explained)?;
        let mut members = lock(&self.members);
        let Some((token, member)) = members.by_key.remove(&key) else {
            let detail = "nothing in this poller has the key; remove each once";
            return Err(explained(Error::new(Status::NotFound, detail)));
        };
        members.keys.remove(&token);
        match member {
            Member::Descriptor(fd) => self.set.remove(fd),
            Member::Handle(wait_set) => {
                if let Some(wait_set) = wait_set.upgrade() {
                    self.set.remove(wait_set.fd().as_fd());
                }
            }
        }
        Ok(())
    }

    /// Waits until something is ready, and leaves the keys, at most `max`, in `keys`. A
    /// [`Poller::wake`] ends the wait with no keys.
    pub fn wait(
        &self,
        keys: &mut Vec<u64>,
        max: usize,
        timeout: Option<Duration>,
    ) -> Result<usize> {
        keys.clear();
        self.wait_by(keys, max, timeout).map_err(|error| error.tried("poller wait"))
    }

    fn wait_by(&self, keys: &mut Vec<u64>, max: usize, timeout: Option<Duration>) -> Result<usize> {
        if max == 0 {
            return Err(Error::invalid(
                "there must be room for one key at least; say a max of 1 or more",
            ));
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
            if !keys.is_empty() || self.take_wake_up() {
                return Ok(keys.len());
            }
            if deadline.passed() {
                return Err(match deadline {
                    Deadline::Now => self.again.clone(),
                    _ => {
                        Error::new(Status::TimedOut, "nothing became ready in time; give it longer")
                    }
                });
            }
        }
    }

    /// The keys of what is ready. It waits if nothing is ready.
    fn ready(&self, deadline: Deadline) -> Result<BTreeSet<u64>> {
        let mut tokens = Vec::new();
        let waited = self.set.wait(&mut tokens, deadline.left());
        waited.map_err(|error| Error::system("waiting", &error))?;
        let members = lock(&self.members);
        let key = |token: &u64| members.keys.get(&Token(*token)).copied();
        Ok(tokens.iter().filter_map(key).collect())
    }

    /// Takes a pending wake-up; false if there was none.
    fn take_wake_up(&self) -> bool {
        // The order matters: a waking thread sets the flag first and signals then, so that a
        // wake-up that is not taken here leaves the event readable.
        clear(self.event.as_fd());
        self.woken.swap(false, Ordering::SeqCst)
    }

    /// A descriptor that is readable while `wait` would return at once. Never read or write it.
    pub fn fd(&self) -> Result<BorrowedFd<'_>> {
        self.alive().map_err(|error| error.tried("poller fd"))?;
        Ok(self.set.fd().as_fd())
    }

    /// Ends the current wait, or the next one if no thread waits. A signal handler may call it.
    pub fn wake(&self) -> Result<()> {
        self.alive().map_err(|error| error.tried("poller wake"))?;
        self.woken.store(true, Ordering::SeqCst);
        signal(self.event.as_fd());
        Ok(())
    }
}

/// A key, as errors name it.
#[cold]
fn of_key(key: u64) -> Arc<str> {
    format!("key {key}").into()
}

const ALREADY_THERE: &str = "it is in this poller already, under another key; remove that first";
const NOT_POLLABLE: &str = "a descriptor of this kind can't be polled; files are always ready: \
                            read them without waiting";

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Poller({} members)", lock(&self.members).by_key.len())
    }
}

impl AsFd for Poller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.set.fd().as_fd()
    }
}

impl AsRawFd for Poller {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
