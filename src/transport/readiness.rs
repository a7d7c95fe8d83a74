//! What makes a handle's fd readable, on its own or inside a poller.
//!
//! The descriptors that a transport sleeps on are watched as they are. What they don't show
//! (messages that were read ahead, a wake-up that was drained for another reason, the start) is
//! a mark: a handle is readable while it is marked or one of its descriptors is ready. Only a
//! call that returns TN_AGAIN takes the mark off, and then looks once more.

use crate::error::{Error, Result};
use crate::os::event::{Epoll, READABLE, always_ready, clear, eventfd, signal};
use crate::os::fork::Fd;
use crate::sync::lock;
use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// A descriptor, and the epoll events that make it count.
pub type Watched<'a> = (BorrowedFd<'a>, u32);

/// How long room that came stays visible for a thread that has not heard of it, though another
/// thread's calls return TN_AGAIN meanwhile. Far longer than it takes to be scheduled.
const ROOM_TIME_MAX: Duration = Duration::from_secs(1);

/// Who waits for room to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RoomWanted {
    Nobody,
    /// This thread: once it has looked at the fd, it has heard of the room.
    Thread(u64),
    Several,
}

/// A handle's readiness.
pub struct Readiness {
    /// Whether anybody looks; without that no call takes any trouble.
    watched: AtomicBool,
    /// Whether anybody wants to hear of room.
    room_wanted: AtomicBool,
    /// The handle's own descriptor, once it was asked for.
    own: OnceLock<Epoll>,
    state: Mutex<State>,
}

struct State {
    pollers: Vec<(Arc<PollSet>, u64)>,
    marked: bool,
    room: RoomWanted,
    /// When somebody was first found not to have heard of room that came.
    unheard: Option<Instant>,
    /// Whether the one thread that wants room has had a receiving TN_AGAIN since it came: at the
    /// next one it has been back at the fd.
    told: bool,
    /// Whether a sender was turned away, though there may have been room.
    owed: bool,
    /// Whether a stream's socket is watched for room.
    shows_room: bool,
}

impl Readiness {
    /// Nobody looks; the handle is readable from the start.
    pub fn new() -> Readiness {
        let state = State {
            pollers: Vec::new(),
            marked: true,
            room: RoomWanted::Nobody,
            unheard: None,
            told: false,
            owed: false,
            shows_room: false,
        };
        let off = || AtomicBool::new(false);
        Readiness {
            watched: off(),
            room_wanted: off(),
            own: OnceLock::new(),
            state: Mutex::new(state),
        }
    }

    /// Whether anybody looks.
    #[inline]
    pub fn is_watched(&self) -> bool {
        // SeqCst: a call that misses this began before the fd was given out, and the fd starts
        // readable.
        self.watched.load(Ordering::SeqCst)
    }

    /// The handle's own descriptor, made the first time. `watched` are those that it shows.
    pub fn own_fd(&self, watched: &[Watched<'_>]) -> Result<BorrowedFd<'_>> {
        let state = lock(&self.state);
        if self.own.get().is_none() {
            let made = self.make_own(&state, watched);
            let epoll = made.map_err(|error| Error::system("making its descriptor", &error))?;
            let _ = self.own.set(epoll);
            self.watched.store(true, Ordering::SeqCst);
        }
        Ok(self.own.get().expect("it was just made").fd().as_fd())
    }

    fn make_own(&self, state: &State, watched: &[Watched<'_>]) -> std::io::Result<Epoll> {
        let epoll = Epoll::new()?;
        for (fd, events) in watched {
            epoll.set(*fd, *events, 0)?;
        }
        // Made even if not needed yet: a mark must not fail for want of a descriptor later.
        let ready = always_ready()?;
        if state.marked {
            epoll.set(ready.as_fd(), READABLE, 0)?;
        }
        Ok(epoll)
    }

    /// Puts the handle into a poller.
    pub fn join(&self, set: &Arc<PollSet>, token: u64, watched: &[Watched<'_>]) -> Result<()> {
        let mut state = lock(&self.state);
        if state.pollers.iter().any(|(other, _)| Arc::ptr_eq(other, set)) {
            return Err(Error::new(
                crate::error::Status::Exists,
                "it is in this poller already, under another key",
            ));
        }
        for (fd, events) in watched {
            let added = set.epoll.add(*fd, *events, token);
            if let Err(error) = added {
                watched.iter().for_each(|(fd, _)| set.epoll.remove(*fd));
                return Err(match error.raw_os_error() {
                    Some(libc::EEXIST) => Error::new(
                        crate::error::Status::Exists,
                        "it is in this poller already, under another key",
                    ),
                    _ => Error::system("adding it to the poller", &error),
                });
            }
        }
        state.pollers.push((Arc::clone(set), token));
        if state.marked {
            set.mark(token, true);
        }
        self.watched.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Takes the handle out of a poller.
    pub fn leave(&self, set: &PollSet, watched: &[Watched<'_>]) {
        let mut state = lock(&self.state);
        watched.iter().for_each(|(fd, _)| set.epoll.remove(*fd));
        state.pollers.retain(|(other, token)| {
            let same = std::ptr::eq(Arc::as_ptr(other), set);
            if same {
                set.mark(*token, false);
            }
            !same
        });
    }

    /// Takes the handle out of all pollers, as it is about to go.
    pub fn leave_all(&self, watched: &[Watched<'_>]) {
        let pollers = std::mem::take(&mut lock(&self.state).pollers);
        for (set, token) in pollers {
            watched.iter().for_each(|(fd, _)| set.epoll.remove(*fd));
            set.mark(token, false);
        }
    }

    /// Watches a descriptor too, or other events of it.
    pub fn watch(&self, watched: Watched<'_>) {
        self.watch_in(&mut lock(&self.state), watched);
    }

    fn watch_in(&self, state: &mut State, (fd, events): Watched<'_>) {
        let mut failed = false;
        if let Some(epoll) = self.own.get() {
            failed |= epoll.set(fd, events, 0).is_err();
        }
        for (set, token) in &state.pollers {
            failed |= set.epoll.set(fd, events, *token).is_err();
        }
        if failed {
            // For want of kernel memory: rather readable for nothing than never.
            self.set_mark(state, true);
        }
    }

    /// Makes the handle readable until a call returns TN_AGAIN.
    #[inline]
    pub fn mark(&self) {
        if self.is_watched() {
            self.set_mark(&mut lock(&self.state), true);
        }
    }

    /// Takes the mark off. Whoever calls looks once more.
    pub fn unmark(&self) {
        // While nobody looks the mark stays, so that whoever looks first finds it.
        if self.is_watched() {
            self.set_mark(&mut lock(&self.state), false);
        }
    }

    /// A send of this thread found no room, and wants to hear of it. `owed`: it was only turned
    /// away, so there may be room already. `show` is what to watch for room, if that is another
    /// event of a descriptor.
    pub fn want_room(&self, owed: bool, show: Option<Watched<'_>>) {
        let mut state = lock(&self.state);
        let own = RoomWanted::Thread(thread_number());
        state.unheard = None;
        state.told = false;
        state.owed |= owed;
        state.room = match state.room {
            RoomWanted::Nobody => own,
            room if room == own => own,
            _ => RoomWanted::Several,
        };
        self.room_wanted.store(true, Ordering::Relaxed);
        self.show_room(&mut state, true, show);
    }

    /// Whether anybody wants to hear of room.
    #[inline]
    pub fn room_is_wanted(&self) -> bool {
        self.room_wanted.load(Ordering::Relaxed)
    }

    /// A receiving call of this thread is about to return TN_AGAIN. True: room has come, and who
    /// wants it may not have heard of that, so that the handle must stay readable.
    pub fn room_is_unheard(&self, came: impl FnOnce() -> bool, hide: Option<Watched<'_>>) -> bool {
        let mut state = lock(&self.state);
        if state.room != RoomWanted::Nobody && (state.owed || came()) {
            let own = RoomWanted::Thread(thread_number());
            let unheard = *state.unheard.get_or_insert_with(Instant::now);
            let heard = state.room == own && state.told;
            state.told |= state.room == own;
            if !heard && unheard.elapsed() < ROOM_TIME_MAX {
                return true;
            }
            self.nobody_wants_room(&mut state);
        }
        if state.room == RoomWanted::Nobody {
            self.show_room(&mut state, false, hide);
        }
        false
    }

    fn show_room(&self, state: &mut State, show: bool, watched: Option<Watched<'_>>) {
        if state.shows_room != show
            && let Some(watched) = watched
        {
            state.shows_room = show;
            self.watch_in(state, watched);
        }
    }

    /// Somebody sends again. A single thread's wish is fulfilled by that.
    #[cold]
    pub fn forget_room(&self) {
        let mut state = lock(&self.state);
        if state.room != RoomWanted::Several {
            self.nobody_wants_room(&mut state);
        }
    }

    fn set_mark(&self, state: &mut State, marked: bool) {
        if state.marked == marked {
            return;
        }
        state.marked = marked;
        if let (Some(epoll), Ok(ready)) = (self.own.get(), always_ready()) {
            match marked {
                true => drop(epoll.set(ready.as_fd(), READABLE, 0)),
                false => epoll.remove(ready.as_fd()),
            }
        }
        state.pollers.iter().for_each(|(set, token)| set.mark(*token, marked));
    }

    fn nobody_wants_room(&self, state: &mut State) {
        state.room = RoomWanted::Nobody;
        state.owed = false;
        state.unheard = None;
        self.room_wanted.store(false, Ordering::Relaxed);
    }
}

/// A number that no other thread of this process has.
fn thread_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local!(static OWN: u64 = NEXT.fetch_add(1, Ordering::Relaxed));
    OWN.try_with(|own| *own).unwrap_or(0)
}

/// What a poller waits for: descriptors, and handles that are marked.
pub struct PollSet {
    /// Descriptors of handles, each with its handle's token.
    pub epoll: Epoll,
    marked: Mutex<HashSet<u64>>,
    /// Readable while anything is marked, or the poller was woken.
    event: Fd,
    woken: AtomicBool,
}

/// The token of a poller's own eventfd; handles' tokens count up from 0.
pub const OWN_TOKEN: u64 = u64::MAX;

impl PollSet {
    /// An empty set.
    pub fn new() -> std::io::Result<PollSet> {
        let (epoll, event) = (Epoll::new()?, eventfd()?);
        epoll.add(event.as_fd(), READABLE, OWN_TOKEN)?;
        Ok(PollSet {
            epoll,
            marked: Mutex::new(HashSet::new()),
            event,
            woken: AtomicBool::new(false),
        })
    }

    fn mark(&self, token: u64, marked: bool) {
        let mut tokens = lock(&self.marked);
        if !marked {
            tokens.remove(&token);
        } else if tokens.insert(token) {
            signal(self.event.as_fd());
        }
    }

    /// Makes the current or next wait return. Safe in a signal handler.
    pub fn wake(&self) {
        self.woken.store(true, Ordering::SeqCst);
        signal(self.event.as_fd());
    }

    /// Takes a wake-up that was given; whether there was one.
    pub fn take_wake(&self) -> bool {
        self.woken.swap(false, Ordering::SeqCst)
    }

    /// The marked tokens; without any, and without a wake-up, the event is cleared.
    pub fn marked(&self, into: &mut Vec<u64>) {
        let tokens = lock(&self.marked);
        if tokens.is_empty() {
            clear(self.event.as_fd());
            if self.woken.load(Ordering::SeqCst) {
                signal(self.event.as_fd());
            }
        }
        into.extend(tokens.iter());
    }
}
