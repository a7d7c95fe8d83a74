//! The requests of one connection, and who waits for their replies.

use super::lent::ViewParts;
use super::unanswered::Unanswered;
use crate::error::{Error, Result, Status};
use crate::sync::lock;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Requests that wait for a reply at a time.
const PENDING_MAX: usize = 1 << 16;

/// Who a reply is for.
pub enum Waiter {
    /// Whoever asked, with `request` or `request_begin`.
    Caller,
    /// Whoever receives: it was asked for with `request_start`.
    Receiver,
    /// Nobody any more.
    Nobody,
}

/// How a reply is waited for.
pub enum Pending {
    /// The reply is left here. `awaited`: whoever asked waits for it at the descriptor.
    Call { answer: Option<ViewParts>, awaited: bool },
    /// The reply is received like a message.
    Receive,
}

impl Pending {
    /// By a call.
    pub fn call() -> Pending {
        Pending::Call { answer: None, awaited: false }
    }
}

/// The requests of one channel: those of this side that wait for their replies, and those of the
/// peer that may be answered.
pub struct Requests {
    next: AtomicU32,
    pending: Mutex<HashMap<u32, Pending>>,
    /// How many were answered whose replies somebody waits for at the descriptor.
    awaited: AtomicU32,
    /// Whether a reply has come since a receiving call last found nothing.
    news: AtomicBool,
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
            unanswered: Mutex::default(),
        }
    }

    /// A new request waits: its id.
    pub fn begin(&self, pending: Pending) -> Result<u32> {
        let mut all = lock(&self.pending);
        if all.len() >= PENDING_MAX {
            let detail = format!("{PENDING_MAX} requests wait for their replies already");
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

    /// Who waits for the reply with this id.
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

    /// Leaves a reply for the thread that waits for it.
    /// False: it has given up meanwhile.
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

    /// Whether a call that received nothing leaves a reply that is to be seen at the descriptor:
    /// one that somebody waits for there, or one that has just come. A reply that nobody fetches
    /// keeps nobody awake.
    pub fn has_news(&self) -> bool {
        self.news.swap(false, Ordering::SeqCst) || self.awaited.load(Ordering::SeqCst) > 0
    }

    /// Whoever asked waits at the descriptor from here on, until the reply has come.
    pub fn await_by_descriptor(&self, id: u32) {
        if let Some(Pending::Call { awaited, answer: None }) = lock(&self.pending).get_mut(&id) {
            *awaited = true;
        }
    }

    /// The reply was handed out, or is waited for no longer: what was left of it.
    pub fn finish(&self, id: u32) -> Option<ViewParts> {
        self.remove(&mut lock(&self.pending), id)
    }

    /// The reply, if it has come. No such request is an error.
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
    Error::invalid("no request of this channel is open under that id: was it ended before?")
}
