//! A channel's own descriptor: an epoll of what the transport sleeps on, with a mark.
//!
//! The mark is EPOLLOUT of a descriptor that is always writable and that no other handle has: the
//! ring's own wake-up pipe, which is open for writing too, or else an eventfd of the handle's own.
//! (One descriptor that all handles share would serve only 500 of them: the kernel limits the paths
//! from one file through epolls, epoll(7).)

use crate::os::fork::Fd;
use crate::os::wait_set::{READABLE, WRITABLE, WaitSet, event};
use crate::readiness::{Mark, Ready, Shows};
use crate::sync::{Mutex, lock};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

impl Mark {
    /// The events that the marker is watched for.
    fn events(self) -> u32 {
        match self {
            Mark::Set => WRITABLE,
            Mark::Off => 0,
        }
    }
}

/// What a descriptor shows: a file descriptor, and the epoll events of it that count.
pub struct Watched<'a> {
    pub fd: BorrowedFd<'a>,
    pub events: u32,
    pub token: Token,
}

/// What a watched descriptor tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// The marker itself, which may be the pipe of wake-ups.
    Marker = 0,
    /// The peer has ended.
    End = 1,
    /// Anything else: looking tells what.
    Other = 2,
}

/// What carries the mark.
#[derive(Clone)]
pub struct Marker {
    fd: Arc<Fd>,
    /// The events that it is watched for even without the mark.
    events: u32,
}

impl Marker {
    /// An eventfd of its own.
    pub fn eventfd() -> io::Result<Marker> {
        Ok(Marker { fd: Arc::new(event()?), events: 0 })
    }

    /// The pipe of wake-ups, which is open for reading and writing.
    pub fn pipe(pipe: &Arc<Fd>) -> Marker {
        Marker { fd: Arc::clone(pipe), events: READABLE }
    }
}

/// A channel's own descriptor.
pub struct Descriptor {
    wait_set: Arc<WaitSet>,
    state: Mutex<State>,
}

struct State {
    marker: Marker,
    mark: Mark,
    /// Whether something could not be watched, because the kernel had no memory. Then the mark
    /// stays: a descriptor that is readable for nothing is better than one that is never readable.
    blind: bool,
    /// Whether a socket is watched for room too.
    shows_room: bool,
}

impl Descriptor {
    /// A marked descriptor that shows `watched`.
    pub fn new(marker: Marker, watched: &[Watched<'_>]) -> io::Result<Descriptor> {
        let wait_set = Arc::new(WaitSet::new()?);
        wait_set.add(marker.fd.as_fd(), marker.events | WRITABLE, Token::Marker as u64)?;
        for Watched { fd, events, token } in watched {
            wait_set.add(*fd, *events, *token as u64)?;
        }
        let state = Mutex::new(State { marker, mark: Mark::Set, blind: false, shows_room: false });
        Ok(Descriptor { wait_set, state })
    }

    /// The wait set that has this descriptor.
    pub fn wait_set(&self) -> &Arc<WaitSet> {
        &self.wait_set
    }

    /// What carries its mark, for another descriptor of the same handle.
    pub fn marker(&self) -> Marker {
        lock(&self.state).marker.clone()
    }

    /// Adds what it shows, or changes its events.
    pub fn watch(&self, Watched { fd, events, token }: &Watched<'_>) {
        let mut state = lock(&self.state);
        state.shows_room = false;
        let set = self.wait_set.set(*fd, *events, *token as u64);
        self.check(&mut state, set);
    }

    /// Shows or hides room on a socket that is watched for other events. `wanted` is called under
    /// the lock, so that of two callers the later one's answer counts.
    pub fn show_room(&self, socket: &Watched<'_>, wanted: impl FnOnce() -> bool) {
        let mut state = lock(&self.state);
        let wanted = wanted();
        if state.shows_room != wanted {
            state.shows_room = wanted;
            let events = socket.events | if wanted { WRITABLE } else { 0 };
            let set = self.wait_set.modify(socket.fd, events, socket.token as u64);
            self.check(&mut state, set);
        }
    }

    /// Uses `marker` for the mark from here on.
    pub fn replace_marker(&self, marker: Marker) {
        let mut state = lock(&self.state);
        if Arc::ptr_eq(&marker.fd, &state.marker.fd) {
            return;
        }
        let events = marker.events | state.mark.events();
        match self.wait_set.add(marker.fd.as_fd(), events, Token::Marker as u64) {
            Ok(()) => {
                self.wait_set.remove(state.marker.fd.as_fd());
                state.marker = marker;
            }
            failed => self.check(&mut state, failed),
        }
    }

    fn check(&self, state: &mut State, result: io::Result<()>) {
        if result.is_err() {
            state.blind = true;
            self.put_mark(state, Mark::Set);
        }
    }

    fn put_mark(&self, state: &mut State, mark: Mark) {
        if state.mark != mark {
            state.mark = mark;
            let events = state.marker.events | mark.events();
            // The set has the marker already, and changing its events needs no memory.
            let put = self.wait_set.modify(state.marker.fd.as_fd(), events, Token::Marker as u64);
            debug_assert!(put.is_ok(), "{put:?}");
        }
    }
}

impl Shows for Descriptor {
    fn show(&self, mark: Mark) {
        let mut state = lock(&self.state);
        let mark = if state.blind { Mark::Set } else { mark };
        self.put_mark(&mut state, mark);
    }

    fn ready(&self) -> Ready {
        let bits = self.wait_set.ready();
        let has = |token: Token| bits & 1 << token as u32 != 0;
        Ready { wake_up: has(Token::Marker), end: has(Token::End), other: has(Token::Other) }
    }
}
