//! The requests of one connection, and what waits for their replies.

use super::lent::ViewParts;
use super::unanswered::Unanswered;
use crate::error::{Error, Result, Status};
use crate::sync::lock;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// How many requests may wait for a reply at a time.
const PENDING_MAX: usize = 1 << 16;

/// The recipient of a reply.
pub enum Waiter {
    /// The caller that asked, with `request` or `request_begin`.
    Caller,
    /// A receiving call: the request was made with `request_start`.
    Receiver,
    /// No recipient is left.
    Nobody,
}

/// How a request waits for its reply.
pub enum Pending {
    /// The reply is left here. `awaited`: the caller that asked waits for it at the descriptor.
    Call { answer: Option<ViewParts>, awaited: bool },
    /// The reply is received like a message.
    Receive,
}

impl Pending {
    /// A request whose caller waits.
    pub fn call() -> Pending {
        Pending::Call { answer: None, awaited: false }
    }
}

/// The requests of one channel: those of this side that wait for their replies, and those of the
/// peer that may be answered.
pub struct Requests {
    next: AtomicU32,
    pending: Mutex<HashMap<u32, Pending>>,
    /// How many requests are answered whose callers wait at the descriptor.
    awaited: AtomicU32,
    /// Whether a reply has come since a receiving call last found nothing.
    news: AtomicBool,
    /// How often a call has read what is another's: a reply, or a message for the inbox.
    handed_on: AtomicU64,
    pub unanswered: Mutex<Unanswered>,
}

impl Requests {
    pub fn new() -> Requests {
        let (next, awaited) = (AtomicU32::new(1), AtomicU32::new(0));
        Requests {
            next,
            pending: Mutex::default(),
            awaited,
            news: AtomicBool::new(false),
            handed_on: AtomicU64::new(0),
            unanswered: Mutex::default(),
        }
    }

    /// Adds a request that waits, and returns its id.
    pub fn begin(&self, pending: Pending) -> Result<u32> {
        let mut all = lock(&self.pending);
        if all.len() >= PENDING_MAX {
            let detail =
                format!("{PENDING_MAX} requests wait for their replies already; end some first");
            return Err(Error::new(Status::NoSpace, detail));
        }
        all.try_reserve(1).map_err(|_| Error::no_memory())?;
        loop {
            let id = self.next.fetch_add(1, Ordering::Relaxed);
            if id != 0 && !all.contains_key(&id) {
                all.insert(id, pending);
                return Ok(id);
            }
        }
    }

    /// The recipient of the reply with this id.
    pub fn who_waits(&self, id: u32) -> Waiter {
        match lock(&self.pending).get(&id) {
            Some(Pending::Call { answer: None, .. }) => Waiter::Caller,
            Some(Pending::Receive) => Waiter::Receiver,
            _ => Waiter::Nobody,
        }
    }

    /// Whether a request with this id waits for its reply, or has it.
    pub fn is_open(&self, id: u32) -> bool {
        lock(&self.pending).contains_key(&id)
    }

    /// Leaves a reply for the thread that waits for it. False if the thread has given up meanwhile.
    pub fn answer(&self, view: ViewParts) -> bool {
        match lock(&self.pending).get_mut(&view.head.id()) {
            Some(Pending::Call { answer: answer @ None, awaited }) => {
                *answer = Some(view);
                self.awaited.fetch_add((*awaited).into(), Ordering::SeqCst);
                self.news.store(true, Ordering::SeqCst);
                true
            }
            _ => false,
        }
    }

    /// Whether the descriptor must show a reply, though a call received nothing: a reply that a
    /// caller waits for there, or one that has just come. A reply that no caller fetches does not
    /// keep the descriptor readable.
    pub fn has_news(&self) -> bool {
        self.news.swap(false, Ordering::SeqCst) || self.awaited.load(Ordering::SeqCst) > 0
    }

    /// Notes that a call has left something for another.
    pub fn hand_on(&self) {
        self.handed_on.fetch_add(1, Ordering::SeqCst);
    }

    /// How often that has happened.
    #[cfg(feature = "tokio")]
    pub fn handed_on(&self) -> u64 {
        self.handed_on.load(Ordering::SeqCst)
    }

    /// Notes that the caller waits at the descriptor from here on, until the reply has come.
    pub fn await_by_descriptor(&self, id: u32) {
        if let Some(Pending::Call { awaited, answer: None }) = lock(&self.pending).get_mut(&id) {
            *awaited = true;
        }
    }

    /// Ends a request, as its reply was handed out or its caller has given up. Returns what was
    /// left of the reply.
    pub fn finish(&self, id: u32) -> Option<ViewParts> {
        self.remove(&mut lock(&self.pending), id)
    }

    /// The reply, if it has come. It is an error if there is no such request.
    pub fn take_answer(&self, id: u32) -> Result<Option<ViewParts>> {
        let mut all = lock(&self.pending);
        match all.get(&id) {
            Some(Pending::Call { answer: Some(_), .. }) => Ok(self.remove(&mut all, id)),
            Some(Pending::Call { answer: None, .. }) => Ok(None),
            _ => Err(no_such_request()),
        }
    }

    fn remove(&self, all: &mut HashMap<u32, Pending>, id: u32) -> Option<ViewParts> {
        match all.remove(&id) {
            Some(Pending::Call { answer: Some(view), awaited }) => {
                self.awaited.fetch_sub(awaited.into(), Ordering::SeqCst);
                Some(view)
            }
            _ => None,
        }
    }
}

pub fn no_such_request() -> Error {
    Error::invalid("no request of this channel is open under that id; end each request once")
}
