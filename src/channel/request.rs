//! Requests and replies over one channel, from any number of threads at once.

use super::core::{Core, Open, again};
use super::recv::ViewParts;
use crate::error::{Error, Result, Status};
use crate::os::clock::Deadline;
use crate::sync::lock;
use crate::transport::wait::{READ, Step};
use crate::wire::{FLAG_REPLY, FLAG_REQUEST};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Requests that wait for a reply at a time.
const PENDING_MAX: usize = 1 << 16;

/// How often a waiting request looks at what comes before it looks at the clock.
const WAY_MAX: u32 = 256;

/// Who a reply is for.
pub enum Waiter {
    /// A thread inside `request`.
    Caller,
    /// Whoever receives: it was asked for with `request_start`.
    Receiver,
    /// Nobody any more.
    Nobody,
}

enum Pending {
    Call(Option<ViewParts>),
    Receive,
}

/// The requests of one channel that wait for their replies.
pub struct Requests {
    next: AtomicU32,
    pending: Mutex<HashMap<u32, Pending>>,
}

impl Requests {
    pub fn new() -> Requests {
        Requests { next: AtomicU32::new(1), pending: Mutex::default() }
    }

    fn begin(&self, pending: Pending) -> Result<u32> {
        let mut all = lock(&self.pending);
        if all.len() >= PENDING_MAX {
            let detail = format!("{PENDING_MAX} requests wait for their replies already");
            return Err(Error::new(Status::NoSpace, detail));
        }
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
            Some(Pending::Call(None)) => Waiter::Caller,
            Some(Pending::Receive) => Waiter::Receiver,
            _ => Waiter::Nobody,
        }
    }

    /// Leaves a reply for the thread that waits for it.
    /// False: it has given up meanwhile.
    pub fn answer(&self, view: ViewParts) -> bool {
        match lock(&self.pending).get_mut(&view.head.id()) {
            Some(Pending::Call(answer @ None)) => *answer = Some(view),
            _ => return false,
        }
        true
    }

    /// The reply was handed out, or is waited for no longer: what was left of it.
    pub fn finish(&self, id: u32) -> Option<ViewParts> {
        match lock(&self.pending).remove(&id) {
            Some(Pending::Call(view)) => view,
            _ => None,
        }
    }

    fn take_answer(&self, id: u32) -> Option<ViewParts> {
        let mut all = lock(&self.pending);
        match all.get(&id) {
            Some(Pending::Call(Some(_))) => match all.remove(&id) {
                Some(Pending::Call(view)) => view,
                _ => None,
            },
            _ => None,
        }
    }
}

/// A request that is waited for; it is forgotten when this is dropped.
struct Asked<'a> {
    core: &'a Core,
    open: &'a Open,
    id: u32,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if let Some(view) = self.open.requests.finish(self.id) {
            let _ = self.core.release(view.number);
        }
    }
}

impl Core {
    /// Sends a request and waits for its reply.
    pub fn request(&self, tag: u32, data: &[u8], timeout: Option<Duration>) -> Result<ViewParts> {
        let deadline = Deadline::after(timeout);
        let (open, _) = self.open(timeout)?;
        self.refuse_raw()?;
        let id = open.requests.begin(Pending::Call(None))?;
        let asked = Asked { core: self, open, id };
        // It reads while it sends: else two peers that ask at once would wait for each other.
        let read = |open: &Open| self.make_way::<()>(open, true).map(drop);
        self.send_reading(tag, id, FLAG_REQUEST, &[data], deadline.timeout_left(), read)?;
        let left = deadline.timeout_left();
        let reply = self.drive(READ, left, |open, wait| self.reply_step(open, wait, id));
        drop(asked);
        reply.map_err(|error| match error.status() {
            Status::Again => again(),
            _ => error,
        })
    }

    fn reply_step(&self, open: &Open, wait: bool, id: u32) -> Result<Step<ViewParts>> {
        if let Some(view) = open.requests.take_answer(id) {
            return Ok(Step::Done(view));
        }
        self.help_sending(open);
        let end = self.make_way(open, wait);
        match (open.requests.take_answer(id), end) {
            (Some(view), _) => Ok(Step::Done(view)),
            (None, Err(error)) => Err(error),
            (None, Ok(step)) => Ok(step),
        }
    }

    /// Reads what has come: replies go to whom they are for, the rest to the inbox.
    fn make_way<T>(&self, open: &Open, wait: bool) -> Result<Step<T>> {
        let (mut left, mut any) = (false, false);
        let step = open.recv.run(wait, &mut left, |state| {
            for _ in 0..WAY_MAX {
                if !state.make_way(self, open)? {
                    return state.blocked();
                }
                any = true;
            }
            Ok(Step::More)
        });
        self.tell_left(left);
        if any {
            self.waiting.notify();
            self.readiness.mark();
        }
        step.unwrap_or(Ok(Step::InTurn))
    }

    /// Sends a request whose reply is received like a message.
    pub fn request_start(&self, tag: u32, data: &[u8], timeout: Option<Duration>) -> Result<u32> {
        let (open, timeout) = self.open(timeout)?;
        self.refuse_raw()?;
        let id = open.requests.begin(Pending::Receive)?;
        let sent = self.send(tag, id, FLAG_REQUEST, &[data], timeout);
        if sent.is_err() {
            open.requests.finish(id);
        }
        sent.map(|()| id)
    }

    /// Answers a request.
    pub fn reply(&self, tag: u32, id: u32, data: &[u8], timeout: Option<Duration>) -> Result<()> {
        self.refuse_raw()?;
        self.send(tag, id, FLAG_REPLY, &[data], timeout)
    }

    /// Tags and requests are in the frame, which `raw=1` does without.
    pub fn refuse_raw(&self) -> Result<()> {
        match self.endpoint.raw {
            false => Ok(()),
            true => {
                let detail = "raw=1 has no frames that could carry tags, requests or replies";
                Err(Error::new(Status::Unsupported, detail))
            }
        }
    }
}
