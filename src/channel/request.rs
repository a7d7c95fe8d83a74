//! Requests and replies over one channel, from any number of threads at once.

use super::core::{Core, Open};
use super::recv::{RecvState, ViewParts};
use super::unanswered::Unanswered;
use crate::error::{Error, Result, Status};
use crate::os::clock::Deadline;
use crate::readiness::Direction;
use crate::readiness::waiters::{READ, Step};
use crate::sync::lock;
use crate::transport::{Head, HeapMessage, Held};
use crate::wire::{FLAG_REPLY, FLAG_REQUEST};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// Requests that wait for a reply at a time.
const PENDING_MAX: usize = 1 << 16;

/// How many messages, and bytes of them, a waiting request moves out of the way before it looks at
/// the clock.
const WAY_MAX: u32 = 256;
const WAY_BYTES_MAX: usize = 1 << 20;

/// Who a reply is for.
pub enum Waiter {
    /// Whoever asked, with `request` or `request_begin`.
    Caller,
    /// Whoever receives: it was asked for with `request_start`.
    Receiver,
    /// Nobody any more.
    Nobody,
}

enum Pending {
    /// The reply is left here. `awaited`: whoever asked waits for it at the descriptor.
    Call {
        answer: Option<ViewParts>,
        awaited: bool,
    },
    Receive,
}

impl Pending {
    fn call() -> Pending {
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
    unanswered: Mutex<Unanswered>,
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

    fn begin(&self, pending: Pending) -> Result<u32> {
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

    fn is_open(&self, id: u32) -> bool {
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
    fn await_by_descriptor(&self, id: u32) {
        if let Some(Pending::Call { awaited, answer: None }) = lock(&self.pending).get_mut(&id) {
            *awaited = true;
        }
    }

    /// The reply was handed out, or is waited for no longer: what was left of it.
    pub fn finish(&self, id: u32) -> Option<ViewParts> {
        self.remove(&mut lock(&self.pending), id)
    }

    /// The reply, if it has come. No such request is an error.
    fn take_answer(&self, id: u32) -> Result<Option<ViewParts>> {
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

fn no_such_request() -> Error {
    Error::invalid("no request of this channel is open under that id: was it ended before?")
}

fn no_such_question() -> Error {
    let detail = "no request with this id is to be answered on this channel: it was answered \
                  before, or came to another channel";
    Error::invalid(detail)
}

impl RecvState {
    /// On behalf of a waiting request: makes way for its reply by moving the front message to the
    /// inbox, or to whom it is for. Its size; None if there was nothing to move.
    fn make_way(&mut self, core: &Core, open: &Open) -> Result<Option<usize>> {
        let Some(front) = self.end.front(None)? else {
            return Ok(None);
        };
        let head = front.head;
        if !head.is_reply() || !self.route(core, open, head)? {
            self.inbox.make_room(head.len)?;
            let data = match self.end.hold_front(false)? {
                Held::OnHeap(data) => data,
                Held::InRing(_) => unreachable!("it was to be copied"),
            };
            self.inbox.push(HeapMessage { head, data });
        }
        Ok(Some(head.len))
    }
}

impl Core {
    /// Sends a request and waits for its reply.
    pub fn request(&self, tag: u32, data: &[u8], timeout: Option<Duration>) -> Result<ViewParts> {
        let deadline = Deadline::after(timeout);
        let id = self.request_begin(tag, data, timeout)?;
        let reply = self.request_end(id, deadline.timeout_left());
        if reply.is_err() {
            self.forget(id);
        }
        reply
    }

    /// Sends a request: its id, with which the reply is fetched.
    pub fn request_begin(&self, tag: u32, data: &[u8], timeout: Option<Duration>) -> Result<u32> {
        let (open, timeout) = self.open(Direction::Send, timeout)?;
        self.refuse_raw()?;
        let id = open.requests.begin(Pending::call())?;
        // It reads while it sends: else two peers that ask at once would wait for each other.
        let read = |open: &Open| self.make_way::<()>(open, true).map(drop);
        let sent = self.send_reading(tag, id, FLAG_REQUEST, &[data], timeout, read);
        if sent.is_err() {
            self.forget(id);
        }
        sent.map(|()| id)
    }

    /// The reply to the request that was begun under this id. Where it has not come in time the
    /// request stays; any other failure is its end.
    pub fn request_end(&self, id: u32, timeout: Option<Duration>) -> Result<ViewParts> {
        if timeout == crate::NOW
            && let Some(open) = self.get_open()
        {
            open.requests.await_by_descriptor(id);
        }
        let reply = self.drive(READ, timeout, |open, wait| self.reply_step(open, wait, id));
        reply.map_err(|error| match error.status() {
            Status::Again => {
                self.show_inbox();
                error
            }
            Status::TimedOut => error,
            _ => {
                self.forget(id);
                error
            }
        })
    }

    /// Other messages that requests have read are there to be received still.
    fn show_inbox(&self) {
        let Some(open) = self.get_open() else { return };
        if self.readiness.is_watched(Direction::Receive) {
            let holds = self.try_with_recv(open, |state| state.holds_messages());
            if holds.unwrap_or(true) {
                self.readiness.mark(Direction::Receive);
            }
        }
    }

    /// Nobody waits any more for the reply to the request that was begun or started under this id.
    pub fn request_cancel(&self, id: u32) -> Result<()> {
        self.alive_here()?;
        let is_open = |open: &Open| open.requests.is_open(id);
        match self.get_open().is_some_and(is_open) {
            true => self.forget(id),
            false => return Err(no_such_request()),
        }
        Ok(())
    }

    fn forget(&self, id: u32) {
        let Some(open) = self.get_open() else { return };
        if let Some(view) = open.requests.finish(id) {
            self.with_recv(open, |state| state.late_replies += 1);
            let _ = self.release(view.number);
        }
    }

    fn reply_step(&self, open: &Open, wait: bool, id: u32) -> Result<Step<ViewParts>> {
        if let Some(view) = open.requests.take_answer(id)? {
            return Ok(Step::Done(view));
        }
        self.help_sending(open);
        let end = self.make_way(open, wait);
        match (open.requests.take_answer(id)?, end) {
            (Some(view), _) => Ok(Step::Done(view)),
            (None, Err(error)) => Err(error),
            (None, Ok(step)) => Ok(step),
        }
    }

    /// Reads what has come: replies go to whom they are for, the rest to the inbox.
    fn make_way<T>(&self, open: &Open, wait: bool) -> Result<Step<T>> {
        let (mut left, mut any) = (false, false);
        let step = open.recv.run(wait, &mut left, |state| {
            let mut bytes = 0;
            for _ in 0..WAY_MAX {
                let Some(len) = state.make_way(self, open)? else {
                    return state.blocked();
                };
                any = true;
                bytes += len;
                if bytes > WAY_BYTES_MAX {
                    break;
                }
            }
            Ok(Step::More)
        });
        self.tell_left(Direction::Receive, left);
        self.follow(open);
        if any {
            self.waiting.notify();
            self.readiness.mark(Direction::Receive);
        }
        step.unwrap_or(Ok(Step::InTurn))
    }

    /// Sends a request whose reply is received like a message.
    pub fn request_start(&self, tag: u32, data: &[u8], timeout: Option<Duration>) -> Result<u32> {
        let (open, timeout) = self.open(Direction::Send, timeout)?;
        self.refuse_raw()?;
        let id = open.requests.begin(Pending::Receive)?;
        let sent = self.send(tag, id, FLAG_REQUEST, &[data], timeout);
        if sent.is_err() {
            open.requests.finish(id);
        }
        sent.map(|()| id)
    }

    /// A message is being handed out with all that a reply needs.
    #[inline(always)]
    pub fn note_request(&self, head: Head) {
        if head.is_request() {
            self.may_be_answered(head.id());
        }
    }

    #[cold]
    fn may_be_answered(&self, id: u32) {
        if let Some(open) = self.get_open() {
            lock(&open.requests.unanswered).add(id);
        }
    }

    /// Answers a request, once.
    pub fn reply(&self, tag: u32, id: u32, data: &[u8], timeout: Option<Duration>) -> Result<()> {
        let (open, timeout) = self.open(Direction::Send, timeout)?;
        self.refuse_raw()?;
        let unanswered = || lock(&open.requests.unanswered);
        if !unanswered().take(id) {
            self.look_for_end_of_sending(open)?;
            return Err(no_such_question());
        }
        let sent = self.send(tag, id, FLAG_REPLY, &[data], timeout);
        if sent.is_err() {
            unanswered().put_back(id);
        }
        sent
    }

    /// Refuses a tag that could not go along.
    #[inline]
    pub fn check_tag(&self, tag: u32) -> Result<()> {
        if tag == 0 { Ok(()) } else { self.refuse_raw() }
    }

    /// Tags and requests are in the frame, which `raw=1` does without.
    fn refuse_raw(&self) -> Result<()> {
        match self.endpoint.raw {
            false => Ok(()),
            true => {
                let detail = "raw=1 has no frames that could carry tags, requests or replies";
                Err(Error::new(Status::Unsupported, detail))
            }
        }
    }
}
